"""How much a dump will take, told before it begins: refused when it cannot fit or cannot end in time.

A wrong refusal stands in the way of a rollback, and a wrong go costs time. So what is refused is what cannot
work by numbers that favour going ahead; what may not work is said.

- **Bytes**: a dump holds no indexes, and is compressed. Tables that consist of repetitions shrank to a
  twentieth: less room than half of that is refused. What was compressed before, or is random, hardly shrinks:
  with less room than the tables themselves have, it is said that the dump may not fit.
- **Seconds**: on two cores with a local disk one job read and compressed 320 MB of tables per second, two
  jobs 370 MB. Over a network and beside other work it is less: a third is counted for one job, and half as
  much for each further one. A table is dumped by one job, so the largest one may decide. Reading back took a
  quarter of the time, and an upload is counted with 50 MB/s of what tables shrink to, a quarter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import errors

from switchback.contract.reasons import Reason
from switchback.contract.retention import duration
from switchback.runner.errors import RunnerError
from switchback.snapshots.store import ROOM_ADVICE, size_text

if TYPE_CHECKING:
    import psycopg

MB = 1_000_000
JOB_RATE = 100 * MB
"""Bytes of tables that one job reads and compresses per second."""
READ_RATE = 500 * MB
"""The same for reading a dump back."""
UPLOAD_RATE = 200 * MB
"""The same for uploading it."""
SHRINKS = 40
"""No dump is expected to be smaller than this part of the tables."""
LOCK_WAIT = "2s"

# A table that somebody alters cannot be measured without waiting for it. The page counts of the last VACUUM
# or ANALYZE need no lock.
_SIZES = """
SELECT coalesce(pg_catalog.sum(x.size), 0)::bigint, coalesce(pg_catalog.max(x.size), 0)::bigint
FROM (SELECT {size} AS size FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND (c.relname = 'pg_largeobject'
    AND n.nspname = 'pg_catalog' OR n.nspname::pg_catalog.text !~ '^pg_'
    AND n.nspname <> 'information_schema')) x
"""
_MEASURED = "pg_catalog.pg_table_size(c.oid)"
_REMEMBERED = (
    "(greatest(c.relpages, 0) + greatest(coalesce(t.relpages, 0), 0))"
    " * pg_catalog.current_setting('block_size')::bigint"
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes of all tables without their indexes, and of the largest one."""

    tables: int
    largest: int

    @property
    def least(self) -> int:
        """Bytes that a dump takes in any case."""
        return self.tables // SHRINKS

    def seconds(self, jobs: int, *, uploads: bool) -> float:
        """How long it takes to dump, read back and, if need be, upload.

        Args:
            jobs: tables dumped at the same time.
            uploads: whether the dump is uploaded afterwards.
        """
        together = JOB_RATE * (1 + (jobs - 1) / 2)
        dumping = max(self.tables / together, self.largest / JOB_RATE)
        return dumping + self.tables / READ_RATE + (self.tables / UPLOAD_RATE if uploads else 0)


def measure(connection: psycopg.Connection[Any]) -> Estimate:
    """Ask the server for the sizes of its tables."""
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'".encode())
            row = connection.execute(_SIZES.format(size=_MEASURED).encode()).fetchone()
    except errors.LockNotAvailable:
        row = connection.execute(_SIZES.format(size=_REMEMBERED).encode()).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    return Estimate(*row)


def refuse_too_slow(estimate: Estimate, database: str, jobs: int, deadline: float, *, uploads: bool) -> None:
    """Stop when it cannot end in time. A deadline of 0 is none.

    Raises:
        RunnerError: SnapshotTooSlow.
    """
    needed = estimate.seconds(jobs, uploads=uploads)
    if not deadline or needed <= deadline:
        return
    raise RunnerError(
        Reason.SNAPSHOT_TOO_SLOW,
        f"A dump of database {database} would take about {_minutes(needed)} and has {duration(deadline)}: "
        f"its tables have {size_text(estimate.tables)}, the largest {size_text(estimate.largest)}, and "
        f"{jobs} {'job dumps' if jobs == 1 else 'jobs dump'}. Nothing was dumped.",
    )


def refuse_too_large(
    estimate: Estimate, database: str, free: int, total: int, where: str, *, uploads: bool
) -> str:
    """Stop when it cannot fit. Returns a sentence when it may not.

    Raises:
        RunnerError: SnapshotVolumeFull.
    """
    left = f"{where} has {size_text(free)} of {size_text(total)} left"
    what = f"The tables of database {database} have {size_text(estimate.tables)}"
    if free < estimate.least:
        raise RunnerError(
            Reason.SNAPSHOT_VOLUME_FULL,
            f"{what}: a dump takes {size_text(estimate.least)} at the very least, and {left}. "
            "Nothing was dumped.",
            ROOM_ADVICE if uploads else None,
        )
    return f"{what}, and {left}: the dump may not fit." if free < estimate.tables else ""


def _minutes(seconds: float) -> str:
    return duration(max(1, round(seconds / 60)) * 60)
