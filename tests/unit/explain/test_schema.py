"""What the API server would refuse, all at once, in words that say what would be right."""

from __future__ import annotations

from typing import Any

import pytest

from switchback.api.spec import Spec
from switchback.explain.findings import Level, spelled
from switchback.explain.schema import Judge, matches
from tests.e2e.everything import SPEC
from tests.unit.explain.build import MANIFEST, SCHEMA, judged


def said(text: str) -> dict[str, tuple[str, str]]:
    """Path to (reason, message and advice)."""
    _one, found = judged(text)
    assert all(one.level is Level.INVALID for one in found)
    return {spelled(one.path): (one.reason, f"{one.message} {one.advice}") for one in found}


def edited(line: str, instead: str) -> str:
    assert line in MANIFEST
    return MANIFEST.replace(line, instead)


def filled(data: dict[str, Any]) -> Any:
    return Judge().judge(SCHEMA, data, ("spec",))


def test_a_good_manifest_has_nothing() -> None:
    assert said(MANIFEST) == {}


def test_every_field_of_the_spec_is_known() -> None:
    judge = Judge()
    judge.judge(SCHEMA, SPEC, ("spec",))
    assert judge.findings == []
    assert judge.fields > 100


def test_defaults_are_those_of_the_models() -> None:
    data = {
        "target": "a",
        "database": {"urlFrom": {"secretKeyRef": {"name": "a", "key": "b"}}},
        "source": {"image": {"reference": "x"}},
    }
    assert Spec.model_validate(filled(data)) == Spec.model_validate(data)
    assert filled(data)["source"]["image"]["pullPolicy"] == "IfNotPresent"


def test_a_null_is_an_absent_field() -> None:
    assert said(edited('target: "0002"', 'target: "0002"\n  reason: null\n  snapshot: ~')) == {}
    assert said(edited('target: "0002"', "target: null"))["spec"] == (
        "RuleBroken",
        "target and source belong together. Here is source without target.",
    )
    name = edited("secretKeyRef: {name: shop-db, key: url}", "secretKeyRef: {name: null, key: url}")
    assert said(name)["spec.database.urlFrom.secretKeyRef.name"][0] == "FieldMissing"


def test_a_number_without_quotes() -> None:
    reason, text = said(edited('"0002"', "0002"))["spec.target"]
    assert reason == "TypeWrong"
    assert 'write "0002"' in text


@pytest.mark.parametrize(
    ("line", "path", "reason", "words"),
    [
        ("suspend: 'yes'", "suspend", "TypeWrong", "true or false"),
        ("suspend: 'true'", "suspend", "TypeWrong", "Write true, without quotes."),
        ("jobHistoryLimit: '5'", "jobHistoryLimit", "TypeWrong", "Write 5, without quotes."),
        ("jobHistoryLimit: 1.5", "jobHistoryLimit", "TypeWrong", "whole number"),
        ("jobHistoryLimit: 101", "jobHistoryLimit", "OutOfBounds", "0 to 100"),
        ("suspendd: true", "suspendd", "FieldUnknown", "Did you mean suspend?"),
        ("dataLossPolicy: Deny", "dataLossPolicy", "FieldUnknown", "It belongs to spec.rollback."),
        ("rollback: {policy: deny}", "rollback.policy", "ChoiceUnknown", "Did you mean Deny?"),
        ("rollback: Deny", "rollback", "TypeWrong", "a map"),
        ("reason: {a: b}", "reason", "TypeWrong", "a text"),
        (f"reason: {'x' * 257}", "reason", "OutOfBounds", "At most 256"),
        ("execution: {lockTimeoutSeconds: 0}", "execution.lockTimeoutSeconds", "OutOfBounds", "1 to 3600"),
        ("snapshot: {none: {}}", "snapshot.none.acknowledge", "FieldMissing", "required"),
        ("snapshot: {none: {acknowledge: false}}", "snapshot.none.acknowledge", "RuleBroken", "must be true"),
        ("snapshot: {}", "snapshot", "RuleBroken", "Here is none of them."),
        ("jobTemplate: {spec: {env: {A: b}}}", "jobTemplate.spec.env", "TypeWrong", 'begins with "- "'),
        ("jobTemplate: {spec: {env: x}}", "jobTemplate.spec.env", "TypeWrong", "[x]"),
        (
            "jobTemplate: {spec: {resources: {limits: {cpu: 1.5}}}}",
            "jobTemplate.spec.resources.limits.cpu", "TypeWrong", 'write "1.5"',
        ),
        (
            "jobTemplate: {spec: {resources: {limits: {memory: lots}}}}",
            "jobTemplate.spec.resources.limits.memory", "FormWrong", "128Mi",
        ),
        (
            "jobTemplate: {spec: {env: [{name: A}, {name: B}, {name: A}]}}",
            "jobTemplate.spec.env[2]", "EntryRepeated", "entries 1 and 3",
        ),
        (
            "jobTemplate: {spec: {env: [{name: PGHOST}]}}",
            "jobTemplate.spec.env[0].name", "RuleBroken", "the connection belongs in spec.database",
        ),
    ],
)  # fmt: skip
def test_mistakes(line: str, path: str, reason: str, words: str) -> None:
    found = said(edited('target: "0002"', f'target: "0002"\n  {line}'))
    assert list(found) == [f"spec.{path}"]
    assert found[f"spec.{path}"][0] == reason
    assert words in found[f"spec.{path}"][1]


