"""Drizzle's table, in both of its forms, with rows as its migrator writes them."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.adoption.wish import Wish
from tests.postgres.histories import DRIZZLE, DRIZZLE_1, has_ledger, make, take
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "drizzle.__drizzle_migrations"
TAGS = ("0000_a", "0001_b", "0002_c")
FOLDERS = ("20240101000000_a", "20240201000000_b", "20240301000000_c")
WHEN = {tag: 1704067200123 + 86400000 * place for place, tag in enumerate(TAGS)}
SECONDS = dict(zip(FOLDERS, (1704067200000, 1706745600000, 1709251200000), strict=True))


def sql(name: str) -> str:
    table = f"t_{name[-1]}"
    return f'CREATE TABLE "{table}" ("id" int)\n--> statement-breakpoint\nCREATE INDEX ON "{table}" (id);\n'


def journal(folder: Path, *tags: str) -> None:
    """Files as drizzle-kit 0.x leaves them."""
    (folder / "meta").mkdir(exist_ok=True)
    entries = [{"idx": i, "version": "7", "when": WHEN[tag], "tag": tag, "breakpoints": True}
               for i, tag in enumerate(tags)]  # fmt: skip
    data = {"version": "7", "dialect": "postgresql", "entries": entries}
    (folder / "meta" / "_journal.json").write_text(json.dumps(data))
    for tag in tags:
        (folder / f"{tag}.sql").write_text(sql(tag))
        (folder / f"{tag}.down.sql").write_text(f"DROP TABLE t_{tag[-1]};\n")


def folders(folder: Path) -> None:
    """Files as drizzle-kit 1.0 leaves them."""
    for name in FOLDERS:
        (folder / name).mkdir()
        (folder / name / "migration.sql").write_text(sql(name))
        (folder / name / "down.sql").write_text(f"DROP TABLE t_{name[-1]};\n")


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def record(
    runner: Runner, name: str, *, when: int | None = None, text: str | None = None, v1: bool = False
) -> None:
    """A row as Drizzle's migrator inserts it."""
    columns, more = ("hash, created_at, name", f", '{name}'") if v1 else ("hash, created_at", "")
    moment = when if when is not None else {**WHEN, **SECONDS}[name]
    hashed = digest(sql(name) if text is None else text)
    runner.query(f"INSERT INTO {TABLE} ({columns}) VALUES ('{hashed}', {moment}{more})")


def applied(runner: Runner, *names: str) -> None:
    for name in names:
        runner.query(f"CREATE TABLE t_{name[-1]} (id int)")


@pytest.fixture
def old(database: str, folder: Path) -> Runner:
    """Drizzle 0.x: a journal, and a table of three columns."""
    journal(folder, *TAGS)
    made = Runner(database, folder)
    make(made, DRIZZLE, TABLE)
    return made


@pytest.fixture
def new(database: str, folder: Path) -> Runner:
    """Drizzle 1.0: folders, and a table of five columns."""
    folders(folder)
    made = Runner(database, folder)
    make(made, DRIZZLE_1, TABLE)
    return made


def test_a_journal_is_taken_over_and_goes_on_both_ways(old: Runner) -> None:
    applied(old, "0000_a", "0001_b")
    record(old, "0000_a")
    record(old, "0001_b")
    taken = take(old)
    assert (taken.reason, taken.applied) == (Reason.SUCCEEDED, list(TAGS[:2]))
    assert "Drizzle (drizzle.__drizzle_migrations, at 0001_b)" in taken.message
    assert old.up().result.current == "0002_c"
    assert old.down(target="base").result.reason is Reason.SUCCEEDED
    assert old.tables == {"books"}
    assert old.query(f"SELECT count(*) FROM {TABLE}") == [(2,)], "the other tool's table stays"


def test_folders_are_taken_over_and_go_on_both_ways(new: Runner) -> None:
    applied(new, "20240101000000_a")
    record(new, FOLDERS[0], v1=True)
    taken = take(new)
    assert taken.applied == [FOLDERS[0]]
    assert new.up().result.current == FOLDERS[2]
    assert new.down(target="base").result.reason is Reason.SUCCEEDED


