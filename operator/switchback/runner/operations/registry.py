"""The operations by name. A new one is one module and one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from switchback.contract.words import Operation
from switchback.runner.operations import drain, inspect, migrate, release, reserve, rollback

if TYPE_CHECKING:
    from switchback.runner.operations.base import Answer, Facts, Request
    from switchback.runner.session import Session


class Run(Protocol):
    """What a module of an operation offers."""

    def __call__(self, session: Session, request: Request, facts: Facts) -> Answer:
        """Do it, filling `facts` on the way, and say how it ended."""


OPERATIONS: dict[Operation, Run] = {
    Operation.INSPECT: inspect.run,
    Operation.MIGRATE: migrate.run,
    Operation.RESERVE: reserve.run,
    Operation.RELEASE: release.run,
    Operation.ROLLBACK: rollback.run,
    Operation.DRAIN: drain.run,
}
