"""Stages of the way back: consent, reservation, restore point, and only then the rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.policies import DataLossPolicy, ReasonPolicy, RollbackPolicy
from switchback.api.reasons import OperatorReason
from switchback.api.status import Outcome, Want
from switchback.contract.words import Operation
from switchback.controller.lifecycle import intend
from switchback.controller.stages.common import reserved
from switchback.controller.stages.consent import asks_a_person, consent, database, move, moved_text, way
from switchback.controller.stages.results import Done, Fail, Intend
from switchback.controller.stages.slots import live_after, unfit_slot
from switchback.controller.stages.snapshot import hopeless

if TYPE_CHECKING:
    from switchback.controller.stages.results import StageResult
    from switchback.controller.view import View


def approve_rollback(view: View) -> StageResult:
    """The rollback is allowed, can be made safe, and whoever has to has accepted what it destroys."""
    if view.operation.reached:
        return Done()
    return _refused(view) or hopeless(view) or _consent(view)


def _refused(view: View) -> Fail | None:  # noqa: PLR0911 - one answer per rule
    """What no approval could mend: nobody is asked to approve what could not run."""
    path = way(view)
    if view.spec.rollback.policy is RollbackPolicy.DENY:
        return Fail(
            OperatorReason.ROLLBACK_DENIED, f"{path} is a rollback, and spec.rollback.policy is Deny."
        )
    if view.spec.rollback.reason_policy is ReasonPolicy.REQUIRED and not view.spec.reason.strip():
        return Fail(
            OperatorReason.REASON_REQUIRED,
            f"{path} is a rollback, spec.rollback.reasonPolicy is Required and spec.reason is empty.",
        )
    unfit = unfit_slot(view, live_after(view))
    if unfit is not None:
        return unfit
    if view.spec.snapshot is None:
        return Fail(
            OperatorReason.SNAPSHOT_REQUIRED,
            f"{path} is a rollback, and spec.snapshot is not set.",
        )
    if view.spec.snapshot.pg_dump is not None and not _client_image(view):
        major = _server_major(view)
        return Fail(
            OperatorReason.CLIENT_IMAGE_MISSING,
            f"no client image is known for PostgreSQL {major}.",
        )
    if view.operation.risks and view.spec.rollback.data_loss_policy is DataLossPolicy.DENY:
        return Fail(
            OperatorReason.DATA_LOSS_DENIED,
            f"{path} would lose data ({losses(view)}), and spec.rollback.dataLossPolicy is Deny.",
        )
    return None


def _consent(view: View) -> StageResult:
    risky = bool(view.operation.risks) and view.spec.rollback.data_loss_policy is not DataLossPolicy.ALLOW
    moving = bool(move(view)) and asks_a_person(view, Want.CUTOVER)
    if not risky and not asks_a_person(view, Want.ROLLBACK) and not moving:
        return Done()
    if view.operation.automatic:
        return _not_by_itself(view)
    lost = losses(view)
    what = f"would lose: {lost}" if lost != "nothing" else "loses nothing"
    traffic = f" {moved_text(view)}" if moving else ""
    return consent(view, Want.ROLLBACK, f"Rolling back{database(view)} {way(view)} {what}.{traffic}")


def _not_by_itself(view: View) -> Fail:
    """A failed check has begun this, in the middle of the night: what needs a person is left to a person."""
    text = (
        f"the schema stays at {view.operation.from_}: going back to {view.operation.to} would lose "
        f"{losses(view)} or needs a person by the policies of this resource."
    )
    return Fail(OperatorReason.ROLLED_BACK, text, Outcome.ROLLED_BACK)


def losses(view: View) -> str:
    """What the plan destroys, for people: as many names as fit a sentence."""
    names = [f"{loss} in {step.id}" for step in view.operation.steps for loss in step.losses]
    if not names:
        return ", ".join(view.operation.risks) or "nothing"
    more = len(names) - 4
    return "; ".join(names[:4]) + (f"; and {more} more" if more > 0 else "")


def reserve(view: View) -> StageResult:
    """The database is kept for this plan: no other run changes it until the rollback has ended."""
    return Done() if view.operation.reached else reserved(view)


def rollback(view: View) -> StageResult:
    """Every migration above the target is undone."""
    return Done() if view.operation.reached else Intend(intend(view, Operation.ROLLBACK))


def withdraw(view: View) -> StageResult:
    """Nothing has to be undone; that the wish was withdrawn stands in the ledger all the same."""
    return Done() if view.operation.reached else Intend(intend(view, Operation.ROLLBACK))


def _server_major(view: View) -> int:
    state = view.status.schema_state
    return state.database.major if state and state.database else 0


def _client_image(view: View) -> str:
    if view.spec.snapshot is None or view.spec.snapshot.pg_dump is None:
        return ""
    images = {**view.world.client_images, **view.spec.snapshot.pg_dump.client_images}
    return images.get(str(_server_major(view)), "")
