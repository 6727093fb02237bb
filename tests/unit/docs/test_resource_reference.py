"""The reference of the resource says everything, or it does not pass."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import reference
import resource_reference
import yaml
from intent_reference import in_intent
from tables import MissingError, sentence, table

from switchback.api import crd, names
from switchback.api.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "reference" / "api.md"
EXAMPLES = sorted((ROOT / "examples" / "resource").glob("*.yaml"))


def changed(monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], None]) -> None:
    """The CRD with a change in the schema of its spec."""
    definition = copy.deepcopy(crd.definition())
    change(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"])
    monkeypatch.setattr(crd, "definition", lambda: definition)


def test_a_field_without_a_description_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    changed(
        monkeypatch,
        lambda spec: spec["properties"]["execution"]["properties"]["backoffLimit"].pop("description"),
    )
    with pytest.raises(MissingError, match=r"spec\.execution\.backoffLimit has no description"):
        resource_reference.part("spec", set())


def test_a_field_without_an_example_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def add(spec: dict[str, Any]) -> None:
        spec["properties"]["source"]["properties"]["colour"] = {
            "type": "string",
            "description": "Its colour.",
        }

    changed(monkeypatch, add)
    with pytest.raises(
        MissingError, match=r"spec\.source\.colour has no example: set it in .*examples/resource"
    ):
        resource_reference.part("spec.source", set())


def test_a_field_of_a_list_is_looked_at_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def add(spec: dict[str, Any]) -> None:
        items = spec["properties"]["source"]["properties"]["configMapRefs"]["items"]
        items["properties"]["optional"] = {"type": "boolean"}

    changed(monkeypatch, add)
    with pytest.raises(MissingError) as raised:
        resource_reference.part("spec.source", set())
    assert str(raised.value).splitlines() == [
        "spec.source.configMapRefs.[].optional has no description: write the docstring under the field",
        "spec.source.configMapRefs.[].optional has no example: set it in a file of examples/resource",
    ]


def test_check_says_which_page_lacks_something(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "x.md").write_text("<!-- generated: spec.sourcery -->\n<!-- end -->\n")
    (tmp_path / "y.md").write_text("<!-- generated: nobody -->\n<!-- end -->\n")
    (tmp_path / "z.md").write_text("<!-- generated: exit-codes -->\nold\n<!-- end -->\n")
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    assert reference.main(["--check"]) == 1
    told = capsys.readouterr().err
    assert "x.md: a section is about spec.sourcery, but there is no such field" in told
    assert "y.md: nothing writes the section nobody" in told
    assert "z.md is stale" in told
    assert reference.main([]) == 1
    assert "| exit code |" in (tmp_path / "z.md").read_text()


def test_every_field_stands_on_the_page_once() -> None:
    """Whatever sections the page has: what has none of its own is told where its parent is."""
    told: list[str] = []
    sections = {found[2] for found in reference.SECTION.finditer(PAGE.read_text())}
    for name in sorted(sections):
        if reference.RESOURCE.fullmatch(name):
            rows = resource_reference.part(name, sections).splitlines()
            items = "[]" if name in LISTS else ""
            told += [f"{name}{items}.{row.split('`')[1]}" for row in rows if row.startswith("| `")]
    assert sorted(told) == sorted(fields())


LISTS = {"spec.checks"}
"""Sections about a list: their rows are those of an entry."""


def fields() -> list[str]:
    root = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

    def walk(schema: dict[str, Any], path: str) -> list[str]:
        found = []
        for name, field in schema.get("properties", {}).items():
            inner = field.get("items", field)
            found += [f"{path}.{name}", *walk(inner, f"{path}.{name}{'[]' if 'items' in field else ''}")]
        return found

    return [one for part in ("spec", "status") for one in walk(root["properties"][part], part)]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("target", "yes"),
        ("database.connection.host", "yes"),
        ("database.ledgerSchema", "yes"),
        ("source.image.reference", "yes"),
        ("source.aheadPolicy", "in part"),
        ("reason", ""),
        ("suspend", ""),
        ("database.connection.passwordFrom.secretKeyRef.name", ""),
        ("source.configMapRefs.[].name", ""),
        ("snapshot.pgDump.clientImages", ""),
        ("jobTemplate.spec.env.[].value", ""),
    ],
)
def test_what_is_part_of_the_intent_is_found_out(path: str, answer: str) -> None:
    field = {"enum": ["Refuse", "Keep", "Rollback"]} if path.endswith("aheadPolicy") else {}
    assert in_intent(("spec", *path.split(".")), field) == answer


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_examples_are_read_and_explained(file: Path) -> None:
    text = file.read_text()
    body = yaml.safe_load(text)
    assert body["kind"] == names.KIND
    Spec.model_validate(body["spec"])
    assert text.startswith("# "), "what it shows stands at its top"
    assert f"({file.name})" in (file.parent / "README.md").read_text()


def snippets(where: str) -> list[str]:
    shown = resource_reference.part(where, set()).split("```yaml\n")[1:]
    return [snippet.split("```")[0] for snippet in shown]


def test_a_snippet_is_a_part_of_its_example_with_its_comments() -> None:
    first = snippets("spec.snapshot")[0]
    assert first.startswith("spec:\n  snapshot:\n    pgDump:\n      # It has to exist")
    assert "jobTemplate" not in yaml.safe_load(first)["spec"]


def test_every_side_of_a_choice_is_shown_once_and_alone() -> None:
    shown = [yaml.safe_load(snippet) for snippet in snippets("spec.snapshot")]
    sides = {"pgDump", "rds", "volumeSnapshot", "cloudNativePG", "job", "none"}
    chosen = [sorted(sides & set(body["spec"]["snapshot"])) for body in shown]
    assert sorted(chosen) == [[side] for side in sorted(sides)]
    assert {"spec": {"snapshot": {"none": {"acknowledge": True}}}} in shown


def test_a_comment_about_the_next_part_is_left_there() -> None:
    text = "spec:\n  a:\n    b: 1\n\n  # about c\n  c: 2\n"
    assert resource_reference.cut_out(text, ("spec", "a")) == "spec:\n  a:\n    b: 1\n"


def test_every_request_stands_on_the_page() -> None:
    on_jobs = {names.ANNOTATION_RESOURCE, names.ANNOTATION_INTENT}
    requests = {value for name, value in vars(names).items() if name.startswith("ANNOTATION_")} - on_jobs
    text = PAGE.read_text()
    assert [one for one in sorted(requests) if f"| `{one}` |" not in text] == []
    assert names.LABEL_REQUIRE_APPROVAL in text
    assert names.FINALIZER in text


def test_a_table_leaves_empty_columns_out_and_a_bar_ends_no_cell() -> None:
    assert (
        table(("a", "b", "c"), [("`x|y`", "", "<z>")]) == "| a | c |\n| --- | --- |\n| `x\\|y` | &lt;z> |\n"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("working, or not", "Working, or not."),
        ("sslMode verify-ca needs caFrom", "sslMode verify-ca needs caFrom."),
        ("server_version_num, such as 150018.", "server_version_num, such as 150018."),
        ("", ""),
    ],
)
def test_a_name_at_the_beginning_of_a_sentence_stays_as_it_is(text: str, written: str) -> None:
    assert sentence(text) == written
