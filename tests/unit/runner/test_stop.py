"""Signals: raised where a wait could last, noted where a statement runs, and the second one ends it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from switchback.runner.stop import Stop, Stopped


def test_raised_where_nothing_holds_it() -> None:
    stop = Stop()
    with stop.installed(), pytest.raises(Stopped) as raised:
        os.kill(os.getpid(), signal.SIGTERM)
    assert raised.value.signum == signal.SIGTERM
    assert str(raised.value) == "SIGTERM"


def test_noted_while_it_is_held() -> None:
    stop = Stop()
    with stop.installed():
        with stop.held():
            os.kill(os.getpid(), signal.SIGINT)
            poller = select.poll()
            poller.register(stop.fd)
            assert poller.poll(1000) == [(stop.fd, select.POLLIN)]
        assert stop.signum == signal.SIGINT
        with pytest.raises(Stopped):
            stop.check()


def test_live_inside_held() -> None:
    stop = Stop()
    with stop.installed(), stop.held():
        with pytest.raises(Stopped), stop.live():
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signum == signal.SIGTERM


def test_waiting_ends_with_the_signal() -> None:
    stop = Stop()
    with stop.installed(), stop.held():
        os.kill(os.getpid(), signal.SIGTERM)
        begun = time.monotonic()
        with pytest.raises(Stopped):
            stop.wait(30)
        assert time.monotonic() - begun < 1


def test_waiting_without_a_signal_takes_its_time() -> None:
    begun = time.monotonic()
    Stop().wait(0.1)
    assert time.monotonic() - begun >= 0.1


def test_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Stop().installed():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_second_signal_ends_the_process() -> None:
    program = (
        "import time\nfrom switchback.runner.stop import Stop\n"
        "stop = Stop()\n"
        "with stop.installed(), stop.held():\n    print('ready', flush=True)\n"
        "    while True:\n        time.sleep(0.05)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 130
    process.stdout.close()


def test_what_people_are_told_says_whether_something_was_under_way() -> None:
    stopped = Stopped(signal.SIGINT)
    assert stopped.said == "Stopped by SIGINT; what was under way was rolled back."
    idle = stopped.idle()
    assert (idle.signum, idle.said) == (signal.SIGINT, "Stopped by SIGINT. Nothing was changed.")


def test_what_is_closed_leaves_nothing_open() -> None:
    before = set(Path("/proc/self/fd").iterdir())
    for _ in range(10):
        Stop().close()
    assert len(set(Path("/proc/self/fd").iterdir()) - before) < 2


def test_at_the_end_one_signal_takes_nothing_away() -> None:
    """In a process of its own, whose handlers nobody gets back."""
    text = (
        "import os, signal\n"
        "from switchback.runner.stop import Stop\n"
        "stop = Stop()\n"
        "with stop.installed(), stop.held():\n"
        "    stop.to_the_end()\n"
        "stop.close()\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "print('answered', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "print('never')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (143, "answered\n")
