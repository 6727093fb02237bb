"""What speaks against any work on a database: it is not the one that is meant, or it is reserved."""

from __future__ import annotations

from datetime import MAXYEAR
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner import clock
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import read

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.runner.ledger.model import Ledger
    from switchback.runner.ledger.names import Names


def other_ledger(ledger: Ledger, names: Names, expected: str) -> RunnerError | None:
    """`DatabaseChanged` when the ledger is not the one that the caller knows this database by.

    Args:
        ledger: as it was read.
        names: where it is.
        expected: UUID of a ledger; empty: any, or none.
    """
    meta = ledger.meta
    if not expected or (meta is not None and meta.ledger_uuid == expected.lower()):
        return None
    here = ledger.identity.database
    where = f"Database {here.name} (system {here.system_identifier})"
    found = (
        f"has no ledger in schema {names.schema}" if meta is None else f"has the ledger {meta.ledger_uuid}"
    )
    return RunnerError(
        Reason.DATABASE_CHANGED,
        f"{where} {found}; the one with the ledger {expected.lower()} was expected.",
        "Check that the URL or Secret names the intended database, and whether it was restored or made anew.",
    )


def other_database(ledger: Ledger) -> RunnerError | None:
    """`DatabaseChanged` when the ledger was made in another database: a dump, a copy, an upgraded server."""
    meta, here = ledger.meta, ledger.identity
    if meta is None:
        return None
    recorded = (meta.system_identifier, meta.database_oid, meta.database_name)
    if recorded == (here.database.system_identifier, here.oid, here.database.name):
        return None
    return RunnerError(
        Reason.DATABASE_CHANGED,
        f"The ledger was made in database {meta.database_name} (system {meta.system_identifier}, "
        f"oid {meta.database_oid}), but this is {here.database.name} "
        f"(system {here.database.system_identifier}, oid {here.oid}).",
        "Check that this is the intended database. To go on with a copy: switchback repair --rebind.",
    )


def reserved(ledger: Ledger, operation_id: str) -> RunnerError | None:
    """`Reserved` while another operation has reserved the database."""
    held = ledger.meta.reservation if ledger.meta is not None else None
    if held is None or held.admits(operation_id):
        return None
    return RunnerError(
        Reason.RESERVED,
        f"Operation {held.operation_id} has reserved this database {_until(held.until)}.",
    )


def _until(time: datetime) -> str:
    return "for ever" if time.year >= MAXYEAR else f"until {clock.stamp(time)}"


def unfit(ledger: Ledger, operation_id: str) -> RunnerError | None:
    """What stops every operation that writes, whatever it would write; None when nothing does."""
    return other_database(ledger) or reserved(ledger, operation_id)


def refuse_other(ledger: Ledger, names: Names, expected: str = "") -> None:
    """Stop when this is not the database that is meant, or its ledger is of a newer release.

    Raises:
        RunnerError: `LedgerNewer`, `DatabaseChanged`.
    """
    problem = other_ledger(ledger, names, expected)
    if problem is not None:
        raise problem
    read.refuse_newer(ledger, names)
    problem = other_database(ledger)
    if problem is not None:
        raise problem
