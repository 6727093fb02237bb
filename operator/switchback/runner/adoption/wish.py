"""What a person says about the history that is to be taken over. Help texts import it: no driver."""

from __future__ import annotations

from dataclasses import dataclass

TOOLS = ("golang-migrate", "dbmate", "goose", "Flyway", "Drizzle", "yoyo", "Alembic")
"""Names of the tools, in the order in which they are looked for."""

NO_FILE = "-"
"""In a map: the version has no file here, and that is right."""


@dataclass(frozen=True)
class Wish:
    """Where the tables alone do not say enough.

    Attributes:
        tool: whose history counts; empty: whatever is found.
        table: `schema.name` or `name` of its table; empty: the usual names.
        target: every file up to this one counts as applied, whatever the versions are named.
        mapping: the tool's version and our id, or `NO_FILE`; in the order of the file that says so.
        keep_rows: whether our runs write the tool's rows as well, as the tool would; None: nothing is said.
    """

    tool: str = ""
    table: str = ""
    target: str | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    keep_rows: bool | None = None


NOTHING_SAID = Wish()
