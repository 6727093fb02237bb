"""From what went wrong with a connection to an error that says what, where, why and what to do.

Judged by SQLSTATE where the server spoke. Where it did not, by the system's own words for an error number,
asked of the system in the same language, and by libpq's texts, which are English unless the process chose a
language, which this one never does.
"""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from switchback.contract.reasons import Reason
from switchback.runner import iam
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.names import TABLES
from switchback.runner.redact import Redactor, masked

if TYPE_CHECKING:
    import psycopg

    from switchback.runner.address import Address

OLDEST, NEWEST = 15, 18
"""Major versions that are supported."""


class Said(NamedTuple):
    """How an attempt failed: libpq's text, the server's SQLSTATE if it spoke, and what we know ourselves."""

    text: str
    sqlstate: str = ""
    kind: str = ""


_STATES = {
    "28P01": Reason.AUTHENTICATION_FAILED,
    "28000": Reason.AUTHENTICATION_FAILED,
    "3D000": Reason.DATABASE_MISSING,
    "55000": Reason.DATABASE_MISSING,
    "53300": Reason.TOO_MANY_CONNECTIONS,
    "57P03": Reason.STARTING_UP,
    "57P01": Reason.CONNECTION_LOST,
    "57P02": Reason.CONNECTION_LOST,
    "57P04": Reason.DATABASE_MISSING,
    "57P05": Reason.CONNECTION_LOST,
    "42501": Reason.PERMISSION_DENIED,
    "25006": Reason.STANDBY,
    "0A000": Reason.SERVER_UNSUPPORTED,
}
_CLASSES = {
    "08": Reason.CONNECTION_LOST,
    "28": Reason.AUTHENTICATION_FAILED,
    "53": Reason.TOO_MANY_CONNECTIONS,
}

_POOLERS = ("unsupported startup parameter", "RDS Proxy")
"""PgBouncer and its like, and Amazon's, refuse the options with which a session starts. In one language."""
_NUMBERS = (
    (errno.ETIMEDOUT, Reason.CONNECTION_TIMEOUT),
    (errno.ECONNRESET, Reason.CONNECTION_LOST),
    (errno.EPIPE, Reason.CONNECTION_LOST),
    (errno.ECONNREFUSED, Reason.CONNECTION_REFUSED),
    (errno.EHOSTUNREACH, Reason.CONNECTION_REFUSED),
    (errno.ENETUNREACH, Reason.CONNECTION_REFUSED),
)
_TEXTS = (
    *((text, Reason.POOLER_REFUSED) for text in _POOLERS),
    ("could not translate host name", Reason.UNKNOWN_HOST),
    ("timeout expired", Reason.CONNECTION_TIMEOUT),
    ("channel binding", Reason.AUTHENTICATION_FAILED),
    ("password", Reason.AUTHENTICATION_FAILED),
    ("authentication", Reason.AUTHENTICATION_FAILED),
    ("GSSAPI", Reason.AUTHENTICATION_FAILED),
    ("invalid response to SSL negotiation", Reason.CONNECTION_REFUSED),
    ("SSL", Reason.TLS_FAILED),
    ("ssl", Reason.TLS_FAILED),
    ("certificate", Reason.TLS_FAILED),
    ("TLS", Reason.TLS_FAILED),
    ("private key", Reason.TLS_FAILED),
    ("read-only", Reason.STANDBY),
    ("hot standby", Reason.STANDBY),
    ("closed the connection unexpectedly", Reason.CONNECTION_LOST),
)
_WEAK = "weak sslmode"
"""In libpq's text, whose values are masked like those of any server."""
_UNSENDABLE = "cannot contain NUL"
"""In the driver's words about a value that it cannot send; all its others are about what it has received."""
_DIRECT = "Use the server's direct port, not the pooler's: with PgBouncer usually 5432 instead of 6432."


