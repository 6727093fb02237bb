"""Where an operator of these tests begins: the product's own command, at the clock and the pace of a test.

The process is forked from a server that has loaded the product's modules already. A campaign needs hundreds
of lives, and loading takes longer than most of them last.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Mapping

PRELOAD = ["switchback.cli.operator", "switchback.controller.main"]

AHEAD = "TEST_CLOCK_AHEAD_SECONDS"
"""How far the operator's wall clock is wrong."""

RESYNC = "TEST_RESYNC_SECONDS"
"""How often everything is looked at, in place of every five minutes."""

SILENCE = "TEST_SILENCE_SECONDS"
"""After how long a watch that says nothing counts as dead, in place of 70 seconds."""

_PR_SET_PDEATHSIG = 1


def begin(environment: Mapping[str, str], log: str) -> None:
    """`switchback operator` with this environment. Ends with its exit code, and with whoever forked it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(environment)
    sink = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    # Only here: whoever starts the process need not have these modules.
    from switchback.cli.operator import command  # noqa: PLC0415

    _set_clock(float(environment.get(AHEAD, "0")))
    _set_pace(environment)
    try:
        command.main(args=[], prog_name="switchback operator")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _set_clock(ahead: float) -> None:
    """Wherever the controller reads the time, it reads it this much later."""
    if not ahead:
        return
    shift = timedelta(seconds=ahead)

    class Shifted(datetime):
        @classmethod
        @override
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain one will do
            return datetime.now(tz) + shift

    for name, module in list(sys.modules.items()):
        if name.startswith("switchback.controller.") and getattr(module, "datetime", None) is datetime:
            module.datetime = Shifted  # type: ignore[attr-defined]


def _set_pace(environment: Mapping[str, str]) -> None:
    from switchback.controller import resync, watches  # noqa: PLC0415
    from switchback.controller.kube import client  # noqa: PLC0415

    if RESYNC in environment:
        resync.INTERVAL_SECONDS = float(environment[RESYNC])
    if SILENCE in environment:
        seconds = float(environment[SILENCE])
        chosen = watches.settings()
        chosen.watching.inactivity_timeout = seconds
        watches.settings = lambda: chosen
        client.SILENCE_SECONDS = seconds
