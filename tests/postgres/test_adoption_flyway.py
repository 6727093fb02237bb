"""Flyway's table: rows for all that was ever done, and a checksum for each file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.adoption.flyway import checksum
from switchback.runner.adoption.wish import Wish
from tests.postgres.histories import FLYWAY, has_ledger, make, take
from tests.postgres.running import Runner

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "V1__a": "CREATE TABLE t_a (id int);\n",
    "V1.1__b": "CREATE TABLE t_b (id int);\n-- Käse\n",
    "V2__c": "CREATE TABLE t_c (id int);\n",
}


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """Three files with their undo, and an empty history."""
    for name, text in FILES.items():
        (folder / f"{name}.sql").write_text(text)
        (folder / f"U{name[1:]}.sql").write_text(f"DROP TABLE t_{name[-1]};\n")
    made = Runner(database, folder)
    make(made, FLYWAY, "flyway_schema_history")
    return made


def record(
    runner: Runner,
    version: str | None,
    script: str,
    *,
    kind: str = "SQL",
    number: int | None = None,
    success: bool = True,
) -> None:
    """One row behind those that are there."""
    shown = "NULL" if version is None else f"'{version}'"
    text = FILES.get(script.removesuffix(".sql"))
    if number is None and text is not None and kind == "SQL":
        number = checksum(text)
    runner.query(
        "INSERT INTO flyway_schema_history SELECT coalesce(max(installed_rank), 0) + 1, "
        f"{shown}, 'x', '{kind}', '{script}', {'NULL' if number is None else number}, 'me', now(), 5, "
        f"{success} FROM flyway_schema_history"
    )


def all_applied(runner: Runner) -> None:
    for name in FILES:
        record(runner, name[1:].partition("__")[0], f"{name}.sql")


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 0), ("123456789", -873187034), ("123\n456\n789\n", -873187034), ("a\nb", -1635563411)],
)
def test_the_checksum_is_a_crc_over_lines_without_their_ends(text: str, number: int) -> None:
    """0xcbf43926, the check value of CRC-32, as a signed number."""
    assert checksum(text) == number


def test_it_is_taken_over_and_goes_on_both_ways(runner: Runner) -> None:
    runner.query("CREATE TABLE t_a (id int); CREATE TABLE t_b (id int)")
    record(runner, "1", "V1__a.sql")
    record(runner, "1.1", "V1.1__b.sql")
    taken = take(runner)
    assert (taken.reason, taken.applied) == (Reason.SUCCEEDED, ["V1__a", "V1.1__b"])
    assert "Flyway (public.flyway_schema_history, version 1.1)" in taken.message
    assert runner.up().result.current == "V2__c"
    assert runner.down(target="base").result.reason is Reason.SUCCEEDED
    assert runner.tables == {"books", "flyway_schema_history"}


def test_before_flyway_5_the_table_had_another_name(runner: Runner) -> None:
    record(runner, "1", "V1__a.sql")
    runner.query("ALTER TABLE flyway_schema_history RENAME TO schema_version")
    assert take(runner).applied == ["V1__a"]


def test_other_line_ends_and_a_mark_in_front_are_the_same_text(runner: Runner) -> None:
    for name, text in FILES.items():
        raw = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
        (runner.folder / f"{name}.sql").write_bytes(raw)
    all_applied(runner)
    assert take(runner).applied == list(FILES)


def test_a_changed_file_is_refused_with_both_checksums(runner: Runner) -> None:
    all_applied(runner)
    (runner.folder / "V1.1__b.sql").write_text("CREATE TABLE t_b (id bigint);\n")
    taken = take(runner)
    assert taken.reason is Reason.ADOPTION_REFUSED
    now, then = checksum("CREATE TABLE t_b (id bigint);\n"), checksum(FILES["V1.1__b"])
    assert f"V1.1__b.sql is not what was applied as version 1.1: its checksum is {now}" in taken.message
    assert f"Flyway has recorded {then}" in taken.message
    assert "flyway repair" in taken.advice
    assert not has_ledger(runner)
    said = take(runner, Wish(target="V2__c"))
    assert said.reason is Reason.SUCCEEDED
    assert "V1.1__b.sql is not what was applied" in said.warnings


def test_a_failed_migration_is_refused_until_it_is_repaired(runner: Runner) -> None:
    record(runner, "1", "V1__a.sql")
    record(runner, "1.1", "V1.1__b.sql", success=False)
    taken = take(runner)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "version 1.1 (V1.1__b.sql) failed" in taken.message
    assert take(runner, Wish(target="V1__a")).reason is Reason.ADOPTION_REFUSED, "nobody can say so"
    runner.query("DELETE FROM flyway_schema_history WHERE NOT success")
    assert take(runner).applied == ["V1__a"]


def test_an_undo_takes_back_and_the_next_row_brings_back(runner: Runner) -> None:
    all_applied(runner)
    record(runner, "2", "U2__c.sql", kind="UNDO_SQL")
    record(runner, "1.1", "U1.1__b.sql", kind="UNDO_SQL")
    record(runner, "1.1", "V1.1__b.sql")
    assert take(runner).applied == ["V1__a", "V1.1__b"]


def test_a_deleted_version_counts_as_not_applied(runner: Runner) -> None:
    record(runner, "0.9", "V0.9__gone.sql", number=1)
    record(runner, "1", "V1__a.sql")
    record(runner, "0.9", "V0.9__gone.sql", kind="DELETE")
    assert take(runner).applied == ["V1__a"]


def test_a_baseline_stands_for_the_files_up_to_it(runner: Runner) -> None:
    record(runner, "1.1", "<< Flyway Baseline >>", kind="BASELINE")
    taken = take(runner, dry_run=True)
    assert taken.applied == ["V1__a", "V1.1__b"]
    assert "version 1.1 (baseline)" in taken.message
    record(runner, "2", "V2__c.sql")
    assert take(runner).applied == list(FILES)


def test_repeatables_and_the_schema_row_are_left_out(runner: Runner) -> None:
    runner.query("INSERT INTO flyway_schema_history VALUES (0, NULL, '<< Flyway Schema Creation >>', "
                 "'SCHEMA', '\"public\"', NULL, 'me', now(), 0, true)")  # fmt: skip
    record(runner, "1", "V1__a.sql")
    record(runner, None, "R__views.sql", number=7)
    taken = take(runner)
    assert taken.applied == ["V1__a"]
    assert "Repeatable migrations are not taken over" in taken.warnings
    assert "R__views.sql" in taken.warnings


def test_versions_are_numbers_in_parts(runner: Runner) -> None:
    """Flyway writes down the version as the file's name has it; 1.0 is 1."""
    record(runner, "1.0", "V1__a.sql")
    record(runner, "01_1", "V1.1__b.sql")
    assert take(runner).applied == ["V1__a", "V1.1__b"]


def test_a_version_in_java_without_a_file_is_refused(runner: Runner) -> None:
    record(runner, "1", "V1__a.sql")
    record(runner, "3", "db.migration.V3__Move", kind="JDBC")
    taken = take(runner)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "names 2 versions, and no file has version 3" in taken.message
    assert take(runner, Wish(mapping=(("3", "-"),))).applied == ["V1__a"]