def reason_of(said: Said) -> Reason:
    """The reason for a failed attempt, without its text."""
    if said.kind:
        return Reason.UNKNOWN_HOST if said.kind == "dns" else Reason.CONNECTION_TIMEOUT
    if said.sqlstate:
        if any(text in said.text for text in _POOLERS):
            return Reason.POOLER_REFUSED
        found = _STATES.get(said.sqlstate) or _CLASSES.get(said.sqlstate[:2])
        return found or Reason.CONNECTION_REFUSED
    for number, reason in _NUMBERS:
        if os.strerror(number) in said.text:
            return reason
    return next((reason for text, reason in _TEXTS if text in said.text), Reason.CONNECTION_REFUSED)


def connecting(said: Said, address: Address, where: str, role: str | None = None) -> RunnerError:
    """The error for an attempt that failed.

    Args:
        said: how it failed.
        address: whom and what was asked for; its password is taken out of every text.
        where: the host and port that were tried.
        role: the role that the session was to have.
    """
    clean = Redactor(address.hidden).clean
    reason = reason_of(said)
    spoken = clean(masked(_server_words(said.text), said.sqlstate or None))
    if _WEAK in said.text:
        spoken = "sslrootcert=system goes with sslmode=verify-full alone"
    user, database = address.user, address.database
    if said.sqlstate == "22023" and role is not None:
        return RunnerError(
            Reason.PERMISSION_DENIED,
            f"The server at {where} does not let user {user} act as role {role}: {spoken}.",
            "Correct --role, in the resource spec.database.role, or create the role.",
            sqlstate=said.sqlstate,
        )
    if said.sqlstate == "42704":
        return unsupported(
            f"The server at {where} does not know a setting that PostgreSQL {OLDEST} has: {spoken}."
        )
    if reason is Reason.PERMISSION_DENIED:
        return permission_denied(said.text, address, where, role)
    message, advice = _WORDS[reason]
    if where.startswith("/") and not said.sqlstate:
        advice = "Check that the server runs there, or name its host in the URL."
    if reason is Reason.AUTHENTICATION_FAILED and address.tokens is not None:
        advice = iam.refused(address.tokens, quoted(user))
    text = message.format(where=where, user=user, database=database, spoken=spoken)
    return RunnerError(reason, clean(text), advice, sqlstate=said.sqlstate or None)


def _server_words(text: str) -> str:
    """The message itself: without libpq's `connection to server at …, port … failed:` and severity."""
    last = text.strip().split("\nconnection to server")[-1].split("\n")[0]
    found = re.search(r"failed:\s*(?:[A-ZÀ-Ü]{4,}:\s+)?(.*)", last)
    return (found.group(1) if found else last).rstrip(". ")


_WORDS: dict[Reason, tuple[str, str | None]] = {
    Reason.UNKNOWN_HOST: ("The host of {where} is not known: {spoken}.", None),
    Reason.CONNECTION_REFUSED: ("The server at {where} does not take connections: {spoken}.", None),
    Reason.CONNECTION_TIMEOUT: ("The server at {where} did not answer: {spoken}.", None),
    Reason.CONNECTION_LOST: ("The server at {where} closed the connection: {spoken}.", None),
    Reason.TLS_FAILED: (
        "No encrypted connection to {where}: {spoken}.",
        "Check sslmode and the CA certificate (sslrootcert in the URL, PGSSLROOTCERT, spec.database.caFrom).",
    ),
    Reason.AUTHENTICATION_FAILED: (
        "The server at {where} does not let user {user} into database {database}: {spoken}.",
        "Check user and password in the URL or the Secret behind it. For encryption set sslmode=require.",
    ),
    Reason.DATABASE_MISSING: ("The server at {where} has no usable database {database}: {spoken}.", None),
    Reason.TOO_MANY_CONNECTIONS: (
        "The server at {where} has no connection left for user {user}: {spoken}.",
        None,
    ),
    Reason.STARTING_UP: ("The server at {where} is not ready yet: {spoken}.", None),
    Reason.STANDBY: ("The server at {where} is a standby, where nothing can be changed.", None),
    Reason.POOLER_REFUSED: ("A connection pooler answers at {where}: {spoken}.", _DIRECT),
    Reason.SERVER_UNSUPPORTED: ("The server at {where} is not supported: {spoken}.", None),
}


