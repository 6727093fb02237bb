"""What statements do to objects and rows: the words in which the parser speaks to the finder of losses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """A name as a statement writes it, unquoted and folded. `schema` is None when the search path decides."""

    schema: str | None
    name: str


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
    """A new relation. `unless_exists`: IF NOT EXISTS."""

    kind: str
    name: Name
    unless_exists: bool = False


@dataclass(frozen=True, slots=True)
class AddColumn:
    """ALTER TABLE … ADD COLUMN."""

    table: Name
    column: str
    unless_exists: bool = False


@dataclass(frozen=True, slots=True)
class Rename:
    """A relation gets another name, or another schema."""

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
    """SET search_path; None is back to what the session began with."""

    schemas: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Calls:
    """Functions called by statements on rows."""

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
    | AddColumn
    | Rename
    | RenameColumn
    | RenameSchema
    | SearchPath
    | Calls
    | Opaque
)
