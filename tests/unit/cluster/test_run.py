from __future__ import annotations

import multiprocessing
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.cluster.errors import BedError
from tests.cluster.run import locked, run, run_long, wait_for

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event
    from pathlib import Path


def test_a_failure_carries_the_programs_own_words() -> None:
    with pytest.raises(BedError, match=r"failed with exit 3: no such luck"):
        run(["sh", "-c", "echo no such luck >&2; exit 3"])


def test_a_missing_program_is_named() -> None:
    with pytest.raises(BedError, match="cannot run no-such-program"):
        run(["no-such-program"])


def test_a_time_limit_ends_children_that_hold_the_pipe() -> None:
    began = time.monotonic()
    with pytest.raises(BedError, match="did not end within 0 s"):
        run(["sh", "-c", "sleep 30 & sleep 30"], timeout=0.2)
    assert time.monotonic() - began < 10


def test_a_long_run_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(BedError, match=r"(?s)exit 1.*last line"):
        run_long(
            "trying", ["sh", "-c", "echo last line; exit 1"], log=tmp_path / "logs" / "x.log", timeout=10
        )


def test_waiting_ends_and_says_for_what() -> None:
    with pytest.raises(BedError, match="the moon: not so after 0 s"):
        wait_for("the moon", lambda: False, timeout=0.1, pause=0.01)


def _hold(path: Path, held: Event) -> None:
    with locked(path, "holding"):
        held.set()
        signal.pause()


def test_a_lock_goes_with_the_process_that_held_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path, held = tmp_path / "lock", context.Event()
    holder = context.Process(target=_hold, args=(path, held))
    holder.start()
    assert held.wait(20)

    with pytest.raises(BedError, match="another run has held"), locked(path, "waiting", timeout=0.3):
        pass
    holder.kill()
    with locked(path, "waiting", timeout=10):
        pass
    holder.join(10)
