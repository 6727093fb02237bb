"""Finding out after a lost connection what it has left: an answer, or the plain word that there is none."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NoReturn

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction, Operation
from switchback.runner import lock, settle, wire
from switchback.runner.connect import Wishes
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.entries import Author
from switchback.runner.ledger.names import Names
from switchback.runner.opening import Opener
from switchback.runner.operations.base import Request
from switchback.runner.operations.perform import perform
from switchback.runner.plan import PlannedStep, Way
from switchback.runner.session import Session
from switchback.runner.stop import Stop
from tests.postgres.running import QUICK, Words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEP = PlannedStep(Direction.FORWARD, "0001_a", Way.UP, None)


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    words, stop = Words(), Stop()
    opener = Opener(database, Wishes(operation_id="aa-1"), words.warn, stop.wait)
    session = Session(opener, Names(), Author("aa-1"), stop, words, QUICK)
    yield session
    session.close()
    stop.close()


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_stopped_run_does_not_claim_what_it_does_not_know(
    session: Session, database: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old server process lives on, and may commit: neither "rolled back" nor "interrupted" is true."""
    monkeypatch.setattr(settle, "AFTER_SIGNAL_SECONDS", 1.0)

    def stopped(_: str = "") -> None:
        session.stop.signum = signal.SIGTERM

    if when == "before":
        stopped()
    else:
        monkeypatch.setattr(session.reporter, "say", stopped)  # it is told whom it waits for
    with psycopg.connect(database, autocommit=True) as other:
        assert lock.attempt(other, lock.key(Names(), other.info.dbname))
        with pytest.raises(RunnerError) as raised:
            settle.after_loss(session, STEP, wire.LostError("gone"))
    assert raised.value.reason is Reason.OUTCOME_UNKNOWN


def test_a_stopped_run_still_asks_the_ledger(session: Session) -> None:
    session.stop.signum = signal.SIGTERM
    assert settle.after_loss(session, STEP, wire.LostError("gone")).rows == ()


def test_a_loss_between_statements_is_no_bug(session: Session, tmp_path: Path) -> None:
    def lose(*_: object) -> NoReturn:
        raise wire.LostError("the server closed the connection")

    assert isinstance(session.open, Opener)
    request = Request(Operation.MIGRATE, "aa-1", tmp_path)
    with session.stop.held():
        ending = perform(session, request, session.open, lose)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.CONNECTION_LOST, 7)
