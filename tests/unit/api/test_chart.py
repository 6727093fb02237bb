"""What can be said about the chart without Helm. What it renders is tested where Helm is, in tests/e2e."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "switchback"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "reference" / "chart.md").read_text(encoding="utf-8")

AS_IN_A_POD = {"resources", "podSecurityContext", "securityContext", "affinity", "clientImages"}
"""Values whose inner names are Kubernetes' own, or data."""


def names(values: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict) and value and key not in AS_IN_A_POD:
            yield from names(value, f"{path}{key}.")
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
    assert known - {"global"} == set(names(VALUES))


def test_the_schema_is_strict_and_described() -> None:
    for path, node in objects(SCHEMA):
        assert len(node["description"]) > 8, path
        if node.get("properties"):
            assert node["additionalProperties"] is False, path


def test_every_value_is_on_the_page() -> None:
    told = set(re.findall(r"`([A-Za-z.]+)`", PAGE))
    assert set(names(VALUES)) - told == set()


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
