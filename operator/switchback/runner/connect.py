"""Opening a connection that a migration may rely on: to the primary, of a known version, with no pooler.

Role and limits travel in the start-up options, so that RESET returns to them. The session says everything
that it depends on, whatever role and database have as defaults.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from switchback.contract.reasons import Reason
from switchback.runner import dial, roots, trouble
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchback.runner.address import Address, Host

WORK = "work"
"""Purpose of the connection that changes things and holds the lock."""
OBSERVE = "observe"
"""Purpose of a connection that looks, and cancels."""

APPLICATION_NAME_BYTES = 63
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 2.0

KEEPALIVE = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
"""A dead path is noticed within about 25 s on our side …"""

SERVER_KEEPALIVE = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
"""… and on the server's, so that it ends what a vanished runner left behind."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a session is to be.

    Attributes:
        operation_id: shown in `application_name`.
        role: who owns what is created; None is the user that logs in.
        search_path: schemas in order; empty leaves what URL, role or database say.
        lock_timeout_ms: 0 is none.
        statement_timeout_ms: 0 is none.
        read_only: the server refuses every write, unless a transaction asks for it.
        connect_seconds: for each attempt on one address of one host.
        starting_seconds: how long a server may be starting up.
        within: longest time for an attempt, whatever these two and the address say; None: no further limit.
    """

    operation_id: str = ""
    role: str | None = None
    search_path: tuple[str, ...] = ()
    lock_timeout_ms: int = 2000
    statement_timeout_ms: int = 0
    read_only: bool = False
    connect_seconds: float = 10.0
    starting_seconds: float = 60.0
    within: float | None = None


def options(address: Address, wishes: Wishes) -> str:
    """Start-up options: what the address says first, then ours, which win.

    `transaction_timeout` is not among them: servers before 17 refuse what they do not know.
    """
    settings = {
        **dict(address.settings),
        "client_connection_check_interval": "1000",
        "idle_session_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "statement_timeout": str(wishes.statement_timeout_ms),
        "lock_timeout": str(wishes.lock_timeout_ms),
        "client_min_messages": "notice",
        "standard_conforming_strings": "on",
        **SERVER_KEEPALIVE,
    }
    if wishes.read_only:
        settings["default_transaction_read_only"] = "on"
    if wishes.search_path:
        settings["search_path"] = ", ".join(trouble.quoted_always(name) for name in wishes.search_path)
    elif address.search_path is not None:
        settings["search_path"] = address.search_path
    if wishes.role:
        settings["role"] = wishes.role
    words = [f"-c {name}={_escaped(value)}" for name, value in settings.items()]
    return " ".join([address.options, *words]).strip()


def role_option(role: str) -> str:
    """The start-up option by which a session, of whatever program, works as `role`."""
    return f"-c role={_escaped(role)}"


def _escaped(value: str) -> str:
    return "".join(f"\\{c}" if c == "\\" or c.isspace() else c for c in value)


def application_name(operation_id: str, purpose: str) -> str:
    """`switchback <operation id>`, for observers `switchback observe <operation id>`, in 63 bytes."""
    words = ["switchback", *([] if purpose == WORK else [purpose]), operation_id]
    return " ".join(filter(None, words)).encode()[:APPLICATION_NAME_BYTES].decode(errors="ignore")


def connect(
    address: Address,
    wishes: Wishes | None = None,
    purpose: str = WORK,
    pause: Callable[[float], None] = time.sleep,
) -> psycopg.Connection[Any]:
    """A new connection in autocommit, proven to be one session of a supported primary.

    Hosts are tried in order; of several, the first that is no standby is taken. A server that is starting up
    is waited for. One statement is sent.

    Args:
        address: where.
        wishes: what the session is to be.
        purpose: `WORK` or `OBSERVE`; shown in `application_name`.
        pause: waits so many seconds, or raises when nobody wants to wait any longer.

    Raises:
        RunnerError: each trouble with its own reason; see `trouble`.
    """
    wishes = wishes or Wishes()
    deadline = time.monotonic() + _within(wishes, wishes.starting_seconds)
    wait = FIRST_PAUSE_SECONDS
    while True:
        try:
            return _first_fit(address, wishes, purpose)
        except RunnerError as error:
            if error.reason is not Reason.STARTING_UP or time.monotonic() + wait > deadline:
                raise
        pause(wait)
        wait = min(wait * 2, LONGEST_PAUSE_SECONDS)


def _first_fit(address: Address, wishes: Wishes, purpose: str) -> psycopg.Connection[Any]:
    """The first of the hosts that is fit; else the most telling of their errors."""
    errors: list[RunnerError] = []
    for host in address.hosts or (None,):
        try:
            return _host(address, host, wishes, purpose)
        except RunnerError as error:
            errors.append(error)
    raise min(errors, key=lambda error: _TELLING.index(error.reason) if error.reason in _TELLING else -1)


_TELLING = (
    Reason.STARTING_UP,
    Reason.STANDBY,
    Reason.CONNECTION_LOST,
    Reason.CONNECTION_TIMEOUT,
    Reason.CONNECTION_REFUSED,
    Reason.UNKNOWN_HOST,
)
"""Of several hosts: anything else tells most (a wrong password is wrong everywhere), then these in order."""


def _host(address: Address, host: Host | None, wishes: Wishes, purpose: str) -> psycopg.Connection[Any]:
    where = address.where if host is None else host.text
    last: dial.NoAnswer | None = None
    try:
        for keywords in _attempts(address, host, wishes, purpose):
            if address.tokens is not None and host is not None:
                keywords["password"] = address.tokens.make(host, address.user)
            try:
                pgconn = dial.dial(keywords, _seconds(address, wishes))
            except dial.NoAnswer as error:
                last = error
                if error.sqlstate:
                    break  # the server spoke; another address of it would say the same
            else:
                return _proven(psycopg.Connection(pgconn), address, where)
    except dial.NoAnswer as error:
        last = error
    assert last is not None  # noqa: S101 - there is at least one attempt
    said = trouble.Said(last.text, last.sqlstate, last.kind)
    raise trouble.connecting(said, address, where, wishes.role) from None


def _seconds(address: Address, wishes: Wishes) -> float:
    """Time for one attempt: what the address says with connect_timeout, else the wish."""
    said = dict(address.parameters).get("connect_timeout", "")
    known = said.isascii() and said.isdigit() and int(said) > 0
    return _within(wishes, float(said) if known else wishes.connect_seconds)


def _within(wishes: Wishes, seconds: float) -> float:
    return seconds if wishes.within is None else min(seconds, wishes.within)


def _attempts(address: Address, host: Host | None, wishes: Wishes, purpose: str) -> Iterator[dict[str, str]]:
    """Keywords of libpq for each address that the host's name stands for."""
    keywords = {
        **address.keywords(host),
        **KEEPALIVE,
        "application_name": application_name(wishes.operation_id, purpose),
        "client_encoding": "UTF8",
        "options": options(address, wishes),
    }
    if (keywords.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")) == roots.SYSTEM:
        roots.provide()
    keywords.pop("target_session_attrs", None)  # a standby is one by its own word, asked for below
    if host is None or host.name.startswith(("/", "@")) or "hostaddr" in keywords:
        yield keywords
        return
    for numeric in dial.addresses(host.name, host.port, _within(wishes, wishes.connect_seconds)):
        yield keywords | {"hostaddr": numeric}


_PROOF = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery()"


def _proven(connection: psycopg.Connection[Any], address: Address, where: str) -> psycopg.Connection[Any]:
    try:
        connection.autocommit = True
        connection.prepare_threshold = None
        trouble_found = _unfit(connection, where)
    except psycopg.Error as error:
        trouble_found = trouble.running(error, address)
    except BaseException:
        connection.close()
        raise
    if trouble_found is not None:
        connection.close()
        raise trouble_found
    return connection


def _unfit(connection: psycopg.Connection[Any], where: str) -> RunnerError | None:
    """Why no migration may rely on this connection, or None."""
    major = connection.pgconn.server_version // 10000
    if not trouble.OLDEST <= major <= trouble.NEWEST:
        return trouble.unsupported(f"The server at {where} is PostgreSQL {major}.")
    row = connection.execute(_PROOF.encode()).fetchone()
    if row is None or row[0] != connection.pgconn.backend_pid:
        return trouble.pooler(where, "the server process that answers is not the one that was connected to")
    return trouble.standby(where) if row[1] else None


def prove_apart(first: psycopg.Connection[Any], second: psycopg.Connection[Any], address: Address) -> None:
    """Prove that two idle connections are two sessions: a pooler that passes process ids on shares some.

    It gives the second one, for a transaction, the session that the first one has used last, and the first
    one then another. Three round trips.

    Raises:
        RunnerError: `PoolerRefused`.
    """
    query = "SELECT pg_catalog.pg_backend_pid()"
    try:
        cursor = second.execute(f"BEGIN;{query}".encode())
        cursor.nextset()
        two = cursor.fetchone()
        one = first.execute(query.encode()).fetchone()
        second.execute(b"ROLLBACK")
    except psycopg.Error as error:
        raise trouble.running(error, address) from None
    if one == two or (one, two) != ((_told_pid(first),), (_told_pid(second),)):
        raise trouble.pooler(address.where, "two connections meet in one server process")


def _told_pid(connection: psycopg.Connection[Any]) -> int:
    """The server process that a connection was told of when it was made."""
    return connection.pgconn.backend_pid
