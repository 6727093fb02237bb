"""What a folder may hold: everything else is refused with file, line, reason and advice."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from switchback.contract.digest import source_digest
from switchback.contract.reasons import Reason
from switchback.controller import podspec
from switchback.migrations import formats
from switchback.migrations import load as loading
from switchback.migrations.errors import SourceProblem
from switchback.migrations.halves import Sql
from switchback.migrations.load import load
from switchback.migrations.model import DownKind, Migration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from switchback.migrations.folder import Listing


def write(folder: Path, **files: str | bytes) -> None:
    """Write files; `__` in a name stands for a dot."""
    for name, content in files.items():
        raw = content if isinstance(content, bytes) else content.encode()
        (folder / name.replace("__", ".")).write_bytes(raw)


def pair(folder: Path, stem: str, up: str = "SELECT 1", down: str | None = "SELECT 2") -> None:
    (folder / f"{stem}.up.sql").write_text(up)
    if down is not None:
        (folder / f"{stem}.down.sql").write_text(down)


def refused(folder: Path, ignore: Sequence[str] = (), named: str | None = None) -> SourceProblem:
    with pytest.raises(SourceProblem) as caught:
        load(folder, named, ignore)
    for problem in caught.value.problems:
        assert problem.message.endswith(".")
        assert "\n" not in problem.render()
    return caught.value


def test_order_is_by_number(tmp_path: Path) -> None:
    for stem in ("10_ten", "9_nine", "0001_one", "2_two"):
        pair(tmp_path, stem)
    source = load(tmp_path)
    assert [(m.position, m.id) for m in source.migrations] == [
        (1, "0001_one"),
        (2, "2_two"),
        (3, "9_nine"),
        (4, "10_ten"),
    ]
    assert source.format == "Pairs"


def test_a_migration_holds_what_the_ledger_needs(tmp_path: Path) -> None:
    pair(tmp_path, "0001_create_books.and_more", "CREATE TABLE b ();\r\n", None)
    pair(tmp_path, "0002_x")
    first, second = load(tmp_path).migrations
    assert (first.id, first.description) == ("0001_create_books.and_more", "create books.and more")
    assert (first.down, first.down_kind) == (None, DownKind.NONE)
    assert first.short_forms == ("0001", "1")
    assert first.up.text == "CREATE TABLE b ();\n"
    assert first.up.checksum.startswith("s1:")
    assert len(first.up.checksum) == 3 + 64
    assert second.down is not None
    assert (second.down.path, second.down_kind) == ("0002_x.down.sql", DownKind.SQL)


def test_line_ends_and_byte_order_mark_leave_the_checksum(tmp_path: Path) -> None:
    checksums = set()
    for raw in (
        b"SELECT 1;\nSELECT 2;\n",
        b"SELECT 1;\r\nSELECT 2;\r\n",
        b"\xef\xbb\xbfSELECT 1;\rSELECT 2;\r",
    ):
        (tmp_path / "1_x.up.sql").write_bytes(raw)
        checksums.add(load(tmp_path).migrations[0].up.checksum)
    assert len(checksums) == 1


def test_the_down_half_may_have_another_title(tmp_path: Path) -> None:
    write(tmp_path, **{"1_add_x__up__sql": "SELECT 1", "01_drop_x__down__sql": "SELECT 2"})
    (migration,) = load(tmp_path).migrations
    assert migration.id == "1_add_x"
    assert migration.down is not None


def test_the_digest_is_the_operator_s(tmp_path: Path) -> None:
    files = {"1_x.up.sql": b"SELECT 1\r\n", "README.md": b"hello"}
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
    (tmp_path / ".hidden").write_text("not in it")
    assert load(tmp_path).digest == source_digest(files)
    assert load(tmp_path, ignore=["README.md"]).digest == source_digest(files)


def test_a_configmap_mount_is_read(tmp_path: Path) -> None:
    data = tmp_path / "..2026_11_23"
    data.mkdir()
    pair(data, "1_x")
    (tmp_path / "..data").symlink_to(data.name)
    for name in ("1_x.up.sql", "1_x.down.sql"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    assert [m.id for m in load(tmp_path).migrations] == ["1_x"]


def test_a_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    pair(tmp_path / "real", "1_x")
    (tmp_path / "link").symlink_to("real")
    assert len(load(tmp_path / "link").migrations) == 1


@pytest.mark.parametrize(
    ("files", "file", "line", "words"),
    [
        ({"1_a.up.sql": "x", "01_b.up.sql": "x"}, "1_a.up.sql", None, "number 1 is also that of 01_b.up.sql"),
        ({"1_a.up.sql": "x", "1_a.down.sql": "x", "1_b.down.sql": "x"}, "1_b.down.sql", None, "also that of"),
        ({"1_a.up.sql": "x", "2_b.down.sql": "x"}, "2_b.down.sql", None, "no up half"),
        ({"1_a.up.sql": b"SELECT 1;\n-- \xe9t\xe9\n"}, "1_a.up.sql", 2, "0xe9 is not UTF-8"),
        ({"1_a.up.sql": "SELECT 1".encode("utf-16")}, "1_a.up.sql", 1, "UTF-16"),
        ({"1_a.up.sql": "SELECT 1;\n\n\0DROP"}, "1_a.up.sql", 3, "NUL byte"),
        ({"1_a.up.sql": "x", "1_A.UP.sql": "x"}, "1_a.up.sql", None, "differs from 1_A.UP.sql by case"),
        ({"99999999999999999999_a.up.sql": "x"}, "99999999999999999999_a.up.sql", None, "larger than"),
        ({"1_a\n.up.sql": "x"}, "1_a\\n.up.sql", None, "cannot be printed"),
        ({"1_a.up.sql": "x", "seed.sql": "x"}, "seed.sql", None, "looks like a migration"),
        ({"1_a.up.sql": "x", "2_b.up.pgsql": "x"}, "2_b.up.pgsql", None, "golang-migrate would run"),
        ({"1_a.up.sql": "x", "2_b.up.sql.bak": "x"}, "2_b.up.sql.bak", None, "golang-migrate would run"),
        ({"1_a.up.sql": "x", "2_B.UP.SQL": "x"}, "2_B.UP.SQL", None, "looks like a migration"),
        ({"1_a.up.sql": "x", "V2__b.sql": "x"}, "V2__b.sql", None, "Flyway"),
        ({"1_a.up.sql": "x", "R__view.sql": "x"}, "R__view.sql", None, "Flyway"),
        ({"1_a.up.sql": "x", "afterMigrate.sql": "x"}, "afterMigrate.sql", None, "callback of Flyway"),
        ({"1_a.up.sql": "x", "2_b.go": "x"}, "2_b.go", None, "goose"),
        ({"1_a.up.sql": "x", "2_b.py": "x"}, "2_b.py", None, "looks like a migration"),
        ({"1_a.up.sql": "x", "2_b.sql": "-- migrate:up\nx"}, "2_b.sql", None, "dbmate"),
        ({"1_a.up.sql": "x", "2_b.sql": "-- +goose Up\nx"}, "2_b.sql", None, "goose"),
        ({"1_a.up.sql": "x", "atlas.sum": "x"}, "atlas.sum", None, "Atlas"),
    ],
)
def test_refused(
    tmp_path: Path, files: dict[str, str | bytes], file: str, line: int | None, words: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    problems = [p for p in refused(tmp_path, named="Pairs").problems if p.file == file]
    assert any(words in p.message and p.line == line for p in problems), problems
    assert all(p.reason is Reason.SOURCE_INVALID and p.advice for p in problems)


def outside_link(folder: Path) -> None:
    (folder.parent / "secret.sql").write_text("DROP TABLE x")
    (folder / "1_a.up.sql").symlink_to("../secret.sql")


def dangling_link(folder: Path) -> None:
    (folder / "1_a.up.sql").symlink_to("nothing.sql")


def looping_link(folder: Path) -> None:
    (folder / "1_a.up.sql").symlink_to("1_a.up.sql")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "1_a.up.sql")


def link_to_a_pipe(folder: Path) -> None:
    os.mkfifo(folder / ".pipe")
    (folder / "1_a.up.sql").symlink_to(".pipe")


@pytest.mark.parametrize("make", [outside_link, dangling_link, looping_link, pipe, link_to_a_pipe])
def test_what_is_no_plain_file_of_the_folder_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    make(folder)
    assert refused(folder).file == "1_a.up.sql"


def test_a_folder_outside_by_a_link_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    pair(folder, "1_a")
    (folder / "old").symlink_to("..")
    assert "leads out of the folder" in refused(folder).message


def test_sql_in_a_sub_folder_is_not_skipped(tmp_path: Path) -> None:
    pair(tmp_path, "1_a")
    (tmp_path / "archive" / "deep").mkdir(parents=True)
    (tmp_path / "archive" / "notes.md").write_text("fine")
    assert len(load(tmp_path).migrations) == 1
    (tmp_path / "archive" / "deep" / "0_old.sql").write_text("SELECT 1")
    error = refused(tmp_path)
    assert error.file == "archive/deep/0_old.sql"
    assert "--ignore 'archive'" in error.advice
    for pattern in ("archive", "archive/*", "0_old.sql", "archive/deep/0_*"):
        assert len(load(tmp_path, ignore=[pattern]).migrations) == 1


def test_a_journal_of_drizzle_is_named(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "_journal.json").write_text("{}")
    (tmp_path / "0000_x.sql").write_text("SELECT 1;\n--> statement-breakpoint\nSELECT 2;")
    assert [p.message for p in refused(tmp_path, named="Pairs").problems] == [
        "this is a file of Drizzle, and no part of this source.",
        "this is the journal of Drizzle.",
    ]


def test_ignore_is_the_way_out(tmp_path: Path) -> None:
    pair(tmp_path, "1_a")
    write(tmp_path, seed__sql="x", V2_x__sql="x")
    (tmp_path / "2_link.up.sql").symlink_to("/etc/passwd")
    assert len(refused(tmp_path).problems) == 3
    assert len(load(tmp_path, ignore=["s*.sql", "V*", "2_link.*"]).migrations) == 1


def test_what_is_no_migration_is_left_alone(tmp_path: Path) -> None:
    pair(tmp_path, "1_a")
    write(tmp_path, README__md="x", Makefile="x", __keep="x", embed__go="x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "1_x.sql").write_text("x")
    assert len(load(tmp_path).migrations) == 1


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    write(tmp_path, **{"1_a__up__sql": b"\xff"}, seed__sql="x")
    write(tmp_path, **{"2_b__down__sql": "x"})
    error = refused(tmp_path)
    assert {p.file for p in error.problems} == {"1_a.up.sql", "2_b.down.sql", "seed.sql"}
    assert "(2 more)" in error.message
    assert str(error).count("\n") == 2


def test_a_missing_an_empty_and_a_wrong_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing").reason is Reason.SOURCE_MISSING
    assert refused(tmp_path).reason is Reason.SOURCE_EMPTY
    (tmp_path / "README.md").write_text("x")
    error = refused(tmp_path)
    assert (error.reason, "1 other entry" in error.message) == (Reason.SOURCE_EMPTY, True)
    assert "is not a folder" in refused(tmp_path / "README.md").message


def test_an_empty_folder_in_a_job_is_that_of_the_resource(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path in the container says nothing to whoever wrote the resource."""
    assert loading.SOURCE_MOUNT == podspec.SOURCE_MOUNT
    assert "spec.source" not in str(refused(tmp_path))
    monkeypatch.setattr(loading, "SOURCE_MOUNT", str(tmp_path))
    error = refused(tmp_path)
    assert error.reason is Reason.SOURCE_EMPTY
    assert "what spec.source names holds no migration" in error.message
    assert str(tmp_path) not in error.message
    assert "spec.source" in error.advice
    assert ".up.sql" in error.advice


