"""The ledger in a restored copy: proved by what the manifest says of it, then bound to the copy.

It was bound to the original, and reserved while the dump was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.ledger import read
from switchback.runner.ledger.entries import Author
from switchback.runner.ledger.names import Names, literal

if TYPE_CHECKING:
    from switchback.runner.ledger.model import Ledger
    from switchback.snapshots.manifest import LedgerMark, Manifest

RESTORED = "Restored"
MARKER = "Marker"


class KeptError(RunnerError):
    """The copy is not what the manifest says, and it is kept: a person may want to see what is in it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the ledger in the copy has proved.

    Attributes:
        current: where the migrations stand in the copy; empty: it has no ledger, or it could not be read.
        applied: how many are applied.
        version: whether that is what the manifest says; None: not compared.
        marker: whether the copy holds the event that was written right before the dump, so that it holds all
            that was committed before; None: the manifest names none.
    """

    current: str = ""
    applied: int = 0
    version: bool | None = None
    marker: bool | None = None

    def text(self) -> str:
        """One sentence, empty when there is nothing to say."""
        if self.version is None:
            return ""
        marker = " and holds the marker that was written right before the dump" if self.marker else ""
        return (
            "The ledger in the copy is what the manifest says: "
            f"{self.applied} applied, current {self.current}{marker}."
        )


def prove(connection: psycopg.Connection[Any], manifest: Manifest) -> Proof:
    """Compare the ledger in the copy with the manifest. It is to be done before the ledger is bound anew.

    Raises:
        KeptError: RestoreFailed; they differ.
    """
    mark = manifest.ledger
    if mark is None:
        return Proof()
    names = Names(mark.schema)
    try:
        found = read.read(connection, names)
        if found.meta is not None:
            read.refuse_newer(found, names)
        wrong = _differences(mark, found)
        if found.meta is not None:
            wrong += _missing_events(connection, names, mark)
    except (RunnerError, psycopg.errors.InsufficientPrivilege):
        return Proof()  # binding it says why it cannot be read
    if wrong:
        raise KeptError(
            Reason.RESTORE_FAILED,
            f"The copy {found.identity.database.name} is not what the manifest of {manifest.name} says: "
            f"{'; '.join(wrong)}. It is kept, and its comment says that it is unfinished.",
            "Do not switch to it. Look at what is in it, drop it with DROP DATABASE, and restore another "
            "restore point.",
        )
    return Proof(found.current, len(found.rows), version=True, marker=True if mark.marker else None)


def _differences(mark: LedgerMark, found: Ledger) -> list[str]:
    if found.meta is None:
        return [f"it has no ledger in schema {mark.schema}"]
    if (found.current, len(found.rows)) == (mark.current, mark.applied):
        return []
    there = f"{found.current} with {len(found.rows)} applied"
    return [f"its ledger is at {there} instead of {mark.current} with {mark.applied}"]


def _missing_events(connection: psycopg.Connection[Any], names: Names, mark: LedgerMark) -> list[str]:
    """The newest event before the dump, and the marker: who has them has everything that was before them."""
    wanted = {mark.event, mark.marker} - {0}
    query = f"SELECT seq, kind FROM {names.events} WHERE seq = ANY(%s)"  # noqa: S608 - quoted
    found = dict(connection.execute(query.encode(), (sorted(wanted),)).fetchall())
    wrong = [
        f"its ledger lacks event {seq}, written right before the dump" for seq in sorted(wanted - set(found))
    ]
    if mark.marker in found and found[mark.marker] != MARKER:
        wrong.append(f"event {mark.marker} of its ledger is {found[mark.marker]}, not the marker of the dump")
    return wrong


def ledger(connection: psycopg.Connection[Any], manifest: Manifest, operation_id: str) -> list[str]:
    """Make the copy's ledger the copy's own: its identity, no reservation, and an event about it.

    The UUID stays, as it does for any copy that is bound anew: by it an operator knows that a Secret which
    now leads to the copy leads to the same history.

    Returns:
        Sentences about what a person should know. What cannot be done is said, not raised: the data is there.
    """
    mark = manifest.ledger
    if mark is None:
        return []
    names = Names(mark.schema)
    try:
        found = read.read(connection, names)
        if found.meta is None:
            return [f"The copy has no ledger in schema {mark.schema}, although the original had one."]
        read.refuse_newer(found, names)
        was = found.meta
        here = found.identity
        author = Author(operation_id)
        details = (
            f"from {manifest.name} of database {was.database_name}, system {was.system_identifier}, "
            f"oid {was.database_oid}; restore point {manifest.restore_point}"
        )
        with connection.transaction():
            connection.execute(
                f"UPDATE {names.meta} SET system_identifier = {literal(here.database.system_identifier)},"  # noqa: S608 - quoted
                f" database_oid = {here.oid}, database_name = {literal(here.database.name)},"
                " revision = revision + 1,"
                " reserved_by = NULL, reserved_until = NULL, reserved_plan = NULL".encode()
            )
            connection.execute(
                f"INSERT INTO {names.events} (kind, operation_id, intent_digest, reason, details)"  # noqa: S608 - quoted
                f" VALUES ({literal(RESTORED)}, {author.values}, {literal(details)})".encode()
            )
    except RunnerError as error:
        return [f"The ledger in the copy is still bound to the original: {error.message}"]
    except psycopg.Error as error:
        why = error.diag.message_primary or type(error).__name__
        return [f"The ledger in the copy is still bound to the original: {why}."]
    return [f"The ledger in schema {mark.schema} now belongs to database {here.database.name}."]
