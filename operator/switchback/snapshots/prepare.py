"""First part of a snapshot: is it the right database, and is there something to do at all?

It leaves a record for `seal` in the work folder, whatever happens, and connection files for the client
programs when there is something to dump.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

from switchback.contract.reasons import Reason
from switchback.runner import roots
from switchback.runner.connect import application_name, role_option
from switchback.runner.errors import RunnerError
from switchback.snapshots import describe, estimate, libpq, record, scratch, store
from switchback.snapshots.record import Record, Subject, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from switchback.runner.ledger.names import Names
    from switchback.runner.opening import Opener
    from switchback.snapshots.estimate import Estimate
    from switchback.snapshots.manifest import Manifest, Requester
    from switchback.snapshots.store import Store

LOCK_WAIT_MS = 30_000
"""Longest wait of pg_dump for a table that somebody alters. Whoever queues behind that waits as long."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which restore point is wanted, of which database.

    Attributes:
        kept: where restore points are kept.
        room: folder that the dump is made in: the store's own, or another one when it is uploaded.
        work: folder in memory for connection files and reports, readable by this user alone.
        name: of the restore point.
        jobs: tables dumped at the same time.
        requester: for whom.
        names: where the ledger is.
        database: name that the database must have; empty: any.
        system_identifier: that the server must have; empty: any.
        role: that the client programs work as; empty: the user that logs in.
        deadline_seconds: the longest that it may take; 0: any time.
        writers_fenced: whether writers are kept out meanwhile.
    """

    kept: Store
    room: Path
    work: Path
    name: str
    jobs: int
    requester: Requester
    names: Names
    database: str = ""
    system_identifier: str = ""
    role: str = ""
    deadline_seconds: float = 0
    writers_fenced: bool = False


def prepare(order: Order, opener: Opener, progress: Callable[[int], None] | None = None) -> Record:
    """Do the part and leave the record in `order.work`. What goes wrong is in the record, not raised.

    Args:
        order: what is wanted.
        opener: connects to the database.
        progress: called with numbers of bytes while a restore point that is there already is read.

    Raises:
        OSError: the record could not be written.
    """
    partial = ""
    try:
        found = _look(order, progress)
        if not found.adopted:
            subject, parameters, sizes = _examine(order, opener)
            notices = (*found.notices, *_refuse_hopeless(order, subject, sizes))
            with store.telling(order.room, "The folder for the dump could not be made"):
                partial = scratch.make(order.room, order.name)
            found = Record(order.name, order.requester, notices, partial=partial, subject=subject)
            found = replace(found, writers_fenced=order.writers_fenced)
            _write_client_files(order, found, parameters)
    except RunnerError as error:
        found = _troubled(order, error, partial)
    except psycopg.Error as error:
        found = _troubled(order, opener.explain(error), partial)
    except Exception as error:  # noqa: BLE001 - the part that answers has to know, whatever it was
        bug = RunnerError(Reason.BUG, f"{type(error).__name__} in Switchback itself while preparing.")
        found = _troubled(order, bug, partial)
    redact = opener.redactor().clean
    if found.trouble is not None:
        told = replace(
            found.trouble, message=redact(found.trouble.message), advice=redact(found.trouble.advice)
        )
        found = replace(found, trouble=told)
    record.write(order.work, found)
    return found


def _troubled(order: Order, error: RunnerError, partial: str) -> Record:
    told = Trouble(error.reason, error.message, error.advice)
    return Record(order.name, order.requester, trouble=told, partial=partial)


def _look(order: Order, progress: Callable[[int], None] | None) -> Record:
    """Whether the restore point is there already; what stands in its way is cleared."""
    store.refuse_odd_name(order.name)
    if not order.requester.uid_hash:
        _refuse_taken(order)
    notices = []
    if left := order.kept.clear(order.name, order.requester.uid_hash):
        notices.append(f"Removed {', '.join(left)}, left by an earlier try.")
    known = order.kept.adopt(order.name, progress)
    if known is None:
        return Record(order.name, order.requester, tuple(notices))
    if isinstance(known, str):
        notices.append(f"{order.name} was there but did not verify; it is now {known}.")
        return Record(order.name, order.requester, tuple(notices))
    origin = known[0].origin
    _refuse_foreign(order, known[0])
    _refuse_other(order, origin.database, origin.system_identifier, f"Restore point {order.name} is of")
    notices.append(f"{order.name} was there already, and verified.")
    return Record(order.name, order.requester, tuple(notices), adopted=True)


def _refuse_taken(order: Order) -> None:
    """On a laptop each run is an operation of its own: what has the name is not its restore point.

    It may be anything that a person keeps there, and is not even moved.
    """
    holds = ""
    with contextlib.suppress(RunnerError):
        known, _ = order.kept.read(order.name)
        holds = f": it holds what was committed before {known.restore_point}"
    if holds or (not order.kept.uploads and os.path.lexists(order.room / order.name)):
        raise RunnerError(
            Reason.USAGE,
            f"{order.kept.locate(order.name)} is there already{holds}. Nothing was dumped.",
            "Choose another --name, or leave it out: then the time is a part of it.",
        )


def _refuse_foreign(order: Order, known: Manifest) -> None:
    """An operation takes nothing but what was taken for it."""
    here, there = order.requester, known.requester
    same = here.operation_id == there.operation_id
    if same and _agree(here.uid, there.uid) and _agree(here.purpose, there.purpose):
        return
    whose = f" of {there.namespace}/{there.resource}" if there.resource else ""
    raise RunnerError(
        Reason.SNAPSHOT_FAILED,
        f"Restore point {order.name} is there already, and was taken for operation {there.operation_id}"
        f"{whose}, not for this one.",
        f"Move {order.kept.locate(order.name)} elsewhere, if you want to keep it.",
    )


def _agree(here: str, there: str) -> bool:
    """Older manifests do not know everything."""
    return not here or not there or here == there


def _examine(order: Order, opener: Opener) -> tuple[Subject, Mapping[str, str], Estimate]:
    with opener("snapshot") as connection:
        application = application_name(order.requester.operation_id, "snapshot")
        ledger = describe.read_ledger(connection, order.names)
        origin = describe.origin(connection, ledger)
        options = " ".join(filter(None, [opener.address.options, order.role and role_option(order.role)]))
        parameters = libpq.parameters_of(connection, options, application, origin.major)
        _refuse_other(order, origin.database, origin.system_identifier, "The connection leads to")
        sizes = estimate.measure(connection)
        subject = Subject(
            origin=origin,
            properties=describe.properties(connection),
            ledger=describe.ledger_mark(connection, ledger, order.names, order.requester.operation_id),
            # Last: what is committed while the rest is read is in the dump as well.
            restore_point=describe.restore_point(connection),
        )
    return subject, parameters, sizes


def _refuse_hopeless(order: Order, subject: Subject, sizes: Estimate) -> tuple[str, ...]:
    """Before anything is dumped: can it end in time, and is there room?"""
    database, uploads = subject.origin.database, order.kept.uploads
    estimate.refuse_too_slow(sizes, database, order.jobs, order.deadline_seconds, uploads=uploads)
    with store.telling(order.room, "The folder for the dump cannot be used"):
        usage = shutil.disk_usage(order.room)
    told = estimate.refuse_too_large(
        sizes, database, usage.free, usage.total, str(order.room), uploads=uploads
    )
    return (told,) if told else ()


def _refuse_other(order: Order, database: str, system: str, what: str) -> None:
    wanted = (order.database or database, order.system_identifier or system)
    if wanted != (database, system):
        raise RunnerError(
            Reason.DATABASE_CHANGED,
            f"{what} database {database} of system {system}, but {wanted[0]} of system {wanted[1]} was "
            "inspected.",
        )


def trusting(work: Path, parameters: Mapping[str, str]) -> Mapping[str, str]:
    """The public authorities as a file of ours: client images need not have any, and 15 knows no `system`."""
    if parameters.get("sslrootcert") != roots.SYSTEM:
        return parameters
    own = work / "authorities.crt"
    own.write_bytes(roots.bundle().read_bytes())
    return {**parameters, "sslrootcert": str(own)}


def _write_client_files(order: Order, found: Record, parameters: Mapping[str, str]) -> None:
    if found.subject is None:
        return
    environment = {
        **libpq.connection_files(order.work, trusting(order.work, parameters)),
        "SWITCHBACK_MAJOR": str(found.subject.origin.major),
        "SWITCHBACK_JOBS": str(order.jobs),
        "SWITCHBACK_LOCK_WAIT_MS": str(LOCK_WAIT_MS),
        "SWITCHBACK_TARGET": str(order.room / found.partial),
    }
    # The script takes this file for the sign that there is something to do, so it comes last.
    libpq.write_private(order.work / libpq.ENVIRONMENT, libpq.environment_text(environment))
