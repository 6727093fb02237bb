"""Modules that end, double or outlive the process that runs them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.postgres.running import Runner
from tests.postgres.test_python import add

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "connection.execute('CREATE TABLE t (id int PRIMARY KEY)')"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


@pytest.mark.parametrize(
    "call",
    [
        "os._exit(0)",
        "os.execv('/bin/true', [''])",
        "os.execlp('true', '')",
        "os.execve('/bin/true', '', {})",
    ],
)
def test_the_run_is_not_ended_without_a_word(runner: Runner, call: str) -> None:
    add(runner, f"import os\n{TABLE}\n{call}", "0001_a.py")
    said = runner.call("migrate", "--json")
    assert said.returncode == 8, said.stderr
    assert json.loads(said.stdout)["reason"] == "SQLFailed"
    assert "EndsRunError: os." in said.stderr
    assert "0001_a.py:" in said.stderr
    assert (runner.applied, runner.tables) == ([], set())


@pytest.mark.parametrize("transactional", [True, False])
def test_a_child_that_comes_back_is_ended(runner: Runner, *, transactional: bool) -> None:
    head = "" if transactional else "transactional = False"
    body = f"import os\nchild = os.fork()\nif child: os.waitpid(child, 0); {TABLE}"
    add(runner, body, "0001_a.py", head=head)
    add(runner, "connection.execute('CREATE TABLE u (id int)')", "0002_b.py")
    said = runner.call("migrate")
    assert said.returncode == 0, said.stderr
    assert "a process that up() of 0001_a has forked came back from it, and was ended" in said.stderr
    assert said.stdout.count("Applied 2 migrations") == 1
    assert (runner.applied, runner.tables) == (["0001_a", "0002_b"], {"t", "u"})


def test_a_child_has_no_connection(runner: Runner, tmp_path: Path) -> None:
    note = tmp_path / "note"
    body = f"""
import os
child = os.fork()
if child == 0:
    try:
        {TABLE}
    except Exception as error:
        open({str(note)!r}, "w").write(repr(error))
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
{TABLE}
"""
    add(runner, body, "0001_a.py")
    said = runner.call("migrate")
    assert said.returncode == 0, said.stderr
    assert "another process" in note.read_text()
    assert "was ended" not in said.stderr


def test_processes_of_multiprocessing_are_as_ever(runner: Runner) -> None:
    body = """
import multiprocessing
process = multiprocessing.get_context("fork").Process(target=print, args=("from the child",))
process.start()
process.join()
assert process.exitcode == 0
"""
    add(runner, body, "0001_a.py")
    said = runner.call("migrate")
    assert said.returncode == 0, said.stderr
    assert "was ended" not in said.stderr


@pytest.mark.parametrize("daemon", [True, False])
def test_a_thread_that_never_ends_does_not_hold_the_run_up(runner: Runner, *, daemon: bool) -> None:
    body = f"""
import threading
threading.Thread(target=threading.Event().wait, name="beside", daemon={daemon}).start()
{TABLE}
"""
    add(runner, body, "0001_a.py")
    begun = time.monotonic()
    said = runner.call("migrate")
    assert said.returncode == 0, said.stderr
    assert time.monotonic() - begun < 30
    assert "Applied 1 migration" in said.stdout
    warned = "warning: the thread beside, which a migration began, is still at work" in said.stderr
    assert warned is not daemon


def test_the_code_of_a_failure_stays_when_a_thread_is_left(runner: Runner) -> None:
    body = "import threading\nthreading.Thread(target=threading.Event().wait).start()\nraise ValueError"
    add(runner, body, "0001_a.py")
    assert runner.call("migrate").returncode == 8


def test_what_the_server_says_is_without_the_password(runner: Runner) -> None:
    body = """
import os
from urllib.parse import unquote
word = unquote(os.environ["DATABASE_URL"].split(":")[2].split("@")[0])
connection.execute("DO $$ BEGIN RAISE NOTICE 'it is %', " + "'" + word + "'; END $$")
"""
    add(runner, body, "0001_a.py")
    said = runner.call("migrate")
    assert said.returncode == 0, said.stderr
    assert "NOTICE: it is ***" in said.stdout + said.stderr
    assert "canary" not in said.stdout + said.stderr
