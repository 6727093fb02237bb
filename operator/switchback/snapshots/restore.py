"""A restore point becomes a new database beside the old one. Nothing that exists is touched.

Three parts, as for the dump: what may be refused is refused and the empty database is made (`begin`), the
client program fills it (`client.sh restore`), and what came of it is judged and completed (`complete`). On
one machine they follow each other here; in a pod each has a container of its own (`restore_pod`).
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.runner.connect import application_name
from switchback.runner.errors import RunnerError
from switchback.snapshots import clients, contents, judge, layout, libpq, rebind, target, toc
from switchback.snapshots.laptop import work_folder
from switchback.snapshots.places import point_at
from switchback.snapshots.prepare import trusting
from switchback.snapshots.progress import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import psycopg

    from switchback.runner.opening import Opener
    from switchback.snapshots.manifest import Manifest
    from switchback.snapshots.places import Place

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
        digest: that the manifest must have; empty: any.
        place: where the restore point is kept, when it has to be downloaded into `folder` first.
    """

    folder: Path
    database: str
    jobs: int
    owners: bool
    operation_id: str
    digest: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it.

    Attributes:
        manifest: of the restore point.
        database: the new one.
        tables: how many it has.
        rows: about how many there are in them.
        ledger: what was found about the ledger in the copy.
        left_out: what a copy does without.
        notices: what a person should know.
        seconds: how long it took.
    """

    manifest: Manifest
    database: str
    tables: int
    rows: int
    ledger: rebind.Proof
    left_out: tuple[toc.LeftOut, ...] = ()
    notices: tuple[str, ...] = ()
    seconds: float = 0.0


def preflight(order: Order, opener: Opener) -> Manifest:
    """Everything that can be refused before gigabytes are read: program, server, name, roles.

    Returns:
        The manifest.

    Raises:
        RunnerError: why the restore point cannot be restored there.
    """
    known = look(order)
    clients.find("pg_restore", known.client_major, Reason.RESTORE_FAILED)
    with opener("restore") as connection:
        refuse(order, known, connection)
    return known


def look(order: Order) -> Manifest:
    """The manifest, if it is the one that is meant and the name of the new database is one.

    Raises:
        RunnerError: SnapshotUnreadable, Usage.
    """
    target.refuse_odd_name(order.database)
    if order.place is None:
        known, found = contents.read(order.folder)
        where = str(order.folder)
    else:
        kept, name = point_at(order.place)
        known, found = kept.read(name)
        where = order.place.text
    if order.digest:
        contents.refuse_other_digest(where, found, order.digest)
    return known


def refuse(order: Order, known: Manifest, connection: psycopg.Connection[Any]) -> None:
    """Stop where the server cannot take the restore point, or not under this name.

    Raises:
        RunnerError: RestoreFailed, RestoreTargetExists.
    """
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
    """Restore into a new database, on this machine. What fails leaves no database; see `complete`.

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
    with opener("restore") as connection, work_folder() as folder:
        parameters = begin(order, known, opener, connection, say)
        with dropped_on_failure(connection, order.database, say):
            write_client_files(Path(folder), connecting_once(order, opener, say), known, parameters)
            say(f"restoring with {program.path} ...")
            _run(
                Path(folder),
                program,
                _watch(connection, order.database, Meter(say, _RESTORED, known.origin.size)),
            )
            made = complete(order, known, connection, Path(folder), opener.renewed(parameters))
    return replace(made, seconds=time.monotonic() - began)


def begin(
    order: Order,
    known: Manifest,
    opener: Opener,
    connection: psycopg.Connection[Any],
    say: Callable[[str], None],
) -> dict[str, str]:
    """Make the empty database, and give the parameters by which a client program reaches its server.

    Raises:
        RunnerError: why it cannot be made. Then there is none.
    """
    application = application_name(order.operation_id, "restore")
    parameters = libpq.parameters_of(connection, opener.address.options, application, known.client_major)
    refuse(order, known, connection)
    say(f"creating database {order.database} ...")
    target.create(connection, order.database, known, owners=order.owners)
    with dropped_on_failure(connection, order.database, say):
        target.apply_access(connection, order.database, known.properties, owners=order.owners)
    return parameters


def connecting_once(order: Order, opener: Opener, say: Callable[[str], None]) -> Order:
    """`order`, for a program whose password may be good for minutes only.

    With several jobs pg_restore connects again at its very end, and a token of AWS is of no use by then.
    """
    if opener.address.tokens is None or order.jobs == 1:
        return order
    say("restoring with one job: with more of them pg_restore would connect again when its token is too old")
    return replace(order, jobs=1)


