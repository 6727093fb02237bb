"""The objects of a database as a plan would find them at each of its statements.

What earlier statements of the same range have created, dropped, renamed or moved is laid over what the
catalog holds now: a table that a later down drops as well is lost once, one that the range itself creates
holds nothing that was there before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchback.runner.catalog import Catalog, Column, Relation, Victim
    from switchback.runner.effects import Name


@dataclass(eq=False)
class Thing:
    """A relation at some point of the plan. `relation` is None when the range itself created it.

    `columns` holds what changed: the catalog's name of a renamed column, or None for one that is new (its
    values come from the range itself) or gone.
    """

    relation: Relation | None
    columns: dict[str, str | None] = field(default_factory=dict)
    added: set[str] = field(default_factory=set)


class World:
    """The catalog with the plan's own changes on top."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.session_path = catalog.search_path()
        self.path = self.session_path
        self._names: dict[tuple[str, str], Thing | None] = {}
        self._things: dict[int, Thing] = {}
        self._gone: set[int] = set()
        self._gone_columns: set[tuple[int, int]] = set()
        self._gone_constraints: set[tuple[int, str]] = set()
        self._schemas: dict[str, str] = {}

    def begin_half(self) -> None:
        """Every half begins with the session's own settings."""
        self.path = self.session_path

    def schemas_of(self, name: Name) -> tuple[str, ...]:
        """Where a name may be found, by the catalog's names of the schemas."""
        wished = self.path if name.schema is None else (name.schema,)
        return tuple(self._schemas.get(schema, schema) for schema in wished)

    def find(self, name: Name) -> Thing | None:
        """What a name means now, or None."""
        for schema in self.schemas_of(name):
            key = (schema, name.name)
            if key in self._names:
                thing = self._names[key]
            else:
                relation = self.catalog.relations.get(key)
                thing = None if relation is None else self._things.setdefault(relation.oid, Thing(relation))
            if thing is not None and (thing.relation is None or thing.relation.oid not in self._gone):
                return thing
        return None

    def create(self, name: Name, *, unless_exists: bool) -> None:
        """A new relation, in the first schema of the path unless the name says another."""
        if unless_exists and self.find(name) is not None:
            return
        schemas = self.schemas_of(name)
        if schemas:
            self._names[schemas[0], name.name] = Thing(None)

    def drop(self, name: Name) -> None:
        """The relation is gone."""
        thing = self.find(name)
        if thing is None:
            return
        if thing.relation is not None:
            self._gone.add(thing.relation.oid)
        for key in [key for key, known in self._names.items() if known is thing]:
            self._names[key] = None

    def rename(self, name: Name, new_schema: str | None, new_name: str | None) -> None:
        """The relation is found by another name from now on."""
        thing = self.find(name)
        if thing is None:
            return
        for schema in self.schemas_of(name):
            key = (schema, name.name)
            relation = thing.relation
            if self._names.get(key) is thing or (relation and (relation.schema, relation.name) == key):
                self._names[key] = None
                target = self._schemas.get(new_schema, new_schema) if new_schema else schema
                self._names[target, new_name or name.name] = thing
                return

    def rename_schema(self, schema: str, new_name: str) -> None:
        """The schema's objects are found under its new name."""
        self._schemas[new_name] = self._schemas.pop(schema, schema)

    def column(self, thing: Thing, name: str) -> Column | None:
        """A column that was there before the range, or None when it is new, gone or was never there."""
        if thing.relation is None or name in thing.added:
            return None
        old = thing.columns.get(name, name)
        found = None if old is None else self.catalog.columns(thing.relation).get(old)
        if found is None or (thing.relation.oid, found.number) in self._gone_columns:
            return None
        return found

    def add_column(self, thing: Thing, name: str, *, unless_exists: bool) -> None:
        """A column whose values come from the range itself."""
        if not unless_exists or self.column(thing, name) is None:
            thing.added.add(name)

    def drop_column(self, thing: Thing, name: str) -> None:
        """The column is gone; one of the same name may come again."""
        thing.added.discard(name)
        thing.columns[name] = None

    def rename_column(self, thing: Thing, name: str, new_name: str) -> None:
        """The column is found by another name."""
        if name in thing.added:
            thing.added.discard(name)
            thing.added.add(new_name)
            return
        thing.columns[new_name] = thing.columns.get(name, name)
        thing.columns[name] = None

    def drop_constraint(self, thing: Thing, name: str) -> None:
        """The constraint is gone."""
        if thing.relation is not None:
            self._gone_constraints.add((thing.relation.oid, name))

    def still_there(self, victim: Victim) -> bool:
        """Whether a victim of CASCADE has not gone before."""
        relation = victim.relation
        if relation is not None:
            return relation.oid not in self._gone and (relation.oid, victim.column) not in self._gone_columns
        return victim.owner not in self._gone and (victim.owner, victim.name) not in self._gone_constraints

    def take(self, victim: Victim) -> None:
        """A victim goes with the statement."""
        if victim.relation is None:
            if victim.owner:
                self._gone_constraints.add((victim.owner, victim.name))
        elif victim.column:
            self._gone_columns.add((victim.relation.oid, victim.column))
        else:
            self._gone.add(victim.relation.oid)
