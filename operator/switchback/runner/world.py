"""The objects of a database as a plan would find them at each of its statements.

What earlier statements of the same range have created, dropped, renamed or moved is laid over what the
catalog holds now: a table that a later down drops as well is lost once, one that the range itself creates
holds nothing that was there before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchback.runner import effects as e
from switchback.runner.effects import Name
from switchback.runner.others import Others
from switchback.runner.schemas import Schemas
from switchback.runner.trees import TEMPORARY

if TYPE_CHECKING:
    from switchback.runner.catalog import Catalog, Column, Relation, Victim
    from switchback.runner.others import Place


@dataclass(eq=False)
class Thing:
    """A relation at some point of the plan. `relation` is None when the range itself created it.

    Attributes:
        kind: of one that the range created: `table`, `view` …
        columns: what changed: the catalog's name of a renamed column, or None for one that is gone.
        added: columns whose values come from the range itself.
        parts: partitions and heirs that the range has attached.
        referring: tables to which the range has given a foreign key to this one.
    """

    relation: Relation | None
    kind: str = ""
    columns: dict[str, str | None] = field(default_factory=dict)
    added: set[str] = field(default_factory=set)
    parts: list[Thing] = field(default_factory=list)
    referring: list[Thing] = field(default_factory=list)


class World:
    """The catalog with the plan's own changes on top.

    What the server would refuse changes nothing here: a model that is wrong about an object must not hide
    another one behind it.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.schemas = Schemas(catalog)
        self.others = Others(catalog, self.schemas)
        self._names: dict[Place, Thing | None] = {}
        self._things: dict[int, Thing] = {}
        self._gone: set[int] = set()
        self._gone_columns: set[tuple[int, int]] = set()
        self._gone_constraints: set[tuple[int, str]] = set()
        self._renamed_columns: set[str] = set()
        self._fleeting: set[str] = set()
        self._in_transaction = True

    def begin_half(self, *, in_transaction: bool = True) -> None:
        """The session as it began: every half begins so, and with nothing temporary left of those before."""
        self.schemas.begin()
        self._in_transaction = in_transaction
        self._fleeting.clear()
        for place in [place for place in self._names if place[0] == TEMPORARY]:
            del self._names[place]

    def follow(self, effect: e.Effect) -> None:
        """Effects that do nothing but make names and change what they mean; others change nothing here."""
        match effect:
            case e.Create():
                self.create(effect.name, effect.kind, brief=effect.brief)
            case e.CreateSchema():
                self.schemas.create(effect.schema)
            case e.CreateType():
                self.others.create_type(effect.name.name)
            case e.CreateFunction():
                self.others.new_functions.add(effect.name.name)
            case e.RenameOther():
                self.others.rename(effect.kind, effect.name, effect.new_schema, effect.new_name)
            case e.RenameSchema():
                self.schemas.rename(effect.schema, effect.new_name)
            case e.Role():
                self.schemas.set_role(effect.name)
            case _:
                pass

    def find(self, name: Name) -> Thing | None:
        """What a name means now, or None."""
        place = self._place(name)
        return None if place is None else self._at(place)

    def _place(self, name: Name) -> Place | None:
        places = ((key, name.name) for key in self.schemas.keys(name))
        return next((place for place in places if self._at(place) is not None), None)

    def _at(self, place: Place) -> Thing | None:
        if place in self._names:
            thing = self._names[place]
        else:
            relation = self.catalog.relations.get(place)
            thing = None if relation is None else self.thing(relation)
        return None if thing is None or self.is_gone(thing) else thing

    def thing(self, relation: Relation) -> Thing:
        """What the plan knows of one of the catalog's relations."""
        return self._things.setdefault(relation.oid, Thing(relation))

    def is_gone(self, thing: Thing) -> bool:
        """Whether the catalog's relation has been dropped."""
        return thing.relation is not None and thing.relation.oid in self._gone

    def is_shadowed(self, name: Name) -> bool:
        """Whether it may mean a temporary relation, or not: a run that is taken up again has lost that."""
        if name.schema not in {None, TEMPORARY} or name.name not in self._fleeting:
            return False
        keys = self.schemas.keys(Name(None, name.name))
        return any(self._at((key, name.name)) is not None for key in keys if key != TEMPORARY)

    def is_astray(self, name: Name) -> bool:
        """Whether the plan has moved something of such a name to where nobody looks for it."""
        places = {place for place in (*self._names, *self.catalog.relations) if place[1] == name.name}
        return any(map(self._has_moved, places))

    def _has_moved(self, place: Place) -> bool:
        thing = self._at(place)
        if thing is None or thing.relation is None:
            return False
        return place[0] != thing.relation.schema or place[0] in self.schemas.renamed

    def create(self, name: Name, kind: str, *, brief: bool) -> None:
        """A new relation, in the first schema of the path unless the name says another."""
        key = self.schemas.first(name)
        if key is None:
            return
        if key == TEMPORARY and not self._in_transaction:
            if brief:
                return  # it goes with the very statement that creates it
            self._fleeting.add(name.name)
        if self._at((key, name.name)) is None:
            self._names[key, name.name] = Thing(None, kind)

    def drop(self, thing: Thing) -> None:
        """The relation is gone."""
        if thing.relation is not None:
            self._gone.add(thing.relation.oid)
        for place in [place for place, known in self._names.items() if known is thing]:
            self._names[place] = None

    def rename(self, name: Name, new_schema: str | None, new_name: str | None) -> None:
        """The relation is found by another name from now on."""
        place = self._place(name)
        if place is None:
            return
        key = place[0] if new_schema is None else self.schemas.key(new_schema) or new_schema
        target = (key, new_name or name.name)
        if self._at(target) is None:
            self._names[place], self._names[target] = None, self._at(place)

    def moved_into(self, schema: str) -> list[Thing]:
        """What is in a schema, by its key, and was not before."""
        found = [self._at(place) for place in self._names if place[0] == schema]
        return [t for t in found if t is not None and (t.relation is None or t.relation.schema != schema)]

    def moved_out_of(self, schema: str) -> list[Relation]:
        """What was in a schema, by its key, and is in another."""
        places = {id(thing): place for place, thing in self._names.items() if thing is not None}
        return [
            thing.relation
            for thing in self._things.values()
            if thing.relation is not None
            and thing.relation.schema == schema
            and places.get(id(thing), (schema,))[0] != schema
        ]

    def attach(self, parent: Thing, part: Thing) -> None:
        """What takes the parent along takes the part along as well."""
        for thing in self._with_parents(parent):
            thing.parts.append(part)

    def detach(self, parent: Thing, part: Thing) -> None:
        """It is a part no more."""
        for thing in self._with_parents(parent):
            thing.parts = [known for known in thing.parts if known is not part]

    def _with_parents(self, thing: Thing) -> list[Thing]:
        above = [] if thing.relation is None else self.catalog.parents(thing.relation)
        return [thing, *map(self.thing, above)]

    def with_parts(self, thing: Thing) -> list[Thing]:
        """A relation, and what the plan has made a part of it, also through others."""
        found = [thing]
        for known in found:  # grows on the way
            found += [part for part in known.parts if part not in found and not self.is_gone(part)]
        return found

    def column(self, thing: Thing, name: str) -> Column | None:
        """A column that was there before the range, or None when it is new, gone or was never there."""
        if thing.relation is None or name in thing.added:
            return None
        old = thing.columns.get(name, name)
        found = None if old is None else self.catalog.columns(thing.relation).get(old)
        if found is None or (thing.relation.oid, found.number) in self._gone_columns:
            return None
        return found

    def may_have(self, thing: Thing, name: str) -> bool:
        """Whether a column that is not found may be there: a parent's column was given that name."""
        return name in self._renamed_columns and name not in thing.columns and name not in thing.added

    def add_column(self, thing: Thing, name: str) -> None:
        """A column whose values come from the range itself, unless there is one of that name."""
        if self.column(thing, name) is None:
            thing.added.add(name)

    def drop_column(self, thing: Thing, name: str) -> None:
        """The column is gone; one of the same name may come again."""
        thing.added.discard(name)
        thing.columns[name] = None

    def rename_column(self, thing: Thing, name: str, new_name: str) -> None:
        """The column is found by another name."""
        self._renamed_columns.add(new_name)
        if self.column(thing, new_name) is not None:
            return
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
