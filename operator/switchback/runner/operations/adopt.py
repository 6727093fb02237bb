"""Begin a ledger with the history of another tool. No file runs, and nothing of that tool changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.adoption import drizzle, keep, take
from switchback.runner.adoption.wish import TOOLS
from switchback.runner.errors import RunnerError
from switchback.runner.operations import keep_rows
from switchback.runner.operations.base import Answer, again, look
from switchback.runner.operations.migrate import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.runner.adoption.model import Adoption
    from switchback.runner.compare import Comparison
    from switchback.runner.operations.base import Facts, Request
    from switchback.runner.session import Session

    Look = Callable[[Comparison], None]


def run(session: Session, request: Request, facts: Facts, show: Look, confirm: Look) -> Answer:
    """Show what would be taken over, ask, and write the ledger in one transaction.

    Where there is a ledger already, only what is said about keeping Drizzle's rows is done.

    Args:
        session: of this run.
        request: what is asked; its policy says so.
        facts: filled on the way.
        show: gets what files and history say, before anything else is said.
        confirm: asked before anything is written; raises to stop.

    Raises:
        RunnerError: `AdoptionRefused`, `PermissionDenied`, `PlanMoved`, `ObjectsLocked`; of the lock.
        SourceProblem: the folder cannot be used, or the target is unknown.
    """
    comparison = look(session, request, facts)
    ledger, wish = comparison.ledger, request.policy.wish
    if ledger.meta is not None:
        return keep_rows.run(session, request, facts, comparison)
    adoption = ledger.adoption
    if adoption is None:
        raise _nothing(session, request, comparison)
    if wish.keep_rows:
        _refuse_keeping(session, adoption)
    show(comparison)
    if request.dry_run:
        return Answer(Reason.SUCCEEDED, f"Would take over {_what(adoption)}; nothing was changed.")
    confirm(comparison)
    changed = again(session, request, facts, comparison.source)
    if changed is not None:
        raise RunnerError(
            Reason.PLAN_MOVED,
            "Another run has made the ledger meanwhile.",
            "Look with status what it has taken over.",
        )
    facts.ledger = session.ensure(ledger)
    rows = f" Its rows in {adoption.table.text} are kept up from now on." if adoption.keep_rows else ""
    return Answer(Reason.SUCCEEDED, f"Took over {_what(adoption)}; the database is at {facts.current}.{rows}")


def _what(adoption: Adoption) -> str:
    return f"{count(len(adoption.history.applied))} of {adoption.text}"


def _refuse_keeping(session: Session, adoption: Adoption) -> None:
    if adoption.tool != drizzle.NAME:
        raise RunnerError(
            Reason.USAGE,
            f"--keep-rows is for Drizzle, and {adoption.table.text} is the history of {adoption.tool}.",
            "Leave it out.",
        )
    keep.refuse_without_rights(session.work, adoption.table)


def _nothing(session: Session, request: Request, comparison: Comparison) -> RunnerError:
    """The error where nothing was found, or only what is not asked for."""
    ledger, wish = comparison.ledger, request.policy.wish
    name = ledger.identity.database.name
    if not ledger.identity.other_relations:
        return RunnerError(
            Reason.ADOPTION_REFUSED,
            f"The database {name} has no table: there is no history to take over.",
            "Check that the address names the intended database. In an empty one: switchback migrate.",
        )
    history, _ = take.named(session, ledger)
    if wish.tool:
        else_ = f" {history}." if history else ""
        return RunnerError(
            Reason.ADOPTION_REFUSED,
            f"The database {name} has no table of {wish.tool} on the search path.{else_}",
            "If the table has another name, or is elsewhere: --table SCHEMA.NAME.",
        )
    if history:
        return RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{history}: it may be another application's.",
            "If it is this one's: --table SCHEMA.NAME takes it; --search-path SCHEMA takes it, and lets the "
            "files work there.",
        )
    return RunnerError(
        Reason.ADOPTION_REFUSED,
        f"The database {name} has no history of another tool. Looked for: {', '.join(TOOLS)}.",
        "If its table has another name: --table SCHEMA.NAME. Without any: switchback baseline --target ID.",
    )
