"""Actions that are no operation of a Job, run in this process: what repair, baseline and redo do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.contract.words import Operation
from switchback.runner.connect import Wishes
from switchback.runner.ledger.entries import Author
from switchback.runner.ledger.names import Names
from switchback.runner.opening import Opener
from switchback.runner.operations.base import Answer, Facts, Request
from switchback.runner.operations.perform import Ending, perform
from switchback.runner.session import Session
from switchback.runner.stop import Stop
from tests.postgres.running import Runner, Words

if TYPE_CHECKING:
    from collections.abc import Callable

    Action = Callable[[Session, Request, Facts], Answer]


def told(runner: Runner, action: Action, **wishes: Any) -> tuple[Ending, Words]:
    """One action, and what it said."""
    operation_id, reason = wishes.pop("by", "cli-test"), wishes.pop("reason", "")
    request = Request(Operation.RELEASE, operation_id, runner.folder, **wishes)
    words, stop = Words(), Stop()
    opener = Opener(
        runner.url, Wishes(operation_id=operation_id, read_only=request.dry_run), words.warn, stop.wait
    )
    author = Author(operation_id, "", reason)
    session = Session(opener, Names(runner.schema), author, stop, words, runner.limits)
    try:
        return perform(session, request, opener, action), words
    finally:
        session.close()
        stop.close()


def act(runner: Runner, action: Action, **wishes: Any) -> Ending:
    """One action."""
    return told(runner, action, **wishes)[0]


def last_event(runner: Runner) -> dict[str, Any]:
    """The newest event."""
    columns = "kind, migration_id, done_by, operation_id, reason, details, position, up_checksum"
    row = runner.query(f"SELECT {columns} FROM {runner.schema}.events ORDER BY seq DESC LIMIT 1")[0]
    return dict(zip(columns.split(", "), row, strict=True))