def test_folders_are_found_in_a_table_of_the_old_form(new: Runner) -> None:
    """`drizzle-kit up` makes folders from a journal, and the next `migrate` adds the columns."""
    new.query(f"ALTER TABLE {TABLE} DROP name, DROP applied_at")
    record(new, FOLDERS[0], when=1704067200123, text="SELECT 1;")
    assert f"{FOLDERS[0]}/migration.sql is not what was applied" in take(new).message, "known by the second"
    new.query(f"TRUNCATE {TABLE}")
    record(new, FOLDERS[0], when=1704067200123)
    record(new, FOLDERS[1], when=1, text=sql(FOLDERS[1]))
    assert take(new).applied == list(FOLDERS[:2])


@pytest.mark.parametrize("ends", [b"\r\n", b"\n"], ids=["crlf here", "crlf there"])
def test_line_ends_that_git_has_changed_are_no_change(old: Runner, ends: bytes) -> None:
    there = sql("0000_a") if ends == b"\r\n" else sql("0000_a").replace("\n", "\r\n")
    here = sql("0000_a").encode().replace(b"\n", ends)
    (old.folder / "0000_a.sql").write_bytes(here)
    record(old, "0000_a", text=there)
    assert take(old).applied == ["0000_a"]


def test_a_changed_file_is_refused_with_both_hashes(old: Runner) -> None:
    record(old, "0000_a", text="CREATE TABLE t_a ();")
    taken = take(old)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "0000_a.sql is not what was applied" in taken.message
    assert digest(sql("0000_a")) in taken.message
    assert digest("CREATE TABLE t_a ();") in taken.message
    assert not has_ledger(old)
    assert take(old, Wish(target="0000_a")).reason is Reason.SUCCEEDED


def test_a_row_of_no_file_is_refused(old: Runner) -> None:
    record(old, "0000_a")
    record(old, "0001_b", when=5, text="SELECT 1;")
    taken = take(old)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert f"names 2 versions, and no file has version 5 (hash {digest('SELECT 1;')[:12]})" in taken.message


def test_a_row_of_no_folder_is_refused(new: Runner) -> None:
    new.query(f"INSERT INTO {TABLE} (hash, created_at, name) VALUES ('x', 5, '20230101000000_z')")
    taken = take(new)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "20230101000000_z" in taken.message


def test_what_drizzle_has_passed_over_is_pending_and_told(old: Runner) -> None:
    """Drizzle 0.x looks at the newest time alone: what was merged late with an older one never ran."""
    record(old, "0000_a")
    record(old, "0002_c")
    taken = take(old)
    assert taken.applied == ["0000_a", "0002_c"]
    assert "0001_b is not applied" in taken.warnings


def test_a_journal_written_anew_is_known_by_the_hash(old: Runner) -> None:
    record(old, "0000_a", when=5)
    assert take(old).applied == ["0000_a"]


def test_two_files_of_one_text_are_told_apart_by_time(old: Runner) -> None:
    (old.folder / "0001_b.sql").write_text(sql("0000_a"))
    record(old, "0001_b", text=sql("0000_a"))
    assert take(old).applied == ["0001_b"]


def test_the_journal_of_a_configmap_lies_beside_the_files(old: Runner) -> None:
    (old.folder / "meta" / "_journal.json").rename(old.folder / "_journal.json")
    (old.folder / "meta").rmdir()
    record(old, "0000_a")
    assert take(old).applied == ["0000_a"]


def test_files_of_another_format_need_a_target(old: Runner) -> None:
    for path in old.folder.rglob("*.*"):
        path.unlink()
    (old.folder / "meta").rmdir()
    write(old.folder, "0001_a", "0002_b")
    record(old, "0000_a")
    taken = take(old)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "do not name files of the format Pairs" in taken.message
    assert take(old, Wish(target="0001_a")).applied == ["0001_a"]


@pytest.mark.parametrize("when", ["1e999", "-1e999", "NaN", "1e300", "9" * 30, "true", '"soon"', "null"])
def test_a_time_that_is_none_leaves_the_hash(old: Runner, when: str) -> None:
    path = old.folder / "meta" / "_journal.json"
    path.write_text(path.read_text().replace(str(WHEN["0000_a"]), when))
    applied(old, "0000_a")
    record(old, "0000_a")
    assert take(old).applied == ["0000_a"]
