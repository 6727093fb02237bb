"""`--cascade`: CASCADE for those DROPs of a way back that would fail without it.

Each of them gets its CASCADE, and before it, in the same transaction, a statement that fails when by then
something else depends on the object than what was shown. Both stand on the DROP's own line: lines stay.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from switchback.migrations.halves import Sql
from switchback.runner import effects as e
from switchback.runner import parser
from switchback.runner.catalog import CLOSURE, closure_columns
from switchback.runner.ledger.names import literal
from switchback.runner.losses import walked
from switchback.runner.plan import CASCADE_LOOK
from switchback.runner.walk import Act

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from switchback.migrations.halves import Half
    from switchback.migrations.script import Statement
    from switchback.runner.catalog import Victim, Wanted

_RESTRICT = re.compile(r"\brestrict\s*\Z", re.IGNORECASE)


def cascading(halves: Sequence[Half | None], connection: psycopg.Connection[Any]) -> tuple[Half | None, ...]:
    """The halves with CASCADE where a DROP needs it.

    A file without transaction stays as it is: nothing could hold there what was shown and what is done
    together. So does a DROP with RESTRICT, and one among several commands of an ALTER TABLE.

    Args:
        halves: in the order in which they would run; None where nothing runs.
        connection: in autocommit; only read from.

    Raises:
        psycopg.Error: the connection broke.
    """
    acts: list[Act] = []
    wished: dict[int, tuple[int, int]] = {}
    for number, half in enumerate(halves):
        if not isinstance(half, Sql) or half.directives.opaque:
            continue
        alone = half.directives.no_transaction
        for index, statement in enumerate(half.statements):
            found = parser.effects(statement.text)
            needs = None if alone else _with_cascade(statement, found)
            if needs is not None:
                wished[len(acts)] = (number, index)
                found = (needs,)
            place = (half.path, statement.line)
            acts += [Act(number, place, effect, in_transaction=not alone) for effect in found]
    if not wished:
        return tuple(halves)
    walk = walked(acts, connection)
    result = list(halves)
    for number in range(len(halves)):
        chosen = {
            index: _look(walk.wanted[act], walk.taken[act])
            for act, (owner, index) in wished.items()
            if owner == number and walk.taken.get(act)
        }
        half = result[number]
        if chosen and isinstance(half, Sql):
            result[number] = _rewritten(half, chosen)
    return tuple(result)


def _with_cascade(statement: Statement, found: tuple[e.Effect, ...]) -> e.Effect | None:
    """The effect that a plain DROP would have with CASCADE; None for everything else."""
    if len(found) != 1 or _RESTRICT.search(statement.text):
        return None
    effect = found[0]
    if isinstance(effect, (e.Drop, e.DropColumn, e.DropConstraint)) and not effect.cascade:
        several = statement.words[:1] == ("ALTER",) and "," in statement.text
        concurrently = "CONCURRENTLY" in statement.words[:3]
        return None if several or concurrently else replace(effect, cascade=True)
    return None


def _look(wanted: Wanted, taken: Sequence[Victim]) -> str:
    """A statement that divides by zero when CASCADE would take anything else than this along."""
    query = CLOSURE
    for column in closure_columns({0: wanted}):
        listed = literal("{" + ",".join(str(value) for value in column) + "}")
        query = query.replace("%s", listed, 1)
    texts = ", ".join(literal(text) for text in sorted(one.text for one in taken))
    query = " ".join(query.split())
    gathered = 'SELECT pg_catalog.array_agg(what ORDER BY what COLLATE "C")'
    now = f"({gathered} FROM ({query}) x WHERE hard)"
    shown = f"({gathered} FROM pg_catalog.unnest(ARRAY[{texts}]::text[]) AS t (what))"
    # The query is ours; names in it are quoted.
    return f"SELECT 1 / ({now} IS NOT DISTINCT FROM {shown})::int AS {CASCADE_LOOK}"  # noqa: S608


def _rewritten(half: Sql, chosen: dict[int, str]) -> Sql:
    """The half with a look before, and CASCADE behind, each chosen statement."""
    text = half.text
    for index in sorted(chosen, reverse=True):
        statement = half.statements[index]
        end = statement.offset + len(statement.text)
        text = f"{text[: statement.offset]}{chosen[index]}; {statement.text} CASCADE{text[end:]}"
    return Sql.of(half.path, text, half.first_line, half.preset)
