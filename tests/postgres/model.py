"""What a database and its ledger are after any sequence of commands and edits, by the rules that people read.

A migration makes tables, indexes and columns, and writes into the table `log`; one of its statements may be
broken. Everything is a
value: a run gives the states that it passes through, and how it ends.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MARK = "-- switchback: no-transaction\n"
BROKEN = "!"
Key = tuple[tuple[str, int, int, int | None], ...]


def sql(effect: str, *, stepwise: bool) -> str:
    """`+n` makes something, `-n` drops it, anything else is written into `log`."""
    if effect == BROKEN:
        return "SELECT 1/0;\n"
    if effect[0] not in "+-":
        return f"INSERT INTO log VALUES ('{effect}');\n"
    where = " CONCURRENTLY" if stepwise else ""
    made, dropped = {
        "x": ("CREATE TABLE {} (id int, v text)", "DROP TABLE {}"),
        "i": (f"CREATE INDEX{where} {{}} ON log (who)", f"DROP INDEX{where} {{}}"),
        "c": ("ALTER TABLE log ADD COLUMN {} int", "ALTER TABLE log DROP COLUMN {}"),
    }[effect[1]]
    return (made if effect[0] == "+" else dropped).format(effect[1:]) + ";\n"


def alone(effect: str, *, stepwise: bool) -> bool:
    """Whether no transaction takes it: its record may come too late by one run."""
    return stepwise and effect[0] in "+-" and effect[1] == "i"


@dataclass(frozen=True)
class Content:
    """A file. `parts` has a letter for each statement.

    T is a table, I an index of `log`, C a column of `log`, L a line in `log`; X is broken.
    """

    uid: int
    parts: str
    stepwise: bool
    has_down: bool
    comments: int = 0

    @property
    def up(self) -> tuple[str, ...]:
        made = {"T": "+x{0}_{1}", "I": "+i{0}_{1}", "C": "+c{0}_{1}", "L": "u{0}_{1}", "X": BROKEN}
        return tuple(made[part].format(self.uid, k) for k, part in enumerate(self.parts))

    @property
    def down(self) -> tuple[str, ...] | None:
        made = {"T": "-x{0}_{1}", "I": "-i{0}_{1}", "C": "-c{0}_{1}", "L": "d{0}_{1}", "X": "d{0}_{1}"}
        found = [made[part].format(self.uid, k) for k, part in enumerate(self.parts)]
        return tuple(reversed(found)) if self.has_down else None

    @property
    def texts(self) -> tuple[str, str | None]:
        mark = MARK if self.stepwise else ""
        up = mark + self._sql(self.up) + "-- more\n" * self.comments
        return up, None if self.down is None else mark + self._sql(self.down)

    def _sql(self, effects: tuple[str, ...]) -> str:
        return "".join(sql(effect, stepwise=self.stepwise) for effect in effects)


@dataclass(frozen=True)
class Row:
    """A row of the ledger: the file as it was applied, and how far it is."""

    id: str
    content: Content
    done: int
    down_done: int | None = None
    undoing: tuple[str, ...] = ()

    @property
    def is_partial(self) -> bool:
        return self.done < len(self.content.parts) or self.down_done is not None


@dataclass(frozen=True)
class State:
    """Ledger and schema; `tables` names indexes and columns as well."""

    rows: tuple[Row, ...] = ()
    tables: frozenset[str] = frozenset()
    log: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return tuple((row.id, row.done, len(row.content.parts), row.down_done) for row in self.rows)

    def row(self, name: str) -> Row | None:
        return next((row for row in self.rows if row.id == name), None)

    def after(self, effect: str) -> State | None:
        """With the effect of one statement; None when it fails."""
        name = effect[1:]
        if effect == BROKEN or (effect[0] == "+") > (name not in self.tables):
            return None
        if effect[0] == "+":
            return replace(self, tables=self.tables | {name})
        if effect[0] == "-":
            return replace(self, tables=self.tables - {name}) if name in self.tables else None
        return replace(self, log=tuple(sorted((*self.log, effect))))

    def after_all(self, effects: Iterable[str]) -> State | None:
        state: State | None = self
        for effect in effects:
            state = None if state is None else state.after(effect)
        return state

    def with_row(self, row: Row) -> State:
        if self.row(row.id) is None:
            return replace(self, rows=(*self.rows, row))
        return replace(self, rows=tuple(row if one.id == row.id else one for one in self.rows))

    def without_row(self, name: str) -> State:
        return replace(self, rows=tuple(one for one in self.rows if one.id != name))


@dataclass(frozen=True)
class Run:
    """What a command does: the reasons for which it may refuse, or the states it passes and how it ends.

    `begun`: states in which it stays only when it is ended: a first statement that runs alone is under way.
    """

    states: tuple[State, ...]
    ends: frozenset[Reason]
    begun: tuple[State, ...] = ()


def refused(state: State, reasons: Iterable[Reason]) -> Run:
    return Run((state,), frozenset(reasons))


def climb(state: State, files: dict[str, Content], ids: Sequence[str]) -> Run:
    """Apply files in order, until one fails."""
    states, begun = [state], list[State]()

    def ended(reason: Reason) -> Run:
        return Run(tuple(states), frozenset({reason}), tuple(begun))

    for name in ids:
        content, row = files[name], states[-1].row(name)
        if not content.stepwise:
            after = states[-1].after_all(content.up)
            if after is None:
                return ended(Reason.SQL_FAILED)
            states.append(after.with_row(Row(name, content, len(content.parts))))
            continue
        start = 0 if row is None else row.done
        if row is not None:
            if content.up[:start] != row.content.up[:start]:
                return ended(Reason.FILE_CHANGED)
            states.append(states[-1].with_row(replace(row, content=content)))
        for number, effect in enumerate(content.up[start:], start + 1):
            if number == 1 and alone(effect, stepwise=True):
                begun.append(states[-1].with_row(Row(name, content, 0)))
            after = states[-1].after(effect)
            if after is None:
                unbegun = row is None and number == 1
                return ended(Reason.SQL_FAILED if unbegun else Reason.FAILED_PARTLY)
            states.append(after.with_row(Row(name, content, number)))
    return ended(Reason.SUCCEEDED)


def descend(state: State, ways: Sequence[tuple[Row, tuple[str, ...], bool]]) -> Run:
    """Roll rows back by these statements, one by one or each in a transaction, until one fails."""
    states, begun = [state], list[State]()

    def ended(reason: Reason) -> Run:
        return Run(tuple(states), frozenset({reason}), tuple(begun))

    for row, effects, stepwise in ways:
        if not stepwise:
            after = states[-1].after_all(effects)
            if after is None:
                return ended(Reason.SQL_FAILED)
            states.append(after.without_row(row.id))
            continue
        start = row.down_done or 0
        if row.undoing[:start] != effects[:start]:
            return ended(Reason.FILE_CHANGED)
        for number, effect in enumerate(effects[start:], start + 1):
            if number == 1 and alone(effect, stepwise=True):
                begun.append(states[-1].with_row(replace(row, down_done=0, undoing=effects)))
            after = states[-1].after(effect)
            if after is None:
                unbegun = row.down_done is None and number == 1
                return ended(Reason.SQL_FAILED if unbegun else Reason.FAILED_PARTLY)
            last = number == len(effects)
            under_way = replace(row, down_done=number, undoing=effects)
            states.append(after.without_row(row.id) if last else after.with_row(under_way))
    return ended(Reason.SUCCEEDED)


@dataclass(frozen=True)
class Sight:
    """Files held against a state."""

    state: State
    files: dict[str, Content]

    @property
    def missing(self) -> list[Row]:
        return [row for row in self.state.rows if row.id not in self.files]

    @property
    def renamed(self) -> dict[str, str]:
        """From the id of a row to the file that holds what was applied."""
        texts = {row.content.texts[0]: row.id for row in self.missing}
        free = [name for name in sorted(self.files) if self.state.row(name) is None]
        return {texts[self.files[n].texts[0]]: n for n in free if self.files[n].texts[0] in texts}

    @property
    def pending(self) -> list[str]:
        known = set(self.renamed.values())
        return [n for n in sorted(self.files) if self.state.row(n) is None and n not in known]

    @property
    def resumable(self) -> list[str]:
        return [
            row.id
            for row in self.state.rows
            if row.is_partial and row.down_done is None and row.id in self.files
            and self.files[row.id].stepwise
        ]  # fmt: skip

    @property
    def last_known(self) -> str:
        return max((row.id for row in self.state.rows if row.id in self.files), default="")

    @property
    def is_clean(self) -> bool:
        """Whether files and ledger say the same, in one order, and what is pending comes last."""
        same = all(
            row.id in self.files and self.files[row.id].up == row.content.up and not row.is_partial
            for row in self.state.rows
        )
        ids = [row.id for row in self.state.rows]
        return same and ids == sorted(ids) and all(name > self.last_known for name in self.pending)

    def migrate(self, ids: Sequence[str], *, latest: bool) -> Run:
        """Apply `ids`, which wait, up to the last of them; or refuse."""
        why = set(self._refusals())
        if latest and self._is_ahead:
            why.add(Reason.SOURCE_BEHIND_LEDGER)
        if (latest or ids) and self.renamed:
            why.add(Reason.FILE_MISSING)
        if any(name in self.pending and name < self.last_known for name in ids):
            why.add(Reason.OUT_OF_ORDER)
        if why:
            return refused(self.state, why)
        if not ids:
            return refused(self.state, {Reason.UP_TO_DATE})
        return climb(self.state, self.files, ids)

    @property
    def _is_ahead(self) -> bool:
        """Whether the ledger holds something without a file behind all that has one."""
        known = [row.id in self.files for row in self.state.rows]
        gone = {row.id for row in self.missing} - set(self.renamed)
        last = max((at for at, has_file in enumerate(known) if has_file), default=-1)
        return any(row.id in gone for row in self.state.rows[last + 1 :])

    def _refusals(self) -> Iterable[Reason]:
        for row in self.state.rows:
            file = self.files.get(row.id)
            if row.is_partial and row.id not in self.resumable:
                yield Reason.FAILED_PARTLY
            if file is not None and not row.is_partial and file.up != row.content.up:
                yield Reason.FILE_CHANGED

    def rollback(self, rows: Sequence[Row], *, from_ledger: bool) -> Run:
        """Roll rows back, the last one first; or refuse, before anything runs."""
        ways, why = [], set()
        for row in reversed(rows):
            found = self._way(row, from_ledger=from_ledger)
            if isinstance(found, Reason):
                why.add(found)
                continue
            effects, stepwise = found
            if row.down_done and not stepwise:
                why.add(Reason.FILE_CHANGED)
            ways.append((row, effects, stepwise))
        return refused(self.state, why) if why else descend(self.state, ways)

    def _way(self, row: Row, *, from_ledger: bool) -> tuple[tuple[str, ...], bool] | Reason:
        file, then = self.files.get(row.id), row.content
        stored = None if then.down is None else (then.down, then.stepwise)
        if file is None:
            return stored or Reason.FILE_MISSING
        if file.down is None:
            return stored or Reason.NO_DOWN
        if stored in {None, (file.down, file.stepwise)}:
            return file.down, file.stepwise
        return stored if from_ledger and stored is not None else Reason.FILE_CHANGED


def under_way(state: State) -> tuple[str, ...]:
    """The statement that runs alone and comes next in a row that is half done; it may have taken effect."""
    for row in state.rows:
        if row.is_partial and row.content.stepwise:
            effects = row.content.up if row.down_done is None else row.undoing
            index = row.done if row.down_done is None else row.down_done
            return tuple(one for one in effects[index : index + 1] if alone(one, stepwise=True))
    return ()


def twice(state: State) -> list[str]:
    """Lines of `log` by how often they are there."""
    return sorted(f"{who} {number}" for who, number in Counter(state.log).items())
