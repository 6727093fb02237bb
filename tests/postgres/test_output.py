"""Whatever becomes of the output: it does not decide about the work."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.postgres.running import PROGRAM, Runner, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.servers import Server


@pytest.fixture
def runner(pg18: Server, folder: Path) -> Iterator[Runner]:
    write(folder, *[f"{n:04d}_x" for n in range(1, 151)])
    name = pg18.create_database()
    yield Runner(pg18.url(name), folder)
    pg18.drop_database(name)


def run(runner: Runner, *words: str, stdout: int, stderr: int = subprocess.PIPE) -> tuple[int, str]:
    done = subprocess.run(
        [PROGRAM, *words], env=runner.environment(), cwd=runner.folder.parent, stdout=stdout, stderr=stderr,
        stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, (done.stderr or b"").decode()


@pytest.fixture
def closed() -> Iterator[int]:
    """The writing end of a pipe that nobody reads any more, as `| head` leaves it."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def test_a_closed_stdout(runner: Runner, closed: int) -> None:
    assert run(runner, "migrate", stdout=closed) == (0, "")
    assert len(runner.applied) == 150
    code, said = run(runner, "rollback", "--target", "0100", stdout=closed)
    assert (code, said) == (0, "")
    assert len(runner.applied) == 100


def test_a_full_disk(runner: Runner) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        assert run(runner, "migrate", stdout=full.fileno()) == (0, "")
    assert len(runner.applied) == 150


@pytest.mark.parametrize("run_as_a_job", [False, True])
def test_json_on_a_full_disk(runner: Runner, *, run_as_a_job: bool) -> None:
    """The work is done and recorded; who needs the JSON sees that it is not there."""
    job = ("run", "--operation", "migrate", "--operation-id", "aa-1", "--dir", str(runner.folder))
    words = job if run_as_a_job else ("migrate",)
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        code, said = run(runner, *words, "--json", stdout=full.fileno())
    assert code == 0
    assert "Bug" not in said
    assert "itself" not in said
    assert len(runner.applied) == 150


def test_a_plan_that_is_cut_off_says_so(runner: Runner, closed: int) -> None:
    """Here the words are what was asked for."""
    assert run(runner, "plan", "--sql", stdout=closed)[0] == 128 + signal.SIGPIPE


def test_the_exit_code_is_that_of_the_work(runner: Runner, closed: int) -> None:
    (runner.folder / "0100_x.up.sql").write_text("SELECT 1/0;")
    assert run(runner, "migrate", stdout=closed, stderr=closed)[0] == 8
    assert len(runner.applied) == 99


def test_a_plan_on_a_full_disk_is_no_bug(runner: Runner) -> None:
    for words in (("plan",), ("plan", "--json"), ("status",)):
        with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
            code, said = run(runner, *words, stdout=full.fileno())
        assert said == "error: The answer could not be written: No space left on device.\n"
        assert code == 2
