"""The ledger that an operator knows a database by: whatever is at that address now must be the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from tests.postgres.jobs import job, words_of
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.servers import Server

OTHER = "172e0a85-2228-4dc9-855e-dd0c2cc59999"
OPERATIONS = ("migrate", "inspect", "reserve", "rollback", "release")


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0002_b")
    return Runner(database, folder)


def uuid_of(runner: Runner) -> str:
    found: str = runner.query("SELECT ledger_uuid::text FROM switchback.meta")[0][0]
    return found


def test_every_result_tells_it(runner: Runner) -> None:
    before = job(runner, "inspect")
    assert before.database is not None
    assert before.database.ledger == ""
    first = job(runner, "migrate", "--target", "1")
    assert first.database is not None
    assert first.database.ledger == uuid_of(runner), "also right after it was made"
    write(runner.folder, _0002_b_up="SELECT 1/0;")
    for operation, *words in (
        ("migrate",), ("inspect", "--target", "base"), ("reserve", "--target", "base"), ("release",),
        ("inspect", "--target", "nine"),
    ):  # fmt: skip
        ending = job(runner, operation, *words)
        assert ending.database is not None
        assert ending.database.ledger == uuid_of(runner), (operation, words)


def test_the_right_one(runner: Runner) -> None:
    runner.up(target="1")
    expected = ("--expect-ledger", uuid_of(runner).upper())
    assert job(runner, "migrate", *expected).reason is Reason.SUCCEEDED
    words = ("--target", "1", *expected)
    for operation in ("inspect", "reserve", "rollback", "release"):
        assert job(runner, operation, *words).reason is Reason.SUCCEEDED, operation


@pytest.mark.parametrize("operation", OPERATIONS)
def test_another_one(runner: Runner, operation: str) -> None:
    runner.up(target="1")
    before = runner.query("SELECT * FROM switchback.meta")
    ending = job(runner, operation, "--expect-ledger", OTHER)
    assert (ending.reason, ending.exit_code) == (Reason.DATABASE_CHANGED, 11)
    assert OTHER in ending.message
    assert uuid_of(runner) in ending.message
    assert ending.database is not None
    assert ending.database.ledger == uuid_of(runner), "whoever looks sees which one it is"
    assert runner.query("SELECT * FROM switchback.meta") == before
    assert runner.applied == ["0001_a"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_none_at_all(runner: Runner, operation: str) -> None:
    """Somebody has dropped the database and made it anew: an empty one must not be filled in silence."""
    ending = job(runner, operation, "--expect-ledger", OTHER)
    assert (ending.reason, ending.exit_code) == (Reason.DATABASE_CHANGED, 11)
    assert OTHER in ending.message
    assert "has no ledger" in ending.message
    assert runner.tables == set()
    assert runner.query("SELECT 1 FROM pg_namespace WHERE nspname = 'switchback'") == []


def test_one_that_came_with_a_copy_keeps_its_own_check(runner: Runner, server: Server) -> None:
    runner.up(target="1")
    expected = ("--expect-ledger", uuid_of(runner))
    name = runner.query("SELECT current_database()")[0][0]
    copy = f"{name}_copy"
    with server.connect() as admin:
        admin.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"'.encode())
    try:
        copied = Runner(server.url(copy), runner.folder)
        ending = job(copied, "migrate", *expected)
        assert ending.reason is Reason.DATABASE_CHANGED
        assert "was made in database" in ending.message
        assert copied.call("repair", "--rebind").returncode == 0
        assert job(copied, "migrate", *expected).reason is Reason.SUCCEEDED, "a rebound copy stays the one"
    finally:
        server.drop_database(copy)


def test_what_is_no_uuid(runner: Runner) -> None:
    done = runner.call(*words_of(runner, "migrate", "--expect-ledger", "shop"))
    assert (done.returncode, "UUID" in done.stderr) == (2, True)
    assert runner.tables == set()
