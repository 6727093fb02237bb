"""Losses are looked up in real databases: nothing is guessed, nothing is missed, nothing is said twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.words import Risk, Severity
from switchback.migrations.halves import Sql
from switchback.runner import losses, probes, url
from switchback.runner.connect import Wishes, connect
from tests.postgres.loss_ground import (
    DATA,
    DEFAULT,
    EMPTY,
    NOTHING,
    UNKNOWN,
    Connection,
    Grounds,
    found,
    one,
    run,
)

if TYPE_CHECKING:
    from tests.postgres.servers import Server


@pytest.mark.parametrize(
    ("text", "empty", "filled"),
    [
        ("DROP TABLE books", EMPTY, DATA),
        ("DROP TABLE IF EXISTS public.books", EMPTY, DATA),
        ('DROP TABLE "Odd Name"', EMPTY, EMPTY),
        ("TRUNCATE authors", EMPTY, DATA),
        ("DELETE FROM books WHERE id = 7", EMPTY, DATA),
        ("UPDATE books SET title = 'x'", EMPTY, DATA),
        ("WITH gone AS (DELETE FROM books RETURNING *) SELECT count(*) FROM gone", EMPTY, DATA),
        ("INSERT INTO books VALUES (1) ON CONFLICT (id) DO UPDATE SET title = 'x'", EMPTY, DATA),
        ("MERGE INTO books b USING authors a ON a.book = b.id WHEN MATCHED THEN DELETE", EMPTY, DATA),
        ("ALTER TABLE books DROP COLUMN title", EMPTY, DATA),
        ("ALTER TABLE books DROP COLUMN IF EXISTS price", EMPTY, DEFAULT),
        ("ALTER TABLE books DROP tags", EMPTY, DEFAULT),
        ("ALTER TABLE books DROP spare", EMPTY, DEFAULT),
        ("ALTER TABLE books DROP added", EMPTY, DATA),
        ("ALTER TABLE books DROP shelf", DEFAULT, DEFAULT),
        ("DROP MATERIALIZED VIEW prices", EMPTY, DATA),
        ("DROP SEQUENCE counter", EMPTY, DATA),
        ("ALTER TABLE books ALTER title TYPE varchar(3)", EMPTY, UNKNOWN),
        ("ALTER TABLE books ALTER id TYPE text USING id::text", EMPTY, UNKNOWN),
        ("DO $$ BEGIN END $$", UNKNOWN, UNKNOWN),
        ("SELECT f()", UNKNOWN, UNKNOWN),
        ("SELECT public.f()", UNKNOWN, UNKNOWN),
        ("CALL p()", UNKNOWN, UNKNOWN),
        ("EXECUTE p", UNKNOWN, UNKNOWN),
        ("DROP OWNED BY nobody", UNKNOWN, UNKNOWN),
        ("SELECT query_to_xml('DELETE FROM books', true, true, '')", UNKNOWN, UNKNOWN),
        ("DELETE FROM titles", UNKNOWN, UNKNOWN),
        ("UPDATE titles SET title = ''", UNKNOWN, UNKNOWN),
        ("THIS IS NO SQL", UNKNOWN, UNKNOWN),
        ("-- switchback: opaque\nDROP INDEX i", UNKNOWN, UNKNOWN),
    ],
)
def test_severities(server: Server, grounds: Grounds, text: str, empty: Severity, filled: Severity) -> None:
    for is_filled, severity in ((False, empty), (True, filled)):
        with connect(url.read(grounds.url(server, filled=is_filled), {})) as opened:
            (loss,) = one(opened, text).losses
            assert (loss.severity, loss.file, loss.line) == (severity, "1_a.down.sql", 1)
            assert one(opened, text).severity is severity


@pytest.mark.parametrize(
    "text",
    [
        "DROP VIEW titles",
        "DROP FUNCTION f()",
        "DROP INDEX books_pkey",
        "DROP TYPE mood",
        "DROP SCHEMA shop",
        "DROP TABLE titles",
        "DROP TABLE nosuch; DROP TABLE nosuch.books; ALTER TABLE nosuch DROP COLUMN a",
        "ALTER TABLE books DROP COLUMN nosuch",
        "ALTER TABLE books DROP CONSTRAINT books_pkey",
        "ALTER TABLE books ALTER title SET NOT NULL, ALTER price DROP DEFAULT, ADD CHECK (id > 0)",
        "ALTER TABLE books ALTER id TYPE bigint, ALTER title TYPE text",
        "CREATE TABLE new (at timestamptz DEFAULT now()); CREATE INDEX ON books (lower(title))",
        "CREATE VIEW v AS SELECT f(); CREATE RULE r AS ON DELETE TO books DO ALSO SELECT f()",
        "INSERT INTO books (id) SELECT max(id) + 1 FROM books WHERE lower(title) = 'x'",
        "SELECT setval('counter', 1), nextval('counter'), now()",
        "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'; COMMENT ON TABLE books IS ''; GRANT ALL ON books TO a",
        "DROP TRIGGER t ON books CASCADE; DROP POLICY p ON books; REVOKE ALL ON books FROM PUBLIC",
        "SAVEPOINT a; ROLLBACK TO a; SET lock_timeout = 1; LOCK TABLE books",
        "-- nothing",
    ],
)
def test_no_loss(ground: Connection, text: str) -> None:
    assert found(ground, text) == []
    assert one(ground, text).severity is NOTHING
    assert one(ground, text).risks == ()


def test_a_value_beside_the_default_is_data(connection: Connection, database: str, rows: None) -> None:
    run(database, "UPDATE books SET price = 0.00, tags = '{}'")
    assert one(connection, "ALTER TABLE books DROP price, DROP tags").severity is DEFAULT
    run(database, "UPDATE books SET price = 0.01, tags = NULL")
    assert found(connection, "ALTER TABLE books DROP price, DROP tags") == [
        (DATA, "column public.books.price"),
        (DEFAULT, "column public.books.tags"),
    ]


def test_an_unanalysed_table_with_dead_rows_is_empty(
    connection: Connection, database: str, rows: None
) -> None:
    run(database, "DELETE FROM authors")
    assert one(connection, "DROP TABLE authors").severity is EMPTY


def test_lines_files_and_texts(ground: Connection) -> None:
    halves = [
        Sql.of(
            "2_b.down.sql",
            "\nDROP TABLE authors;\n\nDROP VIEW titles;\nALTER TABLE books\n DROP title, DROP price;",
        ),
        None,
        Sql.of("1_a.down.sql", "DROP TABLE books;"),
    ]
    second, nothing, first = losses.assess(halves, ground)
    assert [(loss.file, loss.line, loss.object) for loss in second.losses] == [
        ("2_b.down.sql", 2, "table public.authors"),
        ("2_b.down.sql", 5, "column public.books.title"),
        ("2_b.down.sql", 5, "column public.books.price"),
    ]
    assert second.texts == (
        "table public.authors holds data",
        "column public.books.title holds data",
        "column public.books.price holds nothing but its default",
    )
    assert second.risks == (Risk.DATA_LOSS,)
    assert nothing.losses == ()
    assert [loss.text for loss in first.losses] == ["table public.books holds data"]


def test_what_is_dropped_is_lost_once(ground: Connection) -> None:
    halves = [
        Sql.of("3.sql", "DROP TABLE authors"),
        Sql.of("2.sql", "ALTER TABLE books DROP title"),
        Sql.of(
            "1.sql",
            "DROP TABLE authors; ALTER TABLE books DROP title; ALTER TABLE authors DROP id; TRUNCATE authors",
        ),
    ]
    assert [len(found.losses) for found in losses.assess(halves, ground)] == [1, 1, 0]


def test_what_the_range_itself_makes_is_no_loss(ground: Connection) -> None:
    split = """
    ALTER TABLE books ADD COLUMN name text;
    UPDATE books SET name = upper(title);
    CREATE TABLE copy AS SELECT * FROM books;
    SELECT 1 AS a INTO other;
    UPDATE copy SET title = 'x'; DELETE FROM other;
    """
    undo = "ALTER TABLE books DROP COLUMN name; DROP TABLE copy; DROP TABLE public.other;"
    assert [
        found.losses for found in losses.assess([Sql.of("2.sql", split), Sql.of("1.sql", undo)], ground)
    ] == [(), ()]
    assert found(ground, "CREATE TABLE IF NOT EXISTS books (); DROP TABLE books") == [
        (DATA, "table public.books")
    ]
    assert found(ground, "ALTER TABLE books ADD IF NOT EXISTS title text; ALTER TABLE books DROP title") == [
        (DATA, "column public.books.title")
    ]
    assert found(ground, "DROP TABLE books; CREATE TABLE books (); DROP TABLE books") == [
        (DATA, "table public.books")
    ]


def test_renamed_and_moved_objects_are_followed(ground: Connection) -> None:
    text = """
    ALTER TABLE books RENAME TO tomes; ALTER TABLE tomes RENAME COLUMN title TO heading;
    ALTER TABLE tomes DROP COLUMN title; ALTER TABLE books DROP COLUMN price;
    ALTER TABLE tomes SET SCHEMA shop; ALTER TABLE shop.tomes DROP COLUMN heading; DROP TABLE public.tomes;
    ALTER SCHEMA shop RENAME TO store; DROP TABLE shop.orders; DROP TABLE store.orders; DROP TABLE store.tomes
    """
    assert found(ground, text) == [
        (DATA, "column public.books.title"),
        (UNKNOWN, "DROP of table public.tomes"),
        (UNKNOWN, "DROP of table shop.orders"),
        (DATA, "table shop.orders"),
        (DATA, "table public.books"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DROP TABLE orders", []),
        ("SET search_path TO shop, public; DROP TABLE orders", [(DATA, "table shop.orders")]),
        ("SET LOCAL search_path = shop; RESET search_path; DROP TABLE orders", []),
        ("SELECT pg_catalog.set_config('search_path', '', false); DROP TABLE books", []),
        ("SELECT set_config('search_path', 'shop', false); DROP TABLE orders", [(DATA, "table shop.orders")]),
    ],
)
def test_the_search_path_of_the_file_counts(ground: Connection, text: str, expected: object) -> None:
    assert found(ground, text) == expected


def test_the_search_path_of_the_session_counts(database: str, rows: None) -> None:
    run(database, "CREATE TABLE shop.books (id int)")
    with connect(url.read(database, {}), Wishes(search_path=("shop", "public"))) as opened:
        assert found(opened, "DROP TABLE books") == [(EMPTY, "table shop.books")]
        halves = [
            Sql.of("2.sql", "SET search_path = public; DROP TABLE books"),
            Sql.of("1.sql", "DROP TABLE books"),
        ]
        assert [[loss.text for loss in half.losses] for half in losses.assess(halves, opened)] == [
            ["table public.books holds data"],
            ["table shop.books is empty"],
        ]


def test_an_extension_takes_its_tables_silently(connection: Connection, database: str) -> None:
    run(database, "CREATE TABLE member (id int); INSERT INTO member VALUES (1)")
    run(database, "ALTER EXTENSION plpgsql ADD TABLE member")
    assert found(connection, "DROP EXTENSION plpgsql") == [(DATA, "table public.member")]
    assert one(connection, "DROP EXTENSION plpgsql").risks == (Risk.DATA_LOSS,)


def test_partitions_are_looked_into(connection: Connection, database: str) -> None:
    run(
        database,
        "CREATE TABLE p (id int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    )
    assert found(connection, "DROP TABLE p") == [(EMPTY, "table public.p")]
    run(database, "INSERT INTO p VALUES (1)")
    assert found(connection, "DROP TABLE p CASCADE") == [(DATA, "table public.p")]
    assert found(connection, "DROP TABLE p; DROP TABLE IF EXISTS p1") == [
        (DATA, "table public.p"),
        (DATA, "table public.p1"),
    ]


def test_a_table_that_nobody_filled_since_refresh(connection: Connection, database: str) -> None:
    run(database, "CREATE MATERIALIZED VIEW later AS SELECT 1 WITH NO DATA")
    assert found(connection, "DROP MATERIALIZED VIEW later") == [(EMPTY, "materialized view public.later")]


def test_a_locked_table_is_unknown_and_hides_no_other(
    connection: Connection, database: str, rows: None
) -> None:
    with psycopg.connect(database) as locking:
        locking.execute("LOCK TABLE books")
        assessment = one(connection, "DROP TABLE authors; DROP TABLE books")
    assert [(loss.severity, loss.why) for loss in assessment.losses] == [
        (DATA, ""),
        (UNKNOWN, "it is locked by somebody"),
    ]
    assert assessment.risks == (Risk.DATA_LOSS, Risk.UNKNOWN)


def test_a_look_that_takes_too_long_is_unknown(
    connection: Connection, database: str, rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "EXISTS_MS", 50)
    run(
        database,
        "CREATE TABLE huge (a int DEFAULT 1); INSERT INTO huge SELECT 1 FROM generate_series(1, 2000000)",
    )
    (loss,) = one(connection, "ALTER TABLE huge DROP COLUMN a").losses
    assert (loss.severity, loss.why) == (UNKNOWN, "looking took too long")


def test_without_rights_it_is_unknown(connection: Connection, database: str, rows: None) -> None:
    run(
        database,
        "CREATE ROLE blind; ALTER TABLE authors ENABLE ROW LEVEL SECURITY; GRANT SELECT ON authors TO blind",
    )
    try:
        with connect(url.read(database, {}), Wishes(role="blind")) as opened:
            for table in ("books", "authors"):
                (loss,) = one(opened, f"DROP TABLE {table}").losses
                assert (loss.severity, loss.why) == (UNKNOWN, "there is no right to look at all its rows")
    finally:
        run(database, "DROP OWNED BY blind; DROP ROLE blind")


def test_many_tables_take_few_round_trips(
    connection: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(database, "".join(f"CREATE TABLE t{i} (a int); " for i in range(120)) + "INSERT INTO t7 VALUES (1)")
    sent: list[object] = []
    execute = psycopg.Cursor.execute

    def counting(self: Any, query: Any, *rest: Any, **more: Any) -> Any:
        sent.append(query)
        return execute(self, query, *rest, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", counting)
    halves = [Sql.of(f"{i}.sql", f"DROP TABLE t{i}") for i in range(120)]
    severities = [assessment.severity for assessment in losses.assess(halves, connection)]
    assert severities == [DATA if i == 7 else EMPTY for i in range(120)]
    assert len(sent) < 15


def test_nothing_is_changed(connection: Connection, database: str, rows: None) -> None:
    before = snapshot(database)
    one(connection, "DROP TABLE books CASCADE; DROP SEQUENCE counter; UPDATE authors SET book = 2")
    assert snapshot(database) == before


def snapshot(database: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as looking:
        return (
            looking.execute("SELECT relname, relfilenode FROM pg_class ORDER BY 1").fetchall()
            + looking.execute("SELECT last_value, is_called::text FROM counter").fetchall()
        )
