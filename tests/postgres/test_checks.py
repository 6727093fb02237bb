"""Checks of kind sql against real servers."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest

from switchback.checks.model import Check, Context
from switchback.checks.run import Plan, Run
from switchback.contract.reasons import Reason
from switchback.contract.words import CheckStage
from tests.postgres.servers import PASSWORD, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.checks.run import Verdict
    from tests.postgres.servers import Server


@pytest.fixture
def shop(database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE books (id int PRIMARY KEY, title text, price int)")
        connection.execute("INSERT INTO books VALUES (1, 'Dune', 12), (2, NULL, NULL)")
        connection.execute(
            "CREATE FUNCTION sell() RETURNS bool LANGUAGE sql AS 'DELETE FROM books; SELECT true'"
        )
        yield connection


def run(url: str | None, query: str, wanted: str = "t", *, seconds: float = 5, **context: object) -> Verdict:
    check = Check("rows", "sql", {"query": query, "expectValue": wanted}, 0.1, seconds, 1)
    said: list[str] = []
    made = Context(operation_id="op-1", url=url, say=said.append, **context)  # type: ignore[arg-type]
    verdict = asyncio.run(Run(Plan(CheckStage.AFTER_MIGRATE, (check,)), made, said.append).verdict())
    assert PASSWORD not in repr(verdict) + repr(said)
    return verdict


def error_of(url: str | None, query: str, wanted: str = "t", **wishes: object) -> str:
    (check,) = run(url, query, wanted, **wishes).checks  # type: ignore[arg-type]
    assert check.passed is (check.error == "")
    return check.error


HOLD = [
    ("SELECT count(*) = 1 FROM books WHERE price IS NULL", "t"),
    ("SELECT count(*), 'more' FROM books", "2"),
    ("SELECT title FROM books ORDER BY id", "Dune"),
    ("SELECT ''", ""),
    ("SELECT '100%'", "100%"),
    ("SELECT ARRAY[1,2]", "{1,2}"),
    ("SELECT 'infinity'::date", "infinity"),
    ("SELECT 0.10::numeric", "0.10"),
    ("WITH x AS (SELECT 'f'::bool AS b) TABLE x;", "f"),
    ("SHOW transaction_read_only", "on"),
    ("EXPLAIN (COSTS OFF) SELECT 1", "Result"),
    ("SELECT 'ü'", "ü"),
]
FAIL = [
    ("SELECT count(*) = 0 FROM books", "the value is 'f' instead of 't'"),
    ("SELECT title FROM books WHERE id = 2", "the value is null instead of 't'"),
    ("SELECT true WHERE false", "the query gives no row"),
    ("SELECT repeat('x', 1000)", f"the value is '{'x' * 61}…' instead of 't'"),
    ("SELECT", "the statement gives no rows: a check needs a SELECT"),
    ("LISTEN news", "the statement gives no rows: a check needs a SELECT"),
    (" -- nothing", "the query is empty"),
    ("SELECT nope FROM books", 'column "nope" does not exist (SQLSTATE 42703)'),
    ("SELECT 'secret'::int", 'invalid input syntax for type integer: "***" (SQLSTATE 22P02)'),
]


@pytest.mark.usefixtures("shop")
def test_the_first_value_as_text_is_what_counts(database: str) -> None:
    assert {query: error_of(database, query, wanted) for query, wanted in HOLD} == dict.fromkeys(
        dict(HOLD), ""
    )


@pytest.mark.usefixtures("shop")
def test_anything_else_is_told(database: str) -> None:
    assert {query: error_of(database, query) for query, _ in FAIL} == dict(FAIL)


WRITE = [
    "DELETE FROM books RETURNING true",
    "SELECT sell()",
    "SELECT true; DELETE FROM books",
    "COMMIT; DELETE FROM books",
    "SET transaction_read_only = off",
    "SELECT sell() FROM set_config('transaction_read_only', 'off', true)",
    "WITH x AS (DELETE FROM books RETURNING 1) SELECT true FROM x",
    "DO $$ BEGIN COMMIT; DELETE FROM books; END $$",
    "DO $$ BEGIN SET TRANSACTION READ WRITE; DELETE FROM books; END $$",
]


def test_nothing_is_changed(database: str, shop: psycopg.Connection[tuple[object, ...]]) -> None:
    for query in WRITE:
        assert error_of(database, query) != "", query
        assert shop.execute("SELECT count(*) FROM books").fetchone() == (2,), query


def test_the_server_ends_what_takes_too_long(server: Server, database: str) -> None:
    begun = time.monotonic()
    assert error_of(database, "SELECT pg_sleep(60)", seconds=0.5) == "no answer within 0.5 s"
    assert time.monotonic() - begun < 2
    with server.connect() as admin:
        for _ in range(50):
            left = admin.execute("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' "
                                 "AND pid <> pg_backend_pid() AND state = 'active'").fetchall()  # fmt: skip
            if not left:
                break
            time.sleep(0.05)
        assert left == []


def test_a_huge_result_is_not_read(database: str) -> None:
    begun = time.monotonic()
    assert error_of(database, "SELECT repeat('x', 1000), generate_series(1, 100000000)", "x" * 1000) == ""
    assert time.monotonic() - begun < 3


def test_role_and_search_path_are_those_of_the_spec(server: Server, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA elsewhere CREATE TABLE films (id int)")
    with server.connect() as admin:
        admin.execute("CREATE ROLE reader")
    try:
        assert "42P01" in error_of(database, "SELECT count(*) FROM films", "0")
        assert error_of(database, "SELECT count(*) FROM films", "0", search_path=("elsewhere",)) == ""
        assert error_of(database, "SELECT current_user", "reader", role="reader") == ""
    finally:
        with server.connect() as admin:
            admin.execute("DROP ROLE reader")


def test_the_address_comes_from_the_environment(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    assert error_of(None, "SELECT true") == ""
    monkeypatch.delenv("DATABASE_URL")
    assert "DATABASE_URL" in error_of(None, "SELECT true")


def test_a_server_that_is_not_there() -> None:
    verdict = run(f"postgresql://shop:{quote(PASSWORD, safe='')}@127.0.0.1:{free_port()}/shop", "SELECT true")
    assert verdict.reason is Reason.CHECKS_FAILED
    assert "does not take connections: " in verdict.message


def test_a_wrong_password(server: Server, database: str) -> None:
    with server.connect() as admin:
        admin.execute("CREATE ROLE guest LOGIN PASSWORD 'right'")
    try:
        port = psycopg.conninfo.conninfo_to_dict(database)["port"]
        error = error_of(f"postgresql://guest:canary@127.0.0.1:{port}/postgres", "SELECT true")
        assert "does not let user guest into database postgres" in error
        assert "canary" not in error
    finally:
        with server.connect() as admin:
            admin.execute("DROP ROLE guest")


def test_each_try_is_a_connection_of_its_own(server: Server, database: str) -> None:
    pids = set()
    for _ in range(2):
        error = error_of(database, "SELECT pg_backend_pid()", "none")
        pids.add(error)
    assert len(pids) == 2


def test_observers_see_who_asks(database: str) -> None:
    query = "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    assert error_of(database, query, "switchback observe op-1") == ""
