"""The bookshop example on real servers: every step back restores the schema and the rows, to the letter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.postgres.servers import Server

BOOKSHOP = Path(__file__).parents[2] / "examples" / "bookshop"
MIGRATIONS = BOOKSHOP / "migrations"
RELEASE = BOOKSHOP / "release"
IDS = sorted(path.name.removesuffix(".up.sql") for path in MIGRATIONS.glob("*.up.sql"))
SEEDED_AFTER = "0003_orders"
COMMAND_SECONDS = 60

TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
"""


@dataclass(frozen=True)
class State:
    """What a database holds: the schema as pg_dump writes it, and count and checksum of each table's rows."""

    schema: str
    rows: dict[str, tuple[object, ...]]


@dataclass(frozen=True)
class Shop:
    """A database of the bookshop's, driven by the command line as a user drives it."""

    server: Server
    url: str

    def switchback(self, *words: str) -> str:
        done = subprocess.run(
            [Path(sys.executable).parent / "switchback", *words],
            env={**os.environ, "DATABASE_URL": self.url, "CI": "true"},
            capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def up(self, *until: str) -> None:
        self.switchback("migrate", "--dir", str(MIGRATIONS), *(until or ("--steps", "1")))

    def down(self, *until: str) -> None:
        until = until or ("--steps", "1")
        self.switchback("rollback", "--dir", str(MIGRATIONS), *until, "--accept-data-loss")

    def open_for_business(self) -> None:
        """The shop as it is before the bad migration: grown step by step, with rows from early on."""
        self.up("--target", SEEDED_AFTER)
        self.play("seed.sql")
        self.up("--target", IDS[-2])

    def play(self, name: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute((BOOKSHOP / "seed" / name).read_bytes())

    def buy_a_book(self) -> None:
        """As the program before the release does it: it knows no currency."""
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "INSERT INTO books (author_id, isbn, title, price_cents) VALUES (1, 'new', 'New', 1000)"
            )

    def state(self) -> State:
        dump = subprocess.run(
            [self.server.programs / "pg_dump", "--schema-only", "--exclude-schema=switchback", self.url],
            capture_output=True, text=True, timeout=COMMAND_SECONDS, check=True,
        )  # fmt: skip
        # `\restrict` lines carry a key that is new with each dump
        schema = "\n".join(line for line in dump.stdout.splitlines() if not line.startswith("\\"))
        return State(schema, self.rows())

    def rows(self) -> dict[str, tuple[object, ...]]:
        with psycopg.connect(self.url) as connection:
            tables = [str(name) for (name,) in connection.execute(TABLES)]
            return {table: self.checksum(connection, table) for table in tables}

    @staticmethod
    def checksum(connection: psycopg.Connection[tuple[object, ...]], table: str) -> tuple[object, ...]:
        query = f"SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {table} AS t"
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row


@pytest.fixture
def shop(server: Server, database: str) -> Shop:
    return Shop(server, database)


def test_every_step_back_restores_schema_and_rows(shop: Shop) -> None:
    """Up, down and up again at each step: down undoes up exactly, and up works on what down left."""
    for name in IDS:
        before = shop.state()
        shop.up()
        after = shop.state()
        assert after.schema != before.schema, f"{name} changes nothing"
        shop.down()
        assert shop.state() == before, f"the way back of {name} does not restore what was"
        shop.up()
        assert shop.state() == after, f"{name} does not apply again after its way back"
        if name == SEEDED_AFTER:
            shop.play("seed.sql")
    assert sum(int(str(count)) for count, _ in shop.rows().values()) > 10_000


def test_the_way_to_base_leaves_nothing_but_the_ledger(shop: Shop) -> None:
    shop.open_for_business()
    shop.up()
    shop.down("--target", "base")
    assert shop.rows() == {}
    with psycopg.connect(shop.url) as connection:
        types = connection.execute("SELECT typname FROM pg_type WHERE typname = 'order_status'").fetchall()
    assert types == []


def test_the_bad_migration_is_undone_while_what_customers_did_remains(shop: Shop) -> None:
    """The prices of the sale go, the orders of the day stay, the vouchers are what is lost."""
    shop.open_for_business()
    before = shop.rows()
    shop.up()
    shop.play("busy-day.sql")
    during = shop.rows()
    assert during["books"] != before["books"]
    assert during["vouchers"][0] == 150
    shop.down()
    after = shop.rows()
    assert after["books"] == before["books"]
    assert after["orders"] == during["orders"] != before["orders"]
    assert "vouchers" not in after


def test_the_release_of_chapter_two_takes_nothing_away_before_its_contract_file(
    shop: Shop, tmp_path: Path
) -> None:
    """Expand comes and goes without a trace; contract waits, and its way back leads to what was expanded."""
    shop.open_for_business()
    before = shop.state()
    for file in (*MIGRATIONS.glob("*.sql"), *RELEASE.glob("*.sql")):
        if not file.name.startswith(IDS[-1]):
            shutil.copy(file, tmp_path)
    folder = ("--dir", str(tmp_path))

    assert "0010_currency_required" in shop.switchback("migrate", *folder, "--hold-contract")
    expanded = shop.state()
    shop.buy_a_book()
    shop.switchback("rollback", *folder, "--target", IDS[-2])
    assert shop.state().schema == before.schema

    shop.switchback("migrate", *folder)
    with pytest.raises(psycopg.errors.NotNullViolation):
        shop.buy_a_book()
    shop.switchback("rollback", *folder, "--steps", "1")
    assert shop.state().schema == expanded.schema
