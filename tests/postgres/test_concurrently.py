"""An index that was interrupted is found again in the schema where the file makes it."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.runner import transact
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARK = "-- switchback: no-transaction\n"
PATH = "SET search_path TO app;\n"
IF_NOT_EXISTS = pytest.mark.parametrize("word", ["IF NOT EXISTS ", ""], ids=["if not exists", "plain"])


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a")
    made = Runner(database, folder)
    made.up()
    made.query("CREATE SCHEMA app; CREATE TABLE app.books (title text); INSERT INTO app.books VALUES ('a')")
    return made


def index(word: str = "", name: str = "ix") -> str:
    return f"CREATE INDEX CONCURRENTLY {word}{name} ON books (title);\n"


def valid(runner: Runner, name: str = "app.ix") -> bool | None:
    rows = runner.query(f"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{name}')")
    return rows[0][0] if rows else None


@contextlib.contextmanager
def held_up(runner: Runner) -> Iterator[None]:
    """Somebody has written into the table and not committed: no index is finished before."""
    with psycopg.connect(runner.url) as blocker:
        blocker.execute(b"UPDATE app.books SET title = title")
        yield
        blocker.rollback()


def building(runner: Runner) -> int:
    """Process id of the server process that waits with its index."""
    deadline = time.monotonic() + 15
    while True:
        rows = runner.query(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE '% INDEX CONC%' AND wait_event_type = 'Lock' "
            "AND pid <> pg_backend_pid() AND datname = current_database()"
        )
        if rows:
            pid: int = rows[0][0]
            return pid
        assert time.monotonic() < deadline
        time.sleep(0.02)


@IF_NOT_EXISTS
@pytest.mark.parametrize("how", ["signal", "lost connection", "kill"])
def test_interrupted_while_building(runner: Runner, word: str, how: str) -> None:
    write(runner.folder, _0002_b_up=MARK + PATH + index(word))
    with held_up(runner):
        process = runner.start("migrate", "--dir", str(runner.folder))
        pid = building(runner)
        if how == "signal":
            process.terminate()
        elif how == "kill":
            process.kill()
            runner.query(f"SELECT pg_terminate_backend({pid})")
        else:
            runner.query(f"SELECT pg_terminate_backend({pid})")
        process.communicate(timeout=20)
        assert process.returncode != 0
    assert valid(runner) is False, "this is what the next run has to find"
    ending, words = runner.told("migrate")
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert "Dropping the invalid index" in words.text
    assert valid(runner) is True


def test_whom_clearing_away_waits_for_is_told(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transact, "TELL_EVERY_SECONDS", 1)
    write(runner.folder, _0002_b_up=MARK + PATH + index())
    endings: list[Any] = []
    with held_up(runner):
        process = runner.start("migrate", "--dir", str(runner.folder))
        pid = building(runner)
        process.kill()
        runner.query(f"SELECT pg_terminate_backend({pid})")
        process.communicate(timeout=20)
        thread = threading.Thread(target=lambda: endings.append(runner.told("migrate")))
        thread.start()
        building(runner)
        time.sleep(2.5)
    thread.join(30)
    ending, words = endings[0]
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    waits = r'^The invalid index "app"\."ix" is being dropped for \d+ s; .* is locked by pid \d+'
    assert re.search(waits, words.text, re.MULTILINE), words.text


def test_an_invalid_index_that_was_there_is_not_taken_for_ours(runner: Runner) -> None:
    runner.query("INSERT INTO app.books VALUES ('a')")
    with pytest.raises(psycopg.Error):
        runner.query("CREATE UNIQUE INDEX CONCURRENTLY ix ON app.books (title)")
    write(runner.folder, _0002_b_up=MARK + PATH + index("IF NOT EXISTS "))
    ending = runner.up()
    assert ending.result.reason is Reason.FAILED_PARTLY
    assert "ix" in ending.result.message
    assert valid(runner) is False


def test_a_table_of_the_same_name_elsewhere_is_not_looked_at(runner: Runner) -> None:
    """The default path finds another table, with a valid index of that name."""
    runner.query("CREATE TABLE books (title text); CREATE INDEX ix ON books (title)")
    write(runner.folder, _0002_b_up=MARK + PATH + index("IF NOT EXISTS "))
    with held_up(runner):
        process = runner.start("migrate", "--dir", str(runner.folder))
        runner.query(f"SELECT pg_terminate_backend({building(runner)})")
        process.communicate(timeout=20)
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert (valid(runner), valid(runner, "public.ix")) == (True, True)


def test_a_dropped_index_is_settled_in_its_schema(runner: Runner) -> None:
    """Done and not counted: the next run finds that it is gone, and goes on."""
    runner.query("CREATE INDEX ix ON app.books (title)")
    write(
        runner.folder,
        _0002_b_up="CREATE TABLE b (id int);",
        _0002_b_down=MARK + PATH + "DROP INDEX CONCURRENTLY ix;\nDROP TABLE public.b;",
    )
    runner.up()
    with held_up(runner):
        process = runner.start("rollback", "--dir", str(runner.folder), "--yes")
        runner.query(f"SELECT pg_terminate_backend({building(runner)})")
        process.communicate(timeout=20)
        assert process.returncode != 0
    runner.query("DROP INDEX app.ix")
    ending, words = runner.told("rollback")
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert "done by an earlier run" in words.text


def test_made_by_a_role_that_the_file_takes(runner: Runner) -> None:
    """Its owner drops what was left: the file's role, which the session of the next run does not have."""
    user, owner = "r_pytest_logs_in", "r_pytest_owns"
    runner.query(
        f"CREATE ROLE {owner}; CREATE ROLE {user} LOGIN PASSWORD 'x' NOINHERIT IN ROLE {owner}; "
        f"ALTER TABLE app.books OWNER TO {owner}; GRANT ALL ON SCHEMA app TO {owner}; "
        f"GRANT {user} TO postgres; ALTER SCHEMA switchback OWNER TO {user}; "
        f"ALTER TABLE switchback.migrations OWNER TO {user}; ALTER TABLE switchback.events OWNER TO {user}; "
        f"ALTER TABLE switchback.meta OWNER TO {user}"
    )
    try:
        write(runner.folder, _0002_b_up=MARK + f"SET ROLE {owner};\n" + PATH + index())
        mine = Runner(runner.url, runner.folder, role=user)
        with held_up(runner):
            process = runner.start("migrate", "--dir", str(runner.folder), "--role", user)
            runner.query(f"SELECT pg_terminate_backend({building(runner)})")
            process.communicate(timeout=20)
        assert valid(runner) is False
        ending = mine.up()
        assert ending.result.reason is Reason.SUCCEEDED, ending.text
        assert valid(runner) is True
    finally:
        runner.query(f"DROP OWNED BY {owner}, {user} CASCADE; DROP ROLE {user}; DROP ROLE {owner}")


def test_what_a_newer_release_has_recorded_is_understood(runner: Runner) -> None:
    """Within a major version of the ledger more may be said, also of a statement that was begun."""
    write(runner.folder, _0002_b_up=MARK + PATH + index())
    with held_up(runner):
        process = runner.start("migrate", "--dir", str(runner.folder))
        runner.query(f"SELECT pg_terminate_backend({building(runner)})")
        process.communicate(timeout=20)
    runner.query(
        "UPDATE switchback.events SET details = "
        "jsonb_set(details::jsonb, '{colour}', '\"blue\"')::text WHERE kind = 'Started'"
    )
    assert runner.query("SELECT count(*) FROM switchback.events WHERE details LIKE '%blue%'") == [(1,)]
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert valid(runner) is True
