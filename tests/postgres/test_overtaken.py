"""A run that waited for the lock plans again: what another one did meanwhile decides about its answer."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from tests.postgres.running import QUICK, Runner, write
from tests.postgres.test_crash import busy, until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("target", "reason"),
    [("0001_a", Reason.BACKWARD), ("0002_b", Reason.UP_TO_DATE)],
    ids=["beyond", "just there"],
)
def test_the_other_went(database: str, folder: Path, target: str, reason: Reason) -> None:
    write(folder, "0001_a", "0002_b", _0001_a_up="CREATE TABLE t_0001_a (id int); SELECT pg_sleep(2);")
    runner = Runner(database, folder, limits=dataclasses.replace(QUICK, advisory=20))
    other = threading.Thread(target=runner.run, args=("migrate",), kwargs={"by": "bbbb-1"})
    other.start()
    until(lambda: busy(runner, "0001_a"))

    ending = runner.run("migrate", target=target, by="aaaa-1").result
    other.join(timeout=20)

    assert (ending.reason, ending.current) == (reason, "0002_b")
    assert (ending.direction is Direction.BACKWARD) == (reason is Reason.BACKWARD)
    assert runner.applied == ["0001_a", "0002_b"]
