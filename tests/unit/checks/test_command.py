"""Commands of checks, in a container's place a process namespace of its own, by each shell that is here."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from switchback.checks.command import MOST_LINES, Command
from switchback.checks.conductor import SCRIPT
from switchback.checks.model import Check, Context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHELLS = (["dash"], ["bash", "--posix"], ["busybox", "sh"])
NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
"""Never without it: the program ends every process that it can reach."""

_USABLE = (
    shutil.which("unshare") is not None
    and subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
)
pytestmark = pytest.mark.skipif(not _USABLE, reason="process namespaces cannot be made here")


class Running(NamedTuple):
    """A container's place, and what was said."""

    command: Command
    process: subprocess.Popen[bytes]
    log: list[str]


@pytest.fixture(params=SHELLS, ids=lambda words: words[0])
def shell(request: pytest.FixtureRequest) -> list[str]:
    words: list[str] = request.param
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    return words


def start(shell: list[str], folder: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*NAMESPACE, *shell, "-c", SCRIPT, "check", str(folder / "shop"), *words])


@contextmanager
def beside(shell: list[str], folder: Path, *words: str, seconds: float = 5) -> Iterator[Running]:
    log: list[str] = []
    (folder / "shop").mkdir()
    process = start(shell, folder, *words)
    command = Command(Check("shop", "command", {}, 1, seconds, 1), Context(say=log.append), folder)
    try:
        yield Running(command, process, log)
    finally:
        command.close()
        process.kill()
        process.wait()


def first(running: Running) -> int:
    """Process 1 of the container, by its number out here."""
    words = ["pgrep", "-P", str(running.process.pid)]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def inside(running: Running) -> list[str]:
    """Names of the processes in the container, process 1 apart."""
    words = ["pgrep", "-l", "--ns", str(first(running)), "--nslist", "pid", "."]
    listed = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return [line.split()[1] for line in listed.splitlines() if int(line.split()[0]) != first(running)]


def test_exit_code_0_holds_and_any_other_does_not(shell: list[str], tmp_path: Path) -> None:
    async def scene() -> None:
        script = 'n=$(cat count 2>/dev/null || echo 0); echo $((n + 1)) >count; echo "try $n"; exit $n'
        with beside(shell, tmp_path, "sh", "-c", f"cd {tmp_path}; {script}") as running:
            assert await running.command.ask() == ""
            assert await running.command.ask() == "exit code 1: try 1"
            assert await running.command.ask() == "exit code 2: try 2"
            assert running.log == ["shop| try 0", "shop| try 1", "shop| try 2"]

    asyncio.run(scene())


def test_words_arrive_as_they_are(shell: list[str], tmp_path: Path) -> None:
    async def scene() -> None:
        words = ["a  b", "$HOME", "*", "", "-n", "it's", '"', "ü"]
        with beside(shell, tmp_path, "sh", "-c", 'printf "<%s>" "$@"; exit 1', "x", *words) as running:
            assert (await running.command.ask()).startswith("exit code 1: <a b>")
            assert running.log == ["shop| " + "".join(f"<{word}>" for word in words)]

    asyncio.run(scene())


def test_a_command_that_is_not_there(shell: list[str], tmp_path: Path) -> None:
    async def scene() -> None:
        with beside(shell, tmp_path, "/no/such") as running:
            error = await running.command.ask()
            assert error.startswith("exit code 127: ")
            assert "/no/such" in error

    asyncio.run(scene())


def test_what_takes_too_long_is_killed_with_all_that_it_has_started(shell: list[str], tmp_path: Path) -> None:
    async def scene() -> None:
        stubborn = "trap '' TERM INT HUP; (sleep 1000; sleep 1000) & echo begun; sleep 1000; sleep 1000"
        with beside(shell, tmp_path, "sh", "-c", stubborn, seconds=0.5) as running:
            for _ in range(3):
                begun = time.monotonic()
                assert await running.command.ask() == "no end within 0.5 s; it was killed: begun"
                assert time.monotonic() - begun < 3
            await asyncio.sleep(0.3)
            assert "sleep" not in inside(running)

    asyncio.run(scene())


def test_nothing_outlives_its_try(shell: list[str], tmp_path: Path) -> None:
    async def scene() -> None:
        with beside(shell, tmp_path, "sh", "-c", "sleep 1000 & exit 0") as running:
            assert await running.command.ask() == ""
            await asyncio.sleep(0.3)
            assert "sleep" not in inside(running)
            assert await running.command.ask() == ""

    asyncio.run(scene())


def test_much_output_neither_blocks_nor_floods(shell: list[str], tmp_path: Path) -> None:
    async def scene() -> None:
        script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i + 1)); done; printf the-end; exit 1"
        with beside(shell, tmp_path, "sh", "-c", script) as running:
            assert await running.command.ask() == "exit code 1: the-end"
            assert len(running.log) == MOST_LINES + 1
            assert running.log[-1].endswith("are left out")

    asyncio.run(scene())


def test_what_looks_like_a_secret_does_not_leave_the_log(shell: list[str], tmp_path: Path) -> None:
    async def scene() -> None:
        script = "echo 'cannot reach postgresql://shop:canary@db/shop password=canary'; exit 1"
        with beside(shell, tmp_path, "sh", "-c", script) as running:
            error = await running.command.ask()
            assert "canary" not in error
            assert "cannot reach postgresql://***@db/shop" in error

    asyncio.run(scene())


def test_a_container_that_begins_anew_is_a_failure_and_goes_on(shell: list[str], tmp_path: Path) -> None:
    async def scene() -> None:
        with beside(shell, tmp_path, "sleep", "1000", seconds=10) as running:
            asked = asyncio.ensure_future(running.command.ask())
            await asyncio.sleep(0.3)
            running.process.kill()
            running.process.wait()
            again = start(shell, tmp_path, "true")
            try:
                assert await asked == "its container ended in the middle of it"
                assert await running.command.ask() == ""
            finally:
                again.kill()
                again.wait()

    asyncio.run(scene())


def test_a_try_that_nobody_has_taken_up_does_not_stand_in_for_later_ones(
    shell: list[str], tmp_path: Path
) -> None:
    """The container is away while it is asked. Later tries follow each other without a pause."""

    async def scene() -> None:
        with beside(shell, tmp_path, "sleep", "0.3", seconds=1) as running:
            assert await running.command.ask() == ""
            await asyncio.sleep(0.3)
            os.kill(first(running), signal.SIGKILL)
            running.process.wait()
            assert await running.command.ask() == "its container was not ready within 1 s"
            anew = start(shell, tmp_path, "sleep", "0.3")
            try:
                errors = [await running.command.ask() for _ in range(6)]
                assert errors[2:] == [""] * 4, errors
            finally:
                anew.kill()
                anew.wait()

    asyncio.run(scene())


def test_a_container_that_is_not_there(tmp_path: Path) -> None:
    async def scene() -> None:
        command = Command(Check("shop", "command", {}, 1, 0.2, 1), Context(), tmp_path)
        assert await command.ask() == "its container was not ready within 0.2 s"
        command.close()

    asyncio.run(scene())


def test_it_ends_at_once_when_the_pod_ends(shell: list[str], tmp_path: Path) -> None:
    async def scene() -> None:
        with beside(shell, tmp_path, "sleep", "1000", seconds=0.2) as running:
            await running.command.ask()
            begun = time.monotonic()
            os.kill(first(running), signal.SIGTERM)
            assert running.process.wait(5) == 0
            assert time.monotonic() - begun < 3

    asyncio.run(scene())
