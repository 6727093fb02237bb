"""What is wrong outside of spec."""

from __future__ import annotations

import pytest

from switchback.explain.findings import Level, spelled
from switchback.explain.metadata import is_meant, judge
from tests.unit.explain.build import MANIFEST, document


def said(text: str) -> dict[str, tuple[Level, str]]:
    return {spelled(one.path): (one.level, f"{one.message} {one.advice}") for one in judge(document(text))}


def test_a_good_manifest_has_nothing() -> None:
    assert said(MANIFEST) == {}


@pytest.mark.parametrize(
    ("before", "after", "path", "words"),
    [
        ("v1alpha1", "v1", "apiVersion", "Write switchback.dev/v1alpha1."),
        ("switchback.dev/v1alpha1", "v1", "apiVersion", "Write switchback.dev/v1alpha1."),
        ("DatabaseMigration", "DatabaseMigrations", "kind", "Write DatabaseMigration."),
        ("name: shop\n", "labels: {}\n", "metadata.name", "required"),
        ("name: shop\n", "name: Shop\n", "metadata.name", "Small letters"),
        ("name: shop\n", "name: 0017\n", "metadata.name", 'Write "0017".'),
        ("name: shop\n", "name: shop\n  namespace: a.b\n", "metadata.namespace", "Small letters"),
        ("name: shop\n", "name: shop\n  labls: {}\n", "metadata.labls", "Did you mean labels?"),
        ("name: shop\n", "name: shop\n  labels: {a: true}\n", "metadata.labels.a", 'Write "true".'),
        ("name: shop\n", "name: shop\n  labels: {a: b c}\n", "metadata.labels.a", "value of a label"),
        ("name: shop\n", "name: shop\n  labels: {a/b/c: d}\n", "metadata.labels[a/b/c]", "key"),
        ("spec:", "specs: {}\nspec:", "specs", "Did you mean spec?"),
    ],
)
def test_mistakes(before: str, after: str, path: str, words: str) -> None:
    found = said(MANIFEST.replace(before, after))
    assert list(found) == [path]
    assert found[path][0] is Level.INVALID
    assert words in found[path][1]


def test_an_empty_value_is_text() -> None:
    assert said(MANIFEST.replace("name: shop\n", "name: shop\n  labels: {a: }\n  annotations: {b: }\n")) == {}


def test_a_number_in_an_annotation() -> None:
    text = MANIFEST.replace("name: shop\n", "name: shop\n  annotations: {switchback.dev/preview: 0006}\n")
    assert 'Write "0006".' in said(text)["metadata.annotations[switchback.dev/preview]"][1]


def test_an_annotation_of_ours_that_there_is_not() -> None:
    text = MANIFEST.replace("name: shop\n", "name: shop\n  annotations: {switchback.dev/aprove: x}\n")
    level, words = said(text)["metadata.annotations[switchback.dev/aprove]"]
    assert level is Level.WARNING
    assert "Did you mean switchback.dev/approve?" in words


def test_status_is_dropped() -> None:
    assert said(MANIFEST + "status: {}\n")["status"][0] is Level.WARNING


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (MANIFEST, True),
        ("apiVersion: switchback.dev/v2\nkind: Other\n", True),
        ("kind: DatabaseMigration\n", True),
        ("apiVersion: v1\nkind: ConfigMap\n", False),
        ("- a\n", False),
    ],
)
def test_which_documents_are_meant(text: str, *, meant: bool) -> None:
    assert is_meant(document(text)) is meant
