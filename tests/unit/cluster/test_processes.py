from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cluster.processes import Process, children
from tests.cluster.run import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as child:
        yield child
        child.kill()


def identity(pid: int) -> Process:
    found = Process.of(pid)
    assert found is not None
    return found


def test_a_process_is_known_by_id_and_start(sleeper: subprocess.Popen[bytes]) -> None:
    known = identity(sleeper.pid)
    assert known.alive()
    assert sleeper.pid in children(os.getpid())
    assert known.send(signal.SIGKILL)
    assert known.wait(10)
    assert not known.alive()  # a zombie now: its parent has not asked yet
    sleeper.wait(10)
    assert Process.of(sleeper.pid) is None


def test_another_process_with_the_same_id_is_never_signalled(sleeper: subprocess.Popen[bytes]) -> None:
    known = identity(sleeper.pid)
    earlier = Process(known.pid, known.start - 1)
    assert not earlier.alive()
    assert not earlier.send(signal.SIGKILL)
    assert earlier.wait(0)
    assert sleeper.poll() is None


def test_a_frozen_process_is_seen_as_such(sleeper: subprocess.Popen[bytes]) -> None:
    known = identity(sleeper.pid)
    known.send(signal.SIGSTOP)
    wait_for("standing still", lambda: known.state == "T", timeout=5)
    assert known.alive()
    known.send(signal.SIGCONT)
    wait_for("going on", lambda: known.state == "S", timeout=5)


def test_waiting_for_a_process_that_goes_on_ends(sleeper: subprocess.Popen[bytes]) -> None:
    assert not identity(sleeper.pid).wait(0.05)
