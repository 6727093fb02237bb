"""The reference of the metrics, read off the table and off a registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from tables import code, sentence, table

from switchback.controller import series
from switchback.controller.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.controller.series import Series

RULES = Path(__file__).resolve().parents[1] / "charts" / "switchback" / "files" / "prometheus-rules.yaml"
OPERATOR = ("workqueue_", "controller_runtime_", "leader_election_", "rest_client_")
OURS = "switchback_"
PROCESS = ("process_", "python_")


def operator() -> str:
    """What client-go and controller-runtime count as well."""
    return _series(one for one in series.ALL if one.name.startswith(OPERATOR))


def domain() -> str:
    """What only this operator counts."""
    return _series(one for one in series.ALL if one.name.startswith(OURS))


def process() -> str:
    """What the client library counts about the process."""
    families = sorted(Metrics().registry.collect(), key=lambda family: family.name)
    rows = (
        (
            code(family.name + ("_total" if family.type == "counter" else "")),
            family.type,
            family.documentation,
        )
        for family in families
        if family.name.startswith(PROCESS)
    )
    return table(("name", "type", "what it is"), rows)


def labels() -> str:
    """The values of labels."""
    return table(("label", "values"), ((code(name), said) for name, said in series.LABELS.items()))


def alerts() -> str:
    """The example alerts, without their templates."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rows = (
        (code(rule["alert"]), rule["labels"]["severity"], code(rule["expr"]), rule.get("for", ""),
         rule["annotations"]["description"].replace("{{ $value | humanize }}", "Many"))
        for group in groups
        for rule in group["rules"]
    )  # fmt: skip
    return table(("alert", "severity", "fires when", "for", "what it means"), rows)


def _series(chosen: Iterator[Series]) -> str:
    rows = (
        (code(one.name), one.kind, ", ".join(map(code, one.labels)), sentence(one.help), sentence(one.use))
        for one in chosen
    )
    return table(("name", "type", "labels", "what it is", "what it is good for"), rows)
