"""Metrics and Events: what there is stands on its page, and nothing else does."""

from __future__ import annotations

import re
from pathlib import Path

import event_reference
import pytest
import series_reference

from switchback.api.conditions import Situation, conditions_for
from switchback.api.status import Status
from switchback.controller import series
from switchback.controller.events import REACHED, transitions
from switchback.controller.metrics import Metrics
from tests.unit.controller.build import NOW

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"
ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


def test_every_metric_that_a_scrape_holds_is_documented() -> None:
    scraped = set(re.findall(r"^# TYPE (\w+) ", Metrics().text().decode(), re.MULTILINE))
    text = (REFERENCE / "metrics.md").read_text()
    documented = set(ROW.findall(text)) - set(series.LABELS) - set(series_reference_alerts())
    assert scraped == documented


def series_reference_alerts() -> list[str]:
    return ROW.findall(series_reference.alerts())


def test_every_series_belongs_to_one_table() -> None:
    tables = (series_reference.operator(), series_reference.domain(), series_reference.process())
    told = [name for one in tables for name in ROW.findall(one)]
    assert len(told) == len(set(told))
    assert {one.name for one in series.ALL} <= set(told)


def test_names_that_pages_ask_prometheus_for_exist() -> None:
    known = {one.name for one in series.ALL} | {f"{one.name}_bucket" for one in series.ALL}
    for page in REFERENCE.glob("*.md"):
        asked = set(re.findall(r"\bswitchback_[a-z_]+\b", page.read_text()))
        assert asked <= known, page.name


@pytest.mark.parametrize("situation", Situation, ids=lambda one: one.name)
def test_an_event_of_every_situation_is_documented_with_its_type(situation: Situation) -> None:
    shown = conditions_for(situation, "SQLFailed", "-", generation=1, now=NOW, previous=())
    rows = event_reference.events().splitlines()
    for one in transitions(Status(), Status(conditions=shown)):
        name = "any other" if one.reason == "SQLFailed" else f"`{one.reason}`"
        assert any(row.startswith(f"| {name} | {one.type} |") for row in rows), one


def test_conditions_that_come_true_are_documented() -> None:
    rows = event_reference.events()
    assert all(f"| `{reason}` | Normal |" in rows for reasons in REACHED.values() for reason in reasons)
