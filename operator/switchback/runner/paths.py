"""The search path that a run was asked for: the server looks past a schema that is not there in silence.

A name without a schema would then mean, or become, something in the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner import trouble
from switchback.runner.errors import RunnerError
from switchback.runner.plan import listed

if TYPE_CHECKING:
    from switchback.migrations.model import Source
    from switchback.runner.session import Session

_SCHEMAS = """
SELECT w.name, n.oid IS NOT NULL
FROM pg_catalog.unnest(%s::text[]) WITH ORDINALITY AS w (name, place)
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.name
WHERE n.oid IS NULL OR NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE') ORDER BY w.place
"""
_NOT_LOOKED_FOR = {"$user", "pg_temp"}


def problem(session: Session, source: Source) -> RunnerError | None:
    """Why the search path would not mean what it says; None when nothing is wrong.

    A schema that a file speaks of as one may be missing: the migrations themselves make it.
    """
    wished = [name for name in session.search_path if name not in _NOT_LOOKED_FOR]
    if not wished:
        return None
    unusable = session.work.execute(_SCHEMAS.encode(), (wished,)).fetchall()
    barred = [name for name, exists in unusable if exists]
    if barred:
        return RunnerError(
            Reason.PERMISSION_DENIED,
            f"The search path names {listed(barred)}, which the role of this run may not use.",
            f"GRANT USAGE ON SCHEMA {', '.join(map(trouble.quoted, barred))} to it.",
        )
    missing = [name for name, _ in unusable if not _is_made(name, source)]
    if not missing:
        return None
    return RunnerError(
        Reason.USAGE,
        f"The search path names {listed(missing)}, which the database does not have and no migration makes.",
        "Create it, or correct --search-path, in the resource spec.database.searchPath.",
    )


def _is_made(name: str, source: Source) -> bool:
    """Whether a file seems to make the schema. Generous: what is to be caught is a wrong name."""
    texts = (migration.up.text for migration in source.migrations)
    return any(name in text and "schema" in text.lower() for text in texts)
