"""The question before something is undone: on a terminal only, with everything that there is to know."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.cli import show
from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.plan import ROLL_BACK, deeds, listed
from switchback.runner.stop import Stopped

if TYPE_CHECKING:
    from switchback.cli.console import Console
    from switchback.contract.words import Risk
    from switchback.runner.ledger.model import Ledger
    from switchback.runner.plan import Plan
    from switchback.runner.session import Session

YES = {"y", "yes"}


class Declined(KeyboardInterrupt):
    """Somebody answered no."""


@dataclass(frozen=True)
class Given:
    """What the command line has answered beforehand.

    Attributes:
        yes: `--yes`.
        database: `--confirm-database`; empty: not given.
    """

    yes: bool = False
    database: str = ""


def may_ask() -> bool:
    """Whether a person is there: never without a terminal, and never where CI is set."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")


def where(session: Session) -> str:
    """Host and port of the work connection."""
    info = session.work.info
    return f"{info.host}:{info.port}"


def needed(ledger: Ledger, given: Given, what: str) -> bool:
    """Whether a person has to be asked.

    Args:
        ledger: of the database that something is done to.
        given: what the command line has answered.
        what: what would be done, for the message: `rolled back`.

    Raises:
        RunnerError: `DatabaseChanged` when another database was named; `DatabaseProtected` when the name of a
            protected one is needed and nobody is there to type it.
    """
    name = ledger.identity.database.name
    if given.database and given.database != name:
        raise RunnerError(
            Reason.DATABASE_CHANGED,
            f"--confirm-database names {given.database}, but this is {name}: nothing was {what}.",
            "Check that the address names the intended database.",
        )
    if given.database:
        return False
    if not ledger.is_protected:
        return not given.yes and may_ask()
    if not may_ask():
        raise RunnerError(
            Reason.DATABASE_PROTECTED,
            f"Database {name} is protected, and nobody is there to type its name: nothing was {what}.",
            f"If that is what you want, say it with --confirm-database {name}.",
        )
    return True


def consent(
    plan: Plan,
    place: str,
    console: Console,
    *,
    accepted: frozenset[Risk],
    given: Given,
    then: Plan | None = None,
) -> frozenset[Risk]:
    """The risks that are accepted, after asking where a person has to be asked.

    Args:
        plan: what would be rolled back.
        place: host and port.
        console: to show it.
        accepted: risks that the command line has accepted.
        given: what else it has answered.
        then: what is applied after the rollback.

    Raises:
        RunnerError, Declined, Stopped: as `needed` and `ask`.
    """
    if not needed(plan.ledger, given, "rolled back"):
        return accepted
    return ask(plan, place, console, accepted, then)


def ask(
    plan: Plan, where: str, console: Console, accepted: frozenset[Risk], then: Plan | None = None
) -> frozenset[Risk]:
    """Show the plan and wait for an answer. Yes accepts every risk that was shown.

    Raises:
        Declined: any other answer, or none; or the plan could not be shown.
        Stopped: a signal came in place of an answer.
    """
    try:
        try:
            show.show(plan, console, then=then)
        except OSError:
            raise Declined from None
        open_risks = [risk for risk in plan.risks if risk not in accepted]
        what = deeds(plan.steps, ROLL_BACK)
        after = "" if then is None else f", then apply {show.count(len(then.steps))}"
        ids = listed([step.id for step in plan.steps])
        also = f" and accept {', '.join(open_risks)}" if open_risks else ""
        name = plan.ledger.identity.database.name
        _answer(
            plan.ledger, f"{what[:1].upper()}{what[1:]} ({ids}) in database {name} at {where}{after}{also}"
        )
    except Stopped as stopped:  # at whatever moment: nothing has begun
        raise _idle(stopped) from None
    return accepted | frozenset(open_risks)


def agree(ledger: Ledger, question: str) -> None:
    """Ask something else than a rollback.

    Raises:
        Declined, Stopped: as `ask`.
    """
    try:
        _answer(ledger, question)
    except Stopped as stopped:
        raise _idle(stopped) from None


def _answer(ledger: Ledger, question: str) -> None:
    """Wait for a yes, or for the name of a protected database."""
    name = ledger.identity.database.name
    if ledger.is_protected:
        text = f"\n{question}?\nDatabase {name} is protected. To go on, type its name: "
    else:
        text = f"\n{question}? [y/N] "
    sys.stderr.write(text)
    sys.stderr.flush()
    answer = sys.stdin.readline().strip()
    if answer != name if ledger.is_protected else answer.lower() not in YES:
        raise Declined


def _idle(stopped: Stopped) -> Stopped:
    sys.stderr.write("\n")
    return stopped.idle()
