"""Who holds a lock is named before the wait for it ends, however short the wait is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

ALTER = "ALTER TABLE t_0001_a ADD COLUMN v int;"


@pytest.mark.parametrize("words", ["", "no-transaction", "lock-timeout=250ms"])
def test_named_within_a_short_limit(database: str, folder: Path, words: str) -> None:
    """The run's own limit, or the file's."""
    write(folder, "0001_a")
    runner = Runner(database, folder)
    runner.up()
    said = f"-- switchback: {words}\n" if words else ""
    write(folder, _0002_b_up=f"{said}SELECT 1;\n{ALTER}")
    milliseconds = 2000 if "lock-timeout" in words else 250
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE t_0001_a")
        ending, told = runner.with_limits(lock_timeout_ms=milliseconds, retries=2).told("migrate")
    assert ending.result.reason is Reason.OBJECTS_LOCKED
    assert "0002_b could not get its locks in 3 tries: t_0001_a is locked by pid " in ending.text
    assert "0002_b waits for locks: t_0001_a is locked by pid " in told.text
