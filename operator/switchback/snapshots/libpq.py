"""Connection files for PostgreSQL's own programs: a service file, a passfile and a small environment file.

The password stands in the passfile and nowhere else. Database and user go through the environment, because a
service file cannot hold a value that ends with a blank; everything else goes into the service file.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

import psycopg

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERVICE = "switchback"
SERVICE_FILE = "pg_service.conf"
PASSFILE = "pgpass"
ENVIRONMENT = "client.env"

CONNECT_SECONDS = "10"
"""For each connection of a client program, unless the user says otherwise."""

_LINE_LIMIT = 1022
"""libpq refuses longer lines in a service file ("line too long")."""

_BY_ENVIRONMENT = {"dbname": "PGDATABASE", "user": "PGUSER"}
_SECRET = "password"  # noqa: S105 - the name of a parameter
_NOT_FOR_FILES = {"service", "servicefile", "passfile"}
_NOT_FOR_OTHERS = {"options", "application_name", "fallback_application_name", "target_session_attrs"}
"""Of a connection of ours: what is meant for it alone. Which server it is, is settled by then."""
_SINCE = {
    **dict.fromkeys(("require_auth", "sslcertmode", "gssdelegation", "load_balance_hosts"), 16),
    **dict.fromkeys(("sslnegotiation",), 17),
    **dict.fromkeys(("min_protocol_version", "max_protocol_version", "scram_client_key"), 18),
    **dict.fromkeys(("scram_server_key", "sslkeylogfile"), 18),
}
"""What older client programs refuse, by the version that knows it first. They do without: the connection that
was checked has met the same server under all of it."""


def parameters_of(
    connection: psycopg.Connection[Any], options: str, application: str, client_major: int
) -> dict[str, str]:
    """Parameters by which a client program reaches the very server that `connection` has reached.

    The address is the one that was met, so that a name with several addresses, or one that moves, cannot lead
    the program elsewhere. TLS still verifies the name.

    Args:
        connection: open.
        options: start-up options that the user asked for.
        application: what the server shows as the program's name.
        client_major: major version of the program; an older one knows fewer parameters.
    """
    info = connection.info
    found = {name: value for name, value in info.get_parameters().items() if name not in _NOT_FOR_OTHERS}
    found = {name: value for name, value in found.items() if _SINCE.get(name, 0) <= client_major}
    found |= {"host": info.host, "port": str(info.port), "user": info.user, "dbname": info.dbname}
    hostaddr = "" if info.host.startswith(("/", "@")) else info.hostaddr
    found |= {"hostaddr": hostaddr, "password": info.password, "options": options}
    return {"connect_timeout": CONNECT_SECONDS, **found, "application_name": application}


def connect_to(parameters: Mapping[str, str], database: str) -> psycopg.Connection[Any]:
    """A connection in autocommit to another database of the same server.

    Raises:
        psycopg.Error: it did not come about.
    """
    words = {name: value for name, value in parameters.items() if value}
    return psycopg.connect(autocommit=True, **{**words, "dbname": database})  # type: ignore[arg-type]


def write_private(path: Path, text: str) -> None:
    """Create or replace `path`, readable by its owner alone, before anything is in it."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def connection_files(folder: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    """Write service file and passfile into `folder` and return the environment that makes libpq use them.

    Args:
        folder: where only this user can read.
        parameters: of the connection, as libpq names them.

    Raises:
        RunnerError: UrlInvalid; a value cannot be said in such a file. The value is not shown.
    """
    environment = {"PGSERVICEFILE": str(folder / SERVICE_FILE), "PGSERVICE": SERVICE}
    lines = [f"[{SERVICE}]"]
    for name, value in parameters.items():
        if name == "sslpassword" and value:
            raise _unsayable(name, "opens a client key")
        if "\n" in value or "\r" in value or "\0" in value:
            raise _unsayable(name, "holds a line break")
        if name in _BY_ENVIRONMENT:
            environment[_BY_ENVIRONMENT[name]] = value
        elif name != _SECRET and name not in _NOT_FOR_FILES and value:
            lines.append(_line(name, value))
    write_private(folder / SERVICE_FILE, "\n".join(lines) + "\n")
    write_passfile(folder / PASSFILE, parameters.get(_SECRET, ""))
    return {**environment, "PGPASSFILE": str(folder / PASSFILE)}


def write_passfile(path: Path, secret: str) -> None:
    """A passfile with one password for every server.

    Without a password of ours there must not be one of the user's: an empty passfile says so.
    """
    write_private(path, f"*:*:*:*:{_escaped(secret)}\n" if secret else "")


def _line(name: str, value: str) -> str:
    line = f"{name}={value}"
    if len(line.encode()) > _LINE_LIMIT:
        raise _unsayable(name, f"is longer than {_LINE_LIMIT} bytes")
    if value != value.rstrip():
        raise _unsayable(name, "ends with a blank")
    return line


def _unsayable(name: str, why: str) -> RunnerError:
    return RunnerError(
        Reason.URL_INVALID,
        f"The connection's {name} {why}: PostgreSQL's client programs cannot be given it through a file.",
        f"Choose another {name}.",
    )


def _escaped(secret: str) -> str:
    return secret.replace("\\", "\\\\").replace(":", "\\:")


def environment_text(environment: Mapping[str, str]) -> str:
    """`environment` as lines that a POSIX shell reads back to the same values."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
