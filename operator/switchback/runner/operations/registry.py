"""The operations by name. A new one is one module and one line."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol

from switchback.contract.words import Operation

if TYPE_CHECKING:
    from switchback.runner.operations.base import Answer, Facts, Request
    from switchback.runner.session import Session


class Run(Protocol):
    """What a module of an operation offers."""

    def __call__(self, session: Session, request: Request, facts: Facts) -> Answer:
        """Do it, filling `facts` on the way, and say how it ended."""


def _later(module: str) -> Run:
    """The operation of a module that is imported when it is called: a run needs one of them."""

    def run(session: Session, request: Request, facts: Facts) -> Answer:
        done: Answer = importlib.import_module(f"{__package__}.{module}").run(session, request, facts)
        return done

    return run


OPERATIONS: dict[Operation, Run] = {
    Operation.INSPECT: _later("inspect"),
    Operation.MIGRATE: _later("migrate"),
    Operation.RESERVE: _later("reserve"),
    Operation.RELEASE: _later("release"),
    Operation.ROLLBACK: _later("rollback"),
    Operation.DRAIN: _later("drain"),
}
