"""What people ask for by annotation, told pass by pass: what follows, and what is never repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.status import Status
from switchback.contract.reasons import Reason
from switchback.controller.decision import Act, DeleteJob, Wait, WriteIntent
from switchback.controller.observed import Trouble
from tests.unit.controller.test_decide import at_latest, reason, settle, world

if TYPE_CHECKING:
    from tests.property.world import World


def ask(there: World, what: str, token: str) -> str:
    there.annotations[f"switchback.dev/{what}"] = token
    return token


def operation(there: World) -> Any:
    assert there.status.operation is not None
    return there.status.operation


def handled(there: World, what: str) -> str:
    assert there.status.last_handled is not None
    return str(getattr(there.status.last_handled, what))


def running(there: World, outcome: str = "") -> str:
    """Goes on until a Job runs; lets it end if told how. Gives its name."""
    for _ in range(8):
        decision = there.reconcile()
        alive = [name for name, job in there.jobs.items() if not job.ended]
        if alive:
            if outcome:
                there.run(alive[0], outcome)
            return alive[0]
        there.tick(decision)
    raise AssertionError("no Job runs")


# --- retry ---------------------------------------------------------------------------------------------


def test_a_retry_begins_again_after_a_failure_and_only_once() -> None:
    there = world()
    settle(there, outcomes={"migrate": Reason.SQL_FAILED})
    failed = operation(there).id
    ask(there, "retry", f"{failed}/1")
    assert settle(there, outcomes={"migrate": Reason.SQL_FAILED}) == ["migrate"]
    assert operation(there).id != failed
    assert operation(there).retry == f"{failed}/1"
    assert settle(there) == [], "the token does not replay"
    assert there.condition("Stalled") == "True"


def test_a_retry_of_another_operation_is_noted_and_does_nothing() -> None:
    there = world()
    settle(there, outcomes={"migrate": Reason.SQL_FAILED})
    ask(there, "retry", "ffffffff-000000/1")
    assert settle(there) == []
    assert handled(there, "retry") == "ffffffff-000000/1"


def test_a_retry_does_not_wait_for_the_next_attempt() -> None:
    there = world()
    running(there, Reason.CONNECTION_REFUSED)
    there.reconcile()
    assert operation(there).next_attempt_time
    ask(there, "retry", f"{operation(there).id}/1")
    before = there.now
    running(there, "works")
    assert there.now == before
    settle(there)
    assert there.condition("Ready") == "True"


def test_a_retry_that_was_used_up_while_it_ran_does_not_begin_another_one() -> None:
    there = world(execution={"backoffLimit": 1})
    running(there, Reason.CONNECTION_REFUSED)
    there.reconcile()
    ask(there, "retry", f"{operation(there).id}/1")
    for _ in range(2):
        running(there, Reason.CONNECTION_REFUSED)
    assert settle(there) == []
    assert (there.condition("Stalled"), reason(there)) == ("True", "ConnectionRefused")


def test_a_retry_of_a_success_does_not_come_to_life_when_that_is_taken_back() -> None:
    there = at_latest()
    ask(there, "retry", f"{operation(there).id}/1")
    assert settle(there) == []
    there.postgres.applied.pop()
    ask(there, "inspect", "1")
    assert settle(there) == ["inspect"]
    assert reason(there) == "SchemaDrifted"
    ask(there, "retry", f"{operation(there).id}/2")
    assert settle(there) == ["migrate"]


# --- abort ---------------------------------------------------------------------------------------------


def test_an_abort_ends_the_running_job_and_the_operation() -> None:
    there = world()
    name = running(there)
    ask(there, "abort", f"{operation(there).id}/1")
    assert isinstance(there.reconcile(), WriteIntent), "the request is noted before anything is done"
    decision = there.reconcile()
    assert isinstance(decision, Act)
    assert isinstance(decision.action, DeleteJob)
    assert isinstance(there.reconcile(), Wait), "it is waited for"
    assert reason(there, "Reconciling") == "Aborting"
    there.run(name, Reason.INTERRUPTED)
    settle(there)
    assert (there.condition("Stalled"), reason(there)) == ("True", "Aborted")
    assert there.postgres.applied == []
    assert "base" in there.status.history[-1].message


def test_an_abort_that_came_too_late_is_a_success() -> None:
    there = world()
    name = running(there)
    ask(there, "abort", f"{operation(there).id}/1")
    [there.reconcile() for _ in range(3)]
    there.run(name, "works")
    settle(there)
    assert there.condition("Ready") == "True"


def test_after_an_abort_without_a_word_somebody_looks() -> None:
    there = world()
    name = running(there)
    ask(there, "abort", f"{operation(there).id}/1")
    [there.reconcile() for _ in range(3)]
    there.run(name, "silent")  # it has committed and could not say so
    assert settle(there) == ["inspect"]
    assert reason(there) == "Aborted"
    assert there.status.schema_state is not None
    assert there.status.schema_state.current == "0003"


def test_an_abort_of_a_job_that_was_not_seen_before_never_takes_it_for_not_run() -> None:
    there = world()
    while not there.created:
        there.reconcile()
    name = there.created[0]
    ask(there, "abort", f"{operation(there).id}/1")
    while not there.jobs[name].deleting:
        there.reconcile()
    there.run(name)  # it has committed, and is gone before anybody reads what it said
    there.sweep()
    assert settle(there) == ["inspect"]
    assert reason(there) == "Aborted"
    assert there.status.schema_state is not None
    assert there.status.schema_state.current == "0003"


def test_after_an_abort_whose_outcome_nobody_knows_somebody_looks() -> None:
    there = world()
    name = running(there)
    ask(there, "abort", f"{operation(there).id}/1")
    [there.reconcile() for _ in range(3)]
    there.run(name, Reason.OUTCOME_UNKNOWN)
    there.postgres.applied.append("0001")  # the connection was lost at the very commit
    assert settle(there) == ["inspect"]
    assert reason(there) == "Aborted"
    assert there.status.schema_state is not None
    assert there.status.schema_state.current == "0001"


@pytest.mark.parametrize("edit", [{"reason": "again"}, {"jobHistoryLimit": 3}])
def test_what_was_aborted_stays_so_after_an_edit_and_goes_on_after_a_retry(edit: dict[str, Any]) -> None:
    there = world()
    running(there, Reason.LOCK_TIMEOUT)
    there.reconcile()
    ask(there, "abort", f"{operation(there).id}/1")
    assert settle(there) == []
    assert reason(there) == "Aborted"
    there.spec, there.generation = {**there.spec, **edit}, there.generation + 1
    assert settle(there) == []
    ask(there, "retry", f"{operation(there).id}/2")
    assert settle(there) == ["migrate"]
    assert there.condition("Ready") == "True"


def test_what_was_aborted_stays_so_while_its_files_are_replaced() -> None:
    there = world()
    running(there, Reason.LOCK_TIMEOUT)
    there.reconcile()
    ask(there, "abort", f"{operation(there).id}/1")
    settle(there)
    there.source_problem = Trouble("ConfigMapMissing", "ConfigMap shop-migrations does not exist")
    assert settle(there) == []
    there.source_problem = None
    assert settle(there) == []
    assert reason(there) == "Aborted"
    there.files = (*there.files, "0004")
    assert settle(there) == ["migrate"], "other files are another wish"


def test_an_abort_gives_the_reservation_back() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002", "rollback": {"dataLossPolicy": "Allow"}}
    for step in ("migrate", "reserve"):
        assert f"-{step}-" in running(there, "works")
    assert "-snapshot-" in running(there)
    ask(there, "abort", f"{operation(there).id}/1")
    [there.reconcile() for _ in range(2)]
    assert settle(there) == ["release"]
    assert reason(there) == "Aborted"
    assert there.postgres.reserved_by == ""
    assert there.postgres.applied == ["0001", "0002", "0003"]
    assert [str(one.phase) for one in there.status.snapshots] == ["Failed"]


def test_an_abort_of_what_is_over_changes_nothing() -> None:
    there = at_latest()
    ask(there, "abort", f"{operation(there).id}/1")
    assert settle(there) == []
    assert there.condition("Ready") == "True"
    assert handled(there, "abort")


# --- rollback on request ---------------------------------------------------------------------------------


def roll_back(there: World, version: str) -> None:
    ask(there, "rollback", f"{version}/{operation(there).intent_digest}")


def test_a_rollback_on_request_ends_stalled_and_stays_there() -> None:
    there = at_latest()
    there.spec = {**there.spec, "rollback": {"dataLossPolicy": "Allow"}}
    roll_back(there, "0001")
    assert settle(there) == ["inspect", "reserve", "snapshot", "rollback"]
    assert there.postgres.applied == ["0001"]
    assert (there.condition("Ready"), reason(there)) == ("False", "RolledBack")
    assert (there.condition("Stalled"), there.condition("Finished")) == ("True", "True")
    assert there.condition("RolledBack") == "True"
    assert there.status.history[-1].to == "0001"
    there.generation += 1
    assert settle(there) == [], "an edit that changes no intent does not bring it back"
    there.annotations.clear()
    assert settle(there) == [], "nor does the loss of the annotation"


def test_a_new_intent_clears_a_rollback_on_request() -> None:
    there = at_latest()
    there.spec = {**there.spec, "rollback": {"dataLossPolicy": "Allow"}}
    roll_back(there, "0001")
    settle(there)
    there.files = (*there.files, "0004")
    assert settle(there) == ["migrate"]
    assert there.postgres.applied[-1] == "0004"
    assert there.condition("RolledBack") == ""


def test_a_retry_clears_a_rollback_on_request_although_the_annotation_stands() -> None:
    there = at_latest()
    there.spec = {**there.spec, "rollback": {"dataLossPolicy": "Allow"}}
    roll_back(there, "0001")
    settle(there)
    ask(there, "retry", f"{operation(there).id}/1")
    assert settle(there) == ["migrate"]
    assert there.postgres.applied == ["0001", "0002", "0003"]
    assert there.condition("Ready") == "True"


def test_a_rollback_on_request_that_was_taken_back_is_not_repeated_by_whoever_remembers_nothing() -> None:
    there = at_latest()
    there.spec = {**there.spec, "rollback": {"dataLossPolicy": "Allow"}}
    roll_back(there, "0001")
    settle(there)
    ask(there, "retry", f"{operation(there).id}/1")
    settle(there)
    there.status = Status()
    assert settle(there) == ["migrate"]
    assert there.postgres.applied == ["0001", "0002", "0003"]
    assert (there.condition("Ready"), handled(there, "rollback")[:5]) == ("True", "0001/")


def test_what_was_rolled_back_is_not_applied_again_by_whoever_remembers_nothing() -> None:
    there = at_latest()
    there.spec = {**there.spec, "rollback": {"dataLossPolicy": "Allow"}}
    roll_back(there, "0001")
    settle(there)
    there.status = Status()
    there.annotations.clear()
    settle(there)
    assert reason(there) == "PreviouslyRolledBack"
    assert there.postgres.applied == ["0001"]


def test_a_rollback_request_for_another_intent_never_comes_to_life() -> None:
    there = at_latest()
    old = operation(there).intent_digest
    there.spec = {**there.spec, "target": "0003"}
    settle(there)
    ask(there, "rollback", f"0001/{old}")
    assert settle(there) == []
    there.spec = {**there.spec, "target": "latest"}
    settle(there)
    assert there.postgres.applied == ["0001", "0002", "0003"]


def test_a_failed_rollback_on_request_is_tried_again_as_what_it_was() -> None:
    there = at_latest()
    there.spec = {**there.spec, "rollback": {"dataLossPolicy": "Allow"}}
    roll_back(there, "0001")
    settle(there, outcomes={"snapshot": Reason.SNAPSHOT_VOLUME_FULL})
    assert reason(there) == "SnapshotVolumeFull"
    there.generation += 1
    assert settle(there)[0] == "inspect"
    assert there.postgres.applied == ["0001"]
    assert reason(there) == "RolledBack"


def test_a_rollback_on_request_never_goes_forward() -> None:
    there = world(target="0001")
    settle(there)
    roll_back(there, "0003")
    assert settle(there) == ["inspect", "rollback"]
    assert there.postgres.applied == ["0001"]
    assert reason(there) == "RolledBack"
    assert there.postgres.withdrawn, "it is known to whoever remembers nothing"
