"""Writing Drizzle's own rows beside the ledger's, as Drizzle would, so that both may go on.

Whether that is wished, and where the rows are, is the newest event `KeepsRows` of the ledger. The rows are
written in the transactions that write the ledger's own. Whoever drops Drizzle's table ends it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner.adoption import drizzle, drizzle_files, rows
from switchback.runner.adoption.find import at
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import changes
from switchback.runner.ledger.names import identifier, literal
from switchback.runner.plan import Way, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psycopg

    from switchback.migrations.model import Source
    from switchback.runner.adoption.drizzle import Row
    from switchback.runner.adoption.drizzle_files import Known
    from switchback.runner.adoption.model import Table
    from switchback.runner.compare import Comparison
    from switchback.runner.ledger.entries import Author
    from switchback.runner.ledger.names import Names
    from switchback.runner.plan import PlannedStep
    from switchback.runner.session import Session

KEEPS = "KeepsRows"
"""Event: from here on the rows of the table in its details are written as well; of none when it is empty."""
RIGHTS = "SELECT, INSERT, DELETE"
_SHOWN = 5
END = "switchback adopt --no-keep-rows"

_SEQUENCE = "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {{role}};"


def mark(names: Names, author: Author, table: Table | None) -> str:
    """INSERT of the event that begins it, or ends it."""
    where = "" if table is None else json.dumps([table.schema, table.name])
    return changes.event(names, KEEPS, author, details=where)


class Removal(NamedTuple):
    """A migration that is applied no more: its id and the checksum of its up half, as the ledger has it."""

    id: str
    up_checksum: str
    forced: bool = False


class Keeper:
    """What has to be written into one table.

    Args:
        table: Drizzle's.
        found: the rows that it holds.
        known: what Drizzle would write of each file.
    """

    def __init__(self, table: Table, found: Sequence[Row], known: Mapping[str, Known]) -> None:
        files = drizzle.Files(known)
        self.table = table
        self._known = known
        self._named: dict[str, list[Row]] = {}
        self._texts: dict[str, list[Row]] = {}
        for row in found:
            name = row.name or files.of(row)
            (self._named if name else self._texts).setdefault(name or row.hash, []).append(row)

    def added(self, migration_id: str) -> str:
        """INSERT of the row of a migration that is applied from here on.

        Raises:
            RunnerError: `AdoptionRefused` when Drizzle says that it is applied already.
        """
        if migration_id in self._named:
            raise RunnerError(
                Reason.ADOPTION_REFUSED,
                f"{self.table.text} says that {migration_id} is applied, and the ledger does not: "
                "Drizzle has run it.",
                f"Count it as applied: switchback repair --mark {migration_id}.",
            )
        return self._insert(migration_id)

    def marked(self, migration_id: str) -> str:
        """The same for one that only counts as applied: Drizzle may have its row."""
        return "" if migration_id in self._named else self._insert(migration_id)

    def _insert(self, migration_id: str) -> str:
        file = self._known[migration_id]
        when = "NULL" if file.when is None else str(file.when)
        columns, values = "hash, created_at", f"{literal(file.hash)}, {when}"
        if file.name and "name" in self.table.columns:
            columns, values = f"{columns}, name", f"{values}, {literal(file.name)}"
        return f"INSERT INTO {self.table.sql} ({columns}) VALUES ({values})"  # noqa: S608 - all quoted

    def removed(self, gone: Removal) -> str:
        """DELETE of the row of a migration that is applied no more; nothing when there is no such row.

        Raises:
            RunnerError: `AdoptionRefused` when its file is gone and no row can be told to be its own.
        """
        mine = self._named.get(gone.id, [])
        if not mine and gone.id not in self._known:
            text = gone.up_checksum.partition(":")[2]
            mine = self._texts.get(text, [])
            if not mine and not gone.forced:
                raise RunnerError(
                    Reason.ADOPTION_REFUSED,
                    f"The file of {gone.id} is gone, and no row of {self.table.text} can be told to be "
                    "its own.",
                    f"Bring the file back, or write Drizzle's rows no more: {END}.",
                )
        if not mine:
            return ""
        file = self._known.get(gone.id)
        timed = [row.id for row in mine if file is not None and row.created_at == file.when]
        number = max(timed or [row.id for row in mine])
        return f"DELETE FROM {self.table.sql} WHERE id = {number}"  # noqa: S608 - quoted

    def renamed(self, old: str, new: str) -> str:
        """UPDATE of the name in a row whose folder has another one now; nothing where rows have no name."""
        if "name" not in self.table.columns:
            return ""
        return (
            f"UPDATE {self.table.sql} SET name = {literal(new)} "  # noqa: S608 - quoted
            f"WHERE name = {literal(old)}"
        )


def keeper(session: Session, source: Source | None) -> Keeper | None:
    """Who writes Drizzle's rows for this ledger; None when that is not wished, or its table is gone.

    Raises:
        RunnerError: `PermissionDenied`, with the statements that give the rights.
        psycopg.Error: nobody knows.
    """
    if source is not None and source.format != drizzle_files.FORMAT:
        return None
    where = _marked(session.work, session.names)
    if not where:
        return None
    schema, name = json.loads(where)
    table = at(session.work, schema, name)
    if table is None:
        session.reporter.warn(f"{schema}.{name} is gone: Drizzle's rows are not written any more.")
        return None
    refuse_without_rights(session.work, table)
    found, _ = drizzle.load(session.work, table)
    return Keeper(table, found, {} if source is None else drizzle_files.known(source))


def refuse_overtaken(session: Session, comparison: Comparison) -> None:
    """Stop where Drizzle has run what the ledger does not know: what comes next would not be in order.

    Raises:
        RunnerError: `AdoptionRefused`, with what has to be done; `PermissionDenied`.
    """
    source, applied = comparison.source, comparison.ledger.by_id
    if comparison.ledger.meta is None:
        return
    where = _marked(session.work, session.names)
    table = at(session.work, *json.loads(where)) if where else None
    if table is None:
        return
    found, _ = drizzle.load(session.work, table)
    files = drizzle.Files(drizzle_files.known(source))
    named = {files.of(row) for row in found}
    ahead = [file for file in source.migrations if file.id in named and file.id not in applied]
    if not ahead:
        return
    ids = [file.id for file in ahead]
    skipped = [
        file.id
        for file in source.migrations[: ahead[-1].position]
        if file.id not in applied and file.id not in named
    ]
    one, left = len(ids) == 1, len(skipped) == 1
    marks = ", then --mark ".join(ids[:_SHOWN]) + ("" if len(ids) <= _SHOWN else ", and so on")
    advice = (
        f"Count {'it' if one else 'them'} as applied: switchback repair --mark {marks}; "
        f"or delete the {'row' if one else 'rows'} if that is not so."
    )
    if skipped:
        are = "comes before it and is" if left else "come before it and are"
        advice += f" {listed(skipped)} {are} not applied: afterwards switchback migrate --allow-out-of-order."
    raise RunnerError(
        Reason.ADOPTION_REFUSED,
        f"{table.text} says that {listed(ids)} {'is' if one else 'are'} applied, and the ledger does not: "
        f"Drizzle has run {'it' if one else 'them'}.",
        advice,
    )


def refuse_without_rights(connection: psycopg.Connection[Any], table: Table) -> None:
    """Stop where Drizzle's rows cannot be written.

    Raises:
        RunnerError: `PermissionDenied`.
    """
    if not (rows.may(connection, table, RIGHTS) and _may_count(connection, table)):
        more = _SEQUENCE.format(schema=identifier(table.schema))
        raise rows.denied(connection, drizzle.NAME, table, RIGHTS, more)


def _may_count(connection: psycopg.Connection[Any], table: Table) -> bool:
    """Whether the role may take the next number of the table's ids."""
    sequence = f"pg_catalog.pg_get_serial_sequence({literal(table.sql)}, 'id')"
    row = connection.execute(
        f"SELECT coalesce(pg_catalog.has_sequence_privilege({sequence}, 'USAGE'), true)".encode()
    ).fetchone()
    return row is not None and bool(row[0])


