"""One way through the statements of a plan, keeping in mind what each finds and what it would destroy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.contract.words import Severity
from switchback.runner import effects as e
from switchback.runner import parser, probes
from switchback.runner.catalog import TABLE_KINDS, Catalog, Relation, Root, Victim
from switchback.runner.world import Thing, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Draft:
    """A loss whose severity a probe will tell, or that is known without one."""

    half: int
    place: tuple[str, int]
    object: str
    probe: probes.Probe | None = None
    severity: Severity = Severity.NOTHING
    why: str = ""
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """One effect with its place in the plan."""

    half: int
    place: tuple[str, int]
    effect: e.Effect


NO_RELATIONS = frozenset({"schema", "type", "function", "extension"})
"""Kinds of objects that hold rows only through others."""

_WIDER = {
    "int2": frozenset({"int4", "int8", "numeric"}),
    "int4": frozenset({"int8", "numeric"}),
    "int8": frozenset({"numeric"}),
    "float4": frozenset({"float8"}),
    "varchar": frozenset({"text", "varchar"}),
    "text": frozenset({"varchar"}),
    "date": frozenset({"timestamp"}),
    "json": frozenset({"text"}),
    "jsonb": frozenset({"text"}),
    "uuid": frozenset({"text"}),
}
"""Changes of a type that keep every value, when the new type has no modifier."""


class Walk:
    """One way through all effects. `wanted` are the roots whose closure it would have needed."""

    def __init__(self, catalog: Catalog, closures: Mapping[int, Sequence[Victim]]) -> None:
        self.catalog = catalog
        self.world = World(catalog)
        self.closures = closures
        self.wanted: dict[int, list[Root]] = {}
        self.drafts: list[Draft] = []
        self.number = 0
        self.act = Act(0, ("", 0), e.Opaque(""))

    def run(self, acts: Sequence[Act]) -> None:
        """Go through all of them, in order."""
        half = -1
        for self.number, self.act in enumerate(acts):
            if self.act.half != half:
                half = self.act.half
                self.world.begin_half()
            self._do(self.act.effect)

    def _do(self, effect: e.Effect) -> None:  # noqa: C901, PLR0912 - one case per kind of effect
        world = self.world
        match effect:
            case e.Drop():
                self._drop(effect)
            case e.DropColumn():
                self._drop_column(effect)
            case e.DropConstraint():
                self._drop_constraint(effect)
            case e.ChangeType():
                self._change_type(effect)
            case e.Truncate():
                self._truncate(effect)
            case e.Write():
                self._write(effect)
            case e.Calls():
                self._calls(effect)
            case e.Opaque():
                self._say(effect.what, severity=Severity.UNKNOWN)
            case e.Create():
                world.create(effect.name, unless_exists=effect.unless_exists)
            case e.Rename():
                world.rename(effect.name, effect.new_schema, effect.new_name)
            case e.RenameSchema():
                world.rename_schema(effect.schema, effect.new_name)
            case e.SearchPath():
                world.path = world.session_path if effect.schemas is None else effect.schemas
            case e.AddColumn():
                self._with(
                    effect.table,
                    lambda t: world.add_column(t, effect.column, unless_exists=effect.unless_exists),
                )
            case e.RenameColumn():
                self._with(effect.table, lambda t: world.rename_column(t, effect.column, effect.new_name))

    def _with(self, name: e.Name, do: Callable[[Thing], None]) -> None:
        thing = self.world.find(name)
        if thing is not None:
            do(thing)

    def _say(self, what: str, probe: probes.Probe | None = None, **more: Any) -> None:
        self.drafts.append(Draft(self.act.half, self.act.place, what, probe, **more))

    def _drop(self, effect: e.Drop) -> None:
        roots: list[Root] = []
        for name in effect.names:
            thing = (
                self.world.find(name)
                if effect.kind not in {"schema", "type", "function", "extension"}
                else None
            )
            if thing is not None:
                if thing.relation is not None:
                    roots.append(("pg_class", thing.relation.oid, 0))
                    self._relation(thing.relation)
                self.world.drop(name)
            elif effect.kind in {"schema", "type", "function", "extension"}:
                roots += self.catalog.roots(effect.kind, name.name, self.world.schemas_of(name))
        if effect.cascade or effect.kind == "extension":
            self._cascade(roots, members=effect.kind == "extension")

    def _relation(self, relation: Relation, *, cascade: bool = False) -> None:
        """A relation goes: what of it is lost."""
        if relation.kind in TABLE_KINDS or (relation.kind == "m" and relation.filled):
            self._say(relation.text, probes.Rows(relation), cascade=cascade)
        elif relation.kind == "m":
            self._say(relation.text, severity=Severity.EMPTY, cascade=cascade)
        elif relation.kind == "S":
            self._say(relation.text, probes.Counter(relation), cascade=cascade)
        elif cascade:
            self._say(relation.text, cascade=True)

    def _drop_column(self, effect: e.DropColumn) -> None:
        thing = self.world.find(effect.table)
        if thing is None:
            return
        column = self.world.column(thing, effect.column)
        if column is not None and thing.relation is not None:
            if thing.relation.kind in TABLE_KINDS:
                self._column(thing.relation, column.name)
            if effect.cascade:
                self._cascade([("pg_class", thing.relation.oid, column.number)])
        self.world.drop_column(thing, effect.column)

    def _column(self, relation: Relation, name: str, *, cascade: bool = False) -> None:
        column = self.catalog.columns(relation)[name]
        what = f"column {relation.schema}.{relation.name}.{name}"
        if column.generated:
            self._say(what, severity=Severity.DEFAULT_ONLY, why="its values are computed", cascade=cascade)
            return
        constant = column.default is not None and parser.is_constant(column.default)
        probe = probes.Values(relation, column, column.default if constant else None)
        self._say(what, probe, cascade=cascade)

    def _drop_constraint(self, effect: e.DropConstraint) -> None:
        thing = self.world.find(effect.table)
        if thing is None:
            return
        if effect.cascade and thing.relation is not None:
            self._cascade(self.catalog.constraint(thing.relation, effect.constraint))
        self.world.drop_constraint(thing, effect.constraint)

    def _change_type(self, effect: e.ChangeType) -> None:
        thing = self.world.find(effect.table)
        column = None if thing is None else self.world.column(thing, effect.column)
        if (
            thing is None
            or thing.relation is None
            or column is None
            or thing.relation.kind not in TABLE_KINDS
        ):
            return
        new = effect.type
        same = new.name == column.type_name and not new.modifiers and column.modifier == -1
        wider = new.name in _WIDER.get(column.type_name, ())
        if not effect.computed and not new.is_array and (same or (wider and not new.modifiers)):
            return
        what = f"type of column {thing.relation.schema}.{thing.relation.name}.{effect.column}"
        self._say(what, probes.Rows(thing.relation, Severity.UNKNOWN), why="values may be cut or changed")

    def _truncate(self, effect: e.Truncate) -> None:
        relations = [
            thing.relation
            for name in effect.tables
            if (thing := self.world.find(name)) is not None and thing.relation is not None
        ]
        for relation in relations:
            self._say(f"rows of {relation.text}", probes.Rows(relation))
        if effect.cascade and relations:
            for relation in self.catalog.referencing([relation.oid for relation in relations]):
                self._say(f"rows of {relation.text}", probes.Rows(relation), cascade=True)

    def _write(self, effect: e.Write) -> None:
        thing = self.world.find(effect.table)
        if thing is None or thing.relation is None:
            return
        if thing.relation.kind not in TABLE_KINDS:
            what = f"{effect.verb} on {thing.relation.text}"
            self._say(what, severity=Severity.UNKNOWN, why="its rows are kept elsewhere")
            return
        if effect.columns and all(column in thing.added for column in effect.columns):
            return  # they hold nothing that was there before
        self._say(f"{effect.verb} on {thing.relation.text}, which", probes.Rows(thing.relation))

    def _calls(self, effect: e.Calls) -> None:
        plain = [name.name for name in effect.functions if name.schema in {None, "pg_catalog"}]
        harmless = self.catalog.harmless_functions(plain)
        for name in effect.functions:
            if name.schema not in {None, "pg_catalog"} or name.name not in harmless:
                full = name.name if name.schema is None else f"{name.schema}.{name.name}"
                self._say(f"a call of function {full}", severity=Severity.UNKNOWN)

    def _cascade(self, roots: list[Root], *, members: bool = False) -> None:
        """What goes along: with CASCADE, or silently as a member of an extension."""
        if not roots:
            return
        self.wanted[self.number] = roots
        for victim in self.closures.get(self.number, ()):
            if not self.world.still_there(victim):
                continue
            if victim.hard or members:
                self._victim(victim)
            self.world.take(victim)

    def _victim(self, victim: Victim) -> None:
        relation = victim.relation
        if relation is None:
            if victim.hard:
                self._say(victim.text, cascade=True)
        elif not victim.column:
            self._relation(relation, cascade=victim.hard)
        elif relation.kind in TABLE_KINDS and victim.hard:
            names = [c.name for c in self.catalog.columns(relation).values() if c.number == victim.column]
            for name in names:
                self._column(relation, name, cascade=True)
