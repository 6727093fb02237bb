"""Flyway's files: versions, ways back, sub-folders, settings of one script, and what only Flyway can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.digest import source_digest
from switchback.migrations.formats.flyway import short_forms
from switchback.migrations.halves import Sql
from switchback.migrations.load import load
from switchback.migrations.model import DownKind, Reversal
from switchback.migrations.target import resolve
from tests.unit.migrations.formats.reading import assert_refused, problems, read, write

if TYPE_CHECKING:
    from pathlib import Path


def test_versions_are_compared_number_by_number(tmp_path: Path) -> None:
    names = (
        "V2__b",
        "V10__c",
        "V1.10__a",
        "V1_9__x",
        "V1.2.1__x",
        "V01.2__x",
        "V0__x",
        "V3",
        "V20260101__long",
    )
    source = read(tmp_path, {f"{name}.sql": "SELECT 1" for name in names})
    assert [m.id for m in source.migrations] == [
        "V0__x", "V01.2__x", "V1.2.1__x", "V1_9__x", "V1.10__a", "V2__b", "V3", "V10__c", "V20260101__long",
    ]  # fmt: skip
    assert [m.position for m in source.migrations] == list(range(1, 10))


def test_a_way_back_has_the_same_version(tmp_path: Path) -> None:
    files = {
        "V1_2__create_books.sql": "SELECT 1",
        "U1.2.0__drop_them.sql": "\nSELECT 2",
        "V2__x.sql": "SELECT 3",
    }
    first, second = read(tmp_path, files).migrations
    assert (first.id, first.description, first.format) == ("V1_2__create_books", "create books", "Flyway")
    assert first.down is not None
    assert (first.down.path, first.down.begins) == ("U1.2.0__drop_them.sql", 2)
    assert (first.down_kind, first.reversal) == (DownKind.SQL, Reversal.RUNS)
    assert (second.down, second.down_kind) == (None, DownKind.NONE)


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("V1__a", ("1", "V1")),
        ("V1_2__a", ("1_2", "V1_2", "1.2", "V1.2")),
        ("V001.02__a", ("001.02", "V001.02", "1.2", "V1.2")),
        ("V1___a", ("1", "V1")),
        ("V1", ("1", "V1")),
        ("Vx__a", ()),
        ("0001_a", ()),
    ],
)
def test_short_forms(name: str, forms: tuple[str, ...]) -> None:
    assert short_forms(name) == forms


def test_targets(tmp_path: Path) -> None:
    source = read(tmp_path, {"V1_2__a.sql": "SELECT 1", "V01__b.sql": "SELECT 1"})
    assert resolve("1.2", source) == resolve("V1_2", source) == "V1_2__a"
    assert resolve("1", source) == resolve("001", source) == "V01__b"


def test_sub_folders_are_read(tmp_path: Path) -> None:
    files = {"2025/V1__a.sql": "SELECT 1", "2026/deep/V2__b.sql": "SELECT 2", "2026/U2__b.sql": "SELECT 3"}
    source = read(tmp_path, {**files, "2026/README.md": "x"})
    assert [(m.id, m.up.path) for m in source.migrations] == [
        ("V1__a", "2025/V1__a.sql"), ("V2__b", "2026/deep/V2__b.sql"),
    ]  # fmt: skip
    assert source.digest == source_digest({name: text.encode() for name, text in files.items()})


def test_names_in_sub_folders_prove_nothing_beside_other_sql(tmp_path: Path) -> None:
    write(tmp_path, {"1_a.up.sql": "SELECT 1", "old/V1__a.sql": "SELECT 1"})
    assert_refused(problems(tmp_path, {}), "old/V1__a.sql", None, "in the sub-folder old is not read")
    assert load(tmp_path, None, ["old"]).format == "Pairs"


@pytest.mark.parametrize(
    ("files", "file", "line", "words"),
    [
        ({"V1.0__b.sql": "x"}, "V1__a.sql", None, "version 1 is also that of V1.0__b.sql"),
        ({"sub/V1__a.sql": "x"}, "sub/V1__a.sql", None, "version 1 is also that of V1__a.sql"),
        ({"U1__a.sql": "x", "U01__b.sql": "x"}, "U1__a.sql", None, "version 1 is also that of U01__b.sql"),
        ({"U2__a.sql": "x"}, "U2__a.sql", None, "no V file of its version 2"),
        ({"Vx__a.sql": "x"}, "Vx__a.sql", None, "`x` in its name is no version"),
        ({"V1-2__a.sql": "x"}, "V1-2__a.sql", None, "`1-2` in its name is no version"),
        ({"V2._1__a.sql": "x"}, "V2._1__a.sql", None, "is no version"),
        ({"V2_a.sql": "x"}, "V2_a.sql", None, "`2_a` in its name is no version"),
        ({"V__a.sql": "x"}, "V__a.sql", None, "`` in its name is no version"),
        ({"R__view.sql": "x"}, "R__view.sql", None, "repeatable migration"),
        ({"deep/R__view.sql": "x"}, "deep/R__view.sql", None, "repeatable migration"),
        ({"B3__all.sql": "x"}, "B3__all.sql", None, "a baseline of Flyway"),
        ({"afterMigrate.sql": "x"}, "afterMigrate.sql", None, "a callback of Flyway"),
        ({"beforeEachMigrate__a b.sql": "x"}, "beforeEachMigrate__a b.sql", None, "a callback of Flyway"),
        ({"createSchema.sql": "x"}, "createSchema.sql", None, "a callback of Flyway"),
        ({"V2__Load.java": "x"}, "V2__Load.java", None, "that is a program"),
        ({"V2__load.ps1": "x"}, "V2__load.ps1", None, "that is a program"),
        ({"v2__b.sql": "x"}, "v2__b.sql", None, "looks like a migration"),
        ({"sub/b.sql": "x"}, "sub/b.sql", None, "in the sub-folder sub is not read"),
        ({"sub/V2__b.sql": "x", "sub/v2__B.sql": "x"}, "sub/v2__B.sql", None, "by case alone"),
        ({"sub/V2__b\x1b.sql": "x"}, "sub/V2__b\\x1b.sql", None, "cannot be printed"),
        ({"sub/V2__b.sql": b"x\n\xff"}, "sub/V2__b.sql", 2, "0xff is not UTF-8"),
        ({"sub/V2__b.sql": b"x\n\n\0"}, "sub/V2__b.sql", 3, "NUL byte"),
        ({"sub/V2__b.sql": "SELECT 1;\nSELECT '"}, "sub/V2__b.sql", 2, "ends inside a string"),
        ({"sub/V2__b.sql": "-- nothing"}, "sub/V2__b.sql", 1, "the up half has no statement"),
        ({"V2__b.sql.conf": ""}, "V2__b.sql.conf", None, "no script of which this is the configuration"),
        (
            {"V1__a.sql.conf": "\nshouldExecute=x"},
            "V1__a.sql.conf",
            2,
            "`shouldExecute=x` has no counterpart",
        ),
        ({"V1__a.sql.conf": "encoding=LATIN1"}, "V1__a.sql.conf", 1, "`encoding=LATIN1` has no counterpart"),
        ({"V1__a.sql.conf": "executeInTransaction=no"}, "V1__a.sql.conf", 1, "has no counterpart"),
    ],
)
def test_refused(
    tmp_path: Path, files: dict[str, str | bytes], file: str, line: int | None, words: str
) -> None:
    assert_refused(problems(tmp_path, {"V1__a.sql": "SELECT 1;", **files}), file, line, words)
    if file != "V1__a.sql":
        assert load(tmp_path, None, [file.replace("\\x1b", "?"), "V1__a.sql.conf", "U0*", "sub"]).migrations


@pytest.mark.parametrize(
    ("text", "line", "shown"),
    [
        ("SELECT 1;\nSELECT '${flyway:defaultSchema}';", 2, "`${flyway:defaultSchema}`"),
        ("-- ${a}\nSELECT 1;", 1, "`${a}`"),
        ("SELECT 1;\n\nSELECT $${a}$$, $$${x}$$", 3, "`${x}`"),
        ("SELECT '${a\nb}';", 1, "`${…}`"),
        ("SELECT '${", 1, "`${`"),
    ],
)
def test_placeholders_are_refused_wherever_they_stand(
    tmp_path: Path, text: str, line: int, shown: str
) -> None:
    """Flyway replaces them in strings and comments, too."""
    found = problems(tmp_path, {"V1__a.sql": text})
    assert_refused(found, "V1__a.sql", line, f"{shown} is a placeholder")
    assert "placeholderReplacement=false in V1__a.sql.conf" in found[0].advice


def test_a_placeholder_that_means_itself(tmp_path: Path) -> None:
    files = {"V1__a.sql": "SELECT '${a}'", "V1__a.sql.conf": "# ours\nplaceholderReplacement = false\n"}
    assert read(tmp_path, files).check() == ()
    write(tmp_path, {"V2__b.sql": """SELECT $${"a": 1}$$, '$', '$ {', '{}'"""})
    assert load(tmp_path).check() == ()


def test_a_placeholder_of_what_was_applied_hinders_nothing(tmp_path: Path) -> None:
    source = read(tmp_path, {"V1__a.sql": "SELECT '${a}'", "V2__b.sql": "SELECT 1"})
    assert source.check(["V2__b"]) == ()


@pytest.mark.parametrize(
    "setting",
    ["executeInTransaction=false", "executeInTransaction : FALSE", "\n! x\nexecuteInTransaction false"],
)
def test_settings_of_a_script_are_of_that_script(tmp_path: Path, setting: str) -> None:
    files = {"a/V1__a.sql": "SELECT 1", "a/V1__a.sql.conf": setting, "a/U1__a.sql": "SELECT 2"}
    (found,) = read(tmp_path, files).migrations
    assert found.down is not None
    assert (found.up.directives.no_transaction, found.down.directives.no_transaction) == (True, False)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY i ON t (a)", "create unique index concurrently i on t (a)",
        "DROP INDEX CONCURRENTLY i", "VACUUM", "VACUUM (ANALYZE) t", "ALTER SYSTEM SET a = 1", "DISCARD ALL",
        "CREATE DATABASE x", "DROP TABLESPACE x", "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
        "REINDEX SCHEMA s", "REINDEX TABLE CONCURRENTLY t",
    ],
)  # fmt: skip
def test_what_needs_no_transaction_has_to_say_so(tmp_path: Path, statement: str) -> None:
    (found,) = problems(tmp_path, {"V1__a.sql": f"SELECT 1;\n\n{statement};"})
    assert (found.place, "cannot run in a transaction" in found.message) == ("V1__a.sql:3", True)
    assert "executeInTransaction=false into V1__a.sql.conf" in found.advice
    write(tmp_path, {"V1__a.sql.conf": "executeInTransaction=false"})
    assert load(tmp_path).check() == ()
    (tmp_path / "V1__a.sql.conf").unlink()
    write(tmp_path, {"V1__a.sql": f"-- switchback: no-transaction\n{statement};"})
    assert load(tmp_path).check() == ()


@pytest.mark.parametrize(
    "statement",
    ["CREATE INDEX concurrently_made ON t (a)", "SELECT 'VACUUM'", "COMMENT ON DATABASE x IS ''",
     "REINDEX TABLE t", "-- CREATE INDEX CONCURRENTLY\nSELECT 1"],
)  # fmt: skip
def test_what_only_looks_like_it_runs(tmp_path: Path, statement: str) -> None:
    assert read(tmp_path, {"V1__a.sql": statement}).check() == ()


def test_links(tmp_path: Path) -> None:
    """What lies behind a link inside a sub-folder would be passed over in silence."""
    folder = tmp_path / "migrations"
    outside = tmp_path / "outside"
    write(folder, {"V1__a.sql": "SELECT 1", "sub/deep/V2__b.sql": "SELECT 1"})
    write(outside, {"V3__c.sql": "SELECT 1"})
    (folder / "sub" / "link").symlink_to("deep")
    (folder / "sub" / "V3__c.sql").symlink_to("../../outside/V3__c.sql")
    found = problems(folder, {})
    assert_refused(found, "sub/link", None, "this link to a folder is not followed")
    assert_refused(found, "sub/V3__c.sql", None, "leads out of the folder")
    (folder / "sub" / "V3__c.sql").unlink()
    (folder / "sub" / "V3__c.sql").symlink_to("deep/V2__b.sql")
    found = problems(folder, {})
    assert [problem.file for problem in found] == ["sub/link"]
    assert len(load(folder, None, ["link"]).migrations) == 3


def test_the_ledger_keeps_the_settings_of_a_way_back(tmp_path: Path) -> None:
    files = {"V1__a.sql": "SELECT 1", "U1__a.sql": "DROP INDEX CONCURRENTLY i -- x",
             "U1__a.sql.conf": "executeInTransaction=false"}  # fmt: skip
    (found,) = read(tmp_path, files).migrations
    assert isinstance(found.down, Sql)
    assert Sql.of("ledger:x", found.down.kept).directives.no_transaction
