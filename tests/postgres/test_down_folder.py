"""A second folder for ways back that neither the files nor the ledger have; and whose way back runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.migrations.halves import checksum
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """At 0003_c, whose file is gone and of which the ledger keeps no down half."""
    write(folder, "0001_a", "0002_b", "0003_c")
    made = Runner(database, folder)
    assert made.up().result.reason is Reason.SUCCEEDED
    made.query("UPDATE switchback.migrations SET down_sql = NULL, down_kind = 'None', down_checksum = ''")
    for half in ("up", "down"):
        (folder / f"0003_c.{half}.sql").unlink()
    return made


@pytest.fixture
def before(runner: Runner) -> Path:
    """The files as they were applied."""
    path = runner.folder.parent / "before"
    path.mkdir()
    write(path, "0001_a", "0002_b", "0003_c")
    return path


def back(*words: str) -> tuple[str, ...]:
    return ("--target", "0002_b", *words)


def test_refused_without_it(runner: Runner) -> None:
    ending = job(runner, "inspect", *back())
    assert (ending.reason, ending.exit_code) == (Reason.FILE_MISSING, 4)
    assert "--down-dir" in runner.call("plan", *back()).stderr


def test_found_there_and_said(runner: Runner, before: Path) -> None:
    words = back("--down-dir", str(before))
    shown = runner.call("plan", *words)
    assert f"{before}/0003_c.down.sql:1" in shown.stdout
    assert f"the down half in {before} runs, because its file is gone" in shown.stdout
    inspected = job(runner, "inspect", *words)
    assert [step.id for step in inspected.steps] == ["0003_c"]
    assert inspected.steps[0].losses == ("table public.t_0003_c is empty",)
    reserved = job(runner, "reserve", *words, "--expect-plan", inspected.plan_digest)
    assert reserved.reason is Reason.SUCCEEDED
    done = job(runner, "rollback", *words, "--expect-plan", inspected.plan_digest)
    assert (done.reason, done.current) == (Reason.SUCCEEDED, "0002_b")
    assert runner.tables == {"t_0001_a", "t_0002_b"}
    details = runner.query("SELECT details FROM switchback.events WHERE kind = 'RolledBack'")
    assert str(before) in details[0][0]


def test_on_a_laptop_for_a_file_without_a_down_half(runner: Runner, before: Path) -> None:
    (runner.folder / "0002_b.down.sql").unlink()
    assert runner.call("rollback", "--target", "1").returncode == 5
    done = runner.call("rollback", "--target", "1", "--down-dir", str(before))
    assert done.returncode == 0, done.stderr
    assert "its file has no down half" in done.stdout
    assert runner.applied == ["0001_a"]


def test_files_and_ledger_come_first(runner: Runner, before: Path) -> None:
    """It is not even read where nothing is missing."""
    (before / "0001_b.up.sql").write_text("two of one number")
    done = runner.call("rollback", "--target", "base", "--down-dir", str(before))
    assert done.returncode == 4, "here it is read, for 0003_c"
    runner.query("UPDATE switchback.migrations SET down_sql = 'DROP TABLE t_0003_c', down_checksum = "
                 f"'{checksum('DROP TABLE t_0003_c')}' WHERE id = '0003_c'")  # fmt: skip
    done = runner.call("rollback", "--target", "base", "--down-dir", str(before))
    assert done.returncode == 0, done.stderr
    assert runner.tables == set()


def test_another_up_half_there_is_refused(runner: Runner, before: Path) -> None:
    write(before, _0003_c_up="CREATE TABLE t_0003_c (id bigint);")
    ending = job(runner, "inspect", *back("--down-dir", str(before)))
    assert (ending.reason, ending.exit_code) == (Reason.FILE_CHANGED, 4)
    assert str(before) in ending.message


def test_another_down_half_than_the_ledger_knows_is_refused(runner: Runner, before: Path) -> None:
    runner.query("UPDATE switchback.migrations SET down_checksum = 's1:other'")
    words = back("--down-dir", str(before))
    assert job(runner, "inspect", *words).reason is Reason.FILE_CHANGED
    assert job(runner, "inspect", *words, "--down-source", "Source").reason is Reason.SUCCEEDED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-- switchback: irreversible\n", Reason.IRREVERSIBLE),
        ("-- nothing here\n", Reason.FILE_MISSING),
        ("DROP TABLE 'unfinished", Reason.SOURCE_INVALID),
    ],
)
def test_it_is_checked_like_files_are(runner: Runner, before: Path, text: str, reason: Reason) -> None:
    (before / "0003_c.down.sql").write_text(text)
    assert job(runner, "inspect", *back("--down-dir", str(before))).reason is reason


def test_nothing_to_undo_may_be_declared_there(runner: Runner, before: Path) -> None:
    (before / "0003_c.down.sql").write_text("-- switchback: down=none was empty\n")
    done = runner.call("rollback", *back("--down-dir", str(before)))
    assert (done.returncode, runner.applied) == (0, ["0001_a", "0002_b"])


def test_a_folder_that_is_not_there(runner: Runner) -> None:
    for words in (["plan"], ["rollback"]):
        done = runner.call(*words, *back("--down-dir", "/nonexistent"))
        assert (done.returncode, "/nonexistent" in done.stderr) == (2, True)
    ending = job(runner, "inspect", *back("--down-dir", "/nonexistent"))
    assert (ending.reason, ending.exit_code) == (Reason.USAGE, 2)


@pytest.mark.parametrize(
    ("source", "outcome"),
    [("Auto", Reason.FILE_CHANGED), ("Ledger", Reason.SUCCEEDED), ("Source", Reason.SUCCEEDED)],
)
def test_whose_way_back_runs(database: str, folder: Path, source: str, outcome: Reason) -> None:
    write(folder, "0001_a")
    runner = Runner(database, folder)
    runner.up()
    runner.query("CREATE TABLE told (by text)")
    stored = "DROP TABLE t_0001_a; INSERT INTO told VALUES ('Ledger')"
    runner.query(f"UPDATE switchback.migrations SET down_sql = $${stored}$$, "
                 f"down_checksum = '{checksum(stored)}'")  # fmt: skip
    write(folder, _0001_a_down="DROP TABLE t_0001_a; INSERT INTO told VALUES ('Source');")
    words = ("--target", "base", "--down-source", source)
    ending = job(runner, "inspect", *words)
    assert ending.reason is outcome
    if outcome is not Reason.SUCCEEDED:
        return
    job(runner, "reserve", *words)
    done = job(runner, "rollback", *words, "--accept", "DataLoss", "--accept", "Unknown")
    assert done.reason is Reason.SUCCEEDED, done.message
    assert runner.query("SELECT by FROM told") == [(source,)]
