"""Beginning a ledger in a database that has tables: files up to one of them count as applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.operations import baseline, protect
from tests.postgres.acting import act, told
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.runner.ledger.model import Ledger


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """Tables made by hand; the files came later."""
    write(folder, "0001_a", "0002_b", "0003_c")
    made = Runner(database, folder)
    made.query("CREATE TABLE t_0001_a (id int PRIMARY KEY); CREATE TABLE t_0002_b (id int PRIMARY KEY)")
    return made


def test_files_up_to_the_target_count_and_none_runs(runner: Runner) -> None:
    refused = runner.up()
    assert refused.result.reason is Reason.BASELINE_REQUIRED
    assert "switchback baseline --target ID" in refused.advice
    ending = act(runner, baseline.run, target="2", reason="before the tool")
    assert (ending.result.reason, ending.result.current) == (Reason.SUCCEEDED, "0002_b")
    assert runner.applied == ["0001_a", "0002_b"]
    assert runner.tables == {"t_0001_a", "t_0002_b"}
    assert runner.query(
        "SELECT kind, migration_id, reason, details FROM switchback.events ORDER BY seq"
    ) == [
        ("Created", None, "", ""),
        ("Baselined", "0001_a", "before the tool", "up to 0002_b"),
        ("Baselined", "0002_b", "before the tool", "up to 0002_b"),
    ]  # fmt: skip
    assert runner.up().result.current == "0003_c"
    assert runner.down(target="base").result.current == "base"
    assert runner.tables == set()


def test_all_of_them(runner: Runner) -> None:
    ending = act(runner, baseline.run, target="latest")
    assert ending.result.current == "0003_c"
    assert runner.up().result.reason is Reason.UP_TO_DATE


def test_a_dry_run_writes_nothing(runner: Runner) -> None:
    ending = act(runner, baseline.run, target="0002_b", dry_run=True)
    assert ending.result.reason is Reason.SUCCEEDED
    assert "Would count 2 migrations (0001_a to 0002_b) as applied" in ending.result.message
    assert runner.query("SELECT nspname FROM pg_namespace WHERE nspname = 'switchback'") == []


def test_where_a_ledger_says_already_what_is_applied(runner: Runner) -> None:
    act(runner, baseline.run, target="0001_a")
    ending = act(runner, baseline.run, target="0002_b")
    assert (ending.result.reason, ending.result.exit_code) == (Reason.BASELINE_REFUSED, 11)
    assert "1 migration, 0001_a last" in ending.result.message
    assert "switchback repair --mark ID" in ending.advice
    assert runner.applied == ["0001_a"]


def test_a_ledger_without_rows_is_filled(runner: Runner) -> None:
    assert runner.up(allow_non_empty=True, target="base").result.exit_code == 0
    runner.query("DROP TABLE t_0001_a, t_0002_b")
    assert act(runner, protect.on).result.reason is Reason.SUCCEEDED, "which makes a ledger"
    runner.query("CREATE TABLE t_0001_a (id int)")
    assert act(runner, baseline.run, target="0001_a").result.current == "0001_a"
    assert runner.applied == ["0001_a"]
    assert runner.query("SELECT count(*) FROM switchback.events WHERE kind = 'Created'") == [(1,)]


def test_another_tools_history_knows_better(runner: Runner) -> None:
    runner.query("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
    ending = act(runner, baseline.run, target="0002_b")
    assert (ending.result.reason, ending.result.exit_code) == (Reason.BASELINE_REFUSED, 11)
    assert "public.schema_migrations of golang-migrate" in ending.result.message
    assert "switchback adopt" in ending.advice
    runner.query("CREATE SCHEMA other; ALTER TABLE schema_migrations SET SCHEMA other")
    ending, words = told(runner, baseline.run, target="0002_b")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "other.schema_migrations" in words.text


def test_an_empty_database_has_nothing_that_could_count(database: str, folder: Path) -> None:
    write(folder, "0001_a")
    runner = Runner(database, folder)
    ending = act(runner, baseline.run, target="0001_a")
    assert (ending.result.reason, ending.result.exit_code) == (Reason.BASELINE_REFUSED, 11)
    assert "has no table" in ending.result.message
    assert runner.query("SELECT nspname FROM pg_namespace WHERE nspname = 'switchback'") == []


@pytest.mark.parametrize(
    ("target", "reason"),
    [("base", Reason.USAGE), ("", Reason.USAGE), (" ", Reason.USAGE), ("9", Reason.TARGET_UNKNOWN)],
)
def test_targets_that_are_none(runner: Runner, target: str, reason: Reason) -> None:
    assert act(runner, baseline.run, target=target).result.reason is reason


def test_files_that_could_not_run_here_count_all_the_same(runner: Runner) -> None:
    (runner.folder / "0001_a.up.sql").write_text("CREATE TABLE t_0001_a (id int);\n\\copy t_0001_a FROM x\n")
    assert act(runner, baseline.run, target="0002_b").result.reason is Reason.SUCCEEDED
    assert runner.up().result.current == "0003_c"


def test_somebody_else_begins_meanwhile(runner: Runner) -> None:
    def confirm(_: Ledger, __: object) -> None:
        assert runner.up(allow_non_empty=True, target="base").result.exit_code == 0
        assert act(runner, baseline.run, target="0001_a").result.reason is Reason.SUCCEEDED

    ending = act(runner, lambda s, r, f: baseline.run(s, r, f, confirm), target="0002_b")
    assert ending.result.reason is Reason.BASELINE_REFUSED
    assert runner.applied == ["0001_a"]


def test_on_the_command_line(runner: Runner) -> None:
    assert runner.call("baseline").returncode == 2
    done = runner.call("baseline", "--target", "0002", "--dry-run")
    assert done.returncode == 0
    done = runner.call("baseline", "--target", "0002")
    assert done.returncode == 0
    assert done.stdout.endswith("none of their SQL has run. The database is at 0002_b.\n")
    assert runner.call("baseline", "--target", "0002").returncode == 11
