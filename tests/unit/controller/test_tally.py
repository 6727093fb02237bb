"""What is counted between two statuses. The worker calls `tally` after each status that it wrote."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from switchback.api.status import (
    ApprovalState,
    HistoryEntry,
    LastHandled,
    Outcome,
    Preview,
    PreviewPhase,
    SnapshotPhase,
    SnapshotState,
    Status,
)
from switchback.contract.reasons import Reason
from switchback.contract.result import Result
from switchback.contract.words import Direction, Operation
from switchback.controller.metrics import Metrics
from switchback.controller.observed import Job, Observed, Pod, Trouble
from switchback.controller.tally import tally
from switchback.controller.times import rfc3339
from tests.unit.controller.build import NOW, OPERATION, UID, status, world

START = NOW - timedelta(minutes=10)
TIMES = {"start_time": rfc3339(START), "attempt_time": rfc3339(NOW - timedelta(seconds=30))}


def value(metrics: Metrics, name: str, /, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def changed(before: Status, **update: Any) -> Status:
    """`before` with these fields of its operation."""
    assert before.operation is not None
    return before.model_copy(update={"operation": before.operation.model_copy(update=update)})


def told(**update: Any) -> Status:
    return changed(status(), **TIMES, **update)


def entry(**more: Any) -> HistoryEntry:
    fields = {
        "operation_id": OPERATION,
        "direction": Direction.FORWARD,
        "outcome": Outcome.SUCCEEDED,
        "reason": "Succeeded",
        "start_time": rfc3339(START),
        "completion_time": rfc3339(NOW),
    }
    return HistoryEntry(**{**fields, **more})


def ended(before: Status, *entries: HistoryEntry) -> Status:
    return before.model_copy(update={"history": (*before.history, *entries)})


def job(name: str, *, done: bool = True, said: Reason | None = None, trouble: Trouble | None = None) -> Job:
    result = Result(Operation.MIGRATE, OPERATION, said, "", rfc3339(NOW)) if said is not None else None
    pod = Pod("p", "u", name, ended=done, started=True, result=result, trouble=trouble)
    return Job(name, "job-1", OPERATION, Operation.MIGRATE, 1, NOW, finished=done, pods=(pod,))


def seen(before: Status, *jobs: Job, **more: Any) -> Observed:
    return replace(world(told=before), jobs=jobs, **more)


def test_an_operation_counts_once_when_it_is_new_in_the_history() -> None:
    metrics, before = Metrics(), told()
    after = ended(before, entry())
    assert tally(metrics, seen(before), after) == [entry()]
    assert tally(metrics, seen(after), after) == []
    assert value(metrics, "switchback_operations_total", direction="Forward", outcome="Succeeded") == 1
    assert value(metrics, "switchback_operation_seconds_sum", direction="Forward", outcome="Succeeded") == 600


def test_a_history_that_has_lost_its_oldest_entry_counts_the_newest_only() -> None:
    metrics = Metrics()
    full = tuple(entry(operation_id=f"{number}") for number in range(10))
    before = told().model_copy(update={"history": full})
    after = before.model_copy(update={"history": (*full[1:], entry())})
    tally(metrics, seen(before), after)
    assert value(metrics, "switchback_operations_total", direction="Forward", outcome="Succeeded") == 1


def test_a_success_that_is_none_any_more_counts_as_a_failure_without_seconds() -> None:
    metrics = Metrics()
    before = ended(told(), entry())
    after = ended(before, entry(outcome=Outcome.FAILED, reason="SchemaDrifted"))
    tally(metrics, seen(before), after)
    assert value(metrics, "switchback_operation_failures_total", reason="SchemaDrifted") == 1
    assert value(metrics, "switchback_operation_seconds_count", direction="Forward", outcome="Failed") is None


def human(before: Status) -> float:
    """Seconds that count as people's, when this operation ends after ten minutes."""
    metrics = Metrics()
    tally(metrics, seen(before), ended(before, entry()))
    part = "switchback_operation_segment_seconds_sum"
    people = value(metrics, part, direction="Forward", segment="human")
    machines = value(metrics, part, direction="Forward", segment="automation")
    assert people is not None
    assert machines is not None
    assert people + machines == 600
    return people


LIMIT = timedelta(seconds=7200)


def test_seconds_of_people_are_those_by_which_the_deadline_was_moved() -> None:
    assert human(told(deadline_time=rfc3339(START + LIMIT))) == 0
    assert human(told(deadline_time=rfc3339(START + LIMIT + timedelta(minutes=4)))) == 240
    assert human(told(deadline_time=rfc3339(START + timedelta(hours=1)))) == 0, "the limit was edited"
    assert human(told(deadline_time=rfc3339(START + timedelta(days=9)))) == 600, "never more than all"


def test_a_wait_that_the_end_has_ended_counts_as_well() -> None:
    before = told(deadline_time=rfc3339(START + LIMIT))
    asked = ApprovalState(token="t", request_time=rfc3339(NOW - timedelta(minutes=7)))
    assert human(before.model_copy(update={"approval": asked})) == 420
    given = asked.model_copy(update={"approved_by": "maria"})
    assert human(before.model_copy(update={"approval": given})) == 0
    assert human(changed(before, suspend_time=rfc3339(NOW - timedelta(minutes=3)))) == 180


