"""Waiting for the sessions of a program to end."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from tests.postgres.jobs import job, result_of, started
from tests.postgres.running import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.servers import Server

NAME = "shop-blue"


@pytest.fixture
def runner(database: str, tmp_path: Path) -> Runner:
    """No folder, and a database without a ledger: neither is needed."""
    return Runner(database, tmp_path / "nowhere" / "migrations")


@pytest.fixture(autouse=True)
def _place(runner: Runner) -> None:
    runner.folder.parent.mkdir()


@pytest.fixture
def plain_role(server: Server, database: str) -> Iterator[str]:
    """A role without any right beyond logging in, and the URL of the database for it."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
    host = database.rpartition("@")[2]
    yield f"postgresql://plain:plain@{host}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY plain; DROP ROLE plain".encode())  # noqa: F541


@contextmanager
def session(url: str, name: str = NAME) -> Iterator[psycopg.Connection[Any]]:
    connection = psycopg.connect(url, application_name=name, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


def drain(runner: Runner, seconds: float = 0.2, name: str = NAME, *words: str) -> Any:
    return job(runner, "drain", "--application-name", name, "--drain-seconds", str(seconds), *words)


def test_nobody_is_there(runner: Runner) -> None:
    done = drain(runner)
    assert (done.reason, done.exit_code) == (Reason.SUCCEEDED, 0)
    assert done.message.startswith("No session of shop-blue is left in the database t_")
    assert runner.query("SELECT to_regclass('switchback.meta')") == [(None,)]


def test_a_session_that_stays(runner: Runner) -> None:
    with session(runner.url) as other:
        begun = time.monotonic()
        left = drain(runner, 1.5)
        assert 1.4 <= time.monotonic() - begun < 4
        assert (left.reason, left.exit_code) == (Reason.SESSIONS_LEFT, 6)
        assert left.message.startswith(
            f"After 1.5 s, 1 session of shop-blue is left in the database {other.info.dbname} "
            f"(pid {other.info.backend_pid}, of postgres, since 20"
        )
        assert "Z, idle)." in left.message


def test_the_oldest_of_several_is_named(runner: Runner) -> None:
    with session(runner.url) as oldest, session(runner.url), session(runner.url):
        left = drain(runner)
        assert "3 sessions of shop-blue are left" in left.message
        assert f"(the oldest: pid {oldest.info.backend_pid}, of postgres, since 20" in left.message


def test_a_session_that_ends_meanwhile(runner: Runner) -> None:
    with session(runner.url) as other:
        threading.Timer(1.2, other.close).start()
        begun = time.monotonic()
        done = drain(runner, 20)
        assert done.reason is Reason.SUCCEEDED
        assert 1 <= time.monotonic() - begun < 5


def test_only_that_name_in_that_database_counts(runner: Runner, server: Server) -> None:
    with (
        session(runner.url, "shop-green"),
        session(runner.url, "shop-blue2"),
        session(runner.url, ""),
        session(server.url("postgres")),
    ):
        assert drain(runner).reason is Reason.SUCCEEDED


def test_our_own_session_does_not_count(runner: Runner) -> None:
    assert drain(runner, 0.2, "switchback aa-1").reason is Reason.SUCCEEDED


@pytest.mark.parametrize("name", ["a" * 70, "bücher", "o'neil %s"])
def test_a_name_that_the_server_shows_in_another_form(runner: Runner, name: str) -> None:
    with session(runner.url, name):
        assert drain(runner, 0.2, name).reason is Reason.SESSIONS_LEFT
    assert drain(runner, 0.2, name).reason is Reason.SUCCEEDED


def test_a_plain_role_sees_the_sessions_of_others(runner: Runner, plain_role: str) -> None:
    mine = Runner(plain_role, runner.folder)
    with session(runner.url) as other:
        left = drain(mine)
        assert left.reason is Reason.SESSIONS_LEFT
        assert (
            f"(pid {other.info.backend_pid}, of postgres, its age is hidden from this role)" in left.message
        )
    assert drain(mine).reason is Reason.SUCCEEDED


def test_with_the_right_to_read_statistics_the_age_is_told(runner: Runner, plain_role: str) -> None:
    runner.query("GRANT pg_read_all_stats TO plain")
    with session(runner.url) as other:
        left = drain(Runner(plain_role, runner.folder))
        assert f"(pid {other.info.backend_pid}, of postgres, since 20" in left.message


def test_what_a_plain_role_sees(runner: Runner, plain_role: str) -> None:
    """The ground that this stands on: names are shown to everybody, times and states are not."""
    with session(runner.url) as other, psycopg.connect(plain_role) as mine:
        row = mine.execute(
            "SELECT datname, usename, application_name, backend_start, state, query, backend_type, "
            "leader_pid FROM pg_stat_activity WHERE pid = %s",
            (other.info.backend_pid,),
        ).fetchone()
        known = (other.info.dbname, "postgres", NAME)
    assert row == (*known, None, None, "<insufficient privilege>", None, None)


def test_another_database_than_expected(runner: Runner) -> None:
    other = "00000000-0000-0000-0000-000000000001"
    assert drain(runner, 0.2, NAME, "--expect-ledger", other).reason is Reason.DATABASE_CHANGED


def test_a_signal_ends_the_wait(runner: Runner) -> None:
    with session(runner.url):
        process = started(runner, "drain", "--application-name", NAME, "--drain-seconds", "60")
        assert process.stdout is not None
        assert "Waiting: 1 session of shop-blue is left" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert (process.returncode, result_of(runner).reason) == (143, Reason.INTERRUPTED)


def test_a_program_must_be_named(runner: Runner) -> None:
    ended = runner.call("run", "--operation", "drain", "--operation-id", "aa-1")
    assert ended.returncode == 2
    assert "drain needs the name of a program" in ended.stderr
