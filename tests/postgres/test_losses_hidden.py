"""What a plan makes itself hides nothing that was there before: temporary tables, views, search paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.words import Risk
from switchback.migrations.halves import Sql
from switchback.runner import losses, url
from switchback.runner.connect import Wishes, connect
from tests.postgres.loss_ground import DATA, NOTHING, UNKNOWN, Connection, found, one, run

if TYPE_CHECKING:
    from switchback.contract.words import Severity

BOOKS = (DATA, "table public.books")
TEMP = "CREATE TEMP TABLE books AS SELECT 1 AS id; "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TEMP + "DROP TABLE public.books", [BOOKS]),
        (TEMP + "DROP TABLE books", []),
        (TEMP + "DROP TABLE books; DROP TABLE books", [BOOKS]),
        (TEMP + "DROP TABLE pg_temp.books; DELETE FROM books", [
            (DATA, "DELETE on table public.books, which")]),
        ("CREATE TABLE pg_temp.books (); DROP TABLE public.books", [BOOKS]),
        ("CREATE TEMPORARY TABLE books (id int) ON COMMIT DROP; DROP TABLE public.books", [BOOKS]),
        ("SELECT 1 AS id INTO TEMP books; DROP TABLE public.books", [BOOKS]),
        ("SET search_path = public, pg_temp; " + TEMP + "DROP TABLE books", [BOOKS]),
        ("CREATE TEMP TABLE keep AS SELECT id FROM books; DELETE FROM keep; DROP TABLE keep", []),
        ("CREATE TABLE books (); DROP TABLE books", [BOOKS]),
        ("CREATE VIEW v AS SELECT * FROM books; DELETE FROM v", [(UNKNOWN, "DELETE on view v")]),
        ("CREATE FOREIGN TABLE v (id int) SERVER s; DELETE FROM v", [
            (UNKNOWN, "DELETE on foreign table v")]),
        ("CREATE FOREIGN TABLE v (id int) SERVER s; TRUNCATE v", [(UNKNOWN, "TRUNCATE on foreign table v")]),
        ("CREATE TABLE v (id int); DELETE FROM v; TRUNCATE v", []),
        ("DISCARD TEMP; DROP INDEX i", [(UNKNOWN, "a DISCARD")]),
        ("DELETE FROM pg_catalog.pg_am WHERE false", [(DATA, "DELETE on table pg_catalog.pg_am, which")]),
        ("UPDATE pg_settings SET setting = 'shop' WHERE name = 'search_path'", [
            (UNKNOWN, "UPDATE on view pg_catalog.pg_settings")]),
    ],
)  # fmt: skip
def test_in_one_file(ground: Connection, text: str, expected: list[tuple[Severity, str]]) -> None:
    assert found(ground, text) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("CREATE TEMP TABLE books (id int) ON COMMIT DROP", "DROP TABLE books", [BOOKS]),
        (TEMP + "DROP TABLE books", "DROP TABLE books", [BOOKS]),
        (TEMP, "DROP TABLE public.books", [BOOKS]),
        (TEMP, "DROP TABLE books", [BOOKS]),
        (TEMP, "ALTER TABLE books RENAME TO tomes; DROP TABLE books; DROP TABLE tomes", [BOOKS]),
        ("CREATE TEMP TABLE keep (id int)", "DROP TABLE keep", []),
    ],
)
def test_temporary_tables_of_another_file(
    ground: Connection, first: str, second: str, expected: list[tuple[Severity, str]]
) -> None:
    assert across(ground, first, second) == ([], expected)


def across(connection: Connection, first: str, second: str) -> tuple[list[tuple[Severity, str]], ...]:
    halves = [Sql.of("2_b.down.sql", first), Sql.of("1_a.down.sql", second)]
    assessments = losses.assess(halves, connection)
    return tuple([(loss.severity, loss.object) for loss in half.losses] for half in assessments)


def test_without_a_transaction_temporary_is_short(ground: Connection) -> None:
    directive = "-- switchback: no-transaction\n"
    assert found(ground, directive + "CREATE TEMP TABLE books () ON COMMIT DROP; DROP TABLE books") == [BOOKS]
    assert (UNKNOWN, "a temporary table books") in found(ground, directive + TEMP + "DROP TABLE books")
    assert found(ground, directive + "CREATE TEMP TABLE keep (); DROP TABLE keep") == []
    local = "SET LOCAL search_path = shop; DROP TABLE orders"
    assert (UNKNOWN, "SET LOCAL search_path outside a transaction") in found(ground, directive + local)


def test_a_replaced_view_keeps_who_depends_on_it(connection: Connection, database: str, rows: None) -> None:
    run(database, "CREATE MATERIALIZED VIEW kept AS SELECT * FROM titles")
    replace = "CREATE OR REPLACE VIEW titles AS SELECT title FROM books WHERE true"
    first, second = across(connection, replace, "DROP VIEW titles CASCADE")
    assert (first, second) == ([], [(DATA, "materialized view public.kept")])
    assert one(connection, f"{replace}; DROP VIEW titles CASCADE").risks == (Risk.DATA_LOSS, Risk.CASCADE)


ORDERS = (DATA, "table shop.orders")
COMPUTED = "SELECT set_config('search_path', current_setting('a.b'), true); "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('SET search_path TO "$user", public; DROP TABLE orders', [ORDERS]),
        ("SELECT set_config('search_path', '\"$user\", public', false); DROP TABLE orders", [ORDERS]),
        ("SET ROLE nobody_here; DROP TABLE orders", []),
        ("SET ROLE nobody_here; RESET ROLE; DROP TABLE orders", [ORDERS]),
        ("SET search_path TO nosuch, public; CREATE TABLE IF NOT EXISTS books (); DROP TABLE books", [BOOKS]),
        (COMPUTED + "DROP TABLE nosuch", [(UNKNOWN, "a search path that is computed")]),
        ("SELECT set_config(lower('x'), 'y', true)", [(UNKNOWN, "a setting whose name is computed")]),
        ("SELECT set_config('search_path')", [(UNKNOWN, "a search path that is computed")]),
        ("SELECT set_config('Search_Path', 'Shop', true); DROP TABLE orders", [ORDERS]),
        ("SELECT set_config('search_path', '\"Shop\"', true); DROP TABLE orders", []),
        ("SET search_path TO public, 3; DROP TABLE books", [BOOKS]),
        ("CREATE SCHEMA new; SET search_path TO new, public; CREATE TABLE books (); DROP TABLE books", []),
    ],
)
def test_search_paths(database: str, rows: None, text: str, expected: list[tuple[Severity, str]]) -> None:
    run(database, "DROP ROLE IF EXISTS shop")
    run(database, "CREATE ROLE shop SUPERUSER")
    try:
        with connect(url.read(database, {}), Wishes(role="shop", read_only=True)) as opened:
            assert found(opened, text) == expected
    finally:
        run(database, "DROP OWNED BY shop; DROP ROLE shop")


def test_ordinary_files_raise_no_alarm(ground: Connection) -> None:
    first = """
    DROP TABLE IF EXISTS nosuch; ALTER TABLE IF EXISTS nosuch DROP COLUMN IF EXISTS a;
    ALTER TABLE titles RENAME TO headings; ALTER SCHEMA shop RENAME TO store;
    CREATE TEMP TABLE keep ON COMMIT DROP AS SELECT 1 AS id; UPDATE keep SET id = 2;
    CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1';
    """
    second = """
    DROP SCHEMA IF EXISTS nosuch CASCADE; DROP TYPE IF EXISTS nosuch CASCADE;
    DROP VIEW IF EXISTS nosuch CASCADE; CREATE SCHEMA fresh; DROP SCHEMA fresh;
    DROP FUNCTION g() CASCADE; DROP INDEX IF EXISTS i;
    SET LOCAL search_path = public; DROP TABLE IF EXISTS nosuch, nosuch.nosuch;
    """
    halves = [Sql.of("2_b.down.sql", first), Sql.of("1_a.down.sql", second)]
    assert [half.severity for half in losses.assess(halves, ground)] == [NOTHING, NOTHING]
