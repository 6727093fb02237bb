"""A restore point becomes a new database beside the old one. Nothing that exists is touched."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.runner.connect import application_name
from switchback.runner.errors import RunnerError
from switchback.snapshots import clients, contents, judge, libpq, rebind, target
from switchback.snapshots.laptop import work_folder
from switchback.snapshots.progress import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import psycopg

    from switchback.runner.opening import Opener
    from switchback.snapshots.manifest import Manifest


_ROLES = ("must be member of role", "must be able to SET ROLE", "role ")
_RESTORED = "restored (with indexes)"
_SIZES = """
SELECT pg_catalog.count(*), coalesce(pg_catalog.sum(greatest(c.reltuples, 0)), 0)::bigint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname::pg_catalog.text !~ '^pg_' AND n.nspname <> 'information_schema'
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be restored.

    Attributes:
        folder: the restore point.
        database: name of the new database.
        jobs: tables restored at the same time.
        owners: whether owners and rights are restored; else everything belongs to the role that restores.
        operation_id: for the event in the ledger of the copy.
    """

    folder: Path
    database: str
    jobs: int
    owners: bool
    operation_id: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it: tables and estimated rows of the new database, and how long it took."""

    manifest: Manifest
    database: str
    tables: int
    rows: int
    seconds: float
    notices: tuple[str, ...] = ()


def preflight(order: Order, opener: Opener) -> None:
    """Everything that can be refused before gigabytes are read: program, server, name, roles.

    Raises:
        RunnerError: why the restore point cannot be restored there.
    """
    target.refuse_odd_name(order.database)
    known, _ = contents.read(order.folder)
    clients.find("pg_restore", known.client_major, Reason.RESTORE_FAILED)
    with opener("restore") as connection:
        _refuse(order, known, connection)


def _refuse(order: Order, known: Manifest, connection: psycopg.Connection[Any]) -> None:
    _refuse_older_server(connection, known)
    target.refuse_existing(connection, order.database)
    _refuse_missing_roles(connection, order, known)


def check(folder: Path, say: Callable[[str], None]) -> Manifest:
    """The manifest of a restore point of which every byte is as it was.

    Raises:
        RunnerError: SnapshotUnreadable.
    """
    known, _ = contents.read(folder)
    say(f"verifying {len(known.files)} files of {folder} ...")
    return contents.verify(folder, Meter(say, "verified", known.size).add)[0]


def restore(order: Order, known: Manifest, opener: Opener, say: Callable[[str], None]) -> Restored:
    """Restore into a new database. On any failure the database that was made is dropped again.

    Args:
        order: what is wished.
        known: the manifest that `check` gave.
        opener: connects to any database of the server.
        say: takes sentences for people while the work is under way.

    Raises:
        RunnerError: why nothing was restored.
    """
    began = time.monotonic()
    program = clients.find("pg_restore", known.client_major, Reason.RESTORE_FAILED)
    with opener("restore") as connection:
        application = application_name(order.operation_id, "restore")
        options = opener.address.options
        parameters = libpq.parameters_of(connection, options, application, program.major)
        _refuse(order, known, connection)
        say(f"creating database {order.database} ...")
        target.create(connection, order.database, known, owners=order.owners)
        with _dropped_on_failure(connection, order.database, say):
            target.mark_unfinished(connection, order.database, known)
            target.apply_access(connection, order.database, known.properties, owners=order.owners)
            watch = _watch(connection, order.database, Meter(say, _RESTORED, known.origin.size))
            say(f"restoring with {program.path} ...")
            _run(order, program, parameters, watch)
            tables, rows, notices = _complete(order, known, parameters)
            notices += target.apply_settings(connection, order.database, known.properties)
            target.finish(connection, order.database, known)
    seconds = time.monotonic() - began
    return Restored(known, order.database, tables, rows, seconds, tuple(notices))


@contextlib.contextmanager
def _dropped_on_failure(
    connection: psycopg.Connection[Any], database: str, say: Callable[[str], None]
) -> Iterator[None]:
    try:
        yield
    except RunnerError as error:
        message = f"{judge.sentence(error.message)} {target.drop(connection, database)}"
        raise RunnerError(
            error.reason, message, error.advice, sqlstate=error.sqlstate, detail=error.detail
        ) from None
    except BaseException:
        say(target.drop(connection, database))
        raise


def _refuse_older_server(connection: psycopg.Connection[Any], known: Manifest) -> None:
    server = connection.info.server_version // 10000
    if server < known.client_major:
        raise RunnerError(
            Reason.RESTORE_FAILED,
            f"The restore point was made by pg_dump {known.client_version} and the server is PostgreSQL "
            f"{server}: an older server cannot be relied upon to take it.",
            f"Restore into a server of version {known.client_major} or newer.",
        )


def _refuse_missing_roles(connection: psycopg.Connection[Any], order: Order, known: Manifest) -> None:
    if not order.owners:
        return
    missing = target.missing_roles(connection, known.properties)
    if missing:
        raise RunnerError(
            Reason.RESTORE_FAILED,
            f"The restore point names roles that this server does not have: {', '.join(missing)}.",
            "Create them, or add --no-owner: then everything belongs to the role that restores, and rights "
            "are not restored.",
        )


def _watch(connection: psycopg.Connection[Any], database: str, meter: Meter) -> Callable[[], None]:
    def tick() -> None:
        row = connection.execute("SELECT pg_catalog.pg_database_size(%s::name)", (database,)).fetchone()
        meter.reach(row[0] if row is not None else 0)

    return tick


def _run(
    order: Order, program: clients.Program, parameters: Mapping[str, str], watch: Callable[[], None]
) -> None:
    command = [
        *(str(program.path), "--format=directory", f"--jobs={order.jobs}", "--exit-on-error"),
        *("--no-publications", "--no-subscriptions", "--no-password"),
        *(() if order.owners else ("--no-owner", "--no-privileges")),
        *(f"--dbname=service={libpq.SERVICE}", str(order.folder)),
    ]
    with work_folder() as folder:
        work = Path(folder)
        files = libpq.connection_files(work, {**parameters, "dbname": order.database})
        code = clients.run(command, clients.environment(files), stderr=work / "stderr", tick=watch)
        stderr = (work / "stderr").read_text(encoding="utf-8", errors="replace")
    if code == 0:
        return
    if code > judge.KILLED:
        raise RunnerError(Reason.RESTORE_FAILED, f"pg_restore was ended by signal {code - judge.KILLED}.")
    said = judge.headline(stderr)
    advice = (
        "Add --no-owner to restore without owners and rights." if any(w in said for w in _ROLES) else None
    )
    raise RunnerError(Reason.RESTORE_FAILED, f"pg_restore failed: {said}", advice, detail=stderr)


def _complete(order: Order, known: Manifest, parameters: Mapping[str, str]) -> tuple[int, int, list[str]]:
    """In the new database: its own ledger, statistics for the planner, and what there is to count."""
    with libpq.connect_to(parameters, order.database) as connection:
        notices = rebind.ledger(connection, known, order.operation_id)
        connection.execute("ANALYZE")
        row = connection.execute(_SIZES.encode()).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    return row[0], row[1], notices
