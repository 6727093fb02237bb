"""dbmate's table, whose only column is the version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.adoption.wish import Wish
from tests.postgres.histories import DBMATE, RAILS, has_ledger, make, take
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

IDS = ("20240101000000_a", "20240201000000_b", "20240301000000_c")


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """Dbmate has applied the first two of three files."""
    for name in IDS:
        table = f"t_{name[-1]}"
        text = f"-- migrate:up\nCREATE TABLE {table} (id int);\n\n-- migrate:down\nDROP TABLE {table};\n"
        (folder / f"{name}.sql").write_text(text)
    made = Runner(database, folder)
    make(made, DBMATE, "public.schema_migrations")
    made.query("CREATE TABLE t_a (id int); CREATE TABLE t_b (id int)")
    record(made, "20240101000000", "20240201000000")
    return made


def record(runner: Runner, *versions: str) -> None:
    rows = ", ".join(f"('{version}')" for version in versions)
    runner.query(f"INSERT INTO schema_migrations VALUES {rows}")


def test_it_is_taken_over_and_goes_on_both_ways(runner: Runner) -> None:
    taken = take(runner, by="cli-me")
    assert (taken.reason, taken.applied) == (Reason.SUCCEEDED, list(IDS[:2]))
    assert "dbmate (public.schema_migrations, version 20240201000000)" in taken.message
    assert runner.applied == list(IDS[:2])
    assert runner.query("SELECT kind, migration_id FROM switchback.events ORDER BY seq") == [
        ("Created", None), ("Adopted", IDS[0]), ("Adopted", IDS[1]),
    ]  # fmt: skip
    assert runner.up().result.current == IDS[2]
    assert runner.down(target="base").result.reason is Reason.SUCCEEDED
    assert runner.tables == {"books", "schema_migrations"}
    rows = runner.query("SELECT version FROM schema_migrations ORDER BY 1")
    assert rows == [("20240101000000",), ("20240201000000",)], "the other tool's table stays"


def test_the_operators_policy_takes_it_over_as_well(runner: Runner) -> None:
    from switchback.runner.policy import Policy  # noqa: PLC0415 - beside its only use

    assert runner.up(policy=Policy(adopt=True)).result.current == IDS[2]


def test_a_dry_run_writes_nothing(runner: Runner) -> None:
    taken = take(runner, dry_run=True)
    assert (taken.reason, taken.applied) == (Reason.SUCCEEDED, list(IDS[:2]))
    assert "nothing was changed" in taken.message
    assert not has_ledger(runner)


def test_the_order_is_that_of_the_files_and_a_gap_is_told(runner: Runner) -> None:
    runner.query("TRUNCATE schema_migrations")
    record(runner, "20240301000000", "20240101000000")
    taken = take(runner)
    assert taken.applied == [IDS[0], IDS[2]]
    assert f"{IDS[1]} is not applied" in taken.warnings


def test_an_older_dbmate_gave_the_column_a_length(runner: Runner) -> None:
    runner.query("ALTER TABLE schema_migrations ALTER version TYPE varchar(255)")
    assert take(runner).applied == list(IDS[:2])


def test_versions_without_a_file_are_refused_by_name(runner: Runner) -> None:
    (runner.folder / f"{IDS[0]}.sql").unlink()
    taken = take(runner)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "public.schema_migrations of dbmate names 2 versions" in taken.message
    assert "no file has version 20240101000000;" in taken.message
    assert f"the files go from {IDS[1]} to {IDS[2]}" in taken.message
    assert "--target ID" in taken.advice
    assert not has_ledger(runner)


def test_a_target_says_what_squashed_files_stand_for(runner: Runner) -> None:
    (runner.folder / f"{IDS[0]}.sql").unlink()
    taken = take(runner, Wish(target=IDS[1]))
    assert (taken.reason, runner.applied) == (Reason.SUCCEEDED, [IDS[1]])
    assert "No file is version 20240101000000." in taken.warnings
    assert f"taken for {IDS[1]}" in taken.message


def test_a_target_may_not_lie_before_what_is_applied(runner: Runner) -> None:
    taken = take(runner, Wish(target=IDS[0]))
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert f"{IDS[1]} is applied, which comes after {IDS[0]}" in taken.message
    beyond = take(runner, Wish(target=IDS[2]))
    assert f"Only --target says that {IDS[2]} is applied." in beyond.warnings
    assert runner.applied == list(IDS)


def test_its_numbers_name_files_of_pairs_too(runner: Runner) -> None:
    for name in IDS:
        (runner.folder / f"{name}.sql").unlink()
    write(runner.folder, "9_x", "10_y")
    runner.query("TRUNCATE schema_migrations")
    record(runner, "0010", "9")
    assert take(runner).applied == ["9_x", "10_y"]


def test_rails_has_the_same_table_and_other_versions(runner: Runner) -> None:
    runner.query("DROP TABLE schema_migrations")
    make(runner, RAILS, "schema_migrations")
    record(runner, "20150607080910", "20160607080910")
    taken = take(runner)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "names versions 20150607080910, 20160607080910, and no file has those versions" in taken.message
    assert "Rails keeps its history in a table like this." in taken.message
    runner.query("CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY, value varchar)")
    assert "It is that of Rails" in take(runner).message
    runner.query("TRUNCATE schema_migrations")
    assert "nothing says that it is of dbmate" in take(runner).message


def test_an_empty_table_is_a_history(runner: Runner) -> None:
    runner.query("TRUNCATE schema_migrations")
    taken = take(runner)
    assert (taken.reason, runner.applied) == (Reason.SUCCEEDED, [])
    assert "nothing applied" in taken.message
