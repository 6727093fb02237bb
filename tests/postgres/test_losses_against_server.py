"""Plans put together at random are really run: whatever the server destroys was found before, by name."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import psycopg

from switchback.migrations.halves import Sql
from switchback.runner import losses
from tests.postgres.loss_ground import Connection, run

if TYPE_CHECKING:
    from collections.abc import Callable

PLANS = 100
SETUP = """
CREATE SCHEMA s1; CREATE SCHEMA s2; CREATE TYPE mood AS ENUM ('a'); CREATE TYPE s1.mood AS ENUM ('a');
CREATE TABLE t1 (id int UNIQUE, m mood); INSERT INTO t1 VALUES (1, 'a');
CREATE TABLE s1.t1 (id int, m s1.mood); INSERT INTO s1.t1 VALUES (1, 'a');
CREATE TABLE t2 (id int, note text); INSERT INTO t2 VALUES (1, 'x');
CREATE TABLE e1 (id int, note text); CREATE TABLE s1.e1 (id int, note text);
CREATE TABLE p (id int, note text) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (7);
CREATE VIEW v1 AS SELECT * FROM t2; CREATE TABLE s2.x (id int); INSERT INTO s2.x VALUES (1);
"""
Kept = dict[int, tuple[str, int, set[int]]]
"""By oid of a table: its name, how many rows it has, and which columns hold something."""


class Dice:
    """Statements at random over few names, so that they often meet."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same plans every time
        self.makers: list[Callable[[], str]] = [
            lambda: f"ALTER TABLE {self.any_} RENAME TO {self.name}",
            lambda: f"ALTER TABLE {self.any_} SET SCHEMA {self.schema}",
            lambda: f"ALTER SCHEMA {self.schema} RENAME TO {self.schema}",
            lambda: f"CREATE SCHEMA IF NOT EXISTS {self.schema}",
            lambda: f"DROP SCHEMA IF EXISTS s{self.random.randint(1, 3)} CASCADE",
            lambda: f"DROP TABLE IF EXISTS {self.any_}{self.cascade}",
            lambda: f"CREATE TABLE IF NOT EXISTS {self.any_} (id int, note text)",
            lambda: f"CREATE TEMP TABLE {self.name} (id int, note text){self.brief}",
            lambda: f"CREATE OR REPLACE VIEW {self.any_} AS SELECT * FROM {self.any_}",
            lambda: f"DELETE FROM {self.any_}",
            lambda: f"TRUNCATE {self.any_}{self.cascade}",
            lambda: f"SET search_path TO {self.schema}, pg_temp, {self.schema}",
            lambda: f"ALTER TYPE {self.type} RENAME TO mood2",
            lambda: f"ALTER TYPE {self.type} SET SCHEMA {self.schema}",
            lambda: f"DROP TYPE IF EXISTS {self.type}{self.cascade}",
            lambda: f"ALTER TABLE p ATTACH PARTITION {self.any_} FOR VALUES IN (1)",
            lambda: f"ALTER TABLE {self.any_} INHERIT {self.any_}",
            lambda: f"ALTER TABLE {self.any_} DROP COLUMN IF EXISTS note{self.cascade}",
            lambda: f"ALTER TABLE {self.any_} RENAME note TO m",
            lambda: f"ALTER TABLE {self.any_} ADD FOREIGN KEY (id) REFERENCES {self.any_} (id)",
        ]

    @property
    def name(self) -> str:
        return self.random.choice(["t1", "t2", "e1", "v1", "x", "p", "p1", "n1"])

    @property
    def schema(self) -> str:
        return self.random.choice(["public", "s1", "s2", "s3"])

    @property
    def any_(self) -> str:
        return self.name if self.random.random() < 0.6 else f"{self.schema}.{self.name}"

    @property
    def type(self) -> str:
        return self.random.choice(["mood", "s1.mood", "s2.mood", "mood2", "s1.mood2"])

    @property
    def cascade(self) -> str:
        return self.random.choice(["", " CASCADE"])

    @property
    def brief(self) -> str:
        return self.random.choice(["", " ON COMMIT DROP"])

    def half(self, connection: psycopg.Connection[Any]) -> str:
        """Some statements that the server takes, which have run when this returns."""
        done: list[str] = []
        for _ in range(40):
            statement = self.random.choice(self.makers)()
            try:
                with connection.transaction():
                    connection.execute(statement.encode())
            except psycopg.Error:
                continue
            done.append(statement)
            if len(done) == self.random.randint(1, 5):
                break
        return "; ".join(done)


def kept(connection: psycopg.Connection[Any]) -> Kept:
    found: Kept = {}
    tables = connection.execute(
        "SELECT c.oid::int, relnamespace::regnamespace::text, relname::text, array_agg(attname::text), "
        "array_agg(attnum::int) FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 "
        "AND NOT attisdropped WHERE relkind = 'r' AND relpersistence = 'p' AND c.oid >= 16384 "
        "GROUP BY 1, 2, 3"
    ).fetchall()
    for oid, schema, name, columns, numbers in tables:
        counts = ", ".join(f'count("{column}")' for column in columns)
        query = f'SELECT count(*), {counts} FROM ONLY "{schema}"."{name}"'
        (rows, *filled) = connection.execute(query.encode()).fetchone() or (0,)
        holding = {number for number, some in zip(numbers, filled, strict=True) if some}
        found[oid] = (f"{schema}.{name}", rows, holding)
    return found


def destroyed(before: Kept, after: Kept) -> set[str]:
    """Names of tables that have lost rows, or columns that held something."""
    nothing: tuple[str, int, set[int]] = ("", 0, set())
    return {
        name
        for oid, (name, rows, holding) in before.items()
        if after.get(oid, nothing)[1] < rows or holding - after.get(oid, nothing)[2]
    }


def end_half(connection: psycopg.Connection[Any]) -> None:
    """What is temporary goes, and the settings, as between two migrations."""
    connection.execute(b"RESET search_path")
    query = b"SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'"
    for (name,) in connection.execute(query).fetchall():
        connection.execute(f"DROP TABLE IF EXISTS pg_temp.{name}".encode())


def test_whatever_is_destroyed_was_found(connection: Connection, database: str) -> None:
    run(database, SETUP)
    destroying = 0
    for seed in range(PLANS):
        dice = Dice(seed)
        with psycopg.connect(database) as running:
            before = kept(running)
            try:
                halves = []
                for _ in range(2):
                    halves.append(dice.half(running))
                    end_half(running)
            except psycopg.errors.DependentObjectsStillExist:
                running.rollback()  # a view on a temporary table, which would have gone with it
                continue
            gone = destroyed(before, kept(running))
            running.rollback()
        found = losses.assess([Sql.of("2.sql", halves[0]), Sql.of("1.sql", halves[1])], connection)
        texts = [loss.text for half in found for loss in half.losses if loss.severity.needs_consent]
        if not any("cannot be judged" in text for text in texts):
            assert {name for name in gone if not any(name in text for text in texts)} == set(), halves
        destroying += bool(gone)
    assert destroying > PLANS / 4
