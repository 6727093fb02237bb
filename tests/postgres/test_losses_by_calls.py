"""Functions that a plan calls: one that is not the server's own may do anything, wherever it is called."""

from __future__ import annotations

import pytest

from tests.postgres.loss_ground import UNKNOWN, Connection, found, run

F = (UNKNOWN, "a call of function f")


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE books ADD COLUMN z int DEFAULT f()",
        "ALTER TABLE books ADD CHECK (f() > 0)",
        "ALTER TABLE books ADD COLUMN z int GENERATED ALWAYS AS (f()) STORED",
        "ALTER TABLE books ALTER id TYPE bigint USING f()",
        "CREATE TABLE new (id int DEFAULT f())",
        "CREATE TABLE new (id int CHECK (f() > id))",
        "CREATE TABLE new PARTITION OF books FOR VALUES FROM (f()) TO (9)",
        "CREATE SCHEMA s CREATE TABLE new (id int DEFAULT f())",
        "CREATE INDEX ON books (f())",
        "ALTER DOMAIN d ADD CHECK (f() > 0)",
        "CREATE DOMAIN d AS int CHECK (f() > 0)",
    ],
)
def test_calls_inside_definitions(ground: Connection, text: str) -> None:
    assert F in found(ground, text)


OWN_ABS = "CREATE FUNCTION public.abs({0}) RETURNS int LANGUAGE sql AS 'SELECT 1'"
ABS = [(UNKNOWN, "a call of function abs")]


def test_a_function_with_the_name_of_the_server_s(connection: Connection, database: str) -> None:
    run(database, OWN_ABS.format("int"))
    first = "SET search_path = public, pg_catalog; "
    assert found(connection, "SELECT abs(1)") == []
    assert found(connection, first + "SELECT abs(1)") == ABS
    assert found(connection, first + "SELECT pg_catalog.abs(1)") == []
    assert found(connection, first + "SET search_path = pg_catalog, public; SELECT abs(1)") == []
    assert found(connection, "SET search_path = pg_temp; SELECT abs(1)") == []


def test_an_overload_of_the_server_s_may_be_the_one_that_is_meant(
    connection: Connection, database: str
) -> None:
    run(database, OWN_ABS.format("text") + "; CREATE SCHEMA aside")
    assert found(connection, "SELECT abs('a'::text)") == ABS
    assert found(connection, "SET search_path = aside; SELECT abs(1)") == []
    renamed = "ALTER SCHEMA public RENAME TO away; SET search_path = away; SELECT abs(1)"
    assert found(connection, renamed) == ABS


@pytest.mark.parametrize(
    "making",
    [
        OWN_ABS.format("text"),
        "CREATE AGGREGATE abs(text) (sfunc = textcat, stype = text)",
        "ALTER FUNCTION f() RENAME TO abs",
        "CREATE SCHEMA shed; ALTER FUNCTION shed.abs(text) SET SCHEMA public",
    ],
)
def test_an_overload_that_the_plan_itself_makes(ground: Connection, making: str) -> None:
    assert found(ground, f"{making}; SELECT abs('a')") == ABS
    assert found(ground, f"{making}; SELECT pg_catalog.abs(1), lower('a')") == []


def test_extensions_overload_functions_and_change_nothing(connection: Connection, database: str) -> None:
    run(database, "CREATE EXTENSION citext")
    assert found(connection, "SELECT replace('a', 'b', 'c'), max(1)") == []
