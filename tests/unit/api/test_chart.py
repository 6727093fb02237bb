"""What can be said about the chart without Helm. What it renders is tested where Helm is, in tests/e2e."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from switchback.api import crd, names

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "switchback"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "reference" / "chart.md").read_text(encoding="utf-8")

POLICY = (CHART / "templates" / "approval-policy.yaml").read_text(encoding="utf-8")
SPEC: dict[str, Any] = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
    "spec"
]

AS_IN_A_POD = {"resources", "podSecurityContext", "securityContext", "affinity", "clientImages"}
"""Values whose inner names are Kubernetes' own, or data."""


def paths(values: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict) and value and key not in AS_IN_A_POD:
            yield from paths(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def objects(schema: dict[str, Any], path: str = "values") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from objects(inner, f"{path}.{name}")


def test_the_schema_knows_exactly_the_values_there_are() -> None:
    known = {
        path.removeprefix("values.")
        for path, node in objects(SCHEMA)
        if path != "values" and not node.get("properties")
    }
    assert known - {"global"} == set(paths(VALUES))


def test_the_schema_is_strict_and_described() -> None:
    for path, node in objects(SCHEMA):
        assert len(node["description"]) > 8, path
        if node.get("properties"):
            assert node["additionalProperties"] is False, path


def test_every_value_is_on_the_page() -> None:
    told = set(re.findall(r"`([A-Za-z.]+)`", PAGE))
    assert set(paths(VALUES)) - told == set()


def test_every_variable_that_the_chart_sets_is_on_the_page() -> None:
    deployment = (CHART / "templates" / "deployment.yaml").read_text(encoding="utf-8")
    variables = set(re.findall(r"- name: ([A-Z_]{3,})", deployment))
    assert len(variables) > 8
    assert variables == set(re.findall(r"^\| `([A-Z_]+)`", PAGE, flags=re.MULTILINE))


def test_chart_and_package_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    package = re.search(
        r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert package is not None
    assert chart["version"] == chart["appVersion"] == package[1]


def read_by_the_policy() -> dict[str, set[str]]:
    """Fields of spec that the approval policy reads, with what it takes them for when they are absent."""
    found: dict[str, set[str]] = {}
    pattern = r"\b(spec|snapshot)(?:Before)?((?:\.\?\w+)+)\.orValue\(([^)]*)\)"
    for whole, path, default in re.findall(pattern, POLICY):
        prefix = ".snapshot" if whole == "snapshot" else ""
        found.setdefault(prefix + path.replace(".?", "."), set()).add(default.strip("'"))
    return found


def test_the_policy_takes_absent_fields_for_their_defaults() -> None:
    found = read_by_the_policy()
    assert found.pop(".snapshot") == {"{}"}
    assert len(found) > 13
    for path, defaults in found.items():
        node = SPEC
        for name in path.strip(".").split("."):
            node = node["properties"][name]
        empty = {"string": "", "boolean": False}.get(node["type"])
        default = node.get("default", empty)
        assert defaults == {str(default).lower() if isinstance(default, bool) else str(default)}, path


def test_the_policy_has_an_opinion_on_every_rule_of_approval_rollback_and_restore_points() -> None:
    parts = {
        ".approval": SPEC["properties"]["approval"],
        ".rollback": SPEC["properties"]["rollback"],
        ".snapshot": SPEC["properties"]["snapshot"],
        ".snapshot.retention": SPEC["properties"]["snapshot"]["properties"]["retention"],
    }
    rules = {
        f"{part}.{name}"
        for part, node in parts.items()
        for name, field in node["properties"].items()
        if field["type"] != "object"
    }
    assert rules - set(read_by_the_policy()) == {".approval.timeoutSeconds", ".snapshot.deadlineSeconds"}
    assert ".cutover.allowNoReturn" in read_by_the_policy()


def test_the_policy_uses_the_names_of_the_api() -> None:
    assert set(re.findall(rf"'({names.GROUP}/[a-z-]+)'", POLICY)) == {
        names.ANNOTATION_APPROVE,
        names.ANNOTATION_APPROVED_BY,
        names.ANNOTATION_REJECT,
        names.ANNOTATION_REJECTED_BY,
        names.LABEL_REQUIRE_APPROVAL,
    }
    assert f"authorizer.group('{names.GROUP}').resource('{names.PLURAL}')" in POLICY
