"""Looking from the second connection at what the first one waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from switchback.runner.session import Session

_BLOCKERS = """
SELECT b.pid, coalesce(nullif(b.application_name, ''), b.usename, ''), coalesce(b.state, ''),
  coalesce(to_char(b.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS'), ''),
  (SELECT string_agg(DISTINCT l.relation::pg_catalog.regclass::text, ', ') FROM pg_catalog.pg_locks l
    WHERE l.pid = %(pid)s AND NOT l.granted AND l.relation IS NOT NULL)
FROM pg_catalog.pg_stat_activity b WHERE b.pid = ANY (pg_catalog.pg_blocking_pids(%(pid)s))
ORDER BY b.xact_start NULLS LAST LIMIT 5
"""


def blockers(session: Session, pid: int) -> str:
    """Who holds what the server process `pid` waits for, in words; empty when it waits for no lock.

    Never fails: without a second connection nobody is named.
    """
    try:
        rows = session.observer.execute(_BLOCKERS.encode(), {"pid": pid}).fetchall()
    except (psycopg.Error, RunnerError):
        return ""
    if not rows:
        return ""
    relations = rows[0][4]
    who = "; ".join(
        f"pid {blocker} ({', '.join(part for part in (name, state, since and f'since {since} UTC') if part)})"
        for blocker, name, state, since, _ in rows
    )
    return f"{relations or 'an object'} is locked by {who}"