def unsupported(message: str) -> RunnerError:
    """A server of a version that is not supported."""
    return RunnerError(Reason.SERVER_UNSUPPORTED, message, f"Use PostgreSQL {OLDEST} to {NEWEST}.")


def pooler(where: str, why: str) -> RunnerError:
    """A pooler is between us and the server."""
    return RunnerError(
        Reason.POOLER_REFUSED,
        f"A connection pooler answers at {where}: {why}. The lock and the settings of a run belong to one "
        "session, which a pooler does not keep.",
        _DIRECT,
    )


def standby(where: str) -> RunnerError:
    """The server is a standby by its own word."""
    return RunnerError(
        Reason.STANDBY, f"The server at {where} is a standby, where nothing can be changed.",
        "Use the address of the primary; with several hosts in the URL the primary is found by itself.",
    )  # fmt: skip


def read_only(subject: str) -> RunnerError:
    """A primary where somebody has made every transaction a read-only one; `subject` names the database."""
    return RunnerError(
        Reason.PERMISSION_DENIED,
        f"{subject} takes no changes: transactions are read-only, for default_transaction_read_only is on.",
        "Whoever set it with ALTER DATABASE, ALTER ROLE, the URL or the server's configuration has to set it "
        "off, at least for the role that migrates.",
        sqlstate="25006",
    )


_DENIED = re.compile(
    r"permission denied (?:for (?P<kind>[a-z ]+?)|to (?P<verb>set role|create \w+))"
    r" \"?(?P<name>[^\"\n]+?)\"?$"
)
_OWNER = re.compile(r"must be owner of (?P<kind>[a-z ]+?) \"?(?P<name>[^\"\n]+?)\"?$")
_RIGHTS = {
    "database": "CREATE",
    "schema": "USAGE, CREATE",
    "table": "SELECT, INSERT, UPDATE, DELETE",
    "view": "SELECT",
    "sequence": "USAGE, SELECT, UPDATE",
    "function": "EXECUTE",
    "procedure": "EXECUTE",
    "type": "USAGE",
    "language": "USAGE",
    "tablespace": "CREATE",
    "foreign server": "USAGE",
}


def permission_denied(
    text: str, address: Address, where: str | None = None, role: str | None = None
) -> RunnerError:
    """A right is missing: names it, and the GRANT that gives it.

    Args:
        text: the server's message (42501), or libpq's text around it.
        address: whom the right is missing.
        where: host and port while connecting, when the right to connect is what is missing.
        role: the role that the session has, or was to have.
    """
    words = _server_words(text)
    spoken = Redactor(address.hidden).clean(masked(words, "42501"))
    return RunnerError(
        Reason.PERMISSION_DENIED,
        f"{_subject(address, where, role)}: {spoken}.",
        missing_right(words, address, role, connecting=where is not None),
        sqlstate="42501",
    )


def missing_right(
    words: str, address: Address, role: str | None, *, connecting: bool = False, acting: bool = False
) -> str:
    """What gives a right that the server's words say is missing: the GRANT wherever one would do.

    Args:
        words: the message itself.
        address: whom the right is missing.
        role: the role that the session has, or was to have.
        connecting: whether the right to connect is what is missing.
        acting: whether another role may lack it: the file takes one, or a function runs with its owner's.
    """
    if not acting:
        return _grant(words, quoted(role or address.user), address, connecting=connecting)
    owner = _OWNER.search(words)
    if owner is not None:
        return f"{_ACTING} has to be the owner of {owner['kind']} {owner['name']}, or a member of that role."
    given = _grant(words, "<role>", address, connecting=False)
    return f"{given} {_ACTING} lacks the right." if "<role>" in given else given


_ACTING = "The role as which the statement runs, by the file's own words or as the owner of a function,"


def _subject(address: Address, where: str | None, role: str | None) -> str:
    acting = f" as role {role}" if role else ""
    place = where or address.where
    return f"User {address.user}{acting} lacks a right in database {address.database} at {place}"