def _marked(connection: psycopg.Connection[Any], names: Names) -> str:
    row = connection.execute(
        f"SELECT details FROM {names.events} WHERE kind = '{KEEPS}' ORDER BY seq DESC LIMIT 1".encode()  # noqa: S608 - quoted
    ).fetchone()
    return "" if row is None else str(row[0])


def statements(
    session: Session, source: Source, steps: Iterable[PlannedStep]
) -> dict[tuple[Direction, str], str]:
    """What has to be written beside each step, by its direction and id; nothing is left out as empty.

    Raises:
        RunnerError: `AdoptionRefused`, `PermissionDenied`: before anything runs.
    """
    one = keeper(session, source)
    if one is None:
        return {}
    found: dict[tuple[Direction, str], str] = {}
    for step in steps:
        if step.direction is Direction.FORWARD:
            text = one.added(step.id)
        else:
            checksum = "" if step.row is None else step.row.up_checksum
            forced = step.way in {Way.FORGET, Way.UNBEGUN}
            text = one.removed(Removal(step.id, checksum, forced=forced))
        if text:
            found[step.direction, step.id] = text
    return found


def marked(session: Session, source: Source, ids: Iterable[str]) -> str:
    """Statements, each with its semicolon, for migrations that count as applied without having run."""
    one = keeper(session, source)
    texts = () if one is None else (one.marked(migration_id) for migration_id in ids)
    return "".join(f"{text};" for text in texts if text)


def unmarked(session: Session, source: Source | None, gone: Removal) -> str:
    """The same for one that counts as applied no more.

    Raises:
        RunnerError: as `Keeper.removed`.
    """
    one = keeper(session, source)
    text = "" if one is None else one.removed(gone)
    return f"{text};" if text else ""


def renamed(session: Session, source: Source, old: str, new: str) -> str:
    """The same for one whose file has another name now."""
    one = keeper(session, source)
    text = "" if one is None else one.renamed(old, new)
    return f"{text};" if text else ""
