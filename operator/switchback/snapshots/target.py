"""The new database that a restore point is restored into: made, given its properties, dropped on failure."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.names import identifier, literal

if TYPE_CHECKING:
    from switchback.snapshots.manifest import Manifest, Properties

_LOCALE_OPTION = {"i": "ICU_LOCALE", "b": "BUILTIN_LOCALE"}
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
UNFINISHED = "Unfinished restore by switchback"
_MAKING = "switchback_restore_"
"""How the name of a database begins while it is made."""
NAME_BYTES = 63
"""The server cuts longer names without an error: the database would have another name than was asked for."""


def refuse_odd_name(database: str) -> None:
    """Stop names that the server would not take as they are.

    Raises:
        RunnerError: Usage.
    """
    size = len(database.encode(errors="surrogateescape"))
    if 0 < size <= NAME_BYTES:
        return
    message = f"{database} is no name for a database: it has {size} bytes, and PostgreSQL takes {NAME_BYTES}."
    if not database:
        message = "The name of the new database is empty."
    raise RunnerError(Reason.USAGE, message, "Give --database a name that fits.")


def exists(connection: psycopg.Connection[Any], database: str) -> str | None:
    """The comment of `database`, empty when it has none; None when there is no such database."""
    row = connection.execute(
        "SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_database'), '')"
        " FROM pg_catalog.pg_database WHERE datname = %s",
        (database,),
    ).fetchone()
    return None if row is None else str(row[0])


def is_unfinished(comment: str | None) -> bool:
    """Whether a database of this comment is one that a restore has begun and not ended."""
    return comment is not None and comment.startswith(UNFINISHED)


def refuse_existing(connection: psycopg.Connection[Any], database: str) -> None:
    """A restore never touches a database that is there.

    Raises:
        RunnerError: RestoreTargetExists.
    """
    comment = exists(connection, database)
    if comment is None:
        return
    message, advice = f"Database {database} exists.", None
    if is_unfinished(comment):
        message = f"Database {database} exists: a restore into it was ended half-way ({comment})."
        advice = f"Drop it with DROP DATABASE {identifier(database)}, or name another database."
    raise RunnerError(Reason.RESTORE_TARGET_EXISTS, message, advice)


def missing_roles(connection: psycopg.Connection[Any], properties: Properties) -> list[str]:
    """Roles that the restore point names and the server does not have."""
    wanted = sorted({properties.owner, *properties.roles})
    rows = connection.execute(
        "SELECT w FROM pg_catalog.unnest(%s::text[]) w"
        " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = w)",
        (wanted,),
    ).fetchall()
    return [row[0] for row in rows]


def creation(database: str, properties: Properties, *, owner: bool) -> str:
    """CREATE DATABASE with the encoding and locale of the original, and with its owner if wished."""
    words = [
        f"CREATE DATABASE {identifier(database)} TEMPLATE template0",
        f"ENCODING {literal(properties.encoding)}",
        f"LOCALE_PROVIDER {_PROVIDERS.get(properties.provider, 'libc')}",
        f"LC_COLLATE {literal(properties.collate)} LC_CTYPE {literal(properties.ctype)}",
    ]
    option = _LOCALE_OPTION.get(properties.provider)
    if option and properties.locale:
        words.append(f"{option} {literal(properties.locale)}")
    if properties.icu_rules:
        words.append(f"ICU_RULES {literal(properties.icu_rules)}")
    if owner:
        words.append(f"OWNER {identifier(properties.owner)}")
    return " ".join(words)


def create(connection: psycopg.Connection[Any], database: str, manifest: Manifest, *, owners: bool) -> None:
    """Make the empty database. Who could not connect to the original cannot connect to it either.

    It is made under a name that nobody else has, and gets its own one when it says of itself that it is not
    complete: whatever ends this run, there is no database of that name that does not say so.

    Args:
        connection: to any database of the server, in autocommit.
        database: the new name.
        manifest: of the restore point.
        owners: whether the original's owner owns it.

    Raises:
        RunnerError: RestoreTargetExists, PermissionDenied, RestoreFailed (the locale is not known here).
    """
    making = f"{_MAKING}{secrets.token_hex(8)}"
    try:
        connection.execute(creation(making, manifest.properties, owner=owners).encode())
        text = f"{UNFINISHED} from {manifest.name}"
        connection.execute(f"COMMENT ON DATABASE {identifier(making)} IS {literal(text)}".encode())
        connection.execute(f"ALTER DATABASE {identifier(making)} RENAME TO {identifier(database)}".encode())
    except BaseException as error:
        drop(connection, making)
        if isinstance(error, errors.Error) and not connection.closed:
            raise _not_created(database, error) from None
        raise


def _not_created(database: str, error: errors.Error) -> RunnerError:
    why = error.diag.message_primary or type(error).__name__
    if isinstance(error, errors.DuplicateDatabase):
        return RunnerError(Reason.RESTORE_TARGET_EXISTS, f"Database {database} exists.")
    if isinstance(error, errors.InsufficientPrivilege):
        return RunnerError(
            Reason.PERMISSION_DENIED,
            f"Database {database} could not be created: {why}.",
            "Use a role with CREATEDB; to restore without the original's owners, add --no-owner.",
            sqlstate=error.sqlstate,
        )
    return RunnerError(
        Reason.RESTORE_FAILED,
        f"Database {database} could not be created: {why}.",
        "The server needs the encoding and the locale of the original; see the manifest's properties.",
        sqlstate=error.sqlstate,
    )


def apply_access(
    connection: psycopg.Connection[Any], database: str, properties: Properties, *, owners: bool
) -> None:
    """Grant on the database what was granted on the original, and revoke what PUBLIC did not have there.

    Without `owners` only the part about PUBLIC: the other grants may name roles that do not exist.
    """
    if properties.access is None:
        return
    name = identifier(database)
    connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC".encode())
    for grantee, privilege in properties.access:
        if grantee == properties.owner or (grantee and not owners):
            continue
        who = identifier(grantee) if grantee else "PUBLIC"
        connection.execute(f"GRANT {privilege} ON DATABASE {name} TO {who}".encode())


def apply_settings(connection: psycopg.Connection[Any], database: str, properties: Properties) -> list[str]:
    """Repeat the original's ALTER DATABASE ... SET. Returns a sentence for each that could not be repeated.

    `SET ... FROM CURRENT` lets the server do the quoting, which differs between lists and other values.
    """
    failed = []
    for setting in properties.settings:
        name, _, value = setting.partition("=")
        quoted = ".".join(map(identifier, name.split(".")))
        try:
            with connection.transaction():
                connection.execute("SET TRANSACTION READ WRITE")
                connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
                connection.execute(
                    f"ALTER DATABASE {identifier(database)} SET {quoted} FROM CURRENT".encode()
                )
        except errors.Error as error:
            failed.append(f"The setting {name} of the original was not set: {error.diag.message_primary}.")
    return failed


def finish(connection: psycopg.Connection[Any], database: str, manifest: Manifest) -> None:
    """Say on the database itself what it is."""
    text = f"Restored by switchback from {manifest.name}, restore point {manifest.restore_point}"
    connection.execute(f"COMMENT ON DATABASE {identifier(database)} IS {literal(text)}".encode())


def drop(connection: psycopg.Connection[Any], database: str) -> str:
    """Drop the database that this run has made; returns a sentence about it."""
    try:
        connection.execute(f"DROP DATABASE IF EXISTS {identifier(database)} WITH (FORCE)".encode())
    except psycopg.Error as error:
        why = error.diag.message_primary or "the connection was lost"
        return f"The half-restored database {database} could not be dropped: {why}."
    return f"The half-restored database {database} was dropped."