def test_ignoring_everything_is_an_empty_source(tmp_path: Path) -> None:
    pair(tmp_path, "1_a")
    error = refused(tmp_path, ignore=["*"])
    assert (error.reason, "2 ignored" in error.message) == (Reason.SOURCE_EMPTY, True)


def test_two_formats_in_one_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format is a module; the registry is a tuple."""

    def evidence(listing: Listing) -> str:
        return min(claims(listing), default="")

    def claims(listing: Listing) -> set[str]:
        return {name for name in listing.names if name.count(".") == 1}

    def read(listing: Listing) -> list[Migration]:
        return [
            Migration(name, n, name, "Singles", Sql.of(name, listing.text(name) or ""), None, DownKind.NONE)
            for n, name in enumerate(sorted(claims(listing)), start=1)
        ]

    def short_forms(migration_id: str) -> tuple[str, ...]:
        return ()

    singles = SimpleNamespace(
        NAME="Singles",
        EXPECTED="<word>.sql",
        evidence=evidence,
        claims=claims,
        read=read,
        short_forms=short_forms,
    )
    known = (*formats.FORMATS, singles)
    for module in (formats, loading):
        monkeypatch.setattr(module, "FORMATS", known)
        monkeypatch.setattr(module, "BY_NAME", {one.NAME: one for one in known})
    pair(tmp_path, "1_a")
    (tmp_path / "seed.sql").write_text("SELECT 1")
    assert "more than one format: Pairs (1_a.up.sql), Singles (seed.sql)." in refused(tmp_path).message
    assert load(tmp_path, "Pairs", ignore=["seed.sql"]).format == "Pairs"
    assert [m.id for m in load(tmp_path, "Singles", ignore=["1_*"]).migrations] == ["seed.sql"]


def test_a_thousand_files_take_well_under_a_second(tmp_path: Path) -> None:
    for number in range(1000):
        up = f"CREATE TABLE t{number} (id int PRIMARY KEY, name text NOT NULL DEFAULT 'x');\n"
        pair(tmp_path, f"{number}_t", up, f"DROP TABLE t{number};\n")
    begun = time.process_time()
    load(tmp_path).check()
    assert time.process_time() - begun < 1


def test_an_unknown_format_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SourceProblem, match="Did you mean Pairs") as caught:
        load(tmp_path, format="pair")
    assert caught.value.reason is Reason.USAGE
    pair(tmp_path, "1_a")
    assert load(tmp_path, format="Auto").format == load(tmp_path, format="Pairs").format == "Pairs"
