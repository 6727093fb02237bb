"""What somebody agrees to is what is destroyed: rows that come in while they think are looked for again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Operation, Risk
from switchback.runner.operations import rollback
from switchback.runner.operations.registry import OPERATIONS
from switchback.runner.session import Session
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from switchback.runner.ledger.model import Ledger
    from switchback.runner.operations.base import Answer, Facts, Request
    from switchback.runner.plan import Plan

FILL_A = "INSERT INTO t_0001_a VALUES (1)"
FILL_B = "INSERT INTO t_0002_b VALUES (1)"
MINE = "aa-1"
LOSS = frozenset({Risk.DATA_LOSS, Risk.UNKNOWN})


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    made = Runner(database, folder)
    write(folder, "0001_a", "0002_b")
    assert made.up().result.reason is Reason.SUCCEEDED
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Somebody is asked, says yes to everything that is shown, and meanwhile something happens."""

    def arrange(meanwhile: Callable[[], object]) -> None:
        def yes(plan: Plan, accepted: frozenset[Risk]) -> frozenset[Risk]:
            meanwhile()
            return accepted | frozenset(plan.risks)

        def asking(session: Session, request: Request, facts: Facts) -> Answer:
            return rollback.run(session, request, facts, lambda plan: yes(plan, request.accept))

        monkeypatch.setitem(OPERATIONS, Operation.ROLLBACK, asking)

    return arrange


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Something happens while the run waits for the lock."""
    lock = Session.lock

    def arrange(meanwhile: Callable[[], object]) -> None:
        def slow(self: Session, ledger: Ledger, seconds: float | None = None) -> Ledger:
            meanwhile()
            return lock(self, ledger, seconds)

        monkeypatch.setattr(Session, "lock", slow)

    return arrange


def refused(runner: Runner, **wishes: object) -> str:
    """A rollback of everything that is refused, and has changed nothing."""
    ending = runner.down(target="base", **wishes)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.DATA_LOSS_REFUSED, 11)
    assert Risk.DATA_LOSS in ending.result.risks
    assert runner.applied == ["0001_a", "0002_b"]
    assert runner.tables == {"t_0001_a", "t_0002_b"}
    return ending.result.message


def test_rows_that_come_in_during_the_question(
    runner: Runner, asked: Callable[[Callable[[], object]], None]
) -> None:
    asked(lambda: runner.query(FILL_A))
    assert "0001_a" in refused(runner)
    asked(lambda: None)
    assert runner.down(target="base").result.reason is Reason.SUCCEEDED


def test_consent_to_one_table_covers_no_other(
    runner: Runner, asked: Callable[[Callable[[], object]], None]
) -> None:
    runner.query(FILL_A)
    asked(lambda: runner.query(FILL_B))
    assert "table public.t_0002_b" in refused(runner)


def test_more_rows_in_what_was_shown_are_covered(
    runner: Runner, asked: Callable[[Callable[[], object]], None]
) -> None:
    runner.query(FILL_A)
    asked(lambda: runner.query("INSERT INTO t_0001_a VALUES (2)"))
    assert runner.down(target="base").result.reason is Reason.SUCCEEDED
    assert runner.applied == []


def test_a_flag_covers_whatever_comes(runner: Runner, asked: Callable[[Callable[[], object]], None]) -> None:
    asked(lambda: runner.query(FILL_A))
    assert runner.down(target="base", accept=LOSS).result.reason is Reason.SUCCEEDED


@pytest.mark.parametrize("revision", ["SELECT 1", "UPDATE switchback.meta SET revision = revision + 1"])
def test_rows_that_come_in_before_the_lock(
    runner: Runner, waiting: Callable[[Callable[[], object]], None], revision: str
) -> None:
    waiting(lambda: runner.query(f"{FILL_A}; {revision}"))
    refused(runner)
    assert runner.query("SELECT * FROM t_0001_a") == [(1,)]


def test_an_operation_that_is_refused_can_be_asked_again(
    runner: Runner, waiting: Callable[[Callable[[], object]], None]
) -> None:
    runner.run("inspect", target="base", by=MINE, reserve_unless_risky=True)
    waiting(lambda: runner.query("INSERT INTO t_0001_a VALUES (1) ON CONFLICT DO NOTHING"))
    refused(runner, by=MINE, own_reservation=True)
    again = runner.run("inspect", target="base", by=MINE, reserve_unless_risky=True)
    assert (again.result.reason, again.result.risks) == (Reason.SUCCEEDED, (Risk.DATA_LOSS,))
    accepted = runner.down(target="base", by=MINE, own_reservation=True, accept=LOSS)
    assert accepted.result.reason is Reason.SUCCEEDED
