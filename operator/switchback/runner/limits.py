"""Time limits of one file, as SET LOCAL statements of its transaction."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from switchback.migrations.halves import Sql
from switchback.runner.bundle import STATEMENT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.migrations.halves import Half
    from switchback.runner.session import Limits

TRANSACTION_TIMEOUT_SINCE = 17

LOOK_SECONDS, LEAST_LOOK_SECONDS = 1.0, 0.05

_DML = frozenset(
    {
        "INSERT", "UPDATE", "DELETE", "MERGE", "SELECT", "WITH", "VALUES", "TABLE", "COPY", "SET", "RESET",
        "SHOW", "EXPLAIN", "NOTIFY", "ANALYZE", "SAVEPOINT", "RELEASE", "ROLLBACK", "PREPARE", "EXECUTE",
        "DEALLOCATE", "DECLARE", "FETCH", "MOVE", "CLOSE",
    }
)  # fmt: skip
"""First words of statements that take no lock which would make others queue behind them for long."""


def is_dml(half: Half) -> bool:
    """Whether a file holds nothing but statements on rows. DO, CALL and Python may hold anything."""
    return isinstance(half, Sql) and all(not s.words or s.words[0] in _DML for s in half.statements)


def lock_timeout_ms(limits: Limits, half: Half | None) -> int:
    """Limit for each lock: the file's own word, else the run's for files with DDL, else none."""
    if half is None:
        return limits.lock_timeout_ms
    own = half.directives.lock_timeout_ms
    if own is not None:
        return own
    return 0 if is_dml(half) else limits.lock_timeout_ms


def look_after(lock_timeout_ms: int) -> float:
    """Seconds of waiting after which it is looked who holds the lock: well before the limit ends the wait."""
    return min(LOOK_SECONDS, max(LEAST_LOOK_SECONDS, lock_timeout_ms / 2000))


def settings(limits: Limits, half: Half | None, server_major: int) -> tuple[str, ...]:
    """The statements; none for a limit of the run, which every session begins with (`connect.options`).

    Limits that nobody wishes are set to none, whatever the database has as default.
    """
    own = None if half is None else half.directives.statement_timeout_ms
    lock = lock_timeout_ms(limits, half)
    found = [f"SET LOCAL lock_timeout = {lock};"] if lock != limits.lock_timeout_ms else []
    if own not in {None, limits.statement_timeout_ms}:
        found.append(f"{STATEMENT_LIMIT} = {own};")
    if server_major >= TRANSACTION_TIMEOUT_SINCE:
        found.append("SET LOCAL transaction_timeout = 0;")
    return tuple(found)


def of_session(settings: Sequence[str]) -> list[str]:
    """The same statements for a whole session, where there is no transaction of ours."""
    return [text.replace("SET LOCAL ", "SET ") for text in settings]


def retry_after(limits: Limits, tries: int) -> float:
    """Seconds before what could not get its locks so often is tried again: doubled each time, with jitter."""
    longest: float = min(limits.first_pause * 2 ** (tries - 1), limits.longest_pause)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
