"""What has to be true before anything is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.migrations.model import Reversal
from switchback.runner import paths
from switchback.runner.errors import RunnerError
from switchback.runner.plan import Plan, forward, listed

if TYPE_CHECKING:
    from switchback.runner.compare import Comparison
    from switchback.runner.goal import Goal
    from switchback.runner.operations.base import Request
    from switchback.runner.session import Session


def plan_forward(session: Session, request: Request, comparison: Comparison, goal: Goal) -> Plan:
    """The plan that applies what is pending up to the goal, after every check that needs no lock.

    Raises:
        SourceProblem: a file that would run is wrong inside.
        RunnerError: `FileChanged`, `FailedPartly`, `BaselineRequired`; `Usage`, `PermissionDenied` for a
            search path that would not mean what it says.
    """
    _refuse_changed(session, comparison)
    _refuse_unfinished(comparison)
    plan = forward(comparison, goal.ahead, goal.target, goal.held)
    if not plan.steps:
        comparison.source.check(plan.held)
        return plan
    refuse_first_contact(session, request, comparison)
    astray = paths.problem(session, comparison.source)
    if astray is not None:
        raise astray
    # What waits is looked at as well: better now than when the traffic has moved.
    for notice in comparison.source.check([*(step.id for step in plan.steps), *plan.held]):
        session.reporter.warn(notice)
    from switchback.runner import carried, nameless  # noqa: PLC0415 - not needed when there is nothing to do

    carried.refuse_uncarried(plan.steps)
    nameless.refuse(plan.steps)
    for migration in goal.ahead:
        if migration.reversal is Reversal.ABSENT:
            session.reporter.warn(f"{migration.id} has no down half: it cannot be rolled back.")
    for row in comparison.missing:
        session.reporter.warn(f"{row.id} is applied, but its file is gone.")
    return plan


def _refuse_changed(session: Session, comparison: Comparison) -> None:
    half_done = {row.id for row in comparison.partial}  # what may be mended there is judged when it goes on
    relevant = [change for change in comparison.changed if change.row.id not in half_done]
    harmless = [change for change in relevant if change.formatting_only]
    for change in harmless:
        session.reporter.warn(
            f"{change.row.id} has changed since it was applied, in comments or blanks only."
        )
    changed = [change for change in relevant if not change.formatting_only]
    if changed:
        one = changed[0]
        have, were = ("has", "it was") if len(changed) == 1 else ("have", "they were")
        raise RunnerError(
            Reason.FILE_CHANGED,
            f"{listed([change.row.id for change in changed])} {have} changed since {were} applied "
            f"({one.row.id}: then {one.row.up_checksum[:15]}, now {one.migration.up.checksum[:15]}).",
            file=one.migration.up.path,
        )


def _refuse_unfinished(comparison: Comparison) -> None:
    can_go_on = {migration.id for migration in comparison.resumable}
    stuck = [row for row in comparison.partial if row.id not in can_go_on]
    if not stuck:
        return
    from switchback.runner import downs  # noqa: PLC0415 - only when something is wrong

    row = stuck[0]
    if row.down_done is not None:
        file = comparison.source.by_id.get(row.id)
        down = None if file is None else file.down
        goes_on = row.down_done or down is None or down.directives.no_transaction
        what = "is rolled back in part"
        advice = "Finish it with rollback." if goes_on else downs.by_hand(row.id)
    else:
        what = f"is applied in part ({row.statements_done} of {row.statements_total} statements)"
        bring = "Bring" if row.id in comparison.source.by_id else "Bring its file back; or bring"
        advice = (
            f"{bring} the schema in line by hand, then the ledger: switchback repair "
            f"--mark {row.id} when all of it is there, --unmark {row.id} when nothing is."
        )
    raise RunnerError(Reason.FAILED_PARTLY, f"{row.id} {what}.", advice)


def refuse_overtaken(session: Session, comparison: Comparison, plan: Plan | None = None) -> None:
    """Stop where the ledger keeps up Drizzle's rows and Drizzle has run what the ledger does not know.

    Args:
        session: of this run.
        comparison: of files and ledger as they are now.
        plan: what would run; one without steps is in nobody's way. None to look in any case.

    Raises:
        RunnerError: `AdoptionRefused`, `PermissionDenied`.
    """
    if comparison.source.format != "Drizzle" or (plan is not None and not plan.steps):
        return
    from switchback.runner.adoption import keep  # noqa: PLC0415 - only who comes from Drizzle

    keep.refuse_overtaken(session, comparison)


def refuse_first_contact(session: Session, request: Request, comparison: Comparison) -> None:
    """Stop before a ledger begins in a database that somebody else has filled.

    Raises:
        RunnerError: `BaselineRequired`, naming the history of another tool if there is one.
    """
    ledger = comparison.ledger
    if ledger.meta is not None or ledger.adoption is not None or not ledger.identity.other_relations:
        return
    from switchback.runner.adoption import take  # noqa: PLC0415 - once in the life of a database

    history, how = take.named(session, ledger)
    if request.allow_non_empty:
        if history:
            session.reporter.warn(f"{history}, and is not taken over: everything counts as not applied.")
        return
    known = f" {history}." if history else ""
    raise RunnerError(
        Reason.BASELINE_REQUIRED,
        f"The database {ledger.identity.database.name} has tables, but no ledger says which "
        f"migrations made them.{known}",
        how or None,
    )
