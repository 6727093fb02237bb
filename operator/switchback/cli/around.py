"""What a rollback by hand may have around it: a restore point before, checks afterwards."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
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
    from switchback.snapshots.seal import Sealed

PERIOD, TIMEOUT, THRESHOLD = 1.0, 5.0, 5
"""Seconds between two tries, seconds for one, and how many may fail in a row."""


def restore_point(folder: str, session: Session, shared: Common, console: Console, facts: Facts) -> Sealed:
    """Take a restore point while the lock is held: nobody migrates between it and the rollback.

    Raises:
        RunnerError: there is none; `facts.before` then says that nothing was rolled back.
    """
    from switchback.cli import snapshot_work  # noqa: PLC0415 - most rollbacks take none
    from switchback.contract.points import Purpose  # noqa: PLC0415 - same
    from switchback.runner.connect import Wishes  # noqa: PLC0415 - same
    from switchback.runner.opening import Opener  # noqa: PLC0415 - same
    from switchback.snapshots import manifest  # noqa: PLC0415 - same
    from switchback.snapshots.places import Place, store_at  # noqa: PLC0415 - same
    from switchback.snapshots.prepare import Order  # noqa: PLC0415 - same

    facts.before = "No restore point could be taken, so nothing was rolled back: "
    operation_id, place = session.author.operation_id, Place(folder)
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
        sealed = _created(order, opener, console)
    facts.before = ""
    console.say(f"{snapshot_work.summary(sealed)} {kept.locate(name)}")
    return sealed


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
