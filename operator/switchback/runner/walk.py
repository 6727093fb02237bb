"""One way through the statements of a plan, keeping in mind what each finds and what it would destroy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.contract.words import Severity
from switchback.runner import effects as e
from switchback.runner import parser, probes
from switchback.runner.catalog import TABLE_KINDS, Catalog, Column, Relation, Root, Victim, Wanted
from switchback.runner.widening import keeps_values
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
    in_transaction: bool = True


NO_RELATIONS = frozenset({"schema", "type", "function", "extension"})
"""Kinds of objects that hold rows only through others."""
HOLDERS = frozenset({"table", "materialized view", "sequence"})
"""Kinds of objects whose DROP alone may lose something."""
ELSEWHERE = frozenset({"view", "foreign table"})
"""Kinds of relations whose rows are kept elsewhere."""
_ONLY_SAYS = (e.Write, e.Truncate, e.Calls, e.Opaque, e.GoBack)
"""Effects after which every name means what it meant before."""


class Walk:
    """One way through all effects.

    `wanted` are the DROPs whose closure it would have needed, `taken` is what only their CASCADE takes along.
    """

    def __init__(self, catalog: Catalog, closures: Mapping[int, Sequence[Victim]]) -> None:
        self.catalog = catalog
        self.world = World(catalog)
        self.closures = closures
        self.wanted: dict[int, Wanted] = {}
        self.taken: dict[int, list[Victim]] = {}
        self.drafts: list[Draft] = []
        self.number = 0
        self.act = Act(0, ("", 0), e.Opaque(""))

    def run(self, acts: Sequence[Act]) -> None:
        """Go through all of them, in order."""
        half, changed = -1, False
        for self.number, self.act in enumerate(acts):
            if self.act.half != half:
                half, changed = self.act.half, False
                self.world.begin_half(in_transaction=self.act.in_transaction)
            if isinstance(self.act.effect, e.GoBack) and changed:
                self._say(
                    "a ROLLBACK TO SAVEPOINT", severity=Severity.UNKNOWN, why="it undoes what was followed"
                )
            self._do(self.act.effect)
            changed |= not isinstance(self.act.effect, _ONLY_SAYS)

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
            case e.SearchPath():
                self._search_path(effect)
            case e.AddColumn():
                self._with(effect.table, lambda t: world.add_column(t, effect.column))
            case e.RenameColumn():
                self._with(effect.table, lambda t: world.rename_column(t, effect.column, effect.new_name))
            case e.Rename():
                self._with(
                    effect.name,
                    lambda _: world.rename(effect.name, effect.new_schema, effect.new_name),
                )
            case e.Attach():
                self._with(effect.parent, lambda t: self._with(effect.child, lambda c: world.attach(t, c)))
            case e.Detach():
                self._with(effect.parent, lambda t: self._with(effect.child, lambda c: world.detach(t, c)))
            case e.Refer():
                self._with(effect.to, lambda t: self._with(effect.table, t.referring.append))
            case _:
                world.follow(effect)

    def _find(self, name: e.Name, what: str = "") -> Thing | None:
        """What a name means now. What would be done to it is unknown where that cannot be told for sure."""
        if self.world.is_shadowed(name):
            why = "without a transaction it may be lost between two statements"
            self._say(f"a temporary table {name.name}", severity=Severity.UNKNOWN, why=why)
        thing = self.world.find(name)
        if thing is None and what and self.world.is_astray(name):
            why = "what has that name is in another schema"
            self._say(f"{what} {name.text}", severity=Severity.UNKNOWN, why=why)
        return thing

    def _with(self, name: e.Name, do: Callable[[Thing], None]) -> None:
        thing = self._find(name)
        if thing is not None:
            do(thing)

    def _say(self, what: str, probe: probes.Probe | None = None, **more: Any) -> None:
        self.drafts.append(Draft(self.act.half, self.act.place, what, probe, **more))

    def _search_path(self, effect: e.SearchPath) -> None:
        if effect.local and not self.act.in_transaction:
            what = "SET LOCAL search_path outside a transaction"
            self._say(what, severity=Severity.UNKNOWN, why="it ends before the next statement")
            return
        self.world.schemas.set_path(effect.schemas)

    def _drop(self, effect: e.Drop) -> None:
        roots: list[Root] = []
        kept: list[Root] = []
        for name in effect.names:
            if effect.kind == "schema":
                self._drop_schema(name.name, effect, roots, kept)
            elif effect.kind in NO_RELATIONS:
                roots += self._drop_other(name, effect)
            else:
                wanted = effect.cascade or effect.kind in HOLDERS
                thing = self._find(name, f"DROP of {effect.kind}" if wanted else "")
                roots += [] if thing is None else self._goes(thing)
        if effect.cascade or effect.kind == "extension":
            self._cascade(Wanted(roots, kept), members=effect.kind == "extension")

    def _drop_schema(self, name: str, effect: e.Drop, roots: list[Root], kept: list[Root]) -> None:
        """Without CASCADE a schema goes only when it is empty."""
        world = self.world
        key = world.schemas.key(name)
        if key is not None and effect.cascade:
            for thing in world.moved_into(key):
                roots += self._goes(thing, cascade=True)
            roots += self.catalog.roots("schema", key)
            roots += world.others.moved_into(key)
            kept += [("pg_class", relation.oid, 0) for relation in world.moved_out_of(key)]
            kept += world.others.moved_out_of(key)
        world.schemas.drop(name)

    def _drop_other(self, name: e.Name, effect: e.Drop) -> list[Root]:
        if effect.kind == "extension":
            return self.catalog.roots("extension", name.name)
        if effect.kind == "type" and effect.cascade and name.name in self.world.others.made_types:
            why = "the plan has made it, and who uses it by then is not known"
            self._say(f"DROP of type {name.text} with CASCADE", severity=Severity.UNKNOWN, why=why)
        return self.world.others.roots(effect.kind, name)

    def _goes(self, thing: Thing, *, cascade: bool = False) -> list[Root]:
        """A relation goes, with what the plan has made a part of it: the roots of what depends on them."""
        roots: list[Root] = []
        for part in self.world.with_parts(thing):
            if part.relation is not None:
                roots.append(("pg_class", part.relation.oid, 0))
                self._relation(part.relation, cascade=cascade)
            self.world.drop(part)
        return roots

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

    def _columns(self, table: e.Name, column: str, what: str) -> list[tuple[Thing, Relation, Column]]:
        """A column that was there before, in a table and in what the plan has made a part of it."""
        thing = self._find(table, f"{what} of")
        found: list[tuple[Thing, Relation, Column]] = []
        for part in [] if thing is None else self.world.with_parts(thing):
            known = self.world.column(part, column)
            if part.relation is not None and known is not None:
                found.append((part, part.relation, known))
            elif part.relation is not None and self.world.may_have(part, column):
                why = "it may have got that name with another table"
                self._say(f"column {column} of {part.relation.text}", severity=Severity.UNKNOWN, why=why)
        return found

    def _drop_column(self, effect: e.DropColumn) -> None:
        roots: list[Root] = []
        for thing, relation, column in self._columns(effect.table, effect.column, "DROP COLUMN"):
            if relation.kind in TABLE_KINDS:
                self._column(relation, column.name)
            roots.append(("pg_class", relation.oid, column.number))
            self.world.drop_column(thing, effect.column)
        if effect.cascade:
            self._cascade(Wanted(roots))
        self._with(effect.table, lambda thing: self.world.drop_column(thing, effect.column))

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
        thing = self._find(effect.table)
        if thing is None:
            return
        if effect.cascade and thing.relation is not None:
            self._cascade(Wanted(self.catalog.constraint(thing.relation, effect.constraint)))
        self.world.drop_constraint(thing, effect.constraint)

    def _change_type(self, effect: e.ChangeType) -> None:
        for _, relation, column in self._columns(effect.table, effect.column, "ALTER COLUMN"):
            kept = effect.type.name not in self.world.others.new_types and keeps_values(effect, column)
            if relation.kind not in TABLE_KINDS or kept:
                continue
            what = f"type of column {relation.schema}.{relation.name}.{effect.column}"
            self._say(what, probes.Rows(relation, Severity.UNKNOWN), why="values may be cut or changed")

    def _rows(self, name: e.Name, verb: str) -> list[Thing]:
        """The tables whose rows a statement is about. Rows that are kept elsewhere are unknown."""
        thing = self._find(name, f"{verb} on")
        found = [] if thing is None else self.world.with_parts(thing)
        for part in found:
            there = part.relation
            if there is None and part.kind in ELSEWHERE:
                what = f"{verb} on {part.kind} {name.text}"
            elif there is not None and there.kind not in TABLE_KINDS:
                what = f"{verb} on {there.text}"
            else:
                continue
            self._say(what, severity=Severity.UNKNOWN, why="its rows are kept elsewhere")
        return [part for part in found if part.relation is None or part.relation.kind in TABLE_KINDS]

    def _truncate(self, effect: e.Truncate) -> None:
        named = [thing for name in effect.tables for thing in self._rows(name, "TRUNCATE")]
        for thing in named:
            if thing.relation is not None:
                self._say(f"rows of {thing.relation.text}", probes.Rows(thing.relation))
        for thing in self._referring(named) if effect.cascade else ():
            if thing.relation is not None:
                self._say(f"rows of {thing.relation.text}", probes.Rows(thing.relation), cascade=True)

    def _referring(self, named: Sequence[Thing]) -> list[Thing]:
        """Tables with foreign keys to these, of the catalog and of the plan, also through others."""
        found = list(named)
        fresh = found
        while fresh:
            oids = [thing.relation.oid for thing in fresh if thing.relation is not None]
            more = [self.world.thing(relation) for relation in self.catalog.referencing(oids)] if oids else []
            more += [other for thing in fresh for other in thing.referring]
            fresh = [t for t in dict.fromkeys(more) if t not in found and not self.world.is_gone(t)]
            found += fresh
        return found[len(named) :]

    def _write(self, effect: e.Write) -> None:
        for thing in self._rows(effect.table, effect.verb):
            if effect.columns and all(column in thing.added for column in effect.columns):
                continue  # they hold nothing that was there before
            if thing.relation is not None:
                self._say(f"{effect.verb} on {thing.relation.text}, which", probes.Rows(thing.relation))

    def _calls(self, effect: e.Calls) -> None:
        plain = [name.name for name in effect.functions if name.schema in {None, "pg_catalog"}]
        harmless = self.catalog.harmless_functions(plain)
        for name in effect.functions:
            servers = name.schema in {None, "pg_catalog"} and name.name in harmless
            if not servers or (name.schema is None and self._is_overloaded(name)):
                self._say(f"a call of function {name.text}", severity=Severity.UNKNOWN)

    def _is_overloaded(self, name: e.Name) -> bool:
        """Whether a function beside the server's has that name, and may be the one that is meant."""
        if name.name in self.world.others.new_functions:
            return True
        schemas = self.world.schemas.function_keys()
        within = schemas[0] == "pg_catalog"
        return any(
            overload.schema in schemas and not (within and overload.same_arguments)
            for overload in self.catalog.overloads(name.name)
        )

    def _cascade(self, wanted: Wanted, *, members: bool = False) -> None:
        """What goes along: with CASCADE, or silently as a member of an extension."""
        if not wanted.roots:
            return
        self.wanted[self.number] = wanted
        for victim in self.closures.get(self.number, ()):
            if not self.world.still_there(victim):
                continue
            if victim.hard:
                self.taken.setdefault(self.number, []).append(victim)
            if victim.hard or members:
                self._victim(victim)
            self.world.take(victim)

    def _victim(self, victim: Victim) -> None:
        relation = victim.relation
        if relation is None:
            if victim.hard:
                self._say(victim.text, cascade=True)
        elif not victim.column:
            self._goes(self.world.thing(relation), cascade=victim.hard)
        elif relation.kind in TABLE_KINDS and victim.hard:
            names = [c.name for c in self.catalog.columns(relation).values() if c.number == victim.column]
            for name in names:
                self._column(relation, name, cascade=True)
