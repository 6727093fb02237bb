"""The example alerts, judged by Prometheus' own tool: they fire when they should, and only then."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from switchback.controller import series
from tests.alerts.scenarios import PLACE, SCENARIOS, Numbers, Scenario

if TYPE_CHECKING:
    from tests.alerts.conftest import Judge

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "charts" / "switchback" / "files" / "prometheus-rules.yaml"
WORDS = {"summary", "description", "runbook"}


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def test_prometheus_takes_the_file(judge: Judge) -> None:
    done = judge("check", "rules", RULES)
    assert done.returncode == 0, done.stderr + done.stdout


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    for name, rule in alerts().items():
        assert set(rule["annotations"]) == WORDS, name
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, name


def test_alerts_ask_for_series_that_there_are() -> None:
    known = {one.name for one in series.ALL}
    for name, rule in alerts().items():
        text = f"{rule['expr']} {rule['annotations']['runbook']}"
        asked = set(re.findall(r"\b(?:switchback|workqueue|controller_runtime|rest_client|leader)_\w+", text))
        assert asked <= known, name
        assert asked, name


def test_every_alert_has_its_scenario() -> None:
    assert [one.alert for one in SCENARIOS] == list(alerts())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.alert)
def test_it_fires_and_says_so(judge: Judge, scenario: Scenario, tmp_path: Path) -> None:
    rule = alerts()[scenario.alert]
    place = PLACE if scenario.placed else {"name": "switchback"}
    says = {"{{ $labels.namespace }}": PLACE["namespace"], **scenario.says}
    expected = {
        "exp_labels": {**rule["labels"], **place, **scenario.labels},
        "exp_annotations": {key: filled(text, says) for key, text in rule["annotations"].items()},
    }
    assert "{{" not in str(expected)
    judged(judge, tmp_path, scenario.fires, {scenario.alert: [expected]}, scenario.at)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.alert)
def test_nothing_fires_close_by(judge: Judge, scenario: Scenario, tmp_path: Path) -> None:
    judged(judge, tmp_path, scenario.quiet, {name: [] for name in alerts()}, scenario.at)


def filled(text: str, says: dict[str, str]) -> str:
    for template, value in says.items():
        text = text.replace(template, value)
    return text


def judged(
    judge: Judge, folder: Path, numbers: Numbers, expected: dict[str, list[dict[str, Any]]], at: str
) -> None:
    """Fails unless these numbers lead to exactly these alerts at that time."""
    places = ", ".join(f'{name}="{value}"' for name, value in PLACE.items())
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": f"{name.removesuffix('}')}, {places}}}", "values": values}
                    for name, values in numbers.items()
                ],
                "alert_rule_test": [
                    {"eval_time": at, "alertname": name, "exp_alerts": wanted}
                    for name, wanted in expected.items()
                ],
            }
        ],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump(test))
    done = judge("test", "rules", file)
    assert done.returncode == 0, done.stderr + done.stdout
