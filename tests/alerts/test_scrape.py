"""A full scrape, judged by Prometheus' own tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.controller import series
from switchback.controller.metrics import Metrics
from tests.e2e.everything import STATUS
from tests.unit.controller.build import world

if TYPE_CHECKING:
    from tests.alerts.conftest import Judge


def everything() -> Metrics:
    """Numbers in which every series has a value."""
    metrics = Metrics()
    metrics.added()
    metrics.retried()
    metrics.waited(0.1)
    metrics.workers(8)
    metrics.looked("error", 0.1)
    metrics.requested("GET", 0, 0.1)
    metrics.event("Normal", "created")
    metrics.job_ended("migrate", "SQLFailed", 3.0)
    metrics.run_repeated("LockTimeout", "deadline")
    metrics.restore_point_taken("Ready", 3.0)
    metrics.provider_called("observe", 0.1)
    metrics.operation_ended("Forward", "Failed", "SQLFailed", 3.0, 1.0)
    metrics.switched("patch", 0.05)
    metrics.exposed(3.0)
    metrics.drifted(1)
    metrics.probe_failed("new", 2)
    metrics.cutover_ended("Completed")
    metrics.fleet.note(world(), STATUS)
    return metrics


def test_every_series_has_a_value_here() -> None:
    lines = everything().text().decode().splitlines()
    names = {line.partition("{")[0].partition(" ")[0] for line in lines if not line.startswith("#")}
    for one in series.ALL:
        assert {one.name, f"{one.name}_sum"} & names, one.name


def test_prometheus_takes_the_scrape(judge: Judge) -> None:
    done = judge("check", "metrics", text=everything().text().decode())
    assert done.returncode == 0, done.stderr + done.stdout
    assert not done.stderr + done.stdout, "it has something to say"