def _grant(words: str, who: str, address: Address, *, connecting: bool) -> str:
    owner = _OWNER.search(words)
    if owner is not None:
        return (
            f"Run as the owner of {owner['kind']} {owner['name']}: name that role with --role, after "
            f"GRANT <owner> TO {quoted(address.user)};"
        )
    denied = _DENIED.search(words)
    if denied is None:
        return "Grant the named right to the role, or name a role that has it with --role."
    name = denied["name"]
    if denied["verb"] == "set role":
        return f"GRANT {quoted(name)} TO {quoted(address.user)};"
    if denied["verb"]:
        return f"Give {who} the right to {denied['verb']}, or create {name} beforehand as a superuser."
    kind = denied["kind"]
    right = "CONNECT" if connecting and kind == "database" else _RIGHTS.get(kind)
    if right is None:
        return f"Grant the right on {kind} {name} to {who}."
    return f"GRANT {right} ON {'TABLE' if kind == 'view' else kind.upper()} {quoted(name)} TO {who};"


def _is_about(text: str, ledger: str) -> bool:
    """Whether a right on the ledger is missing. Its owner has them all."""
    denied = _DENIED.search(_server_words(text))
    if denied is None:
        return False
    named = (denied["kind"], denied["name"])
    return named == ("schema", ledger) or named in {("table", name) for name in TABLES}


def quoted(name: str) -> str:
    """An identifier as SQL writes it: quoted when it has to be. Dots of a qualified name stay."""
    if re.fullmatch(r"[a-z_][a-z0-9_$]*(?:\.[a-z_][a-z0-9_$]*)*", name):
        return name
    return quoted_always(name)


def quoted_always(name: str) -> str:
    """An identifier between double quotes."""
    return '"' + name.replace('"', '""') + '"'


def running(
    error: psycopg.Error, address: Address, role: str | None = None, ledger: str | None = None
) -> RunnerError:
    """The error for a statement of ours that failed on an open connection.

    Args:
        error: what the driver has raised.
        address: whom and what was asked for.
        role: the role that the session has in place of the user that logs in.
        ledger: the schema of the ledger, if the statement may have been about it.
    """
    sqlstate = error.sqlstate or ""
    text = error.diag.message_primary or str(error).partition("\n")[0]
    if sqlstate == "42501":
        found = permission_denied(text, address, role=role)
        if ledger is not None and _is_about(text, ledger):
            found.advice = (
                f"The ledger in schema {ledger} belongs to another role. Run as its owner, or name that role "
                "with --role: whoever else could write it could have stored SQL run with the owner's rights."
            )
        return found
    spoken = Redactor(address.hidden).clean(masked(text, sqlstate or None))
    from psycopg import DataError  # noqa: PLC0415 - only when something has failed

    driven = isinstance(error, DataError) and not sqlstate  # the driver's own: the connection is whole
    if driven and _UNSENDABLE not in text:
        return RunnerError(
            Reason.DATABASE_CHANGED,
            f"What the database has answered cannot be read: {spoken}.",
            "Somebody has written into the ledger's tables what no release writes. Look for such a value "
            "there, and mend it.",
        )
    reason = reason_of(Said(text, sqlstate))
    if not (sqlstate or driven) or reason in {Reason.CONNECTION_LOST, Reason.STARTING_UP}:
        return RunnerError(
            Reason.CONNECTION_LOST,
            f"The connection to {address.where} broke: {spoken}.",
            sqlstate=sqlstate or None,
        )
    if sqlstate == "55P03":
        return RunnerError(
            Reason.OBJECTS_LOCKED,
            f"The ledger in database {address.database}, or what else a run looks at, is locked by another "
            f"session: {spoken}.",
            "See in pg_stat_activity and pg_locks who has locked the ledger; then run again.",
            sqlstate=sqlstate,
        )
    if sqlstate == "25006":  # no standby: the session was proven to be on a primary
        return read_only(f"Database {address.database} at {address.where}")
    return RunnerError(
        Reason.SQL_FAILED,
        f"A statement of Switchback's own failed in database {address.database}: {spoken}.",
        "Look at the log; if nothing there explains it, please report it.",
        sqlstate=sqlstate or None,
        detail=error.diag.message_detail,
    )
