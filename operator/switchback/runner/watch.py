"""Looking from the second connection at what the first one waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from switchback.runner import wire
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from switchback.runner.session import Session

LOOK_SECONDS = 2.0

_BLOCKERS = """
SELECT b.pid, coalesce(nullif(b.application_name, ''), b.usename, ''), coalesce(b.state, ''),
  coalesce(to_char(b.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS'), ''),
  (SELECT string_agg(DISTINCT l.relation::pg_catalog.regclass::text, ', ') FROM pg_catalog.pg_locks l
    WHERE l.pid = {pid} AND NOT l.granted AND l.relation IS NOT NULL)
FROM pg_catalog.pg_stat_activity b WHERE b.pid = ANY (pg_catalog.pg_blocking_pids({pid}))
ORDER BY b.xact_start NULLS LAST LIMIT 5
"""


def blockers(session: Session, pid: int) -> str:
    """Who holds what the server process `pid` waits for, in words; empty when it waits for no lock.

    Never fails and never takes long: without an answer nobody is named. A signal has to be heard meanwhile.
    """
    try:
        observer = session.observer(LOOK_SECONDS)
        rows = wire.glance(observer, _BLOCKERS.format(pid=pid), session.stop, LOOK_SECONDS)
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
