"""The formats that are read natively: one module each, named as `contract.words.SourceFormat` says."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from switchback.contract.words import SourceFormat

if TYPE_CHECKING:
    from switchback.migrations.folder import Listing
    from switchback.migrations.model import Migration

AUTO = str(SourceFormat.AUTO)
"""Look at the folder and take the one format whose files it holds."""


class About(NamedTuple):
    """What the documentation says of a format, each a phrase for a table."""

    id: str
    order: str
    short_forms: str
    down: str


class Format(Protocol):
    """What a module of a format offers."""

    NAME: str
    """Its name in `--format`, in the resource and in the ledger."""
    EXPECTED: str
    """The file names it reads, for messages."""
    ABOUT: About

    def evidence(self, listing: Listing) -> str:
        """Path of a file that only a folder of this format holds; empty when there is none.

        It decides alone when no format is named, so it looks into files where names are not enough.
        """

    def claims(self, listing: Listing) -> set[str]:
        """Paths of all files that the format has a use for, whether it reads them or not.

        Asked only of the format that was chosen. Whatever else looks like a migration is refused.
        """

    def read(self, listing: Listing) -> list[Migration]:
        """Migrations in order with positions from 1; what is wrong is added to `listing.problems`."""

    def short_forms(self, migration_id: str) -> tuple[str, ...]:
        """Other spellings of an id that `--target` accepts when they are unique."""


class _Later:
    """A format whose module is imported when it is needed."""

    def __init__(self, name: SourceFormat) -> None:
        self.NAME = str(name)

    def __getattr__(self, attribute: str) -> object:
        return getattr(importlib.import_module(f"{__name__}.{self.NAME.lower()}"), attribute)


FORMATS: tuple[Format, ...] = tuple(
    cast("Format", _Later(name)) for name in SourceFormat if name is not SourceFormat.AUTO
)
BY_NAME: dict[str, Format] = {known.NAME: known for known in FORMATS}


def candidates(listing: Listing) -> list[Format]:
    """The formats that a folder may be of, told by its names alone: the others are not even loaded."""
    hopeless: set[str] = set()
    names = listing.names
    if not any(name.endswith(".py") for name in names):
        hopeless.add(SourceFormat.PYTHON)
    if not any(name.endswith(".sql") and not name.endswith((".up.sql", ".down.sql")) for name in names):
        hopeless |= {SourceFormat.DBMATE, SourceFormat.GOOSE}
    if not listing.directories:
        if "_journal.json" not in listing.raw:
            hopeless.add(SourceFormat.DRIZZLE)
        if {name[0] for name in names}.isdisjoint("VU"):
            hopeless.add(SourceFormat.FLYWAY)
    return [known for known in FORMATS if known.NAME not in hopeless]


def short_forms(migration_id: str, format_name: str) -> tuple[str, ...]:
    """Short forms of an id in the format of that name; none when the format is not known here."""
    known = BY_NAME.get(format_name)
    return () if known is None else known.short_forms(migration_id)
