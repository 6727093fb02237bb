"""The ledger in a restored copy: it was bound to the original, and reserved while the dump was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from switchback.runner.errors import RunnerError
from switchback.runner.ledger import read
from switchback.runner.ledger.entries import Author
from switchback.runner.ledger.names import Names, literal

if TYPE_CHECKING:
    from switchback.snapshots.manifest import Manifest

RESTORED = "Restored"


def ledger(connection: psycopg.Connection[Any], manifest: Manifest, operation_id: str) -> list[str]:
    """Make the copy's ledger the copy's own: its identity, a new uuid, no reservation, and an event about it.

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
                " ledger_uuid = pg_catalog.gen_random_uuid(), revision = revision + 1,"
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
    state = f"{len(found.rows)} migrations applied, current {found.current}"
    return [f"The ledger in schema {mark.schema} now belongs to database {here.database.name}: {state}."]
