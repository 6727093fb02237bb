"""A resource that is deleted: whatever is in flight ends first, and nothing keeps it longer than it must."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.controller.decide import decide
from switchback.controller.decision import Act, CreateJob, DeleteJob, LetGo, Settle, Wait
from switchback.controller.observed import Namespace, Trouble
from tests.unit.controller.test_decide import at_latest, reason, settle, world
from tests.unit.controller.test_requests import running

if TYPE_CHECKING:
    from switchback.controller.decision import Decision
    from tests.property.world import World


def delete(there: World) -> None:
    there.deleted_at = there.now


def reserved() -> World:
    """A rollback whose snapshot runs: the database is reserved."""
    there = at_latest()
    there.spec = {**there.spec, "target": "0002", "rollback": {"dataLossPolicy": "Allow"}}
    for _ in ("migrate", "reserve"):
        running(there, "works")
    running(there)
    return there


def test_what_rests_goes_at_once() -> None:
    there = at_latest()
    assert not there.finalizers
    delete(there)
    assert isinstance(there.reconcile(), Settle)
    assert reason(there, "Reconciling") == "Deleting"
    assert there.condition("Ready") == "True"


def test_a_running_job_is_told_to_end_and_waited_for() -> None:
    there = world()
    name = running(there)
    there.reconcile()
    delete(there)
    decision = there.reconcile()
    assert isinstance(decision, Act)
    assert isinstance(decision.action, DeleteJob)
    assert isinstance(there.reconcile(), Wait)
    assert there.finalizers
    there.run(name, Reason.INTERRUPTED)
    while not there.gone:
        there.reconcile()
    assert there.postgres.applied == []


def test_a_reservation_is_given_back() -> None:
    there = reserved()
    delete(there)
    created = len(there.created)
    for _ in range(12):
        decision = there.reconcile()
        if isinstance(decision, Act) and isinstance(decision.action, CreateJob):
            there.run(decision.action.name)
    assert [name.split("-")[-2] for name in there.created[created:]] == ["release"]
    assert there.postgres.reserved_by == ""
    assert there.gone


def test_a_namespace_that_goes_takes_no_new_job_and_is_not_waited_for_long() -> None:
    there = reserved()
    there.around = Namespace(terminating=True)
    there.refused = Trouble("JobRefused", "namespace is being terminated")
    delete(there)
    for _ in range(6):
        there.reconcile()
    assert there.gone
    assert there.now - there.deleted_at < timedelta(seconds=1) if there.deleted_at else False


def test_a_job_that_never_ends_does_not_hold_up_a_namespace_for_five_minutes() -> None:
    there = world()
    running(there)
    there.around = Namespace(terminating=True)
    delete(there)
    begun = there.now
    for _ in range(10):
        decision = there.reconcile()
        if isinstance(decision, Act) and isinstance(decision.action, LetGo):
            break
        there.tick(decision)
    assert there.now - begun <= timedelta(minutes=5)
    assert isinstance(decision, Act)
    assert isinstance(decision.action, LetGo)


def test_elsewhere_the_way_out_is_named_and_works() -> None:
    there = world()
    running(there)
    delete(there)
    for _ in range(5):
        there.tick(there.reconcile())
    assert there.finalizers
    message = next(one.message for one in there.status.conditions if one.type == "Reconciling")
    assert "switchback.dev/release" in message
    there.annotations["switchback.dev/release"] = "now"
    decision = there.reconcile()
    assert isinstance(decision, Act)
    assert isinstance(decision.action, LetGo)


def test_what_was_never_created_is_not_waited_for() -> None:
    there = world()
    there.reconcile()  # names the Job
    there.reconcile()  # holds
    assert there.finalizers
    delete(there)
    for _ in range(4):
        there.reconcile()
    assert there.gone
    assert there.created == []


def test_the_finalizer_comes_before_the_first_job_and_goes_after_the_last() -> None:
    there = world()
    running(there)
    held = set(there.finalizers)
    settle(there)
    assert (held, set(there.finalizers)) == ({"switchback.dev/in-flight"}, set())


def test_a_job_that_was_not_seen_before_may_have_reserved_the_database() -> None:
    there = at_latest()
    there.spec = {**there.spec, "target": "0002", "rollback": {"dataLossPolicy": "Allow"}}
    running(there, "works")
    name = running(there)
    assert "-reserve-" in name
    delete(there)
    there.reconcile()
    there.run(name)
    del there.jobs[name]  # with its pod, before anybody has read what it said
    while not there.gone:
        decision = there.reconcile()
        if isinstance(decision, Act) and isinstance(decision.action, CreateJob):
            there.run(decision.action.name)
    assert there.postgres.reserved_by == ""


def test_a_release_that_cannot_start_is_not_waited_for_forever() -> None:
    there = reserved()
    delete(there)
    for _ in range(40):
        for name, job in there.jobs.items():
            if "-release-" in name:
                job.trouble = Trouble("Unschedulable", "no node takes the pod")
            elif job.deleting:
                there.run(name, Reason.INTERRUPTED)
        there.sweep()
        there.tick(there.reconcile())
    assert there.gone
    assert there.deleted_at is not None
    assert there.now - there.deleted_at <= timedelta(seconds=310)


def test_a_release_that_somebody_deletes_is_not_made_again() -> None:
    there = reserved()
    delete(there)
    for _ in range(40):
        for name in list(there.jobs):
            if "-release-" not in name:
                there.run(name, Reason.INTERRUPTED)
        there.sweep()
        there.reconcile()
        operation = there.status.operation
        if operation is not None and operation.step == "release" and operation.job_uid:
            there.jobs.pop(operation.job_name, None)
    assert [name.split("-")[-2] for name in there.created].count("release") == 1
    assert there.gone


def unreadable(there: World) -> Decision:
    """One pass over the resource with a spec that this release cannot read."""
    decision = decide(replace(there.observed(), spec=None, invalid="spec.target: too long"))
    if isinstance(decision, Act):
        there.act(decision.action)
    return decision


def test_a_spec_that_cannot_be_read_keeps_nothing_from_going() -> None:
    there = world()
    name = running(there)
    delete(there)
    unreadable(there)
    assert isinstance(unreadable(there), Wait)
    assert there.finalizers, "what runs is waited for"
    there.run(name, Reason.INTERRUPTED)
    there.sweep()
    unreadable(there)
    assert there.gone


def test_a_spec_that_cannot_be_read_is_let_go_on_request() -> None:
    there = world()
    running(there)
    delete(there)
    there.annotations["switchback.dev/release"] = "now"
    assert unreadable(there) == Act(LetGo())
