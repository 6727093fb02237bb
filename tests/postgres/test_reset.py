"""Rolling back and applying again: all of it, or the last steps."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from switchback.runner.operations import anew
from switchback.runner.policy import DownFrom
from tests.postgres.acting import act, told
from tests.postgres.running import Runner, write
from tests.postgres.terminal import typed

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.runner.operations.base import Answer, Facts, Request
    from switchback.runner.plan import Plan
    from switchback.runner.session import Session

APPLIED = ["0001_a", "0002_b", "0003_c"]


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0002_b", "0003_c")
    made = Runner(database, folder)
    assert made.up().result.reason is Reason.SUCCEEDED
    return made


def accepted(request: Request, plan: Plan) -> frozenset[Risk]:
    assert plan is not None
    return request.accept


def reset(session: Session, request: Request, facts: Facts) -> Answer:
    return anew.reset(session, request, facts, lambda plan, _: accepted(request, plan))


def redo(session: Session, request: Request, facts: Facts) -> Answer:
    return anew.redo(session, request, facts, lambda plan, _: accepted(request, plan))


def kinds(runner: Runner) -> list[tuple[str, str]]:
    rows = runner.query("SELECT kind, migration_id FROM switchback.events WHERE seq > 4 ORDER BY seq")
    return [(str(kind), str(one)) for kind, one in rows]


def test_reset_rolls_back_all_and_applies_every_file(runner: Runner) -> None:
    write(runner.folder, "0004_d")
    ending = act(runner, reset, reason="begin anew")
    assert (ending.result.reason, ending.result.current) == (Reason.SUCCEEDED, "0004_d")
    assert ending.result.message == (
        "Rolled back 3 migrations, then applied 4 migrations; the database is at 0004_d."
    )
    assert kinds(runner) == [
        ("RolledBack", "0003_c"), ("RolledBack", "0002_b"), ("RolledBack", "0001_a"),
        ("Applied", "0001_a"), ("Applied", "0002_b"), ("Applied", "0003_c"), ("Applied", "0004_d"),
    ]  # fmt: skip
    assert runner.query("SELECT DISTINCT reason FROM switchback.events WHERE seq > 4") == [("begin anew",)]


def test_redo_does_the_last_one_again(runner: Runner) -> None:
    write(runner.folder, "0004_d", _0003_c_up="CREATE TABLE t_0003_c (id bigint, name text);\n")
    ending = act(runner, redo)
    assert ending.result.message == (
        "Rolled back 1 migration, then applied 1 migration; the database is at 0003_c."
    )
    assert runner.applied == APPLIED, "what was pending stays pending"
    assert runner.query("SELECT count(*) FROM pg_attribute WHERE attrelid = 't_0003_c'::regclass AND "
                        "attname = 'name'") == [(1,)]  # fmt: skip


def test_redo_of_several_keeps_the_order_of_application(runner: Runner) -> None:
    runner.query("UPDATE switchback.migrations SET position = position + 10 WHERE id = '0001_a'")
    ending = act(runner, redo, steps=2)
    assert ending.result.reason is Reason.SUCCEEDED
    assert kinds(runner) == [
        ("RolledBack", "0001_a"), ("RolledBack", "0003_c"), ("Applied", "0003_c"), ("Applied", "0001_a"),
    ]  # fmt: skip
    assert runner.applied == ["0002_b", "0003_c", "0001_a"]


def test_nothing_applied(database: str, folder: Path) -> None:
    write(folder, "0001_a")
    runner = Runner(database, folder)
    assert act(runner, redo).result.reason is Reason.UP_TO_DATE
    assert runner.query("SELECT nspname FROM pg_namespace WHERE nspname = 'switchback'") == []
    ending = act(runner, reset)
    assert (ending.result.reason, ending.result.current) == (Reason.SUCCEEDED, "0001_a")
    assert act(runner, redo, steps=2).result.reason is Reason.TOO_FEW_APPLIED


def test_a_dry_run_changes_nothing(runner: Runner) -> None:
    write(runner.folder, "0004_d")
    assert act(runner, reset, dry_run=True).result.message == (
        "Would roll back 3 migrations, then apply 4 migrations; nothing was changed."
    )
    assert act(runner, redo, dry_run=True).result.message == (
        "Would roll back 1 migration, then apply 1 migration; nothing was changed."
    )
    assert runner.applied == APPLIED


@pytest.mark.parametrize("action", [reset, redo], ids=["reset", "redo"])
def test_what_happened_when_the_second_half_fails(runner: Runner, action: object) -> None:
    write(runner.folder, _0003_c_up="CREATE TABLE x (id int);\nSELECT nowhere;\n")
    ending = act(runner, action)  # type: ignore[arg-type]
    undone = "1 migration" if action is redo else "3 migrations"
    assert (ending.result.reason, ending.result.exit_code) == (Reason.SQL_FAILED, 8)
    said = f"Rolled back {undone}, but did not come to the end of applying again"
    assert ending.result.message.startswith(said)
    assert "migrate goes on from here" in ending.result.message
    assert "the database is at 0002_b." in ending.result.message.lower()
    assert ending.text.startswith(said)
    assert "0003_c.up.sql:2" in ending.text
    assert runner.applied == ["0001_a", "0002_b"]
    write(runner.folder, _0003_c_up="CREATE TABLE t_0003_c (id int);\n")
    assert runner.up().result.current == "0003_c"


@pytest.mark.parametrize(
    ("spoil", "action", "reason"),
    [
        ({"_0003_c_up": "SELECT 'open;\n"}, redo, Reason.SOURCE_INVALID),
        ({"_0002_b_up": "SELECT 'open;\n"}, reset, Reason.SOURCE_INVALID),
        ({"_0001_a_up": "SELECT 1;\n"}, redo, Reason.FILE_CHANGED),
        ({"_0003_c_down": "SELECT 1;\n"}, redo, Reason.FILE_CHANGED),
    ],
    ids=["its file is broken", "a file is broken", "an earlier one has changed", "its down half has changed"],
)
def test_what_can_be_known_stops_it_before_anything_runs(
    runner: Runner, spoil: dict[str, str], action: object, reason: Reason
) -> None:
    write(runner.folder, **spoil)
    ending = act(runner, action)  # type: ignore[arg-type]
    assert ending.result.reason is reason
    assert "Rolled back" not in ending.result.message
    assert runner.applied == APPLIED


def test_a_file_that_is_gone(runner: Runner) -> None:
    for half in ("up", "down"):
        (runner.folder / f"0003_c.{half}.sql").unlink()
    ending = act(runner, redo)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FILE_MISSING, 4)
    assert "Nothing was rolled back" in ending.result.message
    ending, words = told(runner, reset)
    assert ending.result.current == "0002_b"
    assert "not applied again: 0003_c" in words.text


def test_losses_stop_it_as_they_stop_a_rollback(runner: Runner) -> None:
    runner.query("INSERT INTO t_0003_c VALUES (1)")
    for action in (reset, redo):
        ending = act(runner, action)
        assert (ending.result.reason, ending.result.exit_code) == (Reason.DATA_LOSS_REFUSED, 11)
    assert runner.applied == APPLIED
    assert act(runner, redo, accept=frozenset({Risk.DATA_LOSS})).result.reason is Reason.SUCCEEDED


def test_a_way_back_that_is_chosen_is_one_for_redo_too(runner: Runner) -> None:
    write(runner.folder, _0003_c_down="DROP TABLE t_0003_c; CREATE TABLE by_file (id int);")
    ending = act(runner, redo, down_from=DownFrom.FILE)
    assert ending.result.reason is Reason.SUCCEEDED
    assert "by_file" in runner.tables


def test_a_reservation_keeps_it_out(runner: Runner) -> None:
    assert runner.run("reserve", by="aa-1", target="0001").result.reason is Reason.SUCCEEDED
    for action in (reset, redo):
        assert act(runner, action).result.reason is Reason.RESERVED
    assert runner.applied == APPLIED


def test_a_signal_between_the_halves(runner: Runner) -> None:
    write(runner.folder, _0003_c_up="CREATE TABLE t_0003_c (id int);\nSELECT pg_sleep(20);\n")
    process = runner.start("redo", "--yes")
    with psycopg.connect(runner.url, autocommit=True) as watching:
        sleeping = (
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()"
        )
        while watching.execute(sleeping.encode()).fetchone() is None:
            assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "Rolled back 1 migration, but did not come to the end of applying again" in said
    assert runner.applied == ["0001_a", "0002_b"]


def test_on_the_command_line(runner: Runner) -> None:
    runner.query("INSERT INTO t_0003_c VALUES (1)")
    done = runner.call("redo")
    assert (done.returncode, "--accept-data-loss" in done.stdout) == (11, True)
    assert runner.call("redo", "--accept-data-loss").returncode == 0
    done = runner.call("reset", "--dry-run")
    assert (done.returncode, "nothing was changed" in done.stdout) == (0, True)
    code, said = typed(runner, "n", "reset")
    assert code == 130
    assert "Roll back 3 migrations (0003_c, 0002_b, 0001_a) in database" in said
    assert ", then apply 3 migrations? [y/N]" in said
    assert "this rolls back 3 migrations, then applies 3." in said
    assert said.index("DROP TABLE t_0001_a") < said.index("CREATE TABLE t_0001_a")
    code, _ = typed(runner, "y", "reset")
    assert (code, runner.applied) == (0, APPLIED)


def test_a_dry_run_shows_both_halves(runner: Runner) -> None:
    write(runner.folder, _0003_c_up="CREATE TABLE t_0003_c (id bigint, name text);\n")
    done = runner.call("redo", "--dry-run")
    assert "is at 0003_c; this rolls back 1 migration, then applies 1." in done.stdout
    assert done.stdout.index("DROP TABLE t_0003_c") < done.stdout.index(
        "0003_c.up.sql:1  CREATE TABLE t_0003_c"
    )
    assert "(id bigint, name text)" in done.stdout, "the file as it is now"
    data = json.loads(runner.call("reset", "--dry-run", "--json").stdout)
    assert [step["id"] for step in data["steps"]] == APPLIED[::-1]
    assert [(step["direction"], step["id"]) for step in data["then"]] == [("Forward", one) for one in APPLIED]
