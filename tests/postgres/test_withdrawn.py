"""A rollback on request, although the spec wishes the newer version: nobody applies it again by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.contract.result import Result

WISH, OTHER = "i1:aaaa", "i1:bbbb"
ALLOW = "--allow-withdrawn"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0002_b", "0003_c")
    made = Runner(database, folder)
    assert made.up(intent=WISH).result.reason is Reason.SUCCEEDED
    return made


def run(runner: Runner, operation: str, *words: str, intent: str = WISH) -> Result:
    return job(runner, operation, "--intent-digest", intent, *words)


def withdraw(runner: Runner, target: str = "0001_a", *words: str) -> Result:
    """As the operator does it: a reservation, then the rollback."""
    run(runner, "reserve", "--target", target)
    return run(runner, "rollback", "--target", target, "--withdraw-intent", *words)


def marks(runner: Runner) -> list[tuple[str, str, str]]:
    rows = runner.query(
        "SELECT kind, intent_digest, details FROM switchback.events "
        "WHERE kind IN ('Withdrawn', 'Reinstated') ORDER BY seq"
    )
    return [(kind, intent, details) for kind, intent, details in rows]


def test_held_up_until_somebody_allows_it(runner: Runner) -> None:
    done = withdraw(runner)
    assert (done.reason, done.current) == (Reason.SUCCEEDED, "0001_a")
    assert marks(runner) == [("Withdrawn", WISH, "0001_a")]
    for operation in ("migrate", "inspect"):
        ending = run(runner, operation)
        assert (ending.reason, ending.exit_code) == (Reason.PREVIOUSLY_ROLLED_BACK, 11)
        assert "aa-1" in ending.message
        assert "0001_a" in ending.message
        assert (ending.direction, len(ending.steps)) == (Direction.FORWARD, 2), "the plan is told"
    assert runner.applied == ["0001_a"]
    looked = run(runner, "inspect", ALLOW)
    assert (looked.reason, looked.direction) == (Reason.SUCCEEDED, Direction.FORWARD)
    assert run(runner, "migrate").reason is Reason.PREVIOUSLY_ROLLED_BACK, "looking clears nothing"
    done = run(runner, "migrate", ALLOW)
    assert (done.reason, done.current) == (Reason.SUCCEEDED, "0003_c")
    assert marks(runner)[1:] == [("Reinstated", WISH, "")]
    runner.down()
    assert run(runner, "migrate").reason is Reason.SUCCEEDED, "it counts again"


def test_another_wish_is_never_held_up(runner: Runner) -> None:
    withdraw(runner)
    assert run(runner, "inspect", intent=OTHER).reason is Reason.SUCCEEDED
    assert run(runner, "migrate", intent=OTHER).reason is Reason.SUCCEEDED
    runner.down(target="1")
    assert runner.call("migrate").returncode == 0, "nor is a person on a command line"
    runner.down(target="1")
    assert run(runner, "migrate").reason is Reason.PREVIOUSLY_ROLLED_BACK
    assert run(runner, "migrate", ALLOW, intent=OTHER).reason is Reason.SUCCEEDED
    assert marks(runner) == [("Withdrawn", WISH, "0001_a")], "another wish clears nothing"


def test_going_back_is_always_possible(runner: Runner) -> None:
    withdraw(runner, "0002_b")
    answered = run(runner, "migrate", "--target", "1")
    assert (answered.reason, answered.direction) == (Reason.BACKWARD, Direction.BACKWARD)
    assert run(runner, "inspect", "--target", "1").direction is Direction.BACKWARD
    assert withdraw(runner, "base").current == "base"
    assert [details for _, _, details in marks(runner)] == ["0002_b", "base"]
    assert "base" in run(runner, "migrate").message


def test_nothing_to_do_is_no_obstacle(runner: Runner) -> None:
    """The wish is met, by whomever: there is nothing to hold up. Allowed, the mark goes."""
    withdraw(runner)
    runner.up()
    assert run(runner, "migrate").reason is Reason.UP_TO_DATE
    assert run(runner, "inspect").direction is Direction.NONE
    assert len(marks(runner)) == 1
    assert run(runner, "migrate", ALLOW).reason is Reason.UP_TO_DATE
    assert [kind for kind, _, _ in marks(runner)] == ["Withdrawn", "Reinstated"]
    assert run(runner, "migrate", ALLOW).reason is Reason.UP_TO_DATE
    assert len(marks(runner)) == 2, "what counts is not made to count once more"


@pytest.mark.parametrize("target", ["0001_a", "0003_c"], ids=["reached", "ahead"])
def test_a_rollback_that_finds_nothing_to_do_still_withdraws(runner: Runner, target: str) -> None:
    runner.down(target="1")
    done = run(runner, "rollback", "--target", target, "--withdraw-intent")
    assert (done.reason, done.exit_code) == (Reason.UP_TO_DATE, 0), "without a reservation, for it needs none"
    assert done.current == done.target == "0001_a"
    assert marks(runner) == [("Withdrawn", WISH, "0001_a")]
    assert run(runner, "migrate").reason is Reason.PREVIOUSLY_ROLLED_BACK


def test_it_gives_its_own_reservation_back(runner: Runner) -> None:
    runner.query("UPDATE switchback.meta SET reserved_by = 'aa-1', reserved_until = now() + interval '1 h'")
    run(runner, "rollback", "--target", "0003_c", "--withdraw-intent")
    assert runner.query("SELECT reserved_by FROM switchback.meta") == [(None,)]


def test_somebody_elses_reservation_is_respected(runner: Runner) -> None:
    runner.query("UPDATE switchback.meta SET reserved_by = 'bb-1', reserved_until = now() + interval '1 h'")
    ending = run(runner, "rollback", "--target", "0003_c", "--withdraw-intent")
    assert ending.reason is Reason.RESERVED
    assert marks(runner) == []


def test_before_there_is_a_ledger(database: str, folder: Path) -> None:
    write(folder, "0001_a")
    runner = Runner(database, folder)
    done = run(runner, "rollback", "--target", "base", "--withdraw-intent")
    assert (done.reason, done.current) == (Reason.UP_TO_DATE, "base")
    assert done.database is not None
    assert done.database.ledger
    assert run(runner, "migrate").reason is Reason.PREVIOUSLY_ROLLED_BACK
    assert run(runner, "migrate", ALLOW).reason is Reason.SUCCEEDED


def test_a_rollback_that_fails_withdraws_nothing(runner: Runner) -> None:
    """The mark is in the transaction of the first step: either both, or neither."""
    runner.query("CREATE VIEW v AS SELECT * FROM t_0003_c")
    assert withdraw(runner).reason is Reason.SQL_FAILED
    assert marks(runner) == []
    runner.query("DROP VIEW v; CREATE VIEW v AS SELECT * FROM t_0002_b")
    ending = withdraw(runner)
    assert (ending.reason, ending.current) == (Reason.SQL_FAILED, "0002_b")
    assert marks(runner) == [("Withdrawn", WISH, "0001_a")], "the first of the two steps is done"


def test_a_migrate_that_fails_clears_nothing(runner: Runner) -> None:
    withdraw(runner)
    write(runner.folder, _0002_b_up="SELECT 1/0;")
    assert run(runner, "migrate", ALLOW).reason is Reason.SQL_FAILED
    assert run(runner, "migrate").reason is Reason.PREVIOUSLY_ROLLED_BACK
    write(runner.folder, "0002_b", _0003_c_up="SELECT 1/0;")
    assert run(runner, "migrate", ALLOW).current == "0002_b"
    assert run(runner, "migrate").reason is Reason.SQL_FAILED, "it has applied something: it counts again"


def test_files_without_a_transaction(runner: Runner) -> None:
    """There the mark goes with the first statement that takes effect."""
    down = "-- switchback: no-transaction\nDROP INDEX CONCURRENTLY i;\nDROP TABLE n;"
    up = "-- switchback: no-transaction\nCREATE TABLE n (id int);\nCREATE INDEX CONCURRENTLY i ON n (id);"
    write(runner.folder, _0004_n_up=up, _0004_n_down=down)
    run(runner, "migrate")
    runner.query("DROP INDEX i")
    assert withdraw(runner, "0003_c").reason is Reason.SQL_FAILED
    assert marks(runner) == [], "its first statement failed"
    runner.query("CREATE INDEX i ON n (id)")
    assert withdraw(runner, "0003_c").reason is Reason.SUCCEEDED
    assert marks(runner) == [("Withdrawn", WISH, "0003_c")]
    write(runner.folder, _0004_n_up="-- switchback: no-transaction\nCREATE TABLE n (id int);\nSELECT 1/0;")
    assert run(runner, "migrate", ALLOW).reason is Reason.FAILED_PARTLY
    assert [kind for kind, _, _ in marks(runner)] == ["Withdrawn", "Reinstated"]


def test_it_survives_a_runner_that_is_killed_between_two_steps(runner: Runner) -> None:
    write(runner.folder, _0002_b_down="DROP TABLE t_0002_b; SELECT pg_terminate_backend(pg_backend_pid());")
    runner.query("UPDATE switchback.migrations SET down_checksum = ''")
    ending = withdraw(runner, "0001_a", "--accept", "Unknown", "--accept", "DataLoss")
    assert (ending.reason, ending.current) == (Reason.CONNECTION_LOST, "0002_b")
    assert marks(runner) == [("Withdrawn", WISH, "0001_a")]


def test_it_needs_a_wish_and_a_rollback(runner: Runner) -> None:
    assert job(runner, "rollback", "--target", "1", "--withdraw-intent").reason is Reason.USAGE
    assert run(runner, "migrate", "--withdraw-intent").reason is Reason.USAGE
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]


def test_a_frozen_ledger_takes_it(runner: Runner) -> None:
    """Nothing of the tables has changed for it: a ledger of the first release keeps it as well."""
    columns = runner.query(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'switchback'"
    )
    assert columns == [(45,)]
    assert runner.query("SELECT major, minor FROM switchback.meta") == [(1, 0)]
