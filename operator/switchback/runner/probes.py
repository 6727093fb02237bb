"""Looking whether there is anything to lose: EXISTS with a short time limit, never an estimate.

Row estimates say nothing about tables that were never analysed. Many looks travel as one statement; only when
that fails is each asked alone, so that one locked table does not hide the answers about the others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from switchback.contract.words import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchback.runner.catalog import Column, Relation

EXISTS_MS = 2000
LOCK_MS = 500
TOTAL_SECONDS = 30.0
TOGETHER = 100
"""Looks in one statement. Each locks its table lightly, and the server's room for locks is limited."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Whether a relation holds a row; `found` is the severity when it does."""

    relation: Relation
    found: Severity = Severity.DATA

    @property
    def sql(self) -> str:
        """One column of type boolean: anything to lose. Two when there are degrees."""
        return f"EXISTS (SELECT FROM {self.relation.sql}), NULL::boolean"

    def severity(self, first: bool | None, _second: bool | None) -> Severity:  # noqa: FBT001 - columns of an answer
        """What the answer means."""
        return self.found if first else Severity.EMPTY


@dataclass(frozen=True, slots=True)
class Values:
    """Whether a column holds anything but NULL and its default. `default` is SQL; None: there is none."""

    relation: Relation
    column: Column
    default: str | None

    @property
    def sql(self) -> str:
        """Whether there is a row; whether one holds another value."""
        name = '"' + self.column.name.replace('"', '""') + '"'
        condition = f"{name} IS DISTINCT FROM NULL"  # IS NOT NULL asks for every field of a composite value
        if self.default is not None:  # compared as text, byte by byte, for not every type knows equality
            default = f"(({self.default})::{self.column.type_sql})::text"
            condition += f' AND {name}::text COLLATE pg_catalog."C" IS DISTINCT FROM {default}'
        table = self.relation.sql
        rows = f"EXISTS (SELECT FROM {table})"
        return f"{rows}, EXISTS (SELECT FROM {table} WHERE {condition})"

    def severity(self, first: bool | None, second: bool | None) -> Severity:  # noqa: FBT001 - columns of an answer
        """What the answer means."""
        if not first:
            return Severity.EMPTY
        return Severity.DATA if second else Severity.DEFAULT_ONLY


@dataclass(frozen=True, slots=True)
class Counter:
    """Whether a sequence has given out a number."""

    relation: Relation

    @property
    def sql(self) -> str:
        """Whether it has a last value."""
        return f"(SELECT is_called FROM {self.relation.sql}), NULL::boolean"  # noqa: S608 - a quoted name

    def severity(self, first: bool | None, _second: bool | None) -> Severity:  # noqa: FBT001 - columns of an answer
        """What the answer means."""
        return Severity.DATA if first else Severity.EMPTY


Probe = Rows | Values | Counter
Answer = tuple[Severity, str]
"""Severity, and why it is unknown, if it is."""


def ask(
    connection: psycopg.Connection[Any], probes: Iterable[Probe], total_seconds: float = TOTAL_SECONDS
) -> dict[Probe, Answer]:
    """Answers to all of them. What cannot be looked at in time, or at all, is `Unknown`.

    Args:
        connection: in autocommit and idle, or in a transaction; nothing is changed either way.
        probes: doubles are asked once.
        total_seconds: after which nothing more is asked.
    """
    deadline = time.monotonic() + total_seconds
    wanted = list(dict.fromkeys(probes))
    found: dict[Probe, Answer] = {}
    for start in range(0, len(wanted), TOGETHER):
        group = wanted[start : start + TOGETHER]
        try:
            found |= _together(connection, group, deadline)
        except psycopg.Error as error:
            if connection.broken:
                raise
            if len(group) == 1:
                found[group[0]] = _unknown(error)
                continue
            for probe in group:
                found[probe] = _alone(connection, probe, deadline)
    return found


def _alone(connection: psycopg.Connection[Any], probe: Probe, deadline: float) -> Answer:
    if time.monotonic() > deadline:
        return Severity.UNKNOWN, "there was no time left to look"
    try:
        return _together(connection, [probe], deadline)[probe]
    except psycopg.Error as error:
        if connection.broken:
            raise
        return _unknown(error)


def _together(
    connection: psycopg.Connection[Any], probes: Sequence[Probe], deadline: float
) -> dict[Probe, Answer]:
    limit = int(max(1.0, min(EXISTS_MS, (deadline - time.monotonic()) * 1000)))
    with connection.transaction(force_rollback=True):
        connection.execute(
            f"SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {LOCK_MS}; "
            "SET LOCAL row_security = off".encode()
        )
        row = connection.execute(("SELECT " + ", ".join(probe.sql for probe in probes)).encode()).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return {probe: (probe.severity(row[2 * i], row[2 * i + 1]), "") for i, probe in enumerate(probes)}


def _unknown(error: psycopg.Error) -> Answer:
    reasons = {
        "57014": "looking took too long",
        "55P03": "it is locked by somebody",
        "42501": "there is no right to look at all its rows",
    }
    return Severity.UNKNOWN, reasons.get(error.sqlstate or "", f"looking failed with {error.sqlstate}")
