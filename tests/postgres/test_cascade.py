"""What CASCADE would take: named, looked into, and the same as what the server takes."""

from __future__ import annotations

import psycopg
import pytest

from switchback.contract.words import Risk, Severity
from tests.postgres.loss_ground import (
    DATA,
    DEFAULT,
    NOTHING,
    UNKNOWN,
    Connection,
    one,
)

ALL_BEFORE = (
    "DROP VIEW titles; DROP MATERIALIZED VIEW prices; ALTER TABLE authors DROP CONSTRAINT authors_book_fkey; "
)


def cascaded(connection: Connection, text: str) -> dict[str, tuple[Severity, bool]]:
    return {loss.object: (loss.severity, loss.cascade) for loss in one(connection, text).losses}


def test_cascade_names_its_victims(ground: Connection) -> None:
    assert cascaded(ground, "DROP TABLE books CASCADE") == {
        "table public.books": (DATA, False),
        "view public.titles": (NOTHING, True),
        "materialized view public.prices": (DATA, True),
        "table constraint authors_book_fkey on public.authors": (NOTHING, True),
    }
    assert one(ground, "DROP TABLE books CASCADE").risks == (Risk.DATA_LOSS, Risk.CASCADE)
    assert "view public.titles goes by CASCADE" in one(ground, "DROP TABLE books CASCADE").texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DROP TABLE authors CASCADE", {"table public.authors": (DATA, False)}),
        ("DROP TABLE authors, books CASCADE", {
            "table public.authors": (DATA, False), "table public.books": (DATA, False),
            "view public.titles": (NOTHING, True), "materialized view public.prices": (DATA, True)}),
        ("DROP TYPE mood CASCADE", {
            "column public.books.feeling": (DEFAULT, True), "column shop.orders.mood": (DATA, True)}),
        ("DROP SCHEMA shop CASCADE", {"table shop.orders": (DATA, True)}),
        ("ALTER TABLE books DROP COLUMN title CASCADE", {
            "column public.books.title": (DATA, False), "view public.titles": (NOTHING, True)}),
        ("ALTER TABLE books DROP CONSTRAINT books_pkey CASCADE", {
            "table constraint authors_book_fkey on public.authors": (NOTHING, True)}),
        ("DROP SEQUENCE authors_id_seq CASCADE", {
            "sequence public.authors_id_seq": (DATA, False),
            "default value for public.authors.id": (NOTHING, True)}),
        ("DROP VIEW titles CASCADE", {}),
        ("TRUNCATE books CASCADE", {
            "rows of table public.books": (DATA, False), "rows of table public.authors": (DATA, True)}),
        ("DROP OPERATOR + (int, int) CASCADE", {"DROP of operator with CASCADE": (UNKNOWN, False)}),
        (ALL_BEFORE + "DROP TABLE books CASCADE", {
            "materialized view public.prices": (DATA, False), "table public.books": (DATA, False)}),
        ("DROP TABLE books CASCADE; DROP MATERIALIZED VIEW prices", {
            "table public.books": (DATA, False), "view public.titles": (NOTHING, True),
            "materialized view public.prices": (DATA, True),
            "table constraint authors_book_fkey on public.authors": (NOTHING, True)}),
    ],
)  # fmt: skip
def test_cascades(ground: Connection, text: str, expected: object) -> None:
    assert cascaded(ground, text) == expected


def test_what_cascade_takes_is_what_the_server_takes(
    connection: Connection, database: str, rows: None
) -> None:
    """The closure against the server's own NOTICE about the same statement."""
    said: list[str] = []
    with psycopg.connect(database) as dropping:
        dropping.add_notice_handler(lambda d: said.append(d.message_detail or d.message_primary or ""))
        dropping.execute("DROP TABLE books CASCADE")
        dropping.rollback()
    victims = [loss.object for loss in one(connection, "DROP TABLE books CASCADE").losses if loss.cascade]
    assert len(said[0].splitlines()) == len(victims)
