"""Beginning or ending to write Drizzle's rows, where there is a ledger already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.adoption import drizzle, drizzle_files, keep
from switchback.runner.adoption.find import chosen, is_ours
from switchback.runner.adoption.wish import Wish
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import changes
from switchback.runner.operations.base import Answer, again
from switchback.runner.operations.migrate import count
from switchback.runner.plan import listed

if TYPE_CHECKING:
    from switchback.runner.adoption.model import Table
    from switchback.runner.compare import Comparison
    from switchback.runner.operations.base import Facts, Request
    from switchback.runner.session import Session


def run(session: Session, request: Request, facts: Facts, comparison: Comparison) -> Answer:
    """Do what is said about keeping rows; without a word nothing is left to do.

    Raises:
        RunnerError: `AdoptionRefused` when the rows and the ledger do not say the same; `PermissionDenied`;
            `PlanMoved`; of the lock.
    """
    wish = request.policy.wish
    if wish.keep_rows is None:
        return Answer(
            Reason.UP_TO_DATE,
            f"There is a ledger already, with {count(len(comparison.ledger.rows))}: nothing to take over. "
            f"The database is at {comparison.current}.",
        )
    table = _table(session, comparison, wish) if wish.keep_rows else None
    missing = () if table is None else _missing(session, comparison, table)
    begin = f"keep up Drizzle's rows in {table.text}" if table is not None else "write no rows of Drizzle"
    if request.dry_run:
        return Answer(Reason.SUCCEEDED, f"Would {begin} from now on; nothing was changed.")
    if again(session, request, facts, comparison.source) is not None:
        raise RunnerError(Reason.PLAN_MOVED, "Another run has changed the ledger meanwhile.")
    text = "".join(f"{statement};" for statement in missing)
    mark = keep.mark(session.names, session.author, table)
    session.work.execute(f"BEGIN;{text}{mark};{changes.bump(session.names)};COMMIT".encode())
    facts.ledger = session.read()
    wrote = f" {count(len(missing))} had no row there and got one." if missing else ""
    word = (
        f"Drizzle's rows in {table.text} are kept up"
        if table is not None
        else "No rows of Drizzle are kept up"
    )
    return Answer(Reason.SUCCEEDED, f"{word} from now on.{wrote}")


def _table(session: Session, comparison: Comparison, wish: Wish) -> Table:
    """Drizzle's table."""
    if comparison.source.format != drizzle_files.FORMAT:
        raise RunnerError(
            Reason.USAGE,
            f"--keep-rows is for Drizzle, and the files are of the format {comparison.source.format}.",
            "Leave it out.",
        )
    asked = Wish(tool=drizzle.NAME, table=wish.table)
    found = [one.table for one in chosen(session.work, asked) if wish.table or is_ours(one)]
    if len(found) != 1:
        what = ", ".join(table.text for table in found) or "none was found"
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"It takes one table of Drizzle to keep its rows; {what}.",
            "Name it with --table SCHEMA.NAME.",
        )
    keep.refuse_without_rights(session.work, found[0])
    return found[0]


def _missing(session: Session, comparison: Comparison, table: Table) -> tuple[str, ...]:
    """Statements for what is applied and has no row, once every row is that of an applied migration.

    Raises:
        RunnerError: `AdoptionRefused`.
    """
    known = drizzle_files.known(comparison.source)
    rows, _ = drizzle.load(session.work, table)
    files = drizzle.Files(known)
    named = {row: files.of(row) for row in rows}
    applied = comparison.ledger.by_id
    stray = [name or f"hash {row.hash[:12]}" for row, name in named.items() if name not in applied]
    if stray:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{table.text} has rows of what the ledger does not count as applied: {listed(stray)}.",
            "Count it as applied with switchback repair --mark ID, or delete those rows.",
        )
    listed_there = set(named.values())
    gone = [r.id for r in comparison.ledger.rows if r.id not in known and r.id not in listed_there]
    if gone:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{listed(gone)} has neither a file nor a row in {table.text}.",
            "Bring the files back, or forget the rows of the ledger with switchback repair --unmark ID.",
        )
    keeper = keep.Keeper(table, rows, known)
    texts = (keeper.marked(row.id) for row in comparison.ledger.rows)
    return tuple(text for text in texts if text)