GONE = {"job_name": "", "job_uid": ""}
REFUSED = Trouble("JobRefused", "quota")


@pytest.mark.parametrize(
    ("update", "world_of", "reason"),
    [
        (GONE, lambda before, name: seen(before, job(name, said=Reason.SQL_FAILED)), "SQLFailed"),
        (GONE, lambda before, name: seen(before, job(name, trouble=Trouble("Evicted", "x"))), "Evicted"),
        (GONE, lambda before, name: seen(before, job(name)), "ResultLost"),
        (GONE, lambda before, _name: seen(changed(before, job_uid="job-1")), "JobDeleted"),
        (GONE, lambda before, _name: seen(before, refused=REFUSED), "JobRefused"),
        ({"job_name": "next"}, lambda before, name: seen(before, job(name, done=False)), "Replaced"),
    ],
    ids=["said", "trouble", "silent", "deleted", "refused", "replaced"],
)
def test_the_end_of_a_job_is_counted_by_its_reason(update: Any, world_of: Any, reason: str) -> None:
    metrics, before = Metrics(), told()
    assert before.operation is not None
    after = changed(before, **update)
    tally(metrics, world_of(before, before.operation.job_name), after)
    assert value(metrics, "switchback_jobs_ended_total", step="migrate", reason=reason) == 1
    assert value(metrics, "switchback_job_seconds_sum", step="migrate") == 30


def test_a_job_that_was_never_created_has_no_end() -> None:
    metrics, before = Metrics(), told()
    tally(metrics, seen(before), changed(before, **GONE))
    assert "switchback_jobs_ended_total{" not in metrics.text().decode()


def test_the_end_of_a_look_is_counted_too() -> None:
    metrics = Metrics()
    look = Preview(
        request="1",
        phase=PreviewPhase.IN_PROGRESS,
        job_name="look",
        job_uid="job-2",
        time=rfc3339(NOW - timedelta(seconds=5)),
    )
    before = told().model_copy(update={"preview": look})
    over = before.model_copy(update={"preview": look.model_copy(update=GONE)})
    tally(metrics, seen(before, job("look", said=Reason.SUCCEEDED)), over)
    assert value(metrics, "switchback_jobs_ended_total", step="inspect", reason="Succeeded") == 1
    assert value(metrics, "switchback_job_seconds_sum", step="inspect") == 5


def test_repeats_are_counted_by_reason_and_by_what_ends_them() -> None:
    metrics, before = Metrics(), told()
    counted = changed(before, retries=1, last_reason="ConnectionRefused")
    tally(metrics, seen(before), counted)
    waiting = changed(counted, waits=1, last_reason="LockTimeout")
    tally(metrics, seen(counted), waiting)
    tally(metrics, seen(waiting), changed(waiting, retries=0, waits=0))
    name = "switchback_retries_total"
    assert value(metrics, name, reason="ConnectionRefused", limit="backoffLimit") == 1
    assert value(metrics, name, reason="LockTimeout", limit="deadline") == 1


def test_a_new_operation_repeats_nothing() -> None:
    metrics = Metrics()
    tally(metrics, seen(told()), changed(told(), id="other", waits=3, last_reason="LockTimeout"))
    assert "switchback_retries_total{" not in metrics.text().decode()


def test_requests_are_counted_when_they_are_taken_note_of() -> None:
    metrics, before = Metrics(), told()
    first = before.model_copy(update={"last_handled": LastHandled(approve="a")})
    tally(metrics, seen(before), first)
    tally(
        metrics, seen(first), first.model_copy(update={"last_handled": LastHandled(approve="a", abort="1")})
    )
    assert value(metrics, "switchback_requests_total", kind="approve") == 1
    assert value(metrics, "switchback_requests_total", kind="abort") == 1
    assert value(metrics, "switchback_requests_total", kind="retry") == 0


def test_a_restore_point_counts_when_it_is_ready_or_failed() -> None:
    metrics = Metrics()
    point = SnapshotState(name="s", phase=SnapshotPhase.IN_PROGRESS)
    before = told(snapshot_time=rfc3339(NOW - timedelta(seconds=90))).model_copy(
        update={"snapshots": (point,)}
    )
    ready = point.model_copy(update={"phase": SnapshotPhase.READY, "completion_time": rfc3339(NOW)})
    after = before.model_copy(update={"snapshots": (ready,)})
    tally(metrics, seen(told()), before)
    tally(metrics, seen(before), after)
    tally(metrics, seen(after), after)
    failed = point.model_copy(update={"phase": SnapshotPhase.FAILED})
    tally(metrics, seen(before), before.model_copy(update={"snapshots": (failed,)}))
    assert value(metrics, "switchback_restore_points_taken_total", outcome="Ready") == 1
    assert value(metrics, "switchback_restore_points_taken_total", outcome="Failed") == 1
    assert value(metrics, "switchback_restore_point_seconds_sum") == 90


def test_the_first_status_of_all_counts_nothing() -> None:
    metrics = Metrics()
    assert tally(metrics, replace(world(told=Status()), uid=UID), told()) == []
