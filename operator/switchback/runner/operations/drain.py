"""Wait until no session of a program is left in the database. No lock, no files, no ledger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.fitness import other_ledger
from switchback.runner.operations.base import Answer
from switchback.runner.redact import plain

if TYPE_CHECKING:
    from switchback.runner.operations.base import Facts, Request
    from switchback.runner.session import Session

LOOK_EVERY_SECONDS = 1.0
TELL_EVERY_SECONDS = 10.0

_AS_SHOWN = "SELECT application_name FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"

# Everybody sees database, user and application_name of all sessions. What hangs on the right to read
# statistics is NULL here without it: a parallel worker then counts until its leader has ended.
_LEFT = """
SELECT count(*) OVER (), pid, coalesce(usename, ''), coalesce(state, ''),
  coalesce(pg_catalog.to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ''),
  pg_catalog.current_database()
FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND application_name = %s AND pid <> pg_catalog.pg_backend_pid()
  AND leader_pid IS NULL
ORDER BY backend_start NULLS LAST, pid LIMIT 1
"""


class _Left(NamedTuple):
    """How many sessions there are, and the oldest of those whose age may be seen."""

    number: int
    pid: int
    user: str
    state: str
    since: str
    database: str

    def text(self, name: str) -> str:
        number = "1 session" if self.number == 1 else f"{self.number} sessions"
        verb = "is" if self.number == 1 else "are"
        told = [f"of {plain(self.user)}"] if self.user else []
        told += [f"since {self.since}"] if self.since else ["its age is hidden from this role"]
        told += [self.state] if self.state else []
        which = "" if self.number == 1 else "the oldest: " if self.since else "one of them: "
        what = f"{which}pid {self.pid}, {', '.join(told)}"
        return f"{number} of {name} {verb} left in the database {self.database} ({what})"


def run(session: Session, request: Request, facts: Facts) -> Answer:
    """Look once a second until no session of that application_name is left but our own, or time is up.

    Raises:
        RunnerError: `SessionsLeft` with count and oldest; `Usage`; `DatabaseChanged` where a ledger is named.
    """
    if not request.application_name:
        raise RunnerError(
            Reason.USAGE, "Nobody is named whose sessions have to end.", "Name it with --application-name."
        )
    if request.expect_ledger:
        facts.ledger = session.read()
        another = other_ledger(facts.ledger, session.names, request.expect_ledger)
        if another is not None:
            raise another
    name = _as_shown(session, request.application_name)
    begun = told = time.monotonic()
    deadline = begun + request.drain_seconds
    while (left := _look(session, name)) is not None:
        now = time.monotonic()
        if now >= deadline:
            raise RunnerError(Reason.SESSIONS_LEFT, f"After {request.drain_seconds:g} s, {left.text(name)}.")
        if now - told >= TELL_EVERY_SECONDS or told == begun:
            session.reporter.say(f"Waiting: {left.text(name)}.")
            told = now
        session.stop.wait(min(LOOK_EVERY_SECONDS, deadline - now))
    return Answer(
        Reason.SUCCEEDED, f"No session of {name} is left in the database {session.work.info.dbname}."
    )


def _as_shown(session: Session, name: str) -> str:
    """The name as this server shows it: it cuts long ones and replaces what is not ASCII.

    A name that was taken literally would then never be found, and a program that runs would count as gone.
    """
    work = session.work
    mine = work.execute(b"SELECT pg_catalog.current_setting('application_name')").fetchone()
    work.execute(b"SELECT pg_catalog.set_config('application_name', %s, false)", (name,))
    shown = work.execute(_AS_SHOWN.encode()).fetchone()
    work.execute(b"SELECT pg_catalog.set_config('application_name', %s, false)", mine)
    return name if shown is None else str(shown[0])


def _look(session: Session, name: str) -> _Left | None:
    row = session.work.execute(_LEFT.encode(), (name,)).fetchone()
    return None if row is None else _Left(*row)
