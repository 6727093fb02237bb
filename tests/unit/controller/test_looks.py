"""Previews and inspections: answered beside the operation, and never at its cost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.controller.decision import Wait
from switchback.controller.intent import database_digest
from switchback.controller.observed import Trouble
from tests.unit.controller.test_decide import at_latest, reason, settle, world
from tests.unit.controller.test_edits import edit
from tests.unit.controller.test_requests import ask, handled, operation, running

if TYPE_CHECKING:
    from tests.property.world import World


def test_a_preview_is_answered_and_changes_nothing() -> None:
    there = at_latest()
    before = there.status
    ask(there, "preview", "0001/1")
    assert settle(there) == ["inspect"]
    preview = there.status.preview
    assert preview is not None
    assert (preview.phase, preview.target, preview.current) == ("Ready", "0001", "0003")
    assert [step.id for step in preview.steps] == ["0003", "0002"]
    assert preview.pending_count == 2
    assert preview.job_name == ""
    assert handled(there, "preview") == "0001/1"
    assert (there.status.operation, there.status.history) == (before.operation, before.history)
    assert there.condition("Ready") == "True"
    assert settle(there) == [], "the token does not replay"


def test_a_preview_works_while_suspended_and_before_anything_was_done() -> None:
    there = world(suspend=True)
    ask(there, "preview", "latest")
    assert settle(there) == ["inspect"]
    assert there.status.preview is not None
    assert there.status.preview.pending_count == 3
    assert there.postgres.applied == []


def test_a_preview_does_not_disturb_a_running_migration() -> None:
    there = world()
    migrate = running(there)
    ask(there, "preview", "0001/1")
    for _ in range(3):
        there.reconcile()
    assert len([job for job in there.jobs.values() if not job.ended]) == 2
    look = next(name for name in there.jobs if "-inspect-" in name)
    there.run(look)
    there.reconcile()
    assert there.status.preview is not None
    assert there.status.preview.phase == "Ready"
    there.run(migrate)
    settle(there)
    assert there.condition("Ready") == "True"


def test_a_preview_that_the_api_server_cannot_take_does_not_hold_the_migration_up() -> None:
    there = world()
    migrate = running(there)
    there.refused = Trouble("JobRefused", "failed calling webhook", passing=True)
    ask(there, "preview", "0001/1")
    there.reconcile()
    there.run(migrate)
    for _ in range(5):
        there.reconcile()
    assert there.condition("Ready") == "True"
    there.refused = None
    settle(there)
    assert there.status.preview is not None
    assert there.status.preview.phase == "Ready"


def test_a_preview_that_fails_is_told_where_it_was_asked() -> None:
    there = at_latest()
    ask(there, "preview", "9999/1")
    settle(there)
    assert there.status.preview is not None
    assert (there.status.preview.phase, there.status.preview.reason) == ("Failed", "TargetUnknown")
    assert there.condition("Ready") == "True"


def test_a_preview_whose_pod_cannot_start_is_given_up() -> None:
    there = at_latest()
    ask(there, "preview", "0001/1")
    [there.reconcile() for _ in range(2)]
    look = next(name for name, job in there.jobs.items() if not job.ended)
    there.jobs[look].trouble = Trouble("SecretMissing", 'secret "shop-db" not found')
    decision = there.reconcile()
    assert isinstance(decision, Wait)
    assert decision.until is not None
    there.now = decision.until
    there.reconcile()
    assert there.status.preview is not None
    assert (there.status.preview.phase, there.status.preview.reason) == ("Failed", "SecretMissing")
    settle(there)
    assert not [name for name, job in there.jobs.items() if not job.ended]


def test_an_inspection_that_finds_the_schema_moved_takes_the_success_back() -> None:
    there = at_latest()
    there.postgres.applied.pop()
    ask(there, "inspect", "1")
    assert settle(there) == ["inspect"]
    assert (there.condition("Ready"), reason(there)) == ("False", "SchemaDrifted")
    assert there.status.schema_state is not None
    assert there.status.schema_state.current == "0002"
    assert settle(there) == [], "nothing is mended by itself"
    ask(there, "retry", f"{operation(there).id}/1")
    assert settle(there) == ["migrate"]
    assert there.condition("Ready") == "True"


def test_an_inspection_that_finds_all_well_changes_no_condition() -> None:
    there = at_latest()
    before = there.status.conditions
    ask(there, "inspect", "1")
    assert settle(there) == ["inspect"]
    assert there.status.conditions == before
    assert handled(there, "inspect") == "1"


def test_an_inspection_of_another_database_takes_the_success_back() -> None:
    there = at_latest()
    ask(there, "inspect", "1")
    [there.reconcile() for _ in range(2)]
    look = next(name for name, job in there.jobs.items() if not job.ended)
    there.run(look, Reason.DATABASE_CHANGED)
    settle(there)
    assert (there.condition("Stalled"), reason(there)) == ("True", "DatabaseChanged")


def looking(there: World) -> str:
    """Asks for an inspection, and goes on until its Job runs."""
    ask(there, "inspect", "1")
    for _ in range(4):
        there.reconcile()
    return next(name for name, job in there.jobs.items() if "-inspect-" in name and not job.ended)


def current(there: World) -> str:
    assert there.status.schema_state is not None
    return there.status.schema_state.current


def test_an_inspection_that_saw_less_than_the_migration_beside_it_takes_no_success_back() -> None:
    there = world()
    migrate = running(there)
    look = looking(there)
    there.run(look)  # it has read the ledger, and its pod has not ended
    there.jobs[look].ended = False
    there.now += timedelta(seconds=5)
    there.run(migrate)
    for _ in range(4):
        there.reconcile()
    assert reason(there) == "Succeeded"
    there.now += timedelta(seconds=1)
    there.jobs[look].ended = True
    settle(there)
    assert (reason(there), current(there)) == ("Succeeded", "0003")
    assert handled(there, "inspect") == "1"


def test_an_inspection_that_ends_with_the_migration_is_no_doubt_about_it() -> None:
    there = world(execution={"backoffLimit": 0})
    migrate = running(there)
    there.run(looking(there))
    there.now += timedelta(seconds=5)
    there.run(migrate)
    assert settle(there) == []
    assert (reason(there), current(there)) == ("Succeeded", "0003")


def test_what_was_seen_of_the_database_of_before_says_nothing_of_the_present_one() -> None:
    there = at_latest()
    look = looking(there)
    there.now += timedelta(seconds=5)
    edit(there, database={"urlFrom": {"secretKeyRef": {"name": "other-db", "key": "URL"}}})
    there.run(look)
    there.reconcile()
    spec, state = there.observed().spec, there.status.schema_state
    assert spec is not None
    assert state is not None
    assert state.database is not None
    assert state.database.digest != database_digest(spec), "its ledger would be expected in the other one"


def test_what_is_asked_again_later_is_looked_up_again() -> None:
    there = at_latest()
    for token in ("latest/1", "0001/1"):
        ask(there, "preview", token)
        settle(there)
    there.files = (*there.files, "0004")
    settle(there, outcomes={"migrate": Reason.SQL_FAILED})
    ask(there, "preview", "latest/1")
    assert settle(there) == ["inspect"]
    assert there.status.preview is not None
    assert [step.id for step in there.status.preview.steps] == ["0004"], "not the answer of the first time"
