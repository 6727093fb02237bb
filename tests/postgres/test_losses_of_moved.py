"""What the plan itself has renamed, moved or attached before it drops it is lost all the same."""

from __future__ import annotations

import psycopg
import pytest

from switchback.contract.words import Risk, Severity
from switchback.migrations.halves import Sql
from switchback.runner import losses
from tests.postgres.loss_ground import DATA, DEFAULT, EMPTY, UNKNOWN, Connection, found, one, run

Found = list[list[tuple[Severity, str]]]

MORE = """
CREATE TABLE shop.carts (id serial, mood mood);
CREATE TABLE m (id int, note text) PARTITION BY LIST (id);
CREATE TABLE m1 PARTITION OF m FOR VALUES IN (1);
CREATE TABLE deep PARTITION OF m FOR VALUES IN (23, 24) PARTITION BY LIST (id);
CREATE TABLE m24 (id int, note text);
INSERT INTO m24 VALUES (24, 'x');
CREATE TABLE parent (id int);
CREATE TABLE guest (id int UNIQUE);
CREATE TABLE visits (guest int);
INSERT INTO visits VALUES (NULL);
"""


@pytest.fixture
def more(database: str, rows: None) -> None:
    run(database, MORE)


def through(connection: Connection, *halves: str) -> Found:
    """What each half of a range loses."""
    texts = [Sql.of(f"{len(halves) - i}_a.down.sql", text) for i, text in enumerate(halves)]
    return [
        [(loss.severity, loss.object) for loss in half.losses] for half in losses.assess(texts, connection)
    ]


@pytest.mark.parametrize(
    ("halves", "expected"),
    [
        (("ALTER SCHEMA shop RENAME TO app", "DROP SCHEMA app CASCADE"), [[], [(DATA, "table shop.orders")]]),
        (("ALTER SCHEMA shop RENAME TO app", "DROP SCHEMA IF EXISTS shop CASCADE"), [[], []]),
        (
            ("ALTER TABLE authors SET SCHEMA shop", "DROP SCHEMA shop CASCADE"),
            [[], [(DATA, "table public.authors"), (DATA, "table shop.orders")]],
        ),
        (
            ("CREATE SCHEMA app; ALTER TABLE authors SET SCHEMA app", "DROP SCHEMA app CASCADE"),
            [[], [(DATA, "table public.authors")]],
        ),
        (("ALTER TABLE shop.orders SET SCHEMA public", "DROP SCHEMA shop CASCADE"), [[], []]),
        (("CREATE SCHEMA app CREATE TABLE a (id int)", "DROP SCHEMA app CASCADE; DROP TABLE a"), [[], []]),
        (
            ("ALTER SCHEMA shop RENAME TO app; CREATE SCHEMA shop; CREATE TABLE shop.orders ()",
             "DROP TABLE shop.orders; DROP TABLE app.orders"),
            [[], [(DATA, "table shop.orders")]],
        ),
        (
            ("DROP SCHEMA shop CASCADE; CREATE SCHEMA shop; ALTER TABLE authors SET SCHEMA shop",
             "DROP TABLE shop.orders; DROP SCHEMA shop CASCADE"),
            [[(DATA, "table shop.orders")], [(DATA, "table public.authors")]],
        ),
    ],
)  # fmt: skip
def test_a_schema_takes_what_is_in_it_by_then(
    ground: Connection, halves: tuple[str, ...], expected: Found
) -> None:
    assert through(ground, *halves) == expected


def test_what_moves_out_of_a_schema_takes_its_parts_along(connection: Connection, more: None) -> None:
    assert through(connection, "ALTER TABLE shop.carts SET SCHEMA public", "DROP SCHEMA shop CASCADE") == [
        [],
        [(DATA, "table shop.orders")],
    ]


def test_what_moves_into_a_schema_brings_who_depends_on_it(ground: Connection) -> None:
    first, second = through(ground, "ALTER TABLE books SET SCHEMA shop", "DROP SCHEMA shop CASCADE")
    assert first == []
    assert (DATA, "table public.books") in second
    assert (DATA, "materialized view public.prices") in second


