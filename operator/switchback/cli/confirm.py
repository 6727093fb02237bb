"""The question before a rollback: on a terminal only, with everything that there is to know."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from switchback.cli import show
from switchback.runner.stop import Stopped

if TYPE_CHECKING:
    from switchback.cli.console import Console
    from switchback.contract.words import Risk
    from switchback.runner.plan import Plan

YES = {"y", "yes"}


class Declined(KeyboardInterrupt):
    """Somebody answered no."""


def may_ask() -> bool:
    """Whether a person is there: never without a terminal, and never where CI is set."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")


def ask(plan: Plan, where: str, console: Console, accepted: frozenset[Risk]) -> frozenset[Risk]:
    """Show the plan and wait for an answer. Yes accepts every risk that was shown.

    Args:
        plan: what would run.
        where: host and port.
        console: to show it.
        accepted: risks that the command line has accepted.

    Raises:
        Declined: any other answer, or none; or the plan could not be shown.
        Stopped: a signal came in place of an answer.
    """
    try:
        return _ask(plan, where, console, accepted)
    except Stopped as stopped:  # at whatever moment: nothing has begun
        sys.stderr.write("\n")
        raise stopped.idle() from None


def _ask(plan: Plan, where: str, console: Console, accepted: frozenset[Risk]) -> frozenset[Risk]:
    try:
        show.show(plan, console)
    except OSError:
        raise Declined from None
    open_risks = [risk for risk in plan.risks if risk not in accepted]
    database = plan.ledger.identity.database.name
    number = len(plan.steps)
    what = f"Roll back {number} migration{'' if number == 1 else 's'} in database {database} at {where}"
    also = f" and accept {', '.join(open_risks)}" if open_risks else ""
    sys.stderr.write(f"\n{what}{also}? [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if answer.strip().lower() not in YES:
        raise Declined
    return accepted | frozenset(open_risks)
