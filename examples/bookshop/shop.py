"""What the database of the bookshop holds, seen through psql in its own pod."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from examples.bookshop.telling import command, say, table

if TYPE_CHECKING:
    from examples.bookshop.kube import Kube

HERE = Path(__file__).parent
POD = "postgres-0"
SQL_SECONDS = 120
PSQL = "psql -U postgres -d bookshop"

_TABLES = """
SELECT c.relname, a.attname FROM pg_class AS c
JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname
"""


@dataclass(frozen=True)
class Rows:
    """The rows of one table up to a key: how many, their checksum, and the last key."""

    count: int
    checksum: str
    last: int


@dataclass(frozen=True)
class State:
    """Everything in a database but the ledger: the schema as pg_dump writes it, and the rows by table."""

    schema: str
    rows: dict[str, Rows]

    @property
    def total(self) -> int:
        """Rows of all tables together."""
        return sum(rows.count for rows in self.rows.values())


class Shop:
    """The database of the story."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube

    def play(self, name: str) -> None:
        """Run a file of SQL, as the shop's own programs would."""
        path = HERE / "seed" / name
        command(f"kubectl -n {self.kube.namespace} exec -i {POD} -- {PSQL} < examples/bookshop/seed/{name}")
        self._psql("bookshop", path.read_text())

    def ask(self, sql: str, database: str = "bookshop") -> list[list[str]]:
        """Rows of a query, as text."""
        said = self._psql(database, sql, "-A", "-t", "-F", "\t")
        return [line.split("\t") for line in said.splitlines() if line]

    def state(self, database: str = "bookshop") -> State:
        """The state of a database as it is now."""
        dump = self.kube.quiet(
            "exec", POD, "--", "pg_dump", "-U", "postgres", "-d", database, "--schema-only",
            "--exclude-schema=switchback", seconds=SQL_SECONDS,
        )  # fmt: skip
        # `\restrict` lines carry a key that is new with each dump
        schema = "\n".join(line for line in dump.splitlines() if not line.startswith("\\"))
        return State(hashlib.sha256(schema.encode()).hexdigest()[:12], self.rows(database))

    def rows(self, database: str = "bookshop", until: State | None = None) -> dict[str, Rows]:
        """Rows by table; with `until`, only those that were there in that state (by their key)."""
        keys = {row[0]: row[1] for row in self.ask(_TABLES, database)}
        limits = {name: until.rows[name].last for name in keys if until and name in until.rows}
        queries = [_sum(name, key, limits.get(name)) for name, key in keys.items()]
        if not queries:
            return {}
        found = self.ask(" UNION ALL ".join(queries), database)
        return {name: Rows(int(count), checksum, int(last)) for name, count, checksum, last in found}

    def _psql(self, database: str, sql: str, *flags: str) -> str:
        return self.kube.quiet(
            "exec", "-i", POD, "--", "psql", "-U", "postgres", "-d", database, "-q", "-v", "ON_ERROR_STOP=1",
            *flags, stdin=sql, seconds=SQL_SECONDS,
        )  # fmt: skip


def _sum(name: str, key: str, limit: int | None) -> str:
    where = "" if limit is None else f"WHERE {key} <= {limit}"
    checksum = "coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '-')"
    # Names come from the catalogue of the demo's own database.
    return f"SELECT '{name}', count(*), {checksum}, coalesce(max({key}), 0) FROM {name} AS t {where}"  # noqa: S608


def differences(expected: dict[str, Rows], found: dict[str, Rows]) -> list[str]:
    """Names of tables that do not hold the same rows."""
    names = sorted(expected.keys() | found.keys())
    return [name for name in names if expected.get(name) != found.get(name)]


def compare(heading: tuple[str, str], left: dict[str, Rows], right: dict[str, Rows]) -> None:
    """Print two states side by side, table by table."""
    rows: list[tuple[str, ...]] = [("table", heading[0], "checksum", heading[1], "checksum", "")]
    for name in sorted(left.keys() | right.keys()):
        a, b = left.get(name), right.get(name)
        same = "same" if a == b else "DIFFERENT"
        rows.append((name, *_cells(a), *_cells(b), same))
    table(rows)


def _cells(rows: Rows | None) -> tuple[str, str]:
    return (f"{rows.count:,} rows", rows.checksum[:12]) if rows else ("-", "-")


def show(state: State) -> None:
    """Print a state: tables with their rows and checksums."""
    rows: list[tuple[str, ...]] = [("table", "rows", "checksum")]
    rows += [(name, f"{each.count:,}", each.checksum[:12]) for name, each in sorted(state.rows.items())]
    table(rows)
    say(f"schema {state.schema} (SHA-256 of what pg_dump --schema-only writes, without the ledger)")
