"""From another tool's history to the ledger that it becomes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg import errors

from switchback.contract.reasons import Reason
from switchback.runner.adoption import judge, keep, rows
from switchback.runner.adoption.find import chosen, find, is_ours
from switchback.runner.adoption.model import Adoption
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import entries

if TYPE_CHECKING:
    import psycopg

    from switchback.migrations.model import Source
    from switchback.runner.adoption.find import Found
    from switchback.runner.adoption.model import Table
    from switchback.runner.adoption.wish import Wish
    from switchback.runner.ledger.entries import Author
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.ledger.names import Names
    from switchback.runner.policy import Policy
    from switchback.runner.session import Session

HOW = (
    "Take it over: switchback adopt, or --adopt here; in the resource spec.source.adoptionPolicy: IfNoLedger."
)


def look(session: Session, policy: Policy, source: Source, ledger: Ledger) -> Ledger:
    """The ledger as it will be once the history of another tool is taken over; nothing is written.

    The same ledger when there is one already, when nobody wishes it, or when no such history is there.

    Raises:
        RunnerError: `AdoptionRefused`; `PermissionDenied`; `ObjectsLocked` while the other tool writes there.
        psycopg.Error: the other tool's table cannot be read.
    """
    if not policy.adopt or not _is_blank(ledger):
        return ledger
    found = _chosen(session, policy.wish)
    if found is None:
        return ledger
    adoption = _adoption(session, found, source, policy.wish)
    number = len(adoption.history.applied)
    session.reporter.say(
        f"No ledger yet: by {adoption.text}, {number} of {len(source.migrations)} files are applied."
    )
    for notice in adoption.history.notices:
        session.reporter.warn(notice)
    applied = tuple(
        entries.adopted(migration, place) for place, migration in enumerate(adoption.history.applied, 1)
    )
    return replace(ledger, rows=applied, adoption=adoption)


def _chosen(session: Session, wish: Wish) -> Found | None:
    """The one history that counts; None when there is none.

    Raises:
        RunnerError: `AdoptionRefused` when nothing says which of several.
    """
    said = bool(wish.tool or wish.table)
    found = [one for one in chosen(session.work, wish) if wish.table or is_ours(one)]
    if len(found) < 2:  # noqa: PLR2004 - several
        return found[0] if found else None
    advice = (
        "Say which one counts: switchback adopt --table SCHEMA.NAME, or --from TOOL; or drop what is left "
    )
    raise RunnerError(
        Reason.ADOPTION_REFUSED,
        f"There are several histories, and nothing says which one counts: {_listed(found)}.",
        f"{advice}over."
        if said
        else f"{advice}over; or say with --search-path (spec.database.searchPath) which schema counts.",
    )


def _adoption(session: Session, found: Found, source: Source, wish: Wish) -> Adoption:
    judge.refuse_format(found, source, wish)
    tool, table = found
    try:
        reading = tool.read(session.work, table, source)
    except errors.LockNotAvailable:
        raise _locked(tool.NAME, table) from None
    history = judge.judge(found, source, reading, wish)
    locks = rows.may(session.work, table, "UPDATE")
    return Adoption(tool.NAME, table, history, locks=locks, keep_rows=bool(wish.keep_rows))


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

    The other tool cannot write there until the transaction ends, as far as the role may keep it from that.
    """
    lock = f"LOCK TABLE {adoption.table.sql} IN SHARE MODE;" if adoption.locks else ""
    applied = "".join(
        f"{entries.adopted_row(names, migration, place, author)};"
        for place, migration in enumerate(adoption.history.applied, start=1)
    )
    kept = f"{keep.mark(names, author, adoption.table)};" if adoption.keep_rows else ""
    events = entries.adopted_events(names, adoption.text)
    return f"{lock}SELECT 1 / ({adoption.history.guard})::int;{applied}{events};{kept}"


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
