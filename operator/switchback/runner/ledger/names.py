"""Quoting, and the schema-qualified names of the ledger's tables."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_SCHEMA = "switchback"
TABLES = ("migrations", "events", "meta")


def identifier(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str | None) -> str:
    """`text` as a SQL literal that means the same under every `standard_conforming_strings`; None is NULL.

    Backslashes are doubled inside an `E''` literal, and only then is one used. The text has no NUL byte:
    readers of sources refuse it, and the server cannot hold it.
    """
    if text is None:
        return "NULL"
    quoted = text.replace("'", "''")
    if "\\" in quoted:
        return "E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


@dataclass(frozen=True, slots=True)
class Names:
    """Where one ledger is. The names are qualified, so that no `search_path` of a migration moves them."""

    schema: str = DEFAULT_SCHEMA

    @property
    def migrations(self) -> str:
        """Table of what is applied."""
        return f"{identifier(self.schema)}.migrations"

    @property
    def events(self) -> str:
        """Table of what happened; rows are only ever added."""
        return f"{identifier(self.schema)}.events"

    @property
    def meta(self) -> str:
        """Table of one row: versions, identity, reservation."""
        return f"{identifier(self.schema)}.meta"