@pytest.mark.parametrize(
    "rename",
    [
        "ALTER TYPE mood RENAME TO temper",
        """CREATE SCHEMA temp; ALTER TYPE mood SET SCHEMA temp; ALTER TYPE temp.mood RENAME TO temper;
        ALTER TYPE temp.temper SET SCHEMA public""",
    ],
    ids=["renamed", "moved"],
)
def test_a_renamed_type_takes_its_columns(ground: Connection, rename: str) -> None:
    assert through(ground, rename, "DROP TYPE temper CASCADE") == [
        [],
        [(DEFAULT, "column public.books.feeling"), (DATA, "column shop.orders.mood")],
    ]


def test_the_old_name_of_a_type_means_nothing(ground: Connection) -> None:
    drop = "DROP TYPE IF EXISTS mood CASCADE"
    assert through(ground, "ALTER TYPE mood RENAME TO temper", drop) == [[], []]
    assert through(ground, "ALTER TYPE mood RENAME TO temper; ALTER TYPE temper RENAME TO mood", drop) == [
        [],
        [(DEFAULT, "column public.books.feeling"), (DATA, "column shop.orders.mood")],
    ]


def test_types_in_and_out_of_a_schema(ground: Connection) -> None:
    moved = "ALTER TYPE mood SET SCHEMA shop"
    (_, inside) = through(ground, moved, "DROP SCHEMA shop CASCADE")
    assert (DEFAULT, "column public.books.feeling") in inside
    assert through(ground, moved, "ALTER TYPE shop.mood SET SCHEMA public; DROP SCHEMA shop CASCADE") == [
        [],
        [(DATA, "table shop.orders")],
    ]


def test_a_type_that_moves_out_of_a_schema_keeps_its_columns(connection: Connection, database: str) -> None:
    run(database, "CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('ok'); CREATE TABLE a (mood app.mood)")
    run(database, "INSERT INTO a VALUES ('ok')")
    moved = "ALTER TYPE app.mood SET SCHEMA public"
    assert through(connection, moved, "DROP SCHEMA app CASCADE") == [[], []]
    assert (DATA, "column public.a.mood") in through(connection, "DROP SCHEMA app CASCADE")[0]


