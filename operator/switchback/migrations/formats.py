"""The formats that are read natively: one module each, one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from switchback.migrations import pairs

if TYPE_CHECKING:
    from switchback.migrations.folder import Listing
    from switchback.migrations.model import Migration


class Format(Protocol):
    """What a module of a format offers."""

    NAME: str
    """Its name in `--format`, in the resource and in the ledger."""
    EXPECTED: str
    """The file names it reads, for messages."""

    def claims(self, listing: Listing) -> set[str]:
        """Names of the files that this format would read; empty when the folder is of another."""

    def read(self, listing: Listing) -> list[Migration]:
        """Migrations in order with positions from 1; what is wrong is added to `listing.problems`."""

    def short_forms(self, migration_id: str) -> tuple[str, ...]:
        """Other spellings of an id that `--target` accepts when they are unique."""


FORMATS: tuple[Format, ...] = (pairs,)
BY_NAME: dict[str, Format] = {known.NAME: known for known in FORMATS}
AUTO = "Auto"
"""Look at the folder and take the one format whose files it holds."""


def short_forms(migration_id: str, format_name: str) -> tuple[str, ...]:
    """Short forms of an id in the format of that name; none when the format is not known here."""
    known = BY_NAME.get(format_name)
    return () if known is None else known.short_forms(migration_id)
