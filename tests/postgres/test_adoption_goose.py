"""goose's table: the newest row of a version counts, and ids are the order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from tests.postgres.histories import GOOSE, make, take
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

IDS = ("00001_a", "00002_b", "00003_c")


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """Goose has made its table, with the row that stands for nothing."""
    for name in IDS:
        table = f"t_{name[-1]}"
        text = f"-- +goose Up\nCREATE TABLE {table} (id int);\n\n-- +goose Down\nDROP TABLE {table};\n"
        (folder / f"{name}.sql").write_text(text)
    made = Runner(database, folder)
    make(made, GOOSE, "goose_db_version")
    record(made, 0)
    return made


def record(runner: Runner, version: int, *, applied: bool = True) -> None:
    runner.query(f"INSERT INTO goose_db_version (version_id, is_applied) VALUES ({version}, {applied})")


def test_it_is_taken_over_and_goes_on_both_ways(runner: Runner) -> None:
    runner.query("CREATE TABLE t_a (id int); CREATE TABLE t_b (id int)")
    record(runner, 1)
    record(runner, 2)
    taken = take(runner)
    assert (taken.reason, taken.applied) == (Reason.SUCCEEDED, list(IDS[:2]))
    assert "goose (public.goose_db_version, version 2)" in taken.message
    assert runner.up().result.current == IDS[2]
    assert runner.down(target="base").result.reason is Reason.SUCCEEDED
    assert runner.tables == {"books", "goose_db_version"}


def test_the_sentinel_alone_is_an_empty_history(runner: Runner) -> None:
    taken = take(runner)
    assert (taken.reason, runner.applied) == (Reason.SUCCEEDED, [])
    assert "nothing applied" in taken.message


def test_the_newest_row_counts_and_the_ids_are_the_order(runner: Runner) -> None:
    """Version 1 was rolled back and came again after 3; 2 was rolled back for good."""
    for version, applied in ((1, True), (2, True), (3, True), (2, False), (1, False), (1, True)):
        record(runner, version, applied=applied)
    taken = take(runner)
    assert taken.applied == ["00003_c", "00001_a"]
    assert "00002_b is not applied" in taken.warnings
    assert runner.applied == ["00003_c", "00001_a"], "a rollback begins with what came last"


def test_a_newer_goose_deletes_the_row_of_a_rollback(runner: Runner) -> None:
    for version in (1, 2, 3):
        record(runner, version)
    runner.query("DELETE FROM goose_db_version WHERE version_id = 3")
    assert take(runner).applied == list(IDS[:2])


def test_a_version_without_a_file_is_refused(runner: Runner) -> None:
    record(runner, 1)
    record(runner, 20240101000000)
    taken = take(runner)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "public.goose_db_version of goose names 2 versions" in taken.message
    assert "no file has version 20240101000000;" in taken.message


def test_its_numbers_name_files_of_pairs_too(runner: Runner) -> None:
    for name in IDS:
        (runner.folder / f"{name}.sql").unlink()
    write(runner.folder, "1_x", "2_y")
    record(runner, 1)
    assert take(runner).applied == ["1_x"]
