"""What has happened to a database, as people and programs read it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.operations import amend
from tests.postgres.acting import act
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0002_b", "0003_c")
    made = Runner(database, folder)
    assert made.up(reason="release 7").result.reason is Reason.SUCCEEDED
    assert made.down(reason="INC-1\nin two lines").result.reason is Reason.SUCCEEDED
    return made


def events(runner: Runner, *words: str) -> list[dict[str, Any]]:
    done = runner.call("history", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["events"]
    return found


def test_newest_first_and_readable_at_a_glance(runner: Runner) -> None:
    lines = runner.call("history").stdout.splitlines()
    assert lines[0].split() == ["TIME", "WHAT", "ID", "DURATION", "WHO", "REASON"]
    assert [line.split()[1:3] for line in lines[1:4]] == [
        ["RolledBack", "0003_c"], ["Applied", "0003_c"], ["Applied", "0002_b"],
    ]  # fmt: skip
    assert lines[1].endswith("INC-1?in two lines")
    assert " ms" in lines[1]
    assert "postgres (cli-test)" in lines[1]
    assert lines[-1].split()[1] == "Created"
    assert len(lines) == 6


def test_for_programs(runner: Runner) -> None:
    newest = events(runner)[0]
    assert (newest["kind"], newest["id"], newest["reason"]) == ("RolledBack", "0003_c", "INC-1\nin two lines")
    assert (newest["doneBy"], newest["operationId"]) == ("postgres", "cli-test")
    assert newest["durationMs"] >= 0
    assert newest["at"].endswith("Z")
    assert newest["upChecksum"].startswith("s1:")
    assert [event["seq"] for event in events(runner)] == [5, 4, 3, 2, 1]


def test_a_limit_says_what_it_leaves_out(runner: Runner) -> None:
    done = runner.call("history", "--limit", "2")
    assert len(done.stdout.splitlines()) == 4
    assert done.stdout.endswith("3 earlier ones; --limit 0 shows all.\n")
    assert json.loads(runner.call("history", "--limit", "2", "--json").stdout)["total"] == 5
    assert len(events(runner, "--limit", "0")) == 5


def test_one_migration_under_all_its_names(runner: Runner) -> None:
    assert [event["kind"] for event in events(runner, "3")] == ["RolledBack", "Applied"]
    for half in ("up", "down"):
        (runner.folder / f"0002_b.{half}.sql").rename(runner.folder / f"0002_books.{half}.sql")
    act(runner, partial(amend.rename, new="0002_books"), target="0002_b")
    assert [(event["kind"], event["id"]) for event in events(runner, "0002_books")] == [
        ("Renamed", "0002_books"), ("Applied", "0002_b"),
    ]  # fmt: skip
    assert "was 0002_b" in runner.call("history", "0002_books").stdout
    assert [event["kind"] for event in events(runner, "0002")] == ["Renamed", "Applied"]
    assert [event["kind"] for event in events(runner, "0002_b")] == ["Applied"]
    done = runner.call("history", "000")
    assert (done.returncode, "0001_a or 0002_books or 0003_c" in done.stderr) == (2, True)
    done = runner.call("history", "nothing")
    assert (done.returncode, "The last ones are: " in done.stderr) == (2, True)


def test_without_a_ledger(database: str, folder: Path) -> None:
    runner = Runner(database, folder)
    done = runner.call("history")
    assert (done.returncode, "nothing has happened yet" in done.stdout) == (0, True)
    assert events(runner) == []
    assert runner.call("history", "1").returncode == 2
    assert runner.query("SELECT nspname FROM pg_namespace WHERE nspname = 'switchback'") == []


def test_of_newer_ledgers(runner: Runner) -> None:
    runner.query(
        "UPDATE switchback.meta SET minor = 7;"
        "ALTER TABLE switchback.events ADD COLUMN host text NOT NULL DEFAULT 'here';"
        "INSERT INTO switchback.events (kind, migration_id, operation_id, intent_digest, reason) "
        "VALUES ('Praised', '0001_a', 'cli-x', '', 'well done')"
    )
    assert events(runner)[0]["kind"] == "Praised"
    runner.query("UPDATE switchback.meta SET major = 2")
    assert events(runner, "1")[0]["kind"] == "Praised", "a newer major version is read as far as it goes"
    runner.query("ALTER TABLE switchback.events RENAME COLUMN done_by TO author")
    done = runner.call("history")
    assert (done.returncode, "author" in done.stderr or "done_by" in done.stderr) == (11, True)
    assert "Traceback" not in done.stderr


def test_it_only_reads(runner: Runner) -> None:
    """The role may look at the ledger and nothing else."""
    before = runner.query("SELECT revision FROM switchback.meta")
    runner.call("history")
    assert runner.query("SELECT revision FROM switchback.meta") == before


def test_what_a_terminal_is_told_holds_no_controls(runner: Runner) -> None:
    runner.down(reason="\x1b[31mred")
    assert "\x1b" not in runner.call("history").stdout
