"""dbmate's files: two blocks in one, which a line each begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.migrations.halves import Sql, checksum
from switchback.migrations.load import load
from switchback.migrations.model import DownKind, Reversal
from tests.unit.migrations.formats.reading import assert_refused, problems, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.migrations.model import Migration

TEXT = """\
-- who wrote it

-- migrate:up
CREATE TABLE books (id int);

-- migrate:down
DROP TABLE books;
"""


def one(folder: Path, text: str | bytes) -> Migration:
    return read(folder, {"20260101120000_create_books.sql": text}).migrations[0]


def test_a_file_is_cut_in_two(tmp_path: Path) -> None:
    found = one(tmp_path, TEXT)
    assert (found.id, found.description, found.format) == (
        "20260101120000_create_books", "create books", "Dbmate",
    )  # fmt: skip
    assert found.short_forms == ("20260101120000",)
    up, down = found.up, found.down
    assert isinstance(up, Sql)
    assert isinstance(down, Sql)
    assert up.text + down.text == TEXT
    assert (up.first_line, up.begins, up.path) == (1, 4, "20260101120000_create_books.sql")
    assert (down.first_line, down.begins, down.path) == (6, 7, "20260101120000_create_books.sql")
    assert (up.checksum, down.checksum) == (checksum(up.text), checksum(down.text))
    assert (found.down_kind, found.reversal) == (DownKind.SQL, Reversal.RUNS)
    assert found.problems() == ()


def test_line_ends_and_byte_order_mark_leave_places_and_checksums(tmp_path: Path) -> None:
    found = set()
    for raw in (TEXT.encode(), TEXT.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + TEXT.encode()):
        migration = one(tmp_path, raw)
        assert migration.down is not None
        found.add(
            (migration.up.checksum, migration.down.checksum, migration.up.begins, migration.down.begins)
        )
    assert len(found) == 1


def test_the_order_is_that_of_the_names(tmp_path: Path) -> None:
    text = "-- migrate:up\nSELECT 1;\n-- migrate:down\n"
    source = read(tmp_path, {"9_nine.sql": text, "10_ten.sql": text, "010.sql": text, "2.x.sql": text})
    assert [(m.position, m.id, m.description) for m in source.migrations] == [
        (1, "010", ""), (2, "10_ten", "ten"), (3, "2.x", "x"), (4, "9_nine", "nine"),
    ]  # fmt: skip
    assert [m.short_forms for m in source.migrations] == [("010", "10"), ("10",), ("2",), ("9",)]
    assert source.notices == (
        "2.x.sql comes behind 10_ten.sql: dbmate goes by the names, not by the numbers.",
    )


@pytest.mark.parametrize("down", ["", "-- migrate:down", "-- migrate:down\n \n\t\n"])
def test_an_empty_way_back_is_none(tmp_path: Path, down: str) -> None:
    found = one(tmp_path, f"-- migrate:up\nSELECT 1;\n{down}")
    assert (found.down, found.down_kind, found.reversal) == (None, DownKind.NONE, Reversal.ABSENT)


@pytest.mark.parametrize(
    ("down", "reversal"),
    [
        ("-- later", Reversal.ABSENT),
        ("-- switchback: irreversible", Reversal.IRREVERSIBLE),
        ("-- switchback: down=none nothing there", Reversal.NOTHING_TO_UNDO),
    ],
)
def test_a_comment_as_the_way_back_is_read(tmp_path: Path, down: str, reversal: Reversal) -> None:
    found = one(tmp_path, f"-- migrate:up\nSELECT 1;\n-- migrate:down\n{down}")
    assert found.reversal is reversal
    assert found.problems() == ()


def test_a_directive_above_the_first_marker_counts(tmp_path: Path) -> None:
    found = one(tmp_path, f"-- switchback: phase=contract\n/* a\nlicence */\n{TEXT}")
    assert found.directives.phase == "contract"


@pytest.mark.parametrize(
    ("marker", "alone"),
    [
        ("-- migrate:up", False),
        ("-- migrate:up transaction:false", True),
        ("--migrate:up\ttransaction:false ", True),
        ("--   migrate:up   transaction:true", False),
    ],
)
def test_options_belong_to_their_block(tmp_path: Path, marker: str, *, alone: bool) -> None:
    found = one(tmp_path, f"{marker}\nSELECT 1;\n-- migrate:down\nSELECT 2;")
    assert found.down is not None
    assert (found.up.directives.no_transaction, found.down.directives.no_transaction) == (alone, False)


def test_the_ledger_keeps_what_the_marker_says(tmp_path: Path) -> None:
    """The text is run by itself when the file is gone."""
    found = one(tmp_path, "-- migrate:up\nSELECT 1;\n-- migrate:down transaction:false\nSELECT 2; -- end")
    assert isinstance(found.down, Sql)
    again = Sql.of("ledger:x", found.down.kept)
    assert again.directives == found.down.directives
    assert again.directives.no_transaction
    assert again.count == found.down.count == 1
    assert isinstance(found.up, Sql)
    assert found.up.kept == found.up.text


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("SELECT 1;\n", None, "no line `-- migrate:up`"),
        ("", None, "no line `-- migrate:up`"),
        ("-- migrate:down\nSELECT 1;", None, "no line `-- migrate:up`"),
        ("-- a\n-- migrate:down\n-- migrate:up\nSELECT 1;", 2, "`migrate:down` stands before `migrate:up`"),
        ("-- a\nSELECT 1;\n-- migrate:up\nSELECT 2;", 2, "stands before `-- migrate:up` and would not run"),
        ("/* a\n-- migrate:up\nSELECT 2; */", 1, "stands before"),
        (f"{TEXT}-- migrate:up\nSELECT 1;", 8, "the second `migrate:up`"),
        (f"{TEXT}-- migrate:down\nSELECT 1;", 8, "the second `migrate:down`"),
        ("-- migrate:up transaction:false x:y\nSELECT 1;", 1, "`x:y` is no option of dbmate"),
        ("\n-- migrate:up transaction: false\nSELECT 1;", 2, "`transaction:` is no option"),
        ("-- migrate:up\nSELECT 1;\n -- migrate:down\nSELECT 2;", 3, "`-- migrate:down` looks like a marker"),
        ("-- migrate:up\nSELECT 1;\n-- Migrate:Down\nSELECT 2;", 3, "looks like a marker"),
        ("-- migrate:up\nSELECT 1;\n--- migrate:down\nSELECT 2;", 3, "looks like a marker"),
        ("-- migrate:up\nSELECT 1;\n-- migrate: down\nSELECT 2;", 3, "looks like a marker"),
        ("-- migrate:up\nSELECT 1;\n-- migrate:donw\nSELECT 2;", 3, "looks like a marker"),
        ("-- migrate:up\n-- nothing\n-- migrate:down\nSELECT 2;", 1, "the up half has no statement"),
        ("-- migrate:up\nSELECT '\n-- migrate:down\nSELECT 2';", 2, "ends inside a string"),
        (
            "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\nSELECT $$",
            5,
            "ends inside the dollar quote",
        ),
        ("-- migrate:up\nSELECT 1;\n-- migrate:down\n\nCOMMIT;", 5, "COMMIT changes the transaction"),
        ("-- migrate:up\nSELECT 1;\n-- migrate:down\n\n-- switchback: opaq", 5, "is not known"),
        (b"-- migrate:up\nSELECT 1;\n-- migrate:down\n-- \xff", 4, "0xff is not UTF-8"),
        (b"-- migrate:up\nSELECT 1;\n\0", 3, "NUL byte"),
    ],
)
def test_refused(tmp_path: Path, text: str | bytes, line: int | None, words: str) -> None:
    assert_refused(problems(tmp_path, {"1_a.sql": text}, "Dbmate"), "1_a.sql", line, words)


@pytest.mark.parametrize(
    "line",
    [
        "SELECT 'migrate:down';",
        "-- see migrate: the other one",
        "-- to migrate:",
        "-- migrate:",
        "# migrate:up",
    ],
)
def test_other_mentions_are_text(tmp_path: Path, line: str) -> None:
    write(tmp_path, {"1_a.sql": f"-- migrate:up\n{line}\nSELECT 1;\n-- migrate:down\n"})
    assert load(tmp_path).format == "Dbmate"


@pytest.mark.parametrize(
    ("files", "file", "words"),
    [
        ({"1_a.sql": TEXT, "1_b.sql": TEXT}, "1_b.sql", "number 1 is also that of 1_a.sql"),
        ({"1_a.sql": TEXT, "1_A.SQL": TEXT}, "1_a.sql", "by case alone"),
        ({"1_a.sql": TEXT, "1_b\n.sql": TEXT}, "1_b\\n.sql", "cannot be printed"),
        ({"1_a.sql": TEXT, "seed.sql": TEXT}, "seed.sql", "is a file of dbmate"),
        ({"1_a.sql": TEXT, "old/0_b.sql": TEXT}, "old/0_b.sql", "in the sub-folder old is not read"),
    ],
)
def test_names_that_are_refused(tmp_path: Path, files: dict[str, str | bytes], file: str, words: str) -> None:
    assert_refused(problems(tmp_path, files), file, None, words)


def test_two_texts_of_a_number_are_two_versions(tmp_path: Path) -> None:
    """Versions are compared as text there."""
    assert len(read(tmp_path, {"1_a.sql": TEXT, "01_b.sql": TEXT}).migrations) == 2


def test_named_without_evidence(tmp_path: Path) -> None:
    """Pairs has names that dbmate would take, too."""
    write(tmp_path, {"1_a.up.sql": TEXT})
    assert load(tmp_path).format == "Pairs"
    assert [m.id for m in load(tmp_path, "Dbmate").migrations] == ["1_a.up"]
    write(tmp_path, {"2_b.sql": TEXT, "notes.sql": "SELECT 1"})
    (problem,) = problems(tmp_path, {})
    assert "Pairs (1_a.up.sql), Dbmate (2_b.sql)" in problem.message
    assert len(load(tmp_path, "Dbmate", ["notes.sql"]).migrations) == 2
