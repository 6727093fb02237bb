"""Databases in which something can be lost, and how tests look at what would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.words import Severity
from switchback.migrations.halves import Sql
from switchback.runner import losses, url
from switchback.runner.connect import Wishes, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.runner.loss import Assessment
    from tests.postgres.servers import Server

NOTHING, EMPTY, DEFAULT, DATA, UNKNOWN = Severity
Connection = psycopg.Connection[Any]

SETUP = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE books (id int PRIMARY KEY, title text, price numeric(10,2) DEFAULT 0, tags jsonb DEFAULT '{}',
  added timestamptz DEFAULT now(), feeling mood, shelf int GENERATED ALWAYS AS (id * 2) STORED, spare point);
CREATE TABLE authors (id serial PRIMARY KEY, book int REFERENCES books);
CREATE TABLE "Odd Name" ("a b" int);
CREATE VIEW titles AS SELECT title FROM books;
CREATE MATERIALIZED VIEW prices AS SELECT price FROM books;
CREATE SEQUENCE counter;
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int, mood mood);
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""
FILL = """
INSERT INTO books (id, title) VALUES (1, 'one'), (2, NULL);
INSERT INTO authors (book) VALUES (1);
REFRESH MATERIALIZED VIEW prices;
INSERT INTO shop.orders VALUES (1, 'ok');
SELECT nextval('counter');
"""


class Grounds:
    """Databases that no test changes, made once per server: one with tables alone, one with rows in them."""

    def __init__(self) -> None:
        self.made: dict[tuple[int, bool], tuple[Server, str]] = {}

    def url(self, server: Server, *, filled: bool) -> str:
        key = (id(server), filled)
        if key not in self.made:
            self.made[key] = (server, server.create_database())
            run(server.url(self.made[key][1]), SETUP + (FILL if filled else ""))
        return server.url(self.made[key][1])


@pytest.fixture(scope="module")
def grounds() -> Iterator[Grounds]:
    found = Grounds()
    yield found
    for server, name in found.made.values():
        server.drop_database(name)


@pytest.fixture
def ground(server: Server, grounds: Grounds) -> Iterator[Connection]:
    """A connection to a database with rows that is only looked at."""
    with connect(url.read(grounds.url(server, filled=True), {}), Wishes(read_only=True)) as opened:
        yield opened


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A connection to a database that the test may change beside it."""
    with connect(url.read(database, {}), Wishes(read_only=True)) as opened:
        yield opened


@pytest.fixture
def rows(database: str) -> None:
    run(database, SETUP + FILL)


def run(database: str, text: str) -> None:
    with psycopg.connect(database, autocommit=True) as arranging:
        arranging.execute(text.encode())


def one(connection: Connection, text: str) -> Assessment:
    (found,) = losses.assess([Sql.of("1_a.down.sql", text)], connection)
    return found


def found(connection: Connection, text: str) -> list[tuple[Severity, str]]:
    return [(loss.severity, loss.object) for loss in one(connection, text).losses]
