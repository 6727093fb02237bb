"""What statements do to objects and rows: the words in which the parser speaks to the finder of losses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """A name as a statement writes it, unquoted and folded. `schema` is None when the search path decides."""

    schema: str | None
    name: str

    @property
    def text(self) -> str:
        """For people."""
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as a statement writes it: the name that the catalog has, such as `int8`, and its modifiers."""

    name: str
    modifiers: tuple[int, ...] = ()
    is_array: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """DROP of objects of one kind: `table`, `sequence`, `schema`, `type` … All names of one statement."""

    kind: str
    names: tuple[Name, ...]
    cascade: bool


@dataclass(frozen=True, slots=True)
class DropColumn:
    """ALTER TABLE … DROP COLUMN."""

    table: Name
    column: str
    cascade: bool


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """ALTER TABLE … DROP CONSTRAINT."""

    table: Name
    constraint: str
    cascade: bool


@dataclass(frozen=True, slots=True)
class ChangeType:
    """ALTER TABLE … ALTER COLUMN … TYPE. `computed`: with USING."""

    table: Name
    column: str
    type: TypeName
    computed: bool


@dataclass(frozen=True, slots=True)
class Truncate:
    """TRUNCATE of all tables of one statement."""

    tables: tuple[Name, ...]
    cascade: bool


@dataclass(frozen=True, slots=True)
class Write:
    """DELETE, UPDATE, MERGE or INSERT … ON CONFLICT DO UPDATE. `columns` are those set, empty for all."""

    verb: str
    table: Name
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Create:
    """A new relation, unless there is one of that name. `brief`: the end of the transaction drops it."""

    kind: str
    name: Name
    brief: bool = False


@dataclass(frozen=True, slots=True)
class CreateSchema:
    """A new schema, unless there is one of that name."""

    schema: str


@dataclass(frozen=True, slots=True)
class CreateType:
    """A new type or domain."""

    name: Name


@dataclass(frozen=True, slots=True)
class CreateFunction:
    """A new function or aggregate, or another body for one."""

    name: Name


@dataclass(frozen=True, slots=True)
class AddColumn:
    """ALTER TABLE … ADD COLUMN."""

    table: Name
    column: str


@dataclass(frozen=True, slots=True)
class Attach:
    """A table becomes a partition or an heir of another, which takes it along from then on."""

    parent: Name
    child: Name


@dataclass(frozen=True, slots=True)
class Detach:
    """The opposite of `Attach`."""

    parent: Name
    child: Name


@dataclass(frozen=True, slots=True)
class Refer:
    """A table gets a foreign key to another."""

    table: Name
    to: Name


@dataclass(frozen=True, slots=True)
class Rename:
    """A relation gets another name, or another schema."""

    name: Name
    new_schema: str | None = None
    new_name: str | None = None


@dataclass(frozen=True, slots=True)
class RenameOther:
    """The same of a `type` or `function`."""

    kind: str
    name: Name
    new_schema: str | None = None
    new_name: str | None = None


@dataclass(frozen=True, slots=True)
class RenameColumn:
    """A column gets another name."""

    table: Name
    column: str
    new_name: str


@dataclass(frozen=True, slots=True)
class RenameSchema:
    """A schema gets another name."""

    schema: str
    new_name: str


@dataclass(frozen=True, slots=True)
class SearchPath:
    """SET search_path; None is back to what the session began with. `local`: until the transaction ends."""

    schemas: tuple[str, ...] | None
    local: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """SET ROLE or SESSION AUTHORIZATION, after which `$user` is another; None is back to the first."""

    name: str | None


@dataclass(frozen=True, slots=True)
class GoBack:
    """ROLLBACK TO SAVEPOINT."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Functions that a statement calls, or will have called for rows that come later."""

    functions: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Opaque:
    """Nobody can say what it does. `what` names it for people, such as `a DO block`."""

    what: str


Effect = (
    Drop
    | DropColumn
    | DropConstraint
    | ChangeType
    | Truncate
    | Write
    | Create
    | CreateSchema
    | CreateType
    | CreateFunction
    | AddColumn
    | Attach
    | Detach
    | Refer
    | Rename
    | RenameOther
    | RenameColumn
    | RenameSchema
    | SearchPath
    | Role
    | GoBack
    | Calls
    | Opaque
)
