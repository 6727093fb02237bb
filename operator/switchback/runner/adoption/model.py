"""What is found of another tool: its table, and what that says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from switchback.runner.ledger.names import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from switchback.migrations.model import Migration, Source


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose name is that of some tool's history.

    Attributes:
        schema: where it is.
        name: of the table.
        columns: types by name, as the server writes them.
        on_path: whether the session finds it without naming the schema.
    """

    schema: str
    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    on_path: bool = True

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """For a statement."""
        return f"{identifier(self.schema)}.{identifier(self.name)}"


class Entry(NamedTuple):
    """One version that a table says is applied.

    Attributes:
        version: as the tool names it.
        migration: the file that it names; None when no file does.
        trouble: a sentence: why that file is not what the tool has applied. Empty when it is.
        advice: what to do about the trouble.
    """

    version: str
    migration: Migration | None
    trouble: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a table says, before it is judged whether that fits the files.

    Attributes:
        version: where the tool is, for people.
        entries: what it says is applied, in the order of application.
        guard: SQL expression that is true while the table says the same.
        high_water: whether everything before an entry counts as applied, too.
        notices: sentences for people.
        stranger: what may be the matter when no version has a file, as a sentence; may be empty.
    """

    version: str
    entries: tuple[Entry, ...]
    guard: str
    high_water: bool = False
    notices: tuple[str, ...] = ()
    stranger: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """What a table says, as it is taken over.

    Attributes:
        version: where the tool is, for people.
        applied: the files that count as applied, in the order of application.
        guard: SQL expression that is true while the table says the same.
        notices: sentences for people, about what does not fit or is left out.
    """

    version: str
    applied: tuple[Migration, ...]
    guard: str
    notices: tuple[str, ...] = ()


class Tool(Protocol):
    """What the module of a tool offers."""

    NAME: str
    """For people, and for `--from`."""
    TABLES: frozenset[str]
    """Names that its table has by default."""
    SCHEMAS: frozenset[str]
    """Schemas in which it keeps the table whatever the search path is; usually none."""
    FORMATS: frozenset[str]
    """Formats whose ids its versions can be told from; empty: of any, when a version is an id."""
    NEEDS: frozenset[str]
    """Columns without which nothing can be read."""

    def claims(self, table: Table) -> bool:
        """Whether a table, whatever its name, is this tool's, by its columns."""

    def read(self, connection: psycopg.Connection[Any], table: Table, source: Source) -> Reading:
        """What the table says, and which of these files it names.

        Raises:
            RunnerError: `AdoptionRefused` for what no choice of files can mend, such as a migration that
                failed part-way; `PermissionDenied`.
            psycopg.Error: it cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Adoption:
    """A history that is taken over when the ledger is made.

    Attributes:
        tool: its name.
        table: where it is.
        history: what it says.
        locks: whether the role may keep others from writing to the table meanwhile.
        keep_rows: whether our runs write the tool's rows as well, from then on.
    """

    tool: str
    table: Table
    history: History
    locks: bool = False
    keep_rows: bool = False

    @property
    def text(self) -> str:
        """Whose, where and which version, for people."""
        return f"{self.tool} ({self.table.text}, {self.history.version})"