def write_client_files(work: Path, order: Order, known: Manifest, parameters: Mapping[str, str]) -> None:
    """What `client.sh restore` needs to know, connection files among it.

    Raises:
        RunnerError: UrlInvalid; the connection cannot be said in such files.
    """
    options = () if order.owners else ("--no-owner", "--no-privileges")
    environment = {
        **libpq.connection_files(work, trusting(work, {**parameters, "dbname": order.database})),
        "SWITCHBACK_MAJOR": str(known.client_major),
        "SWITCHBACK_JOBS": str(order.jobs),
        "SWITCHBACK_TARGET": str(order.folder),
        "SWITCHBACK_OPTIONS": " ".join(("--no-publications", "--no-subscriptions", *options)),
        "SWITCHBACK_LEAVE_OUT": toc.LEAVE_OUT,
    }
    # The script takes this file for the sign that there is something to do, so it comes last.
    libpq.write_private(work / libpq.ENVIRONMENT, libpq.environment_text(environment))


def complete(
    order: Order,
    known: Manifest,
    connection: psycopg.Connection[Any],
    work: Path,
    parameters: Mapping[str, str],
) -> Restored:
    """Judge what the client program did, prove the ledger in the copy, and make it a database of its own.

    Args:
        order: what is wished.
        known: the manifest.
        connection: to any database of the server.
        work: the folder that the client program reported into.
        parameters: by which the new database is reached.

    Raises:
        RunnerError: RestoreFailed. With `KeptError` the database is there, and says that it is not finished.
    """
    judge_restore(judge.report_of(work, toc.PART), known.client_major)
    left_out = toc.left_out(work, {known.properties.owner, *known.properties.roles})
    with libpq.connect_to(parameters, order.database) as inside:
        proof = rebind.prove(inside, known)
        notices = rebind.ledger(inside, known, order.operation_id)
        inside.execute("ANALYZE")
        row = inside.execute(_SIZES.encode()).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    notices += target.apply_settings(connection, order.database, known.properties)
    target.finish(connection, order.database, known)
    return Restored(known, order.database, row[0], row[1], proof, left_out, tuple(notices))


@contextlib.contextmanager
def dropped_on_failure(
    connection: psycopg.Connection[Any], database: str, say: Callable[[str], None]
) -> Iterator[None]:
    """What fails or is interrupted inside the block takes the new database with it, unless it is to be kept.

    Raises:
        RunnerError: the same, with a sentence about the database.
    """
    try:
        yield
    except rebind.KeptError:
        raise
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


def _run(work: Path, program: clients.Program, watch: Callable[[], None]) -> None:
    code = clients.run(
        ["/bin/sh", "-c", layout.client_script(), "client.sh", toc.PART],
        clients.environment({"SWITCHBACK_WORK": str(work)}, program.path.parent),
        stderr=work / "log",
        tick=watch,
    )
    if code != 0:
        said = (work / "log").read_text(encoding="utf-8", errors="replace")
        raise RunnerError(Reason.RESTORE_FAILED, f"The script that restores ended with {code}.", detail=said)


def judge_restore(report: judge.Report, major: int) -> None:
    """Nothing when pg_restore has restored everything.

    Raises:
        RunnerError: RestoreFailed; SnapshotClientTooOld or TooNew for another major version than the dump's.
    """
    if report.major is None:
        raise RunnerError(
            Reason.RESTORE_FAILED,
            "The client image has no pg_restore that tells its version, or was ended before it could.",
            "Use an image that holds PostgreSQL's client programs, such as postgres; see the pod's log.",
        )
    if report.major != major:
        reason = Reason.SNAPSHOT_CLIENT_TOO_OLD if report.major < major else Reason.SNAPSHOT_CLIENT_TOO_NEW
        message = f"pg_restore has version {report.release}, and pg_dump of version {major} made the dump."
        raise RunnerError(reason, message, f"Use a client image of version {major}.")
    if report.exit_code == 0:
        return
    if report.exit_code is None or report.exit_code > judge.KILLED:
        how = "before it could report"
        if report.exit_code is not None:
            how = f"by signal {report.exit_code - judge.KILLED}"
        raise RunnerError(Reason.RESTORE_FAILED, f"pg_restore was ended {how}.")
    said = judge.headline(report.stderr)
    advice = None
    if any(word in said for word in _ROLES):
        advice = "Add --no-owner to restore without owners and rights."
    raise RunnerError(Reason.RESTORE_FAILED, f"pg_restore failed: {said}", advice, detail=report.stderr)
