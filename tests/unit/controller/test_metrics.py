from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from switchback import __version__
from switchback.controller import series
from switchback.controller.metrics import Metrics

PROCESS = ("process_", "python_")


def value(metrics: Metrics, name: str, /, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_every_series_is_made_as_the_table_says() -> None:
    made = {
        family.name + ("_total" if family.type == "counter" else ""): (family.type, family.documentation)
        for family in Metrics().registry.collect()
        if not family.name.startswith(PROCESS)
    }
    assert made == {one.name: (one.kind, one.help) for one in series.ALL}


def test_every_label_is_explained() -> None:
    assert {label for one in series.ALL for label in one.labels} == set(series.LABELS)


def test_the_process_itself_is_measured() -> None:
    names = {family.name for family in Metrics().registry.collect()}
    assert {
        "process_resident_memory_bytes",
        "process_cpu_seconds",
        "process_open_fds",
        "python_info",
    } <= names


def test_a_scrape_can_be_read() -> None:
    families = list(text_string_to_metric_families(Metrics().text().decode()))
    assert {"workqueue_depth", "switchback_build_info"} <= {family.name for family in families}
    assert "workqueue_adds_created" not in {sample.name for family in families for sample in family.samples}


def test_an_operation_is_counted_by_direction_outcome_and_failure() -> None:
    metrics = Metrics()
    assert value(metrics, "switchback_operations_total", direction="Backward", outcome="Succeeded") == 0
    metrics.operation_ended("Forward", "Failed", "SQLFailed", 100.0, human=40.0)
    metrics.operation_ended("Forward", "Failed", "SQLFailed", None)
    metrics.operation_ended("Backward", "Succeeded", "Succeeded", 1.0)
    assert value(metrics, "switchback_operations_total", direction="Forward", outcome="Failed") == 2
    assert value(metrics, "switchback_operations_total", direction="Backward", outcome="Succeeded") == 1
    assert value(metrics, "switchback_operation_failures_total", reason="SQLFailed") == 2
    assert value(metrics, "switchback_operation_failures_total", reason="Succeeded") is None
    seconds = "switchback_operation_segment_seconds_sum"
    assert value(metrics, seconds, direction="Forward", segment="human") == 40
    assert value(metrics, seconds, direction="Forward", segment="automation") == 60
    assert value(metrics, "switchback_operation_seconds_count", direction="Forward", outcome="Failed") == 1


@pytest.mark.parametrize(
    ("reason", "label"), [("SQLFailed", "SQLFailed"), ("Replaced", "Replaced"), ("x1b2c3", "Other")]
)
def test_only_words_of_ours_become_labels(reason: str, label: str) -> None:
    metrics = Metrics()
    metrics.job_ended("migrate", reason, None)
    assert value(metrics, "switchback_jobs_ended_total", step="migrate", reason=label) == 1


def test_a_look_under_way_is_seen_until_it_ends() -> None:
    now = [100.0]
    metrics = Metrics(clock=lambda: now[0])
    metrics.workers(8)
    look = {"controller": "databasemigration"}
    queue = {"name": "databasemigration"}
    with metrics.looking():
        now[0] = 103.0
        with metrics.looking():
            now[0] = 104.0
            assert value(metrics, "controller_runtime_active_workers", **look) == 2
            assert value(metrics, "workqueue_unfinished_work_seconds", **queue) == 5
            assert value(metrics, "workqueue_longest_running_processor_seconds", **queue) == 4
    assert value(metrics, "controller_runtime_active_workers", **look) == 0
    assert value(metrics, "workqueue_longest_running_processor_seconds", **queue) == 0
    assert value(metrics, "controller_runtime_max_concurrent_reconciles", **look) == 8


def test_a_look_that_raises_is_over_as_well() -> None:
    metrics = Metrics()
    with pytest.raises(ValueError, match="broken"), metrics.looking():
        raise ValueError("broken")
    assert value(metrics, "controller_runtime_active_workers", controller="databasemigration") == 0


def test_an_error_counts_twice_once_for_each_name_that_dashboards_use() -> None:
    metrics = Metrics()
    metrics.looked("error", 0.1)
    metrics.looked("success", 0.1)
    controller = {"controller": "databasemigration"}
    assert value(metrics, "controller_runtime_reconcile_total", result="error", **controller) == 1
    assert value(metrics, "controller_runtime_reconcile_errors_total", **controller) == 1
    assert value(metrics, "workqueue_work_duration_seconds_count", name="databasemigration") == 2


def test_a_request_without_an_answer_has_client_gos_word_for_it() -> None:
    metrics = Metrics()
    metrics.requested("GET", 200, 0.1)
    metrics.requested("POST", 0, 20.0)
    assert value(metrics, "rest_client_requests_total", method="GET", code="200") == 1
    assert value(metrics, "rest_client_requests_total", method="POST", code="<error>") == 1
    assert value(metrics, "rest_client_request_duration_seconds_sum", verb="POST") == 20


def test_the_version_is_told() -> None:
    assert value(Metrics(), "switchback_build_info", version=__version__) == 1
