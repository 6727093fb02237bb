"""Looking from the second connection at what the first one waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from switchback.runner import wire
from switchback.runner.errors import RunnerError
from switchback.runner.redact import plain

if TYPE_CHECKING:
    from switchback.runner.session import Session

LOOK_SECONDS = 2.0

_BLOCKERS = """
WITH awaited AS MATERIALIZED (
  SELECT l.database, l.relation FROM pg_catalog.pg_locks l
    WHERE l.pid = {pid} AND NOT l.granted AND l.relation IS NOT NULL),
holding AS (
  SELECT 'pid ' || b.pid, coalesce(nullif(b.application_name, ''), b.usename, '') AS name,
    coalesce(b.state, '') AS state, b.xact_start AS since
  FROM pg_catalog.pg_stat_activity b
  WHERE b.pid = ANY ((SELECT pg_catalog.pg_blocking_pids({pid}))::pg_catalog.int4[])
  UNION ALL
  SELECT DISTINCT 'prepared transaction ' || pg_catalog.quote_literal(p.gid), p.owner::text,
    'COMMIT PREPARED or ROLLBACK PREPARED ends it', p.prepared
  FROM awaited a JOIN pg_catalog.pg_locks l USING (database, relation)
    JOIN pg_catalog.pg_locks own ON own.virtualtransaction = l.virtualtransaction
    JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = own.transactionid
  WHERE l.granted AND 0 = ANY (pg_catalog.pg_blocking_pids({pid}))
)
SELECT h.*,
  (SELECT pg_catalog.string_agg(DISTINCT a.relation::pg_catalog.regclass::text, ', ') FROM awaited a)
FROM (SELECT holder, name, state, coalesce(pg_catalog.to_char(since AT TIME ZONE 'UTC', 'HH24:MI:SS'), '')
  FROM holding AS h (holder) ORDER BY since NULLS LAST LIMIT 5) h
"""
"""A prepared transaction has no process: pg_blocking_pids gives 0 for it."""


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
        f"{plain(holder or '')} "
        f"({', '.join(part for part in (name, state, since and f'since {since} UTC') if part)})"
        for holder, name, state, since, _ in rows
    )
    return f"{relations or 'an object'} is locked by {who}"