def test_a_renamed_function_takes_what_is_made_with_it(connection: Connection, database: str) -> None:
    run(database, "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    run(database, "CREATE MATERIALIZED VIEW kept AS SELECT f()")
    assert through(connection, "ALTER FUNCTION f() RENAME TO g", "DROP FUNCTION g() CASCADE") == [
        [],
        [(DATA, "materialized view public.kept")],
    ]


def test_a_type_of_the_range_may_have_spread(ground: Connection) -> None:
    made = "DROP TYPE mood; CREATE TYPE mood AS ENUM ('x'); ALTER TABLE shop.orders ALTER mood TYPE mood"
    assert through(ground, made, "DROP TYPE mood") == [[(UNKNOWN, "type of column shop.orders.mood")], []]
    (_, dropped) = through(ground, "CREATE DOMAIN line AS text", "DROP DOMAIN line CASCADE")
    assert dropped == [(UNKNOWN, "DROP of type line with CASCADE")]
    assert through(ground, "DROP TYPE IF EXISTS nosuch CASCADE") == [[]]


ATTACH = "ALTER TABLE m ATTACH PARTITION m24 FOR VALUES IN (24)"
DEEP = "ALTER TABLE deep ATTACH PARTITION m24 FOR VALUES IN (24)"


@pytest.mark.parametrize(
    ("halves", "expected"),
    [
        ((ATTACH, "DROP TABLE m"), [(EMPTY, "table public.m"), (DATA, "table public.m24")]),
        ((DEEP, "DROP TABLE m"), [(EMPTY, "table public.m"), (DATA, "table public.m24")]),
        ((DEEP + "; ALTER TABLE deep DETACH PARTITION m24", "DROP TABLE m"), [(EMPTY, "table public.m")]),
        ((ATTACH, "TRUNCATE m"), [(EMPTY, "rows of table public.m"), (DATA, "rows of table public.m24")]),
        ((ATTACH, "DELETE FROM m"), [
            (EMPTY, "DELETE on table public.m, which"), (DATA, "DELETE on table public.m24, which")]),
        ((ATTACH, "ALTER TABLE m DROP COLUMN note"), [
            (EMPTY, "column public.m.note"), (DATA, "column public.m24.note")]),
        ((ATTACH, "ALTER TABLE m ALTER note TYPE varchar(1)"), [
            (EMPTY, "type of column public.m.note"), (UNKNOWN, "type of column public.m24.note")]),
        ((ATTACH, "ALTER TABLE m DETACH PARTITION m24; DROP TABLE m"), [(EMPTY, "table public.m")]),
        (("CREATE TABLE n (id int, note text) PARTITION BY LIST (id)",
          "ALTER TABLE n ATTACH PARTITION m24 DEFAULT; DROP TABLE n"), [(DATA, "table public.m24")]),
        (("ALTER TABLE m24 INHERIT parent", "DROP TABLE parent CASCADE"), [
            (EMPTY, "table public.parent"), (DATA, "table public.m24")]),
        (("ALTER TABLE m24 INHERIT parent; ALTER TABLE m24 NO INHERIT parent", "DROP TABLE parent CASCADE"), [
            (EMPTY, "table public.parent")]),
        (("ALTER TABLE m RENAME note TO remark; ALTER TABLE m DETACH PARTITION m1",
          "ALTER TABLE m1 DROP COLUMN remark"), [(UNKNOWN, "column remark of table public.m1")]),
    ],
)  # fmt: skip
def test_partitions_and_heirs_of_the_range(
    connection: Connection, more: None, halves: tuple[str, ...], expected: list[tuple[Severity, str]]
) -> None:
    assert through(connection, *halves)[-1] == expected


def test_truncate_follows_foreign_keys_of_the_range(connection: Connection, more: None) -> None:
    link = "ALTER TABLE visits ADD FOREIGN KEY (guest) REFERENCES guest (id)"
    assert through(connection, link, "TRUNCATE guest CASCADE") == [
        [],
        [(EMPTY, "rows of table public.guest"), (DATA, "rows of table public.visits")],
    ]
    assert through(connection, f"{link}; DROP TABLE visits", "TRUNCATE guest CASCADE") == [
        [(DATA, "table public.visits")],
        [(EMPTY, "rows of table public.guest")],
    ]


def test_a_name_that_has_moved_somewhere_else_is_unknown(ground: Connection) -> None:
    assert through(ground, "ALTER TABLE books SET SCHEMA shop", "DROP TABLE IF EXISTS books") == [
        [],
        [(UNKNOWN, "DROP of table books")],
    ]
    assert through(ground, "ALTER TABLE books SET SCHEMA shop", "DROP TABLE IF EXISTS nosuch") == [[], []]
    assert through(ground, "ALTER SCHEMA shop RENAME TO app", "DROP TABLE IF EXISTS shop.orders") == [
        [],
        [(UNKNOWN, "DROP of table shop.orders")],
    ]
    assert through(ground, "ALTER TABLE books SET SCHEMA shop", "DROP TABLE IF EXISTS orders") == [[], []]


def test_going_back_to_a_savepoint_undoes_what_was_followed(ground: Connection) -> None:
    text = "SAVEPOINT a; ALTER TABLE books RENAME TO tomes; ROLLBACK TO a; DROP TABLE books"
    assert found(ground, text) == [(UNKNOWN, "a ROLLBACK TO SAVEPOINT")]


def test_long_names_are_cut_as_the_server_cuts_them(connection: Connection, database: str) -> None:
    name = "t" * 70
    run(database, f"CREATE TABLE {name} (id int); INSERT INTO {name} VALUES (1)")
    assert found(connection, f"DROP TABLE {name}") == [(DATA, f"table public.{name[:63]}")]


def test_against_the_server(connection: Connection, database: str, more: None) -> None:
    """What a renamed schema really takes, told by the server, is what was found."""
    text = "ALTER TABLE authors SET SCHEMA shop; ALTER SCHEMA shop RENAME TO app; DROP SCHEMA app CASCADE"
    assessment = one(connection, text)
    names = {loss.object for loss in assessment.losses if loss.object.startswith("table ")}
    said: list[str] = []
    with psycopg.connect(database) as dropping:
        dropping.add_notice_handler(lambda d: said.append(d.message_detail or ""))
        dropping.execute(text.encode())
        dropping.rollback()
    assert len(said[-1].splitlines()) == len(names)
    assert assessment.risks == (Risk.DATA_LOSS, Risk.CASCADE)
