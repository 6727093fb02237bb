"""A protected database: who rolls it back by hand has to name it; a copy of it is not protected."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.runner.operations import protect, repair, rollback
from tests.postgres.acting import act, last_event
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write
from tests.postgres.terminal import typed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from switchback.contract.words import Risk
    from switchback.runner.plan import Plan
    from tests.postgres.servers import Server


def protected(url: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0002_b")
    made = Runner(url, folder)
    assert made.up().result.reason is Reason.SUCCEEDED
    assert act(made, protect.on, reason="production").result.reason is Reason.SUCCEEDED
    return made


@pytest.fixture
def each(database: str, folder: Path) -> Runner:
    """On every server."""
    return protected(database, folder)


@pytest.fixture
def runner(pg18: Server, folder: Path) -> Iterator[Runner]:
    """On one server only: what differs between servers is tested below the command line."""
    name = pg18.create_database()
    yield protected(pg18.url(name), folder)
    pg18.drop_database(name)


def name_of(runner: Runner) -> str:
    return str(runner.query("SELECT current_database()")[0][0])


def test_the_mark_is_of_this_very_database(each: Runner) -> None:
    assert each.query(
        "SELECT protected_for = system_identifier || '/' || database_oid FROM switchback.meta"
    ) == [(True,)]
    assert last_event(each)["kind"] == "Protected"
    assert last_event(each)["reason"] == "production"
    assert act(each, protect.on).result.reason is Reason.UP_TO_DATE
    assert act(each, protect.off, dry_run=True).result.message.endswith("; nothing was changed.")
    assert act(each, protect.off).result.reason is Reason.SUCCEEDED
    assert each.query("SELECT protected_for FROM switchback.meta") == [("",)]
    assert last_event(each)["kind"] == "Unprotected"
    assert act(each, protect.off).result.reason is Reason.UP_TO_DATE


def test_a_copy_is_not_protected(each: Runner, server: Server) -> None:
    copy = f"{name_of(each)}_copy"
    with server.connect() as admin:
        admin.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name_of(each)}"'.encode())
    try:
        copied = Runner(server.url(copy), each.folder)
        assert act(copied, repair.rebind).result.reason is Reason.SUCCEEDED
        assert copied.call("rollback").returncode == 0
    finally:
        server.drop_database(copy)


def test_without_a_terminal_the_name_is_needed(runner: Runner) -> None:
    name = name_of(runner)
    for words in ((), ("--yes",), ("--yes", "--force"), ("--target", "base")):
        done = runner.call("rollback", *words)
        assert done.returncode == 11, words
        assert f"Database {name} is protected" in done.stderr
        assert f"--confirm-database {name}" in done.stderr
    done = runner.call("rollback", "--confirm-database", "another")
    assert (done.returncode, f"names another, but this is {name}" in done.stderr) == (11, True)
    assert runner.applied == ["0001_a", "0002_b"]
    assert runner.call("rollback", "--dry-run").returncode == 0
    assert runner.call("plan", "--target", "base").returncode == 0
    assert runner.call("rollback", "--confirm-database", name).returncode == 0
    assert runner.applied == ["0001_a"]
    runner.query("INSERT INTO t_0001_a VALUES (1)")
    done = runner.call("rollback", "--confirm-database", name)
    assert (done.returncode, "DataLoss" in done.stdout) == (11, True), "losses still need their flag"
    assert runner.call("migrate").returncode == 0


def test_another_name_is_refused_in_any_database(runner: Runner) -> None:
    act(runner, protect.off)
    assert runner.call("rollback", "--confirm-database", "another").returncode == 11
    assert runner.call("rollback", "--confirm-database", name_of(runner)).returncode == 0


def test_on_a_terminal_its_name_is_typed(runner: Runner) -> None:
    name = name_of(runner)
    for answer, words in (("y", ()), ("", ()), ("y", ("--yes",)), (name.upper(), ())):
        code, said = typed(runner, answer, "rollback", *words)
        assert code == 130, said
        assert f"Roll back 1 migration (0002_b) in database {name} at 127.0.0.1:" in said
        assert f"Database {name} is protected. To go on, type its name:" in said
        assert "Nothing was changed." in said
    code, said = typed(runner, "never asked", "rollback", CI="true")
    assert (code, "To go on, type its name" in said) == (11, False)
    assert runner.applied == ["0001_a", "0002_b"]
    code, said = typed(runner, name, "rollback")
    assert code == 0, said
    assert runner.applied == ["0001_a"]


def test_reset_and_redo_never_run(runner: Runner) -> None:
    for words in (("reset",), ("redo",)):
        for more in ((), ("--yes",), ("--confirm-database", name_of(runner)), ("--dry-run",)):
            done = runner.call(*words, *more)
            assert done.returncode == 11, (words, more)
            assert f"{words[0]} never runs there" in done.stderr
            assert "switchback protect --off" in done.stderr
    assert runner.applied == ["0001_a", "0002_b"]


def test_what_the_operator_runs_is_not_affected(each: Runner) -> None:
    assert job(each, "reserve", "--target", "0001").reason is Reason.SUCCEEDED
    assert job(each, "rollback", "--target", "0001").reason is Reason.SUCCEEDED
    assert each.applied == ["0001_a"]


def test_protected_while_somebody_thinks(each: Runner) -> None:
    act(each, protect.off)

    def confirm(plan: Plan) -> frozenset[Risk]:
        assert act(each, protect.on).result.reason is Reason.SUCCEEDED
        return frozenset(plan.risks)

    ending = act(each, lambda s, r, f: rollback.run(s, r, f, confirm))
    assert (ending.result.reason, ending.result.exit_code) == (Reason.DATABASE_PROTECTED, 11)
    assert each.applied == ["0001_a", "0002_b"]


def test_ending_the_protection_needs_the_name_too(runner: Runner) -> None:
    name = name_of(runner)
    assert runner.call("protect").returncode == 0
    assert runner.call("protect", "--off").returncode == 11
    assert runner.call("protect", "--off", "--confirm-database", "x").returncode == 11
    assert typed(runner, "n", "protect", "--off")[0] == 130
    assert runner.call("protect", "--off", "--confirm-database", name).returncode == 0
    assert runner.call("protect").returncode == 0
    assert typed(runner, name, "protect", "--off")[0] == 0
    assert runner.query("SELECT protected_for FROM switchback.meta") == [("",)]


def test_an_empty_database_gets_a_ledger_for_it(database: str, folder: Path) -> None:
    write(folder, "0001_a")
    runner = Runner(database, folder)
    assert act(runner, protect.on, dry_run=True).result.reason is Reason.SUCCEEDED
    assert runner.query("SELECT nspname FROM pg_namespace WHERE nspname = 'switchback'") == []
    assert act(runner, protect.on).result.reason is Reason.SUCCEEDED
    assert runner.up().result.current == "0001_a"
    assert runner.call("rollback").returncode == 11


def test_tables_without_a_ledger_have_nowhere_to_keep_the_mark(database: str, folder: Path) -> None:
    runner = Runner(database, folder)
    runner.query("CREATE TABLE x (id int)")
    ending = act(runner, protect.on)
    assert ending.result.reason is Reason.BASELINE_REQUIRED
    assert "switchback baseline" in ending.advice
    assert act(runner, protect.off).result.reason is Reason.UP_TO_DATE


def test_a_rebound_copy_says_that_it_is_not_protected(runner: Runner) -> None:
    with psycopg.connect(runner.url, autocommit=True) as connection:
        connection.execute(b"UPDATE switchback.meta SET database_oid = 1, protected_for = '7/1'")
    done = runner.call("repair", "--rebind")
    assert done.returncode == 0
    assert "this one is not. switchback protect protects" in done.stderr


def test_status_says_that_it_is_protected(runner: Runner) -> None:
    assert runner.call("status").stdout.splitlines()[0].endswith("is at 0002_b. It is protected.")
    assert json.loads(runner.call("status", "--json").stdout)["protected"] is True
