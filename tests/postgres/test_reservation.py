"""From inspect to rollback: nobody else runs between a reservation and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction, Risk
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND, OTHER = "aaaa-1", "aaaa-2", "bbbb-1"
RISKS = frozenset({Risk.DATA_LOSS})


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0002_b", "0003_c")
    made = Runner(database, folder)
    assert made.up().result.reason is Reason.SUCCEEDED
    return made


def reserved_by(runner: Runner) -> str | None:
    holder: str | None = runner.query("SELECT reserved_by FROM switchback.meta")[0][0]
    return holder


def test_the_whole_way(runner: Runner) -> None:
    inspected = runner.run("inspect", target="0001_a", by=FIRST).result
    assert (inspected.direction, inspected.reserved_until) == (Direction.BACKWARD, "")
    digest = inspected.plan_digest
    reserved = runner.run("reserve", target="0001_a", by=FIRST, expect_plan=digest).result
    assert reserved.reason is Reason.SUCCEEDED
    assert reserved.reserved_until.endswith("Z")
    assert reserved_by(runner) == FIRST
    done = runner.run("rollback", target="0001_a", by=FIRST, expect_plan=digest, own_reservation=True).result
    assert (done.reason, done.current, done.reserved_until) == (Reason.SUCCEEDED, "0001_a", "")
    assert reserved_by(runner) is None
    kinds = [row[0] for row in runner.query("SELECT kind FROM switchback.events ORDER BY seq")]
    assert kinds[-7:] == ["Reserved", "Marker"] * 2 + ["RolledBack", "RolledBack", "Released"]


@pytest.mark.parametrize(
    ("until", "said", "live"),
    [
        ("infinity", "for ever", True), ("12000-01-01", "for ever", True),
        ("-infinity", "", False), ("0044-03-15 BC", "", False),
    ],
)  # fmt: skip
def test_a_reservation_of_an_odd_time(runner: Runner, until: str, said: str, *, live: bool) -> None:
    runner.query(f"UPDATE switchback.meta SET reserved_by = '{OTHER}', reserved_until = '{until}'")
    assert runner.call("status").returncode == 0
    done = runner.call("rollback", "--accept-data-loss")
    assert done.returncode == (6 if live else 0), done.stderr
    if live:
        assert f"Operation {OTHER} has reserved this database {said}." in done.stderr
        assert runner.call("repair", "--release").returncode == 0
        assert reserved_by(runner) is None


def test_odd_times_of_rows_and_events_are_shown(runner: Runner) -> None:
    runner.query("UPDATE switchback.migrations SET applied_at = 'infinity' WHERE position = 1")
    runner.query("UPDATE switchback.events SET at = 'infinity' WHERE seq % 2 = 0")
    for words in (("status", "--all"), ("history",), ("history", "--json"), ("status", "--json")):
        done = runner.call(*words)
        assert done.returncode == 0, done.stderr
        assert "infinity" in done.stdout


def test_what_is_written_after_the_marker_is_counted(runner: Runner) -> None:
    digest = runner.run("inspect", target="0001_a", by=FIRST).result.plan_digest
    marker = runner.run("reserve", target="0001_a", by=FIRST, expect_plan=digest).result.marker
    assert marker is not None
    assert (marker.transaction.isdigit(), marker.since) == (True, -1)
    kept = runner.query("SELECT details FROM switchback.events WHERE kind = 'Marker'")
    assert kept == [(f"lsn {marker.lsn}, transaction {marker.transaction}",)]
    for number in range(3):
        runner.query(f"CREATE TABLE written_since_{number} (); SELECT 1")
    wish = {"expect_plan": digest, "own_reservation": True, "marker": marker.transaction}
    done = runner.run("rollback", target="0001_a", by=FIRST, **wish).result
    assert done.marker is not None
    assert done.marker.since == 3


def test_a_migration_can_be_reserved_as_well(runner: Runner) -> None:
    write(runner.folder, "0004_d")
    digest = runner.run("inspect", target="latest", by=FIRST).result.plan_digest
    reserved = runner.run("reserve", target="latest", by=FIRST, expect_plan=digest).result
    assert (reserved.reason, reserved.direction) == (Reason.SUCCEEDED, Direction.FORWARD)
    assert runner.run("migrate", by=OTHER).result.reason is Reason.RESERVED
    assert runner.run("migrate", by=FIRST).result.reason is Reason.SUCCEEDED
    assert reserved_by(runner) is None


@pytest.mark.parametrize("operation", ["inspect", "migrate", "rollback", "reserve"])
def test_everybody_else_waits(runner: Runner, operation: str) -> None:
    runner.run("reserve", target="0001_a", by=FIRST)
    reserving = operation == "inspect"
    for other in (OTHER, "cli-0001"):
        ending = runner.run(operation, target="0002_b", by=other, reserve_unless_risky=reserving)
        assert (ending.result.reason, ending.result.exit_code) == (Reason.RESERVED, 6)
        assert FIRST in ending.result.message
    assert len(runner.applied) == 3


@pytest.mark.parametrize("target", ["0001_a", "0003_c", "0004_d", "base", "latest"])
def test_a_pure_look_waits_for_nobody(runner: Runner, target: str) -> None:
    runner.run("reserve", target="0001_a", by=FIRST)
    before = runner.query("SELECT * FROM switchback.meta")
    write(runner.folder, "0004_d")
    ending, words = runner.told("inspect", target=target, by=OTHER)
    assert ending.result.reason is Reason.SUCCEEDED
    assert ending.facts.plan is not None
    assert (ending.result.target == ending.result.current) is not bool(ending.facts.plan.steps)
    assert FIRST in words.text, "the look says who has reserved the database"
    for dry in ("migrate", "rollback"):
        wish = "0004_d" if dry == "migrate" else "0002_b"
        assert runner.run(dry, target=wish, by=OTHER, dry_run=True).result.reason is Reason.SUCCEEDED
    assert runner.query("SELECT * FROM switchback.meta") == before


def test_one_command_line_does_not_take_over_another(runner: Runner) -> None:
    runner.run("reserve", target="0001_a", by="cli-0001")
    assert runner.run("migrate", by="cli-0002").result.reason is Reason.RESERVED
    assert runner.run("release", by="cli-0002").result.reason is Reason.SUCCEEDED
    assert reserved_by(runner) == "cli-0001"


def test_a_newer_operation_of_the_same_resource_takes_over(runner: Runner) -> None:
    runner.run("reserve", target="0001_a", by=FIRST)
    write(runner.folder, "0004_d")
    assert runner.run("migrate", by=SECOND).result.reason is Reason.SUCCEEDED
    assert reserved_by(runner) is None, "the older operation's rollback must find itself without"
    ending = runner.run("rollback", target="0001_a", by=FIRST, own_reservation=True)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.RESERVATION_LOST, 12)
    assert runner.run("reserve", target="0001_a", by=SECOND).result.reason is Reason.SUCCEEDED
    assert reserved_by(runner) == SECOND


def test_expired(runner: Runner) -> None:
    runner.run("reserve", target="0001_a", by=FIRST)
    runner.query("UPDATE switchback.meta SET reserved_until = now() - interval '1 s'")
    ending = runner.run("rollback", target="0001_a", by=FIRST, own_reservation=True)
    assert ending.result.reason is Reason.RESERVATION_LOST
    assert len(runner.applied) == 3
    assert runner.run("rollback", target="0002_b", by=OTHER).result.reason is Reason.SUCCEEDED


def test_nobody_rolls_back_without_one(runner: Runner) -> None:
    ending = runner.run("rollback", target="0001_a", by=FIRST, own_reservation=True)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.RESERVATION_LOST, 12)
    assert len(runner.applied) == 3


def test_a_plan_that_moved(runner: Runner) -> None:
    digest = runner.run("inspect", target="0001_a", by=FIRST).result.plan_digest
    runner.down()
    ending = runner.run("reserve", target="0001_a", by=FIRST, expect_plan=digest)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.PLAN_MOVED, 12)
    assert reserved_by(runner) is None
    runner.run("reserve", target="0001_a", by=FIRST)
    ending = runner.run("rollback", target="0001_a", by=FIRST, expect_plan=digest, own_reservation=True)
    assert ending.result.reason is Reason.PLAN_MOVED
    runner.down(by=FIRST, target="0001_a")
    ending = runner.run("reserve", target="0001_a", by=FIRST)
    assert ending.result.reason is Reason.PLAN_MOVED, "nothing is left to roll back"


def test_another_down_is_another_plan(runner: Runner) -> None:
    one = runner.run("inspect", target="0001_a").result.plan_digest
    two = runner.run("inspect", target="0002_b").result.plan_digest
    runner.query("UPDATE switchback.migrations SET down_checksum = '' WHERE id = '0003_c'")
    (runner.folder / "0003_c.down.sql").write_text("DROP TABLE IF EXISTS t_0003_c;")
    three = runner.run("inspect", target="0001_a").result.plan_digest
    assert len({one, two, three}) == 3


def test_inspect_reserves_when_nothing_is_at_risk(runner: Runner) -> None:
    ending = runner.run("inspect", target="0002_b", by=FIRST, reserve_unless_risky=True)
    assert ending.result.risks == ()
    assert ending.result.reserved_until
    assert reserved_by(runner) == FIRST
    assert runner.run("release", by=SECOND).result.reason is Reason.SUCCEEDED
    assert reserved_by(runner) is None


def test_inspect_reserves_only_with_accepted_risks(runner: Runner) -> None:
    runner.query("INSERT INTO t_0003_c VALUES (1)")
    ending = runner.run("inspect", target="0002_b", by=FIRST, reserve_unless_risky=True)
    assert ending.result.risks == (Risk.DATA_LOSS,)
    assert (ending.result.reserved_until, reserved_by(runner)) == ("", None)
    assert ending.result.steps[0].losses == ("table public.t_0003_c holds data",)
    ending = runner.run("inspect", target="0002_b", by=FIRST, reserve_unless_risky=True, accept=RISKS)
    assert reserved_by(runner) == FIRST


def test_data_that_nobody_gave_up(runner: Runner) -> None:
    runner.query("INSERT INTO t_0003_c VALUES (1)")
    runner.run("reserve", target="0002_b", by=FIRST)
    ending = runner.run("rollback", target="0002_b", by=FIRST, own_reservation=True)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.DATA_LOSS_REFUSED, 11)
    assert "0003_c" in ending.result.message
    assert len(runner.applied) == 3
    ending = runner.run("rollback", target="0002_b", by=FIRST, own_reservation=True, accept=RISKS)
    assert ending.result.reason is Reason.SUCCEEDED


def test_a_failing_rollback_frees_the_database(runner: Runner) -> None:
    runner.query("CREATE VIEW v AS SELECT * FROM t_0003_c")
    runner.run("reserve", target="0001_a", by=FIRST)
    ending = runner.run("rollback", target="0001_a", by=FIRST, own_reservation=True, accept=RISKS)
    assert ending.result.reason is Reason.SQL_FAILED
    assert reserved_by(runner) is None


def test_release_is_harmless(runner: Runner) -> None:
    for _ in range(2):
        assert runner.run("release", by=FIRST).result.exit_code == 0
    runner.run("reserve", target="0001_a", by=FIRST)
    assert runner.run("release", by=OTHER).result.exit_code == 0
    assert reserved_by(runner) == FIRST
    runner.query("DROP SCHEMA switchback CASCADE")
    assert runner.run("release", by=FIRST).result.exit_code == 0


def test_repair_releases_whoever_holds_it(runner: Runner) -> None:
    runner.run("reserve", target="0001_a", by=FIRST)
    done = runner.call("repair", "--release")
    assert (done.returncode, FIRST in done.stdout) == (0, True)
    assert reserved_by(runner) is None


def test_expected_source(runner: Runner) -> None:
    digest = runner.run("inspect").result.source_digest
    (runner.folder / "notes.txt").write_text("covered by the digest")
    (runner.folder / ".hidden").write_text("not covered")
    ending = runner.run("inspect", expect_source=digest, ignore=("*.txt",))
    assert (ending.result.reason, ending.result.exit_code) == (Reason.SOURCE_MOVED, 12)
    (runner.folder / "notes.txt").unlink()
    assert runner.run("inspect", expect_source=digest).result.exit_code == 0
