"""Addresses in the manner of other tools and of other databases: known, and refused with what to write.

No message here repeats the input, but for the translation of an address that was read to its end.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXAMPLE = "postgresql://user:password@host:5432/database"
JDBC = "jdbc:postgresql"

SCHEMES = frozenset(
    {"postgres", "postgresql", "pgsql", "psql", "pgx", "pgx4", "pgx5", "postgis", "ecto", "pdo-pgsql",
     "pdo_pgsql", "postgresql_psycopg2", "timescale", "timescaledb", "timescalegis"}
)  # fmt: skip
"""What may stand before `://`; behind a `+` the name of a driver."""

OTHERS = {
    **dict.fromkeys(("mysql", "mysql2", "mariadb", "mysqlx"), "MySQL"),
    **dict.fromkeys(("sqlite", "sqlite3", "file", "libsql"), "SQLite"),
    **dict.fromkeys(("mongodb", "mongodb+srv"), "MongoDB"),
    **dict.fromkeys(("sqlserver", "mssql"), "SQL Server"),
    **dict.fromkeys(("oracle",), "Oracle"),
    **dict.fromkeys(("redis", "rediss"), "Redis"),
    **dict.fromkeys(("cockroach", "cockroachdb", "crdb", "crdb-postgres"), "CockroachDB"),
    **dict.fromkeys(("redshift",), "Redshift"),
    **dict.fromkeys(("http", "https"), "the web"),
    **dict.fromkeys(("prisma", "prisma+postgres"), "Prisma's proxy"),
}

_FORMS = (
    (
        re.compile(r"(?:export\s+|set\s+|\$env:)?[A-Z][A-Z0-9_]*\s*=\s*['\"]?[a-z0-9+:]+://"),
        "it begins with the name of a variable.",
        "Take only what stands behind the = sign.",
    ),
    (
        re.compile(r"(?:host|server|data source|user id|username|database|port)\s*=[^;]*;", re.IGNORECASE),
        "it is a connection string of .NET (Name=value; Name=value).",
        f"Write it as {EXAMPLE}, or as host=... port=... dbname=... user=... password=...",
    ),
    (
        re.compile(r"pgsql:(?!//)", re.IGNORECASE),
        "it is a data source name of PHP (pgsql:host=...;dbname=...).",
        f"Write it as {EXAMPLE}.",
    ),
    (
        re.compile(r"socket:|/"),
        "it is the path of a socket, as node-postgres takes it.",
        "Write it as postgresql:///database?host=/folder/of/the/socket.",
    ),
    (
        re.compile(r"postgres(?:ql)?:(?!//)", re.IGNORECASE),
        "its scheme is not followed by two slashes.",
        f"Write it as {EXAMPLE}.",
    ),
)
"""Other ways to write an address: how they begin, what they are, and what to write."""


def form(text: str) -> tuple[str, str]:
    """What a text without a scheme of ours is, and what to write in its place."""
    for begins, what, advice in _FORMS:
        if begins.match(text):
            return what, advice
    return "it does not begin with postgresql://.", f"Write it as {EXAMPLE}."


def other(base: str) -> str:
    """Which other database an address belongs to; empty when the scheme is not one of those."""
    return OTHERS.get(base) or OTHERS.get(base.partition("+")[0], "")


def translation(
    hosts: Sequence[tuple[str, str]],
    user: str,
    database: str,
    parameters: Mapping[str, str],
    *,
    secret: bool,
) -> str:
    """An address as a URL of libpq. Words in capitals stand for what is not shown, or not known.

    Args:
        hosts: names and ports.
        user: who logs in.
        database: its name.
        parameters: of the query.
        secret: whether there is a password.
    """
    names = ",".join(f"{_bracketed(name or 'localhost')}{f':{port}' if port else ''}" for name, port in hosts)
    login = f"{quote(user, safe='') or 'USER'}{':PASSWORD' if secret else ''}"
    query = "&".join(f"{name}={quote(value, safe='/,')}" for name, value in parameters.items())
    url = f"postgresql://{login}@{names or 'localhost'}/{quote(database, safe='') or 'DATABASE'}"
    shown = f"{url}?{query}" if query else url
    return "".join(c if c.isprintable() else "?" for c in shown)


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else quote(name, safe="")
