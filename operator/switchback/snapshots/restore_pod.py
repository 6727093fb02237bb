"""First and last part of a restore in a pod. Between them `client.sh restore` runs in the client image.

They share a folder in memory: connection files for the client program, what it reports, and the record by
which the last part knows how the first one ended.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg

from switchback.contract.reasons import Reason
from switchback.runner.connect import application_name
from switchback.runner.errors import RunnerError
from switchback.snapshots import libpq, target
from switchback.snapshots.places import fetch
from switchback.snapshots.progress import Meter
from switchback.snapshots.record import Trouble
from switchback.snapshots.restore import (
    Order,
    Restored,
    begin,
    check,
    complete,
    connecting_once,
    dropped_on_failure,
    look,
    refuse,
    write_client_files,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from switchback.runner.opening import Opener

FILE = "restore.json"


@dataclass(frozen=True, slots=True)
class Begun:
    """How the first part ended: with trouble, or with an empty database on a server.

    Attributes:
        database: that was made; empty: none was.
        server: the address that was met, so that the last part meets no other server.
        trouble: why none was made.
    """

    database: str = ""
    server: str = ""
    trouble: Trouble | None = None


def prepare(order: Order, work: Path, opener: Opener, say: Callable[[str], None]) -> Begun:
    """Verify every byte, make the empty database and write what the client program needs.

    What goes wrong is in the record, not raised: the last part answers.

    Raises:
        OSError: the record could not be written.
    """
    try:
        begun = _prepare(order, work, opener, say)
    except RunnerError as error:
        begun = _troubled(error, opener)
    except psycopg.Error as error:
        begun = _troubled(opener.explain(error), opener)
    except Exception as error:  # noqa: BLE001 - the part that answers has to know, whatever it was
        bug = RunnerError(Reason.BUG, f"{type(error).__name__} in Switchback itself while preparing.")
        begun = _troubled(bug, opener)
    libpq.write_private(work / FILE, json.dumps(asdict(begun)))
    return begun


def _prepare(order: Order, work: Path, opener: Opener, say: Callable[[str], None]) -> Begun:
    known = look(order)
    with opener("restore") as connection:
        refuse(order, known, connection)
    if order.place is not None:
        say(f"downloading {order.place.text} ...")
        fetch(order.place, order.folder.parent, Meter(say, "downloaded", known.size).add)
    check(order.folder, say)
    with opener("restore") as connection:
        parameters = begin(order, known, opener, connection, say)
        with dropped_on_failure(connection, order.database, say):
            write_client_files(work, connecting_once(order, opener, say), known, parameters)
        return Begun(order.database, _server(connection))


def _server(connection: psycopg.Connection[Any]) -> str:
    """What tells a server from another: its own identifier, or its address where the role may not read it."""
    info = connection.info
    query = b"SELECT system_identifier::text FROM pg_catalog.pg_control_system()"
    try:
        row = connection.execute(query).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        row = None
    return str(row[0]) if row is not None else f"{info.hostaddr or info.host}:{info.port}"


def _troubled(error: RunnerError, opener: Opener) -> Begun:
    clean = opener.redactor().clean
    return Begun(trouble=Trouble(error.reason, clean(error.message), clean(error.advice)))


def finish(order: Order, work: Path, opener: Opener, say: Callable[[str], None]) -> Restored:
    """Judge what the client program did, and complete the copy. What failed leaves no database.

    Raises:
        RunnerError: why there is no copy, or why it is kept unfinished.
    """
    begun = _read(work)
    if begun.trouble is not None:
        raise begun.trouble.error()
    known = look(replace(order, place=None))
    with opener("restore") as connection:
        _refuse_other(order, begun, connection)
        with dropped_on_failure(connection, order.database, say):
            application = application_name(order.operation_id, "restore")
            options = opener.address.options
            parameters = libpq.parameters_of(connection, options, application, known.client_major)
            return complete(order, known, connection, work, parameters)


def _refuse_other(order: Order, begun: Begun, connection: psycopg.Connection[Any]) -> None:
    """Never complete, and never drop, what this pod has not made."""
    server, comment = _server(connection), target.exists(connection, order.database)
    if begun.database == order.database and begun.server == server and target.is_unfinished(comment):
        return
    raise RunnerError(
        Reason.RESTORE_FAILED,
        f"Database {order.database} is not the one that the first part of this restore has made: another "
        "server answers, or somebody has replaced it meanwhile.",
        "Look at it before you restore again.",
    )


def _read(work: Path) -> Begun:
    try:
        data: dict[str, Any] = json.loads((work / FILE).read_text(encoding="utf-8"))
        trouble = data.pop("trouble")
        return Begun(trouble=Trouble(Reason(trouble.pop("reason")), **trouble) if trouble else None, **data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise RunnerError(
            Reason.RESTORE_FAILED, "The preparing part of the restore ended without telling how."
        ) from None
