"""goose's files: annotations in comments, read as strictly as goose does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.migrations.halves import Sql
from switchback.migrations.load import load
from switchback.migrations.model import DownKind, Reversal
from tests.unit.migrations.formats.reading import assert_refused, problems, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.migrations.model import Migration

TEXT = """\
-- +goose Up
CREATE TABLE books (id int);

-- +goose StatementBegin
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS $$
  SELECT 1;
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION one;
DROP TABLE books;
"""


def one(folder: Path, text: str | bytes) -> Migration:
    return read(folder, {"00007_create_books.sql": text}).migrations[0]


def test_a_file_is_cut_in_two(tmp_path: Path) -> None:
    found = one(tmp_path, TEXT)
    assert (found.id, found.description, found.format) == ("00007_create_books", "create books", "Goose")
    assert found.short_forms == ("00007", "7")
    up, down = found.up, found.down
    assert isinstance(up, Sql)
    assert isinstance(down, Sql)
    assert up.text + down.text == TEXT
    assert [statement.line for statement in up.statements] == [2, 5]
    assert [statement.line for statement in down.statements] == [11, 12]
    assert (found.down_kind, found.reversal, found.problems()) == (DownKind.SQL, Reversal.RUNS, ())


def test_the_order_is_by_number(tmp_path: Path) -> None:
    text = "-- +goose Up\nSELECT 1;\n"
    source = read(
        tmp_path, {"10_a.sql": text, "9_b.sql": text, "007_c.sql": text, "20260101120000_d.sql": text}
    )
    assert [(m.position, m.id) for m in source.migrations] == [
        (1, "007_c"), (2, "9_b"), (3, "10_a"), (4, "20260101120000_d"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "annotation",
    [
        "-- +goose Up",
        "-- +goose UP",
        "--+goose up",
        "--   +goose   Up  ",
        "-- +gooseUp",
        "-- Up +goose",
        "---- +goose up --",
    ],
)
def test_spellings_that_goose_takes(tmp_path: Path, annotation: str) -> None:
    found = one(tmp_path, f"\n-- a word\n{annotation}\nSELECT 1;\n-- +goose down\nSELECT 2;")
    assert found.down is not None
    assert (found.up.begins, found.down.begins) == (4, 6)


@pytest.mark.parametrize("down", ["", "-- +goose Down", "-- +goose Down\n\n"])
def test_no_way_back(tmp_path: Path, down: str) -> None:
    found = one(tmp_path, f"-- +goose Up\nSELECT 1;\n{down}")
    assert (found.down, found.down_kind, found.reversal) == (None, DownKind.NONE, Reversal.ABSENT)


@pytest.mark.parametrize(
    "text",
    [
        "-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;",
        "-- +goose Up\n-- +goose no transaction\nSELECT 1;\n-- +goose Down\nSELECT 2;",
        "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n-- +goose NO TRANSACTION",
    ],
)
def test_no_transaction_is_for_both_halves(tmp_path: Path, text: str) -> None:
    found = one(tmp_path, text)
    assert isinstance(found.down, Sql)
    assert found.up.directives.no_transaction
    assert found.down.directives.no_transaction
    assert Sql.of("ledger:x", found.down.kept).directives.no_transaction


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("SELECT 1;", None, "no line `-- +goose Up`"),
        ("", None, "no line `-- +goose Up`"),
        ("-- +goose Down\nSELECT 1;", 1, "Down stands before Up"),
        ("-- a\nSELECT 1;\n-- +goose Up\nSELECT 2;", 2, "stands before `-- +goose Up`"),
        ("-- +goose Up\nSELECT 1;\n-- +goose Up\nSELECT 2;", 3, "this is not the first Up"),
        (f"{TEXT}-- +goose Up\nSELECT 1;", 13, "this is not the first Up"),
        (f"{TEXT}-- +goose Down\nSELECT 1;", 13, "Down stands a second time"),
        ("-- +goose StatementBegin\n-- +goose Up\nSELECT 1;", 1, "StatementBegin stands before Up"),
        ("-- +goose Up\n-- +goose StatementBegin\nSELECT 1;", 2, "StatementBegin has no StatementEnd"),
        ("-- +goose Up\nSELECT 1;\n-- +goose StatementEnd", 3, "StatementEnd has no StatementBegin"),
        (
            "-- +goose Up\n-- +goose StatementBegin\n-- +goose StatementBegin\n-- +goose StatementEnd",
            3,
            "a StatementBegin stands inside another",
        ),
        (
            "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- +goose Down\nSELECT 1;",
            4,
            "Down stands inside a StatementBegin",
        ),
        ("-- +goose Up\n  -- +goose StatementBegin\nSELECT 1;", 2, "stands behind blanks"),
        ("-- +goose Up\n-- see +goose docs\nSELECT 1;", 2, "`see  docs` is no annotation"),
        ("-- +goose Up\n-- +goose\nSELECT 1;", 2, "`` is no annotation"),
        (
            "-- +goose Up\nSELECT 1;\n-- +Goose Down\nSELECT 2;",
            3,
            "`-- +Goose Down` looks like an annotation",
        ),
        ("-- +goose Up\nSELECT 1;\n-- + goose Down\nSELECT 2;", 3, "looks like an annotation"),
        ("-- +goose Up\n-- +goose ENVSUB ON\nSELECT ${X};", 2, "depend on the environment"),
        ("-- +goose envsub on\n-- +goose Up\nSELECT 1;\n", 1, "depend on the environment"),
        ("-- +goose Up\n-- nothing\n-- +goose Down\nSELECT 2;", 1, "the up half has no statement"),
        ("-- +goose Up\nSELECT '\n-- +goose Down\nSELECT 2", 2, "ends inside a string"),
        ("-- +goose Up\nSELECT 1;\n-- +goose Down\n\n  SELECT $a$;", 5, "ends inside the dollar quote"),
        ("-- +goose Up\nSELECT 1;\n-- +goose Down\n\\connect x", 4, "is a command of psql"),
        (b"-- +goose Up\nSELECT 1;\n-- +goose Down\n\n-- \xe9", 5, "0xe9 is not UTF-8"),
        (b"-- +goose Up\n\0", 2, "NUL byte"),
    ],
)
def test_refused(tmp_path: Path, text: str | bytes, line: int | None, words: str) -> None:
    assert_refused(problems(tmp_path, {"1_a.sql": text}, "Goose"), "1_a.sql", line, words)


def test_envsub_is_told_once_when_it_reaches_both_halves(tmp_path: Path) -> None:
    text = "-- +goose Up\n-- +goose ENVSUB ON\nSELECT 1;\n-- +goose Down\nSELECT 2;\n"
    (found,) = problems(tmp_path, {"1_a.sql": text})
    assert found.place == "1_a.sql:2"


def test_envsub_that_is_over_or_applied_hinders_nothing(tmp_path: Path) -> None:
    """A file that has been applied long ago is not looked into."""
    text = "-- +goose ENVSUB ON\n-- +goose ENVSUB OFF\n-- +goose Up\nSELECT '${x}';\n"
    source = read(tmp_path, {"1_a.sql": text, "2_b.sql": "-- +goose Up\n-- +goose ENVSUB ON\nSELECT 1;"})
    assert source.check(["1_a"]) == ()
    assert source.migrations[0].problems() == ()
    assert source.migrations[1].problems()


@pytest.mark.parametrize("line", ["SELECT '+goose Up';", "-- a goose", "-- goose Down", "SELECT 1 -- x"])
def test_other_mentions_are_text(tmp_path: Path, line: str) -> None:
    assert one(tmp_path, f"-- +goose Up\n{line}\nSELECT 1;\n-- +goose Down\n").down is None


def test_a_last_statement_without_a_semicolon_runs(tmp_path: Path) -> None:
    """Its own splitter wants one; the server does not."""
    assert one(tmp_path, "-- +goose Up\nSELECT 1\n-- +goose Down\nSELECT 2 -- end").up.count == 1


@pytest.mark.parametrize(
    ("files", "file", "words"),
    [
        ({"1_a.sql": TEXT, "01_b.sql": TEXT}, "1_a.sql", "number 1 is also that of 01_b.sql"),
        ({"1_a.sql": TEXT, "0_b.sql": TEXT}, "0_b.sql", "is not one of 1 to"),
        (
            {"1_a.sql": TEXT, "9223372036854775808_b.sql": TEXT},
            "9223372036854775808_b.sql",
            "is not one of 1",
        ),
        ({"1_a.sql": TEXT, f"{'9' * 200}_b.sql": TEXT}, f"{'9' * 200}_b.sql", "is not one of 1"),
        ({"1_a.sql": TEXT, "2_b.go": "package x"}, "2_b.go", "is a Go migration of goose"),
        ({"1_a.sql": TEXT, "2.sql": TEXT}, "2.sql", "is a file of goose"),
        ({"1_a.sql": TEXT, "seed.sql": "SELECT 1"}, "seed.sql", "looks like a migration"),
        ({"1_a.sql": TEXT, "sub/2_b.sql": TEXT}, "sub/2_b.sql", "in the sub-folder sub is not read"),
    ],
)
def test_names_that_are_refused(tmp_path: Path, files: dict[str, str | bytes], file: str, words: str) -> None:
    assert_refused(problems(tmp_path, files), file, None, words)


def test_go_files_that_are_no_migrations_stay(tmp_path: Path) -> None:
    write(tmp_path, {"1_a.sql": TEXT, "embed.go": "package x", "2_b_test.go": "package x", "README.md": "x"})
    assert load(tmp_path).format == "Goose"
    write(tmp_path, {"2_b.go": "package x"})
    assert len(load(tmp_path, None, ["*.go"]).migrations) == 1
