"""Drizzle's folders: a journal with files beside it, or one folder for each migration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from switchback.contract.digest import source_digest
from switchback.migrations.formats.drizzle import ended
from switchback.migrations.halves import Sql, checksum
from switchback.migrations.load import load
from switchback.migrations.model import DownKind, Reversal
from tests.unit.migrations.formats.reading import Files, assert_refused, problems, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.migrations.model import Migration

MARK = "--> statement-breakpoint"


def journal(*tags: str, **more: object) -> str:
    entries = [
        {"idx": n, "version": "7", "when": 1_700_000_000_000 + n, "tag": tag, "breakpoints": True}
        for n, tag in enumerate(tags)
    ]
    return json.dumps({"version": "7", "dialect": "postgresql", "entries": entries, **more}, indent=2)


def folder_of(*tags: str) -> Files:
    files: Files = {"meta/_journal.json": journal(*tags)}
    for number, tag in enumerate(tags):
        files[f"{tag}.sql"] = f"SELECT {number};\n"
        files[f"meta/{number:04}_snapshot.json"] = "{}"
    return files


def test_a_journal_gives_the_order(tmp_path: Path) -> None:
    files = folder_of("0001_lazy_hulk", "0000_quick_storm", "late")
    files["0000_quick_storm.down.sql"] = "\nSELECT 9;"
    source = read(tmp_path, files)
    assert [(m.position, m.id, m.description, m.short_forms) for m in source.migrations] == [
        (1, "0001_lazy_hulk", "lazy hulk", ("0001", "1")),
        (2, "0000_quick_storm", "quick storm", ("0000", "0")),
        (3, "late", "late", ()),
    ]
    first, second, _ = source.migrations
    assert (source.format, first.down, first.down_kind) == ("Drizzle", None, DownKind.NONE)
    assert second.down is not None
    assert (second.down.path, second.down.begins) == ("0000_quick_storm.down.sql", 2)
    assert (second.down_kind, second.reversal, source.notices) == (DownKind.SQL, Reversal.RUNS, ())


def test_snapshots_are_no_part_of_the_digest(tmp_path: Path) -> None:
    files = folder_of("0000_a")
    before = read(tmp_path, files).digest
    write(tmp_path, {"meta/0000_snapshot.json": "[1]", "meta/notes.txt": "x"})
    assert load(tmp_path).digest == before
    counted = {name: str(text).encode() for name, text in files.items() if "snapshot" not in name}
    assert before == source_digest(counted)
    write(tmp_path, {"meta/_journal.json": journal("0000_a", version="8")})
    assert load(tmp_path).digest != before


def test_a_configmap_has_the_journal_beside_the_files(tmp_path: Path) -> None:
    files: Files = {"_journal.json": journal("0000_a"), "0000_a.sql": "SELECT 1", "0000_snapshot.json": "{}"}
    source = read(tmp_path, files)
    assert [m.id for m in source.migrations] == ["0000_a"]
    assert source.digest == source_digest({name: str(text).encode() for name, text in files.items()})


def test_one_folder_for_each(tmp_path: Path) -> None:
    files: Files = {
        "20260102000000_b/migration.sql": "SELECT 1;",
        "20260102000000_b/snapshot.json": "{}",
        "20260101000000_a_b/migration.sql": "SELECT 2;",
        "20260101000000_a_b/down.sql": "SELECT 3;",
    }
    source = read(tmp_path, files)
    assert [(m.position, m.id, m.description, m.short_forms) for m in source.migrations] == [
        (1, "20260101000000_a_b", "a b", ("20260101000000",)),
        (2, "20260102000000_b", "b", ("20260102000000",)),
    ]
    first, second = source.migrations
    assert first.down is not None
    assert (first.up.path, first.down.path) == (
        "20260101000000_a_b/migration.sql", "20260101000000_a_b/down.sql",
    )  # fmt: skip
    assert (second.down, second.down_kind) == (None, DownKind.NONE)
    counted = {name: str(text).encode() for name, text in files.items() if name.endswith(".sql")}
    assert source.digest == source_digest(counted)


def one(folder: Path, text: str) -> Migration:
    return read(folder, {"_journal.json": journal("0000_a"), "0000_a.sql": text}).migrations[0]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"CREATE TABLE a ()\n{MARK}\nCREATE TABLE b ()\n{MARK}\nSELECT 1", [1, 3, 5]),
        (f"CREATE TABLE a ();{MARK}\nCREATE TABLE b (){MARK}\nSELECT 1", [1, 2, 3]),
        (f"{MARK}\nSELECT 1 -- a;\n{MARK}\n{MARK}\nSELECT 2\n{MARK}", [2, 5]),
        (f"SELECT 1;\n-- a\n{MARK}\nSELECT 2", [1, 4]),
        (f"SELECT 1\r\n{MARK}\r\nSELECT 2\r\n", [1, 3]),
        (f"SELECT 1 -- first;\n{MARK}\nSELECT 2", [1, 3]),
        (f"SELECT 1\n--;\n\n{MARK}\nSELECT 2", [1, 5]),
        (f"SELECT 1 /* a;\n -- b; */ -- c;\n{MARK}\nSELECT 2", [1, 4]),
    ],
)
def test_a_breakpoint_ends_a_statement(tmp_path: Path, text: str, lines: list[int]) -> None:
    up = one(tmp_path, text).up
    assert isinstance(up, Sql)
    assert [statement.line for statement in up.statements] == lines
    plain = text.replace("\r\n", "\n")
    assert len(up.body) == len(plain)
    assert up.body.count("\n") == plain.count("\n")
    assert up.checksum == checksum(text), "that of the file as it is"


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT 1;\n{MARK}\nSELECT 2;",
        f"SELECT 'a\n{MARK}\n', $$a {MARK}$$ /* a\n{MARK} */",
        f"SELECT 1\n{MARK}\nSELECT '",
        "SELECT 1 --> statement",
        "",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert ended(text) == text


@pytest.mark.parametrize(
    ("files", "file", "line", "words"),
    [
        ({"0001_b.sql": "SELECT 1"}, "0001_b.sql", None, "it is not named in meta/_journal.json"),
        (
            {"0001_b.down.sql": "SELECT 1"},
            "0001_b.down.sql",
            None,
            "its tag stands not in meta/_journal.json",
        ),
        ({"0000_a.up.sql": "SELECT 1"}, "0000_a.up.sql", None, "it is not named in"),
        ({"_journal.json": journal("0000_a")}, "_journal.json", None, "this is another journal"),
        ({"20260101000000_a/migration.sql": "x"}, "20260101000000_a/migration.sql", None, "Drizzle 1.x"),
        (
            {"meta/_journal.json": journal("0000_a", "0001_b")},
            "meta/_journal.json",
            16,
            "0001_b.sql is not there",
        ),
        ({"meta/_journal.json": journal("0000_a", "0000_a")}, "meta/_journal.json", 9, "stands in it twice"),
        ({"meta/_journal.json": journal(dialect="mysql")}, "meta/_journal.json", 3, 'its dialect is "mysql"'),
        ({"meta/_journal.json": journal(entries={})}, "meta/_journal.json", None, "no list `entries`"),
        (
            {"meta/_journal.json": journal(entries=[1])},
            "meta/_journal.json",
            None,
            "no tag that can name a file",
        ),
        ({"meta/_journal.json": journal("../x")}, "meta/_journal.json", 9, "no tag that can name a file"),
        ({"meta/_journal.json": journal("")}, "meta/_journal.json", None, "no tag that can name a file"),
        ({"meta/_journal.json": journal("0000_a.down")}, "meta/_journal.json", 9, "no tag that can"),
        ({"meta/_journal.json": '{\n"entries": [,]}'}, "meta/_journal.json", 2, "it is no JSON"),
        ({"meta/_journal.json": "[]"}, "meta/_journal.json", None, "the outermost value is no object"),
        ({"meta/_journal.json": "9" * 9999}, "meta/_journal.json", None, "it is no journal"),
        ({"meta/_journal.json": "[" * 99999}, "meta/_journal.json", None, "it is no journal"),
        ({"meta/_journal.json": b"{\n\xff"}, "meta/_journal.json", 2, "0xff is not UTF-8"),
        ({"0000_a.sql": b"SELECT 1;\n\0"}, "0000_a.sql", 2, "NUL byte"),
        ({"0000_a.sql": f"SELECT 1\n{MARK}\n\nSELECT '"}, "0000_a.sql", 4, "ends inside a string"),
        ({"0000_a.sql": f"SELECT 1;\n{MARK}\nBEGIN"}, "0000_a.sql", 3, "BEGIN changes the transaction"),
        ({"0000_a.down.sql": b"\xef\xbb\xbf\nSELECT $$"}, "0000_a.down.sql", 2, "the dollar quote"),
        ({"0000_A.sql": "SELECT 1"}, "0000_a.sql", None, "by case alone"),
        ({"old/x.sql": "SELECT 1"}, "old/x.sql", None, "in the sub-folder old is not read"),
    ],
)
def test_refused_beside_a_journal(
    tmp_path: Path, files: Files, file: str, line: int | None, words: str
) -> None:
    assert_refused(problems(tmp_path, {**folder_of("0000_a"), **files}, "Drizzle"), file, line, words)


@pytest.mark.parametrize(
    "text",
    ['{\n"entries": [,]}', "[]", b"{\n\xff", journal(dialect="mysql"), journal(entries={})],
    ids=["json", "list", "utf8", "dialect", "entries"],
)
def test_a_journal_that_cannot_be_read_condemns_no_migration(tmp_path: Path, text: str | bytes) -> None:
    """What it would name is not known: nobody is told to delete a file that is only not found in it."""
    found = problems(tmp_path, {**folder_of("0000_a", "0001_b"), "meta/_journal.json": text}, "Drizzle")
    assert [problem.file for problem in found] == ["meta/_journal.json"]
    assert "delete" not in found[0].advice


@pytest.mark.parametrize(
    ("files", "file", "line", "words"),
    [
        ({"20260102000000_b/snapshot.json": "{}"}, "20260102000000_b", None, "has no migration.sql"),
        (
            {"20260101000000_a/extra.sql": "x"},
            "20260101000000_a/extra.sql",
            None,
            "reads migration.sql alone",
        ),
        ({"0001_b/migration.sql": "x"}, "0001_b/migration.sql", None, "not named as one of Drizzle"),
        ({"0001_b.sql": "SELECT 1"}, "0001_b.sql", None, "Drizzle reads folders alone"),
        ({"20260101000000_A/migration.sql": "SELECT 1"}, "20260101000000_a", None, "by case alone"),
        ({"20260101000001_\n/migration.sql": "SELECT 1"}, "20260101000001_\\n", None, "cannot be printed"),
        ({"20260101000000_a/migration.sql": b"\xff"}, "20260101000000_a/migration.sql", 1, "not UTF-8"),
        ({"20260101000000_a/down.sql": "\n\nSELECT '"}, "20260101000000_a/down.sql", 3, "inside a string"),
    ],
)
def test_refused_in_folders(tmp_path: Path, files: Files, file: str, line: int | None, words: str) -> None:
    beside: Files = {"20260101000000_a/migration.sql": "SELECT 1"}
    assert_refused(problems(tmp_path, {**beside, **files}), file, line, words)


def test_links(tmp_path: Path) -> None:
    folder, outside = tmp_path / "migrations", tmp_path / "outside"
    write(folder, {"20260101000000_a/migration.sql": "SELECT 1"})
    write(outside, {"migration.sql": "SELECT 1", "down.sql": "SELECT 2"})
    (folder / "20260101000000_a" / "down.sql").symlink_to("../../outside/down.sql")
    (folder / "20260102000000_b").symlink_to("../outside")
    found = problems(folder, {})
    assert_refused(found, "20260101000000_a/down.sql", None, "leads out of the folder")
    assert_refused(found, "20260102000000_b", None, "leads out of the folder")


def test_times_that_do_not_rise_are_said(tmp_path: Path) -> None:
    """Drizzle would pass over such an entry in silence where a later one is applied."""
    entries = [{"tag": "a", "when": 5}, {"tag": "b", "when": 3}, {"tag": "c", "when": 5}, {"tag": "d"},
               {"tag": "e", "when": 6.5}]  # fmt: skip
    files: Files = {
        "_journal.json": journal(entries=entries),
        **{f"{tag}.sql": "SELECT 1" for tag in "abcde"},
    }
    source = read(tmp_path, files)
    assert [m.id for m in source.migrations] == list("abcde")
    assert [notice.split(".")[1] for notice in source.notices] == [
        "json: b is not later than a before it", "json: c is not later than a before it",
    ]  # fmt: skip


def test_old_journals_and_named_without_evidence(tmp_path: Path) -> None:
    write(tmp_path, {"_journal.json": journal("0000_a", dialect="pg"), "0000_a.sql": "SELECT 1"})
    assert load(tmp_path, "Drizzle").format == "Drizzle"
    write(tmp_path, {"seed.sql": "SELECT 1"})
    assert len(load(tmp_path, "Drizzle", ["seed.sql"]).migrations) == 1


def test_an_empty_journal_is_an_empty_source(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, {"meta/_journal.json": journal()})
    assert "holds no migration" in found.message
    assert "meta/_journal.json" in found.advice


@pytest.mark.parametrize("tag", ["base", "latest", "-1", "+2", "~1", "^a", "@a", " a", "a\\b"])
def test_a_tag_that_no_target_can_name_is_refused(tmp_path: Path, tag: str) -> None:
    """`rollback --target base` goes all the way back, whatever the journal calls so."""
    found = problems(tmp_path, folder_of("0000_a", tag))
    reason = "would mean something else as a target" if tag in {"base", "latest"} else "could not be named"
    assert_refused(found, "meta/_journal.json", 16, reason)
    assert tag in found[0].message


def test_a_folder_name_that_is_too_long_for_a_target_is_refused(tmp_path: Path) -> None:
    name = "20260101000000_" + "a" * 239
    found = problems(tmp_path, {f"{name}/migration.sql": "SELECT 1;"})
    assert_refused(found, f"{name}/migration.sql", None, "could not be named")
