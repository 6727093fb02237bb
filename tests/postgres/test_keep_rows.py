"""Drizzle's own rows, kept up by our runs: what Drizzle would have written, in the same transaction."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from switchback.runner.adoption.wish import Wish
from switchback.runner.operations import amend, baseline
from tests.cluster.errors import BedError
from tests.postgres.acting import act
from tests.postgres.histories import DRIZZLE, DRIZZLE_1, has_ledger, make, take
from tests.postgres.running import Runner, write
from tests.postgres.test_adoption_drizzle import (
    FOLDERS,
    SECONDS,
    TABLE,
    TAGS,
    WHEN,
    applied,
    digest,
    folders,
    journal,
    record,
    sql,
)

if TYPE_CHECKING:
    from pathlib import Path

KEEP = Wish(keep_rows=True)


def rows(runner: Runner, columns: str = "hash, created_at") -> list[tuple[Any, ...]]:
    return runner.query(f"SELECT {columns} FROM {TABLE} ORDER BY id")


def written(*tags: str) -> list[tuple[str, int]]:
    return [(digest(sql(tag)), WHEN[tag]) for tag in tags]


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """Drizzle has applied the first of three; it is taken over with its rows."""
    journal(folder, *TAGS)
    made = Runner(database, folder)
    make(made, DRIZZLE, TABLE)
    applied(made, "0000_a")
    record(made, "0000_a")
    taken = take(made, KEEP)
    assert taken.reason is Reason.SUCCEEDED
    assert "Its rows in drizzle.__drizzle_migrations are kept up from now on." in taken.message
    return made


def test_migrate_and_rollback_write_and_remove_the_rows(runner: Runner) -> None:
    assert rows(runner) == written("0000_a")
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert rows(runner) == written(*TAGS)
    assert runner.down(target="0000_a").result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a")
    assert runner.down(target="base").result.reason is Reason.SUCCEEDED
    assert rows(runner) == []
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert rows(runner) == written(*TAGS)


def test_rows_of_folders_have_a_name_and_a_time_of_their_own(database: str, folder: Path) -> None:
    folders(folder)
    runner = Runner(database, folder)
    make(runner, DRIZZLE_1, TABLE)
    applied(runner, "a")
    record(runner, FOLDERS[0], v1=True)
    take(runner, KEEP)
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert rows(runner, "hash, created_at, name, applied_at IS NOT NULL") == [
        (digest(sql(name)), SECONDS[name], name, True) for name in FOLDERS
    ]
    shutil.rmtree(folder / FOLDERS[2])
    assert runner.down(target=FOLDERS[0]).result.reason is Reason.SUCCEEDED
    assert rows(runner, "name") == [(FOLDERS[0],)]


def test_without_the_wish_nothing_of_drizzle_changes(database: str, folder: Path) -> None:
    journal(folder, *TAGS)
    runner = Runner(database, folder)
    make(runner, DRIZZLE, TABLE)
    take(runner)
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert rows(runner) == []


def test_the_row_is_of_the_raw_file(runner: Runner) -> None:
    raw = b"\xef\xbb\xbf" + sql("0001_b").replace("\n", "\r\n").encode()
    (runner.folder / "0001_b.sql").write_bytes(raw)
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert rows(runner)[1][0] == digest(raw.decode()), "as Node reads it, mark included"
    assert runner.down(target="0000_a").result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a")


def test_a_failure_takes_the_row_back_with_everything_else(runner: Runner) -> None:
    (runner.folder / "0002_c.sql").write_text("CREATE TABLE t_c (id int);\nSELECT 1/0;")
    assert runner.up().result.reason is Reason.SQL_FAILED
    assert rows(runner) == written("0000_a", "0001_b")


def test_a_file_without_transaction_has_its_row_when_it_is_done(runner: Runner) -> None:
    text = "-- switchback: no-transaction\nCREATE TABLE t_b (id int);\nSELECT nowhere;\n"
    (runner.folder / "0001_b.sql").write_text(text)
    assert runner.up().result.reason is Reason.FAILED_PARTLY
    assert rows(runner) == written("0000_a")
    text = text.replace("SELECT nowhere", "CREATE INDEX CONCURRENTLY t_b_id ON t_b (id)")
    (runner.folder / "0001_b.sql").write_text(text)
    (runner.folder / "0001_b.down.sql").write_text("-- switchback: no-transaction\nDROP TABLE t_b;\n")
    assert runner.up(target="0001_b").result.reason is Reason.SUCCEEDED
    assert rows(runner) == [*written("0000_a"), (digest(text), WHEN["0001_b"])]
    assert runner.down().result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a")


def test_a_rollback_without_the_file_finds_the_row_by_its_text(runner: Runner) -> None:
    assert runner.up().result.reason is Reason.SUCCEEDED
    for name in ("0002_c.sql", "0002_c.down.sql"):
        (runner.folder / name).unlink()
    journal(runner.folder, *TAGS[:2])
    assert runner.down(target="0001_b").result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a", "0001_b")


def test_a_row_that_cannot_be_told_stops_the_rollback_before_it_begins(runner: Runner) -> None:
    assert runner.up().result.reason is Reason.SUCCEEDED
    runner.query(f"UPDATE {TABLE} SET hash = 'x' WHERE created_at = {WHEN['0002_c']}")
    for name in ("0002_c.sql", "0002_c.down.sql"):
        (runner.folder / name).unlink()
    journal(runner.folder, *TAGS[:2])
    ending = runner.down(target="0000_a")
    assert ending.result.reason is Reason.ADOPTION_REFUSED
    assert "The file of 0002_c is gone" in ending.result.message
    assert "--no-keep-rows" in ending.advice
    assert runner.applied == list(TAGS)


def test_what_drizzle_has_run_meanwhile_is_not_run_again(runner: Runner) -> None:
    record(runner, "0001_b")
    ending = runner.up()
    assert ending.result.reason is Reason.ADOPTION_REFUSED
    assert "says that 0001_b is applied, and the ledger does not" in ending.result.message
    assert "repair --mark 0001_b" in ending.advice
    assert runner.applied == ["0000_a"]


def test_what_drizzle_has_run_meanwhile_stands_in_the_way_of_every_plan(runner: Runner) -> None:
    assert runner.up(target="0001_b").result.reason is Reason.SUCCEEDED
    record(runner, "0002_c")
    applied(runner, "0002_c")
    ahead = "drizzle.__drizzle_migrations says that 0002_c is applied, and the ledger does not"
    commands = (
        ["migrate"], ["migrate", "--dry-run"], ["rollback"], ["rollback", "--dry-run"],
        ["redo", "--dry-run"], ["reset", "--dry-run"], ["plan"], ["plan", "--target", "base"],
    )  # fmt: skip
    for words in commands:
        done = runner.call(*words)
        assert (done.returncode, ahead in done.stderr) == (11, True), (words, done.stdout, done.stderr)
    assert rows(runner) == written(*TAGS)
    seen = runner.call("status")
    assert (seen.returncode, ahead in seen.stderr) == (0, True)
    assert runner.call("status", "--check").returncode == 11
    assert runner.call("repair", "--mark", "0002_c").returncode == 0
    assert runner.call("status", "--check").returncode == 0
    assert runner.down(target="base").result.reason is Reason.SUCCEEDED
    assert (rows(runner), runner.tables) == ([], {"books"})


def test_the_advice_leads_to_the_end_where_drizzle_went_past_a_file(runner: Runner) -> None:
    record(runner, "0002_c")
    applied(runner, "0002_c")
    done = runner.call("migrate")
    assert done.returncode == 11
    assert "switchback repair --mark 0002_c" in done.stderr
    assert "0001_b comes before it and is not applied" in done.stderr
    assert "switchback migrate --allow-out-of-order" in done.stderr
    assert runner.call("repair", "--mark", "0002_c").returncode == 0
    assert runner.call("migrate", "--allow-out-of-order").returncode == 0
    assert sorted(runner.applied) == list(TAGS)


def test_the_advice_names_everything_that_drizzle_has_run(runner: Runner) -> None:
    record(runner, "0001_b")
    record(runner, "0002_c")
    advice = runner.up().advice
    assert advice.startswith("Count them as applied: switchback repair --mark 0001_b, then --mark 0002_c")
    assert "comes before" not in advice


def test_rows_of_drizzle_that_are_hidden_stop_the_run(database: str, folder: Path) -> None:
    journal(folder, *TAGS)
    runner = Runner(database, folder)
    make(runner, DRIZZLE, TABLE)
    applied(runner, "0000_a")
    record(runner, "0000_a")
    name = f"r_{database.rpartition('_')[2]}"
    base = database.rpartition("/")[2]
    runner.query(f"CREATE ROLE {name}; GRANT CREATE ON DATABASE {base} TO {name}; "
                 f"GRANT ALL ON SCHEMA public, drizzle TO {name}; GRANT ALL ON {TABLE} TO {name}; "
                 f"GRANT ALL ON ALL SEQUENCES IN SCHEMA drizzle TO {name}")  # fmt: skip
    try:
        done = runner.call("adopt", "--role", name, "--keep-rows", "--yes")
        assert done.returncode == 0, done.stderr
        runner.query(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
        done = runner.call("migrate", "--role", name)
        assert done.returncode == 7, done.stdout
        assert "row-level security" in done.stderr
        assert runner.call("status", "--role", name).returncode == 0
    finally:
        runner.query(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_two_files_of_one_text_keep_their_rows_apart(runner: Runner) -> None:
    for tag in TAGS[1:]:
        (runner.folder / f"{tag}.sql").write_text("INSERT INTO t_a VALUES (1);\n")
        (runner.folder / f"{tag}.down.sql").write_text("DELETE FROM t_a;\n")
    assert runner.up().result.reason is Reason.SUCCEEDED
    for name in ("0002_c.sql", "0002_c.down.sql"):
        (runner.folder / name).unlink()
    text = (runner.folder / "0001_b.sql").read_text()
    journal(runner.folder, *TAGS[:2])
    (runner.folder / "0001_b.sql").write_text(text)
    (runner.folder / "0001_b.down.sql").write_text("DELETE FROM t_a;\n")
    runner.query(f"UPDATE {TABLE} SET id = id + 10 WHERE created_at = {WHEN['0001_b']}")
    stopped = runner.down(accept=frozenset(Risk))
    assert stopped.result.reason is Reason.ADOPTION_REFUSED, "it may be either"
    assert act(runner, amend.unmark, target="0002_c").result.reason is Reason.ADOPTION_REFUSED
    take(runner, Wish(keep_rows=False))
    assert act(runner, amend.unmark, target="0002_c").result.reason is Reason.SUCCEEDED
    runner.query(f"DELETE FROM {TABLE} WHERE created_at = {WHEN['0002_c']}")
    assert take(runner, KEEP).reason is Reason.SUCCEEDED
    assert runner.down(accept=frozenset(Risk)).result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a")


def test_a_row_that_is_gone_already_is_none_to_remove(runner: Runner) -> None:
    assert runner.up().result.reason is Reason.SUCCEEDED
    runner.query(f"DELETE FROM {TABLE} WHERE created_at = {WHEN['0002_c']}")
    assert runner.down().result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a", "0001_b")


def test_whoever_drops_drizzles_table_ends_it(runner: Runner) -> None:
    runner.query("DROP SCHEMA drizzle CASCADE")
    ending, words = runner.told("migrate")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "drizzle.__drizzle_migrations is gone" in words.text


def test_it_ends_and_begins_again_by_a_word(runner: Runner) -> None:
    ended = take(runner, Wish(keep_rows=False))
    assert (ended.reason, "No rows of Drizzle" in ended.message) == (Reason.SUCCEEDED, True)
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a")
    begun = take(runner, KEEP)
    assert begun.reason is Reason.SUCCEEDED
    assert "2 migrations had no row there and got one." in begun.message
    assert rows(runner) == written(*TAGS)
    assert runner.down().result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a", "0001_b")


def test_it_does_not_begin_where_drizzle_knows_more(runner: Runner) -> None:
    take(runner, Wish(keep_rows=False))
    record(runner, "0001_b")
    taken = take(runner, KEEP)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "what the ledger does not count as applied: 0001_b" in taken.message


def test_rows_marked_and_unmarked_by_hand_are_kept_up(runner: Runner) -> None:
    assert act(runner, amend.mark, target="1").result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a", "0001_b")
    record(runner, "0002_c")
    assert act(runner, amend.mark, target="2").result.reason is Reason.SUCCEEDED
    assert rows(runner) == written(*TAGS), "Drizzle had that row already"
    assert act(runner, amend.unmark, target="2").result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a", "0001_b")
    shutil.rmtree(runner.folder)
    assert act(runner, amend.unmark, target="0001_b").result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a")


def test_a_baseline_writes_rows_where_they_are_kept_up(runner: Runner) -> None:
    runner.down(target="base")
    assert rows(runner) == []
    assert act(runner, baseline.run, target="1").result.reason is Reason.SUCCEEDED
    assert rows(runner) == written("0000_a", "0001_b")


def test_a_renamed_folder_is_renamed_in_its_row(database: str, folder: Path) -> None:
    folders(folder)
    runner = Runner(database, folder)
    make(runner, DRIZZLE_1, TABLE)
    record(runner, FOLDERS[0], v1=True)
    take(runner, KEEP)
    (folder / FOLDERS[0]).rename(folder / "20240101000000_z")
    renamed = act(runner, partial(amend.rename, new="20240101000000_z"), target=FOLDERS[0])
    assert renamed.result.reason is Reason.SUCCEEDED
    assert rows(runner, "name") == [("20240101000000_z",)]


def test_other_tools_have_no_rows_to_keep(database: str, folder: Path) -> None:
    write(folder, "0001_a")
    runner = Runner(database, folder)
    make(
        runner,
        "CREATE TABLE {table} (version bigint PRIMARY KEY, dirty boolean NOT NULL)",
        "schema_migrations",
    )
    taken = take(runner, KEEP)
    assert taken.reason is Reason.USAGE
    assert "--keep-rows is for Drizzle" in taken.message
    assert not has_ledger(runner)


def test_missing_rights_are_told_before_anything_is_written(database: str, folder: Path) -> None:
    journal(folder, *TAGS)
    runner = Runner(database, folder)
    make(runner, DRIZZLE, TABLE)
    name = f"r_{database.rpartition('_')[2]}"
    runner.query(f"CREATE ROLE {name}; GRANT CREATE ON DATABASE {database.rpartition('/')[2]} TO {name}; "
                 f"GRANT USAGE ON SCHEMA drizzle TO {name}; GRANT SELECT ON {TABLE} TO {name}")  # fmt: skip
    try:
        runner.role = name
        done = runner.call("adopt", "--role", name, "--keep-rows", "--yes")
        assert done.returncode == 7, done.stderr
        assert f'GRANT SELECT, INSERT, DELETE ON "drizzle"."__drizzle_migrations" TO "{name}";' in done.stderr
        assert "GRANT USAGE ON ALL SEQUENCES" in done.stderr
        runner.query(f"GRANT INSERT, DELETE ON {TABLE} TO {name}")
        done = runner.call("adopt", "--role", name, "--keep-rows", "--yes")
        assert done.returncode == 7, "the sequence is still missing"
        assert not has_ledger(runner)
        runner.query(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA drizzle TO {name}")
        done = runner.call("adopt", "--role", name, "--keep-rows", "--yes")
        assert done.returncode == 0, done.stderr
    finally:
        runner.query(f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.fixture(scope="session")
def drizzle_orm() -> Path:
    """Node packages with Drizzle's own migrator, as the bench installs them."""
    npm = pytest.importorskip("tests.bench.runner.npm")
    try:
        found: Path = npm.ensure()
    except BedError as error:
        pytest.skip(str(error))
    return found


def test_drizzles_own_migrator_goes_on_beside_ours(drizzle_orm: Path, database: str, folder: Path) -> None:
    def drizzle() -> None:
        words = ["node", str(drizzle_orm / "migrate.mjs"), database, str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr

    runner = Runner(database, folder)
    journal(folder, "0000_a")
    (folder / "0000_a.sql").write_text(sql("0000_a").replace(")\n", ");\n"))
    drizzle()
    ours = rows(runner)
    assert take(runner, KEEP).applied == ["0000_a"]
    journal(folder, *TAGS)
    for tag in TAGS:
        (folder / f"{tag}.sql").write_text(sql(tag).replace(")\n", ");\n"))
    assert runner.up().result.reason is Reason.SUCCEEDED
    kept = rows(runner)
    drizzle()
    assert rows(runner) == kept, "Drizzle sees nothing pending"
    assert kept[0] == ours[0]
    assert runner.down(target="0000_a").result.reason is Reason.SUCCEEDED
    assert rows(runner) == ours
    drizzle()
    assert rows(runner) == kept, "what Drizzle writes is what we have written"
    assert runner.up().result.reason is Reason.ADOPTION_REFUSED, "the ledger does not know of it"
