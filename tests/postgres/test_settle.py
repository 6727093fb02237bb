"""Finding out after a lost connection what it has left: an answer, or the plain word that there is none."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction, Operation, Risk
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
from tests.postgres.proxy import Scissors
from tests.postgres.running import QUICK, Runner, Words, write

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.proxy import Pair, Point
    from tests.postgres.servers import Server

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
    assert settle.after_loss(session, STEP, wire.LostError("gone")).ledger.rows == ()


GUARD = b"switchback_guard"
ASKED = (b"pg_try_advisory_lock", b"pg_control_system", b"reserved_until", b"operation_id <>")
"""What is sent on a connection that was made anew, in order: for the lock, what database, ledger, others."""


@pytest.mark.parametrize("asked", ASKED, ids=lambda words: words.decode())
def test_the_connection_that_asks_breaks_too(
    server: Server, database: str, folder: Path, asked: bytes
) -> None:
    """What is committed is known in the end, and the run goes on."""
    write(folder, "0001_a", "0002_b")
    with Scissors(server.port, [GUARD, asked, asked]) as proxy:
        ending = Runner(proxy.url(database), folder).up()
        assert proxy.words == []
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert (ending.result.done, ending.result.current) == (2, "0002_b")


@pytest.mark.parametrize("asked", ASKED, ids=lambda words: words.decode())
def test_the_same_where_nothing_was_committed(
    server: Server, database: str, folder: Path, asked: bytes
) -> None:
    write(folder, "0001_a", "0002_b")
    with Scissors(server.port, [GUARD, asked], unseen=0) as proxy:
        ending = Runner(proxy.url(database), folder).up()
        assert proxy.words == []
    assert ending.result.reason is Reason.CONNECTION_LOST, ending.text
    assert "The ledger shows that it was rolled back." in ending.text
    assert (ending.result.done, ending.result.pending) == (0, 2)


def test_what_nobody_has_heard_of_is_counted(server: Server, database: str, folder: Path) -> None:
    """Two of a batch are committed when nobody listens any more, and the third one is not."""
    write(folder, "0001_a", "0002_b", _0003_c_up="SELECT pg_sleep(20);", _0003_c_down="SELECT 1;")
    with Scissors(server.port, [GUARD]) as proxy:
        ending = Runner(proxy.url(database), folder).up()
    assert ending.result.reason is Reason.CONNECTION_LOST, ending.text
    assert "during 0003_c" in ending.text
    assert (ending.result.done, ending.result.current) == (2, "0002_b")


def test_a_reservation_stays_while_the_outcome_is_not_known(
    server: Server, database: str, folder: Path
) -> None:
    """Somebody has locked the ledger when it is asked: that is no answer, and ends nothing."""
    write(folder, "0001_a")
    direct = Runner(database, folder)
    direct.up()
    reserved = direct.run(Operation.RESERVE, target="base", by="aa-1", accept=frozenset(Risk))
    assert reserved.error is None, reserved.text
    held: list[psycopg.Connection[Any]] = []

    class Locking(Scissors):
        def _one(self, pair: Pair, here: Point, sink: socket.socket, message: bytes) -> None:
            super()._one(pair, here, sink, message)
            if not self.words and not held:
                held.append(psycopg.connect(database))
                held[0].execute("LOCK TABLE switchback.meta")

    with Locking(server.port, [GUARD]) as proxy:
        ending = (
            Runner(proxy.url(database), folder)
            .with_limits(settle=3)
            .down(target="base", by="aa-1", own_reservation=True, accept=frozenset(Risk))
        )
        held[0].close()
    assert ending.result.reason is Reason.OUTCOME_UNKNOWN, ending.text
    assert "locked" in ending.text
    assert direct.query("SELECT reserved_by FROM switchback.meta") == [("aa-1",)]


def test_a_loss_between_statements_is_no_bug(session: Session, tmp_path: Path) -> None:
    def lose(*_: object) -> NoReturn:
        raise wire.LostError("the server closed the connection")

    assert isinstance(session.open, Opener)
    request = Request(Operation.MIGRATE, "aa-1", tmp_path)
    with session.stop.held():
        ending = perform(session, request, session.open, lose)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.CONNECTION_LOST, 7)
