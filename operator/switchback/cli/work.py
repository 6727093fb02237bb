"""From a command's options to a run and its ending. Imports the runner: commands import it when they run."""

from __future__ import annotations

import json
import traceback
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from switchback import cli
from switchback.cli.outcome import laptop_id, of
from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.runner.connect import Wishes
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.entries import Author
from switchback.runner.ledger.names import Names
from switchback.runner.opening import Opener
from switchback.runner.operations.base import Request
from switchback.runner.operations.perform import Ending, perform
from switchback.runner.session import Limits, Session
from switchback.runner.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.cli.console import Console
    from switchback.cli.options import Common
    from switchback.runner.operations.base import Answer, Facts


def work(
    common: Common,
    console: Console,
    request: Request,
    *,
    reason: str = "",
    intent_digest: str = "",
    limits: Limits | None = None,
    action: Callable[[Session, Request, Facts], Answer] | None = None,
    conclude: Callable[[Ending], None] | None = None,
) -> Ending:
    """Run one request to its end, with signals handled, and tell people what went wrong.

    Args:
        common: shared options.
        console: for progress.
        request: what to do.
        reason: why, for the ledger.
        intent_digest: of the operator's intent.
        limits: time limits; None: as the shared options say.
        action: instead of the operation's own function.
        conclude: gets the ending before anything else is said; a signal cannot come in between.
    """
    limits = limits or _limits(common)
    stop = Stop()
    author = Author(request.operation_id, intent_digest, reason)
    with stop.installed(), stop.held():
        stop.unblock()
        opener = Opener(common.url, _wishes(common, request, limits), console.warn, stop.wait)
        names = Names(common.ledger_schema)
        session = Session(opener, names, author, stop, console, limits, common.search_path)
        try:
            ending = perform(session, request, opener, action)
            if conclude is not None:
                conclude(ending)
        finally:
            session.close()
            _nothing_left(stop)
    stop.close()
    return tell(ending, console, common, opener)


def reach(
    common: Common,
    console: Console,
    act: Callable[[Opener, Stop], Answer],
    *,
    read_only: bool = False,
) -> Ending:
    """Run `act`, which needs an address and no session, as `work` runs a request.

    Args:
        common: shared options.
        console: for progress.
        act: does the work; gets what opens connections, and what tells of signals.
        read_only: whether the server refuses writes on these connections.
    """
    request = Request(Operation.INSPECT, laptop_id(), Path(), dry_run=read_only)
    stop = Stop()
    with stop.installed(), stop.held():
        opener = Opener(common.url, _wishes(common, request, Limits()), console.warn, stop.wait)
        session = Session(opener, Names(), Author(request.operation_id), stop, console)
        ending = perform(session, request, opener, lambda *_: act(opener, stop))
        _nothing_left(stop)
    stop.close()
    return tell(ending, console, common, opener)


def _nothing_left(stop: Stop) -> None:
    """The run is over, and the answer is still to come."""
    if cli.IS_PROGRAM:
        stop.to_the_end()


def _limits(common: Common) -> Limits:
    known = Limits()
    lock, statement, advisory = common.lock_timeout_ms, common.statement_timeout_ms, common.advisory_ms
    return replace(
        known,
        lock_timeout_ms=known.lock_timeout_ms if lock is None else lock,
        statement_timeout_ms=known.statement_timeout_ms if statement is None else statement,
        advisory=known.advisory if advisory is None else advisory / 1000,
    )


def _wishes(common: Common, request: Request, limits: Limits) -> Wishes:
    return Wishes(
        operation_id=request.operation_id,
        role=common.role,
        search_path=common.search_path,
        lock_timeout_ms=limits.lock_timeout_ms,
        statement_timeout_ms=limits.statement_timeout_ms,
        read_only=request.dry_run,
    )


def tell(ending: Ending, console: Console, common: Common, opener: Opener) -> Ending:
    """What went wrong, with everything that only the log may hold. Gives the ending with what to do next."""
    error = ending.error
    if error is None:
        return ending
    from switchback.cli import hints  # noqa: PLC0415 - only when something is wrong

    ending = replace(ending, advice=hints.advice(ending, common))
    clean = opener.redactor().clean
    console.error(clean(ending.text))
    if isinstance(error, RunnerError):
        for title, text in (("statement", error.statement), ("server", error.detail)):
            if text:
                console.more(clean(_indented(title, text)))
    for problem, following in pairwise(ending.problems):
        console.more(clean(problem.what_next))
        console.error(clean(following.told))
    if ending.result.reason is Reason.BUG and not common.debug:
        console.more(clean(f"  {type(error).__name__}: {error} ({_way(error)})"))
    if ending.result.reason is Reason.BUG and common.debug:
        console.more(clean("".join(traceback.format_exception(error))))
    if advice := ending.problems[-1].what_next if len(ending.problems) > 1 else ending.advice:
        console.more(clean(advice))
    return ending


def _way(error: BaseException) -> str:
    """Where a bug happened, in one line: files, lines and functions, innermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames[-8:]))


def _indented(title: str, text: str, limit: int = 40) -> str:
    lines = text.splitlines()
    shown = lines[:limit] + ([f"… {len(lines) - limit} more lines"] if len(lines) > limit else [])
    return f"  {title}:\n" + "\n".join(f"    {line}" for line in shown)


def answer(ending: Ending, console: Console, common: Common) -> int:
    """Print how a run ended, and give its exit code."""
    if common.json:
        console.outcome(json.dumps(of(ending), ensure_ascii=False, indent=2))
    elif ending.error is None:
        console.outcome(ending.result.message)
    return ending.result.exit_code


def write_result(path: Path, text: str, console: Console) -> None:
    """Leave the result where the operator looks for it. What keeps it from being there is told in the log."""
    try:
        path.write_text(text)
    except OSError as error:
        console.error(f"The result could not be written to {path}: {error.strerror}.")
