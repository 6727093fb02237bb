"""What is found of another tool: its table, and what that says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

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


@dataclass(frozen=True, slots=True)
class History:
    """What a table says.

    Attributes:
        version: where the tool is, for people.
        applied: the files that count as applied, in the order of application.
        guard: SQL expression that is true while the table says the same.
    """

    version: str
    applied: tuple[Migration, ...]
    guard: str


class Tool(Protocol):
    """What the module of a tool offers."""

    NAME: str
    """For people."""
    TABLES: frozenset[str]
    """Names that its table has by default."""
    SCHEMAS: frozenset[str]
    """Schemas in which it keeps the table whatever the search path is; usually none."""
    FORMATS: frozenset[str]
    """Formats whose ids its versions can be told from."""

    def claims(self, table: Table) -> bool:
        """Whether a table of such a name is this tool's, by its columns."""

    def history(self, connection: psycopg.Connection[Any], table: Table, source: Source) -> History:
        """What the table says about these files.

        Raises:
            RunnerError: `AdoptionRefused`, naming table, version and what to do.
            psycopg.Error: it cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Adoption:
    """A history that is taken over when the ledger is made."""

    tool: str
    table: Table
    history: History

    @property
    def text(self) -> str:
        """Whose, where and which version, for people."""
        return f"{self.tool} ({self.table.text}, {self.history.version})"
