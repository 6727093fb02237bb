"""What `switchback wait` does."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from switchback.cli import work
from switchback.contract.reasons import Reason
from switchback.runner import connect
from switchback.runner.errors import RunnerError
from switchback.runner.operations.base import Answer

if TYPE_CHECKING:
    from switchback.cli.console import Console
    from switchback.cli.options import Common
    from switchback.runner.opening import Opener
    from switchback.runner.stop import Stop

PASSING = frozenset(
    {
        Reason.UNKNOWN_HOST,
        Reason.CONNECTION_REFUSED,
        Reason.CONNECTION_TIMEOUT,
        Reason.CONNECTION_LOST,
        Reason.STARTING_UP,
        Reason.TOO_MANY_CONNECTIONS,
        Reason.STANDBY,
    }
)
"""What may be over in a moment, with a server that starts or is moved."""

ATTEMPT_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0


def run(common: Common, console: Console, seconds: float) -> int:
    """Wait, and give the exit code."""

    def act(opener: Opener, stop: Stop) -> Answer:
        return _wait(opener, stop, console, seconds)

    return work.answer(work.reach(common, console, act), console, common)


def _wait(opener: Opener, stop: Stop, console: Console, seconds: float) -> Answer:
    address, begun = opener.address, time.monotonic()
    pause = FIRST_PAUSE_SECONDS
    while True:
        left = begun + seconds - time.monotonic()
        wishes = replace(
            opener.wishes, starting_seconds=0, connect_seconds=min(ATTEMPT_SECONDS, max(left, 1.0))
        )
        try:
            connect.connect(address, wishes, pause=stop.wait).close()
        except RunnerError as error:
            left = begun + seconds - time.monotonic()
            if error.reason not in PASSING:
                raise
            if left <= 0:
                raise _given_up(error, seconds) from None
            console.tick(f"{error.message} Waited {time.monotonic() - begun:.0f} of {seconds:g} s.")
        else:
            took = time.monotonic() - begun
            return Answer(
                Reason.SUCCEEDED,
                f"Database {address.database} at {address.where} accepts logins, after {took:.1f} s.",
            )
        stop.wait(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def _given_up(error: RunnerError, seconds: float) -> RunnerError:
    waited = f"Given up after {seconds:g} s. " if seconds else ""
    return RunnerError(error.reason, f"{waited}{error.message}", error.advice, sqlstate=error.sqlstate)
