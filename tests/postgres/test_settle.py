"""Finding out after a lost connection what it has left: an answer, or the plain word that there is none."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner import lock, settle, wire
from switchback.runner.connect import Wishes
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.entries import Author
from switchback.runner.ledger.names import Names
from switchback.runner.opening import Opener
from switchback.runner.plan import PlannedStep, Way
from switchback.runner.session import Session
from switchback.runner.stop import Stop
from tests.postgres.running import QUICK, Words

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP = PlannedStep(Direction.FORWARD, "0001_a", Way.UP, None)


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    words, stop = Words(), Stop()
    opener = Opener(database, Wishes(operation_id="aa-1"), words.warn, stop.wait)
    session = Session(opener, Names(), Author("aa-1"), stop, words, QUICK)
    yield session
    session.close()
    os.close(stop.fd)


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