def test_a_typo_of_a_required_field_is_one_thought() -> None:
    found = said(edited("reference:", "refrence:"))
    assert "It is written refrence here." in found["spec.source.image.reference"][1]
    assert "Did you mean reference?" in found["spec.source.image.refrence"][1]


def test_a_typo_of_a_field_that_belongs_to_another_is_one_thought() -> None:
    found = said(edited("target:", "traget:"))
    assert "Did you mean target?" in found["spec.traget"][1]
    assert "Here is source without target." in found["spec"][1]


def test_everything_is_told_at_once() -> None:
    """Where the API server would stop at unknown fields, then at types, then at rules."""
    text = edited('target: "0002"', "target: 2\n  nonsense: 1\n  snapshot: {none: {acknowledge: false}}")
    text = text.replace("  source:", "  source:\n    configMapRefs: [{name: a}]")
    assert {reason for reason, _ in said(text).values()} == {"TypeWrong", "FieldUnknown", "RuleBroken"}


def test_a_rule_waits_for_the_part_that_it_asks_for() -> None:
    text = edited("urlFrom:\n      secretKeyRef: {name: shop-db, key: url}", "connection: [verify-ca]")
    assert set(said(text)) == {"spec.database.connection"}


@pytest.mark.parametrize(
    ("cutover", "paths"),
    [
        ("{}", {"serviceName", "slots", "activeSlot"}),
        ("{serviceName: web, activeSlot: blue, slots: []}", {"slots", ""}),
        ("{serviceName: web, activeSlot: blue, slots: [{name: blue}, {name: green}]}", {
            "slots[0].workloadRef", "slots[1].workloadRef"
        }),
    ],
)  # fmt: skip
def test_a_rule_does_not_stumble_over_a_part_that_is_missing(cutover: str, paths: set[str]) -> None:
    found = said(edited('target: "0002"', f'target: "0002"\n  cutover: {cutover}'))
    assert set(found) == {f"spec.cutover.{path}".rstrip(".") for path in paths}


def test_a_choice_of_two_names_what_is_there() -> None:
    text = edited("    image:", "    configMapRefs: [{name: a}]\n    image:")
    assert "Here are image and configMapRefs." in said(text)["spec.source"][1]


def test_lines_of_mistakes() -> None:
    one, found = judged(edited("reference: registry.example/shop:1", "reference: a b\n      pth: x"))
    assert {spelled(each.path): one.places.of(each.path) for each in found} == {
        "spec.source.image.reference": 12,
        "spec.source.image.pth": 13,
    }


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"^[a-z]+$", "abc\n", False),
        (r"^[a-z]+$", "abc", True),
        (r"^\S+$", "a\u00a0b", True),
        (r"b", "abc", True),
    ],
)
def test_patterns_are_gos(pattern: str, text: str, *, fits: bool) -> None:
    """A dollar is the very end, and a blank is one of ASCII's."""
    assert matches(pattern, text) is fits
