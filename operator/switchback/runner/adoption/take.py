"""From another tool's history to the ledger that it becomes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg import errors

from switchback.contract.reasons import Reason
from switchback.runner.adoption.find import find, is_ours
from switchback.runner.adoption.model import Adoption
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import entries

if TYPE_CHECKING:
    import psycopg

    from switchback.migrations.model import Source
    from switchback.runner.adoption.find import Found
    from switchback.runner.adoption.model import Table
    from switchback.runner.ledger.entries import Author
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.ledger.names import Names
    from switchback.runner.policy import Policy
    from switchback.runner.session import Session

HOW = "Take it over with --adopt, in the resource spec.source.adoptionPolicy: IfNoLedger."


def look(session: Session, policy: Policy, source: Source, ledger: Ledger) -> Ledger:
    """The ledger as it will be once the history of another tool is taken over; nothing is written.

    The same ledger when there is one already, when nobody wishes it, or when no such history is there.

    Raises:
        RunnerError: `AdoptionRefused`; `ObjectsLocked` while the other tool writes there.
        psycopg.Error: the other tool's table cannot be read.
    """
    if not policy.adopt or not _is_blank(ledger):
        return ledger
    found = [one for one in find(session.work) if is_ours(one)]
    if not found:
        return ledger
    if len(found) > 1:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"There are several histories, and nothing says which one counts: {_listed(found)}.",
            "Drop what is left over, or say with --search-path (spec.database.searchPath) which schema "
            "counts.",
        )
    tool, table = found[0]
    if source.format not in tool.FORMATS:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{table.text} is the history of {tool.NAME}, whose versions do not name files of the format "
            f"{source.format}.",
            f"Use the files of {tool.NAME}, or do not adopt its history.",
        )
    try:
        adoption = Adoption(tool.NAME, table, tool.history(session.work, table, source))
    except errors.LockNotAvailable:
        raise _locked(tool.NAME, table) from None
    number = len(adoption.history.applied)
    session.reporter.say(
        f"No ledger yet: by {adoption.text}, {number} of {len(source.migrations)} files are applied."
    )
    rows = tuple(
        entries.adopted(migration, place) for place, migration in enumerate(adoption.history.applied, 1)
    )
    return replace(ledger, rows=rows, adoption=adoption)


def named(session: Session, ledger: Ledger) -> tuple[str, str]:
    """What a person should know of other tools' histories where there is no ledger: found, and what to do.

    Two empty strings when nothing is known there.
    """
    found = find(session.work) if _is_blank(ledger) else ()
    mine = [one for one in found if is_ours(one)]
    if mine:
        return f"{_listed(mine)} {'is' if len(mine) == 1 else 'are'} there", HOW
    if found:
        schema = found[0].table.schema
        return f"{_listed(found)} is there, outside the search path", f"Add --search-path {schema}. {HOW}"
    return "", ""


def _is_blank(ledger: Ledger) -> bool:
    """Whether there is no ledger, in a database that is not empty either."""
    return ledger.meta is None and ledger.identity.other_relations


def _listed(found: list[Found] | tuple[Found, ...]) -> str:
    return ", ".join(f"{table.text} of {tool.NAME}" for tool, table in found)


def sql(names: Names, author: Author, adoption: Adoption) -> str:
    """Statements for the transaction that makes the ledger: they fail when the history says something else.

    Reading it keeps the other tool from writing there until the transaction ends.
    """
    rows = "".join(
        f"{entries.adopted_row(names, migration, place, author)};"
        for place, migration in enumerate(adoption.history.applied, start=1)
    )
    return f"SELECT 1 / ({adoption.history.guard})::int;{rows}{entries.adopted_events(names, adoption.text)};"


def explained(error: psycopg.Error, adoption: Adoption) -> BaseException:
    """The error for people, when the ledger could not be made for the sake of the other tool."""
    if isinstance(error, errors.DivisionByZero):
        return RunnerError(
            Reason.PLAN_MOVED,
            f"{adoption.table.text} has changed since it was read: {adoption.tool} works on it.",
        )
    if isinstance(error, errors.LockNotAvailable):
        return _locked(adoption.tool, adoption.table)
    return error


def _locked(tool: str, table: Table) -> RunnerError:
    return RunnerError(
        Reason.OBJECTS_LOCKED,
        f"{table.text} is locked by another session: perhaps {tool} is at work.",
        "Wait for its end, then run again.",
    )
