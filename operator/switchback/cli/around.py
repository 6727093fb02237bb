"""What a rollback by hand may have around it: a restore point before, checks afterwards."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason, meaning
from switchback.contract.result import bounded
from switchback.contract.words import CheckStage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.cli.console import Console
    from switchback.cli.options import Common
    from switchback.runner.opening import Opener
    from switchback.runner.operations.base import Facts
    from switchback.runner.operations.perform import Ending
    from switchback.runner.session import Session
    from switchback.snapshots.prepare import Order
    from switchback.snapshots.rds import RDS
    from switchback.snapshots.seal import Sealed

PGDUMP_KIND, RDS_KIND = "pgdump:", "rds:"
PERIOD, TIMEOUT, THRESHOLD = 1.0, 5.0, 5
"""Seconds between two tries, seconds for one, and how many may fail in a row."""


@dataclass
class Taken:
    """What restore point was taken, if one was asked for.

    Attributes:
        asked: `pgdump:DIR`, `rds:ID`, or nothing.
        rds: asks RDS, where that takes it.
        sealed: of pg_dump.
        name: what it is called where it is.
    """

    asked: str
    rds: RDS | None = None
    sealed: list[Sealed] = field(default_factory=list)
    name: str = ""

    @classmethod
    def of(cls, asked: str) -> Taken:
        """Before anything is done: what is missing for it is told then.

        Raises:
            RunnerError: `Usage`.
            ImportError: the libraries of the operator are not installed.
        """
        if not asked.startswith(RDS_KIND):
            return cls(asked)
        from switchback.cli import around_rds  # noqa: PLC0415 - most rollbacks take none

        return cls(asked, around_rds.provider(asked.removeprefix(RDS_KIND)))

    def take(self, session: Session, shared: Common, console: Console, facts: Facts) -> None:
        """Take it while the lock is held: nobody migrates between it and the rollback.

        Raises:
            RunnerError: there is none; `facts.before` then says that nothing was rolled back.
        """
        facts.before = "No restore point could be taken, so nothing was rolled back: "
        if self.rds is not None:
            from switchback.cli import around_rds  # noqa: PLC0415 - most rollbacks take none

            self.name = around_rds.take(self.rds, session, facts, console.say)
            console.say(f"The snapshot {self.name} is available.")
        else:
            self._dump(session, shared, console)
        facts.before = ""

    def _dump(self, session: Session, shared: Common, console: Console) -> None:
        from switchback.cli import snapshot_work  # noqa: PLC0415 - most rollbacks take none
        from switchback.contract.points import Purpose  # noqa: PLC0415 - same
        from switchback.runner.connect import Wishes  # noqa: PLC0415 - same
        from switchback.runner.opening import Opener  # noqa: PLC0415 - same
        from switchback.snapshots import manifest  # noqa: PLC0415 - same
        from switchback.snapshots.places import Place, store_at  # noqa: PLC0415 - same
        from switchback.snapshots.prepare import Order  # noqa: PLC0415 - same

        operation_id = session.author.operation_id
        place = Place(self.asked.removeprefix(PGDUMP_KIND))
        wishes = Wishes(operation_id, role=shared.role, read_only=True)
        opener = Opener(shared.url, wishes, lambda _: None, session.stop.wait)
        name = snapshot_work.default_name(session.work.info.dbname)
        with snapshot_work.room(place, None) as inside:
            kept = store_at(place)
            order = Order(
                kept=kept,
                room=inside,
                work=Path(),
                name=name,
                jobs=2,
                requester=manifest.Requester(operation_id, purpose=Purpose.PRE_ROLLBACK),
                names=session.names,
                role=shared.role or "",
            )
            self.sealed.append(_created(order, opener, console))
        self.name = kept.locate(name)
        console.say(f"{snapshot_work.summary(self.sealed[0])} {self.name}")


def with_point(ending: Ending, taken: Taken) -> Ending:
    """The ending with the restore point in it, if there is one; whatever happened after it was taken."""
    if not taken.name:
        return ending
    from switchback.cli import snapshot_work  # noqa: PLC0415 - most rollbacks take none

    result = snapshot_work.with_snapshot(ending, taken.sealed)
    message = bounded(f"{result.message} Restore point: {taken.name}.")
    return replace(ending, result=replace(result, message=message))


def _created(order: Order, opener: Opener, console: Console) -> Sealed:
    from switchback.runner.errors import RunnerError  # noqa: PLC0415 - most rollbacks take none
    from switchback.snapshots import laptop  # noqa: PLC0415 - same

    try:
        with laptop.advising():
            return laptop.create(order, opener, console.say)
    except RunnerError as error:
        error.advice = error.advice.replace("--to", "--snapshot")
        raise


def checked(ending: Ending, urls: Sequence[str], console: Console) -> Ending:
    """The ending after every URL was asked, when there was something to check."""
    if not urls or ending.error is not None or ending.result.reason is not Reason.SUCCEEDED:
        return ending
    from switchback.checks.model import Check, Context  # noqa: PLC0415 - most rollbacks have none
    from switchback.checks.run import Plan, Run  # noqa: PLC0415 - same

    context = Context(ending.result.operation_id, os.environ, say=console.say)
    asked = tuple(
        Check(
            f"check {number}" if len(urls) > 1 else "the check",
            "httpGet",
            {"url": url, "expectStatus": 200, "expectBody": ""},
            PERIOD,
            TIMEOUT,
            THRESHOLD,
        )
        for number, url in enumerate(urls, start=1)
    )
    verdict = asyncio.run(Run(Plan(CheckStage.AFTER_ROLLBACK, asked), context, console.say).verdict())
    result = replace(
        ending.result,
        reason=verdict.reason,
        message=bounded(f"{ending.result.message} {verdict.message}"),
        exit_code=int(meaning(verdict.reason).exit_code),
        checks=verdict.checks,
    )
    if result.exit_code != ExitCode.OK:
        console.error(verdict.message)
    return replace(ending, result=result)
