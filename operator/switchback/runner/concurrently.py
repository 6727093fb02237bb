"""Statements that run outside any transaction: what they left behind is found out by looking.

CREATE INDEX CONCURRENTLY that was interrupted leaves an invalid index, after which IF NOT EXISTS succeeds
falsely. Such an index is dropped only when it was not there before our record, is an index of the named
table, is invalid, and nobody is building it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.migrations import lexer
from switchback.runner import wire
from switchback.runner.bundle import CLEAN
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import counters, read
from switchback.runner.ledger.names import identifier, literal
from switchback.runner.redact import masked
from switchback.runner.ticker import Ticker

if TYPE_CHECKING:
    from switchback.migrations.script import Statement
    from switchback.runner.session import Session

HASH_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Started:
    """What was recorded right before a statement ran alone.

    Attributes:
        statement: its place in the file, from 0.
        up: direction of the file.
        verb: `create` or `drop` for an index statement whose outcome can be seen, else nothing.
        index: name of the index.
        table: the table as the statement wrote it; empty for a drop.
        schema: of the table, or of the index to be dropped, where the file's settings held; empty: not found.
        relation: that table, or that index, by its bare name.
        commits: whether it ends transactions of its own, so that a part of it may stay.
        was_there: whether a relation of that name was there before.
    """

    statement: int
    up: bool
    verb: str = ""
    index: str = ""
    table: str = ""
    schema: str = ""
    relation: str = ""
    commits: bool = False
    was_there: bool = False

    @property
    def text(self) -> str:
        """As the event keeps it."""
        return json.dumps(asdict(self), sort_keys=True)


def fingerprint(statement: Statement) -> str:
    """Hash that tells whether a statement is still the one that ran."""
    return hashlib.sha256(statement.text.encode()).hexdigest()[:HASH_DIGITS]


def moved(statement: Statement) -> Statement:
    """The statement as the only one of a text."""
    return replace(statement, offset=0)


def is_alone(statement: Statement) -> bool:
    """Whether it is surely one of those that no transaction takes: then nobody has to try."""
    first = statement.words[:1]
    if first == ("VACUUM",):
        return True
    return first in (("CREATE",), ("DROP",), ("REINDEX",)) and "CONCURRENTLY" in statement.words[:4]


def started(session: Session, migration_id: str, index: int, *, up: bool) -> Started | None:
    """What an earlier run recorded before this very statement; None when none has come so far."""
    text = read.last_event(session.work, session.names, migration_id, counters.STARTED, counters.BEGUN)
    if not text or not text.startswith("{"):
        return None
    known = Started.__dataclass_fields__  # a newer release may say more
    found = Started(**{name: value for name, value in json.loads(text).items() if name in known})
    return found if (found.statement, found.up) == (index, up) else None


def look(session: Session, statement: Statement, blank: Started, setup: str) -> Started:
    """What the database looks like before a statement runs alone.

    Args:
        session: of this run.
        statement: that is to run.
        blank: what is known of it already.
        setup: makes the session as the file has set it for the statement.
    """
    verb, name, table = _parsed(statement)
    if not verb:
        return blank
    schema, relation = _resolved(session, table or name, setup)
    blank = replace(blank, verb=verb, index=name, table=table, schema=schema, relation=relation)
    refuse_invalid(session, blank)
    return replace(blank, was_there=_find(session, blank) is not None)


def is_done(session: Session, statement: Statement, before: Started) -> bool:
    """Whether a statement that was begun has surely been done."""
    if not before.verb or (before.verb, before.index, before.table) != _parsed(statement):
        return False
    found = _find(session, before)
    if before.verb == "drop":
        return found is None and before.was_there
    return found is not None and found.valid and not before.was_there


def leaves_nothing(session: Session, before: Started) -> bool:
    """Whether a statement that was begun, and was the first of its file, has surely had no effect.

    An invalid index that `clean` would drop is none. What cannot be looked up may have had one.
    """
    if before.commits or not before.verb:
        return False
    found = _find(session, before)
    if before.verb == "drop":
        return not before.was_there or (found is not None and found.valid)
    if before.was_there or found is None:
        return True
    return not found.valid and found.kind == "i" and found.named and not found.building


def clean(session: Session, before: Started, setup: str) -> bool:
    """Drop the invalid index that CREATE INDEX CONCURRENTLY has left, if it is surely that one.

    Args:
        session: of this run.
        before: what was recorded.
        setup: as in `look`; the file may have taken another role, to which the index belongs.

    Returns:
        Whether nothing of the statement is left.
    """
    found = _find(session, before) if before.verb == "create" and not before.was_there else None
    if found is None or found.valid:
        return True
    if found.kind != "i" or not found.named or found.building:
        return False
    session.reporter.say(f"Dropping the invalid index {found.name} that the interrupted statement has left.")
    ticker = Ticker(session, f"The invalid index {found.name} is being dropped")
    with session.stop.held():
        unlimited = f"{setup}SET lock_timeout = 0;SET statement_timeout = 0"
        for text in (unlimited, f"DROP INDEX CONCURRENTLY IF EXISTS {found.name}"):
            for reply in wire.exchange(session.work, text, session.stop, ticker):
                if reply.error is not None and session.stop.signum is None:
                    why = masked(reply.error.message, reply.error.sqlstate)
                    session.reporter.warn(f"The invalid index {found.name} could not be dropped: {why}.")
    session.stop.check()
    return _find(session, before) is None


def refuse_invalid(session: Session, what: Started) -> None:
    """Stop where an invalid index has the name that is to be made: IF NOT EXISTS would accept it.

    Raises:
        RunnerError: `FailedPartly`.
    """
    found = _find(session, what) if what.verb == "create" else None
    if found is None or found.valid or found.kind not in {"i", "I"}:
        return
    state = "is being built by another session" if found.building else "is invalid: its building failed once"
    raise RunnerError(
        Reason.FAILED_PARTLY,
        f"The index {found.name}, which CREATE INDEX CONCURRENTLY is to make, is there already and {state}.",
        f"Wait until it is built, or DROP INDEX CONCURRENTLY {found.name}; then run again.",
    )


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    kind: str
    valid: bool
    named: bool
    building: bool


_LOOK_TABLE = """
SELECT n.nspname, c.relname, c.relkind::text, coalesce(i.indisvalid AND i.indisready, false),
  coalesce(i.indrelid = t.oid, false),
  EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p
    WHERE p.datname = current_database()
      AND (p.index_relid = c.oid OR p.relid IS NULL OR (p.relid = t.oid AND p.index_relid = 0)))
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_class t ON t.relnamespace = n.oid AND t.relname = %(relation)s
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = %(index)s
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE n.nspname = %(schema)s
"""
_LOOK_INDEX = """
SELECT n.nspname, c.relname, c.relkind::text, coalesce(i.indisvalid, false), true, false
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE n.nspname = %(schema)s AND c.relname = %(relation)s
"""
_RESOLVE = """
SELECT n.nspname AS switchback_schema, c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass({name})::pg_catalog.oid;
"""


def _resolved(session: Session, name: str, setup: str) -> tuple[str, str]:
    """Schema and bare name of the relation that a name means to the file; empty strings when there is none.

    Later runs look there: they may have another search_path, and a role that cannot enter the schema.
    """
    schema, relation = "", ""
    with session.stop.held():
        text = f"{setup}{_RESOLVE.format(name=literal(name))}{CLEAN}"
        for reply in wire.exchange(session.work, text, session.stop):
            if reply.column == "switchback_schema":
                schema, relation = reply.row[0] or "", reply.row[1] or ""
    session.stop.check()
    return schema, relation


def _find(session: Session, what: Started) -> _Found | None:
    query = _LOOK_TABLE if what.verb == "create" else _LOOK_INDEX
    words = {"index": what.index, "schema": what.schema, "relation": what.relation}
    row = session.work.execute(query.encode(), words).fetchone()
    if row is None:
        return None
    schema, name, kind, valid, named, building = row
    return _Found(f"{identifier(schema)}.{identifier(name)}", kind, valid, named, building)


def _parsed(statement: Statement) -> tuple[str, str, str]:
    """(verb, index, table) of an index statement whose outcome can be seen; empty strings for others.

    For a CREATE the index is a bare name, for a DROP it is written as SQL.
    """
    text = statement.text
    tokens = [t for t in lexer.tokens(text) if t.kind != lexer.COMMENT]
    words = [lexer.word_of(text, t) for t in tokens]
    if words[:3] == ["DROP", "INDEX", "CONCURRENTLY"]:
        rest = tokens[5:] if words[3:5] == ["IF", "EXISTS"] else tokens[3:]
        names = [t for t in rest if lexer.word_of(text, t) not in {"CASCADE", "RESTRICT"}]
        if any(text[t.start] == "," for t in names) or not names:
            return "", "", ""
        return "drop", text[names[0].start : names[-1].end], ""
    head = ["CREATE", "INDEX", "CONCURRENTLY"]
    if words[:4] == ["CREATE", "UNIQUE", "INDEX", "CONCURRENTLY"]:
        head = words[:4]
    elif words[:3] != head:
        return "", "", ""
    at = len(head) + (3 if words[len(head) : len(head) + 3] == ["IF", "NOT", "EXISTS"] else 0)
    if at + 2 >= len(tokens) or words[at] == "ON" or words[at + 1] != "ON":
        return "", "", ""
    first = at + 2 + (words[at + 2] == "ONLY")
    last = first
    while last + 2 < len(tokens) and text[tokens[last + 1].start] == ".":
        last += 2
    table = text[tokens[first].start : tokens[last].end]
    return "create", _bare(text[tokens[at].start : tokens[at].end]), table


def _bare(name: str) -> str:
    """The name that an identifier stands for."""
    if name.startswith('"'):
        return name[1:-1].replace('""', '"')
    return name.lower() if name.isascii() else name
