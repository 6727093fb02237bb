"""What rolling back would destroy: looked up for real, named with its severity.

Recognised are DROP TABLE, COLUMN, MATERIALIZED VIEW, SEQUENCE, and with CASCADE (or for an extension's own
tables) whatever DROP of a schema, type, function or anything else takes along; TRUNCATE, DELETE, UPDATE,
MERGE; ALTER COLUMN TYPE. Another parsed statement removes no rows and is no loss. DO, CALL, EXECUTE, calls of
functions that are not the server's own, and what cannot be parsed are unknown. What earlier statements of the
plan have renamed, moved, attached or created is followed; where that cannot be done it is unknown.

Limits: triggers, rules and foreign keys with ON DELETE or ON UPDATE may reach further than the named table;
functions behind views, policies, operators, casts and domains, or called as `row.name`, are not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.contract.words import Severity
from switchback.migrations.halves import Code
from switchback.runner import effects as e
from switchback.runner import parser, probes
from switchback.runner.catalog import Catalog
from switchback.runner.loss import Assessment, Loss
from switchback.runner.walk import Act, Draft, Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psycopg

    from switchback.migrations.halves import Half

__all__ = ["Assessment", "Loss", "assess"]


def assess(halves: Sequence[Half | None], connection: psycopg.Connection[Any]) -> tuple[Assessment, ...]:
    """What each half would destroy, in the order in which they would run.

    Args:
        halves: the downs; None where nothing runs.
        connection: in autocommit. It is only read from; role and search path are those of the run.

    Raises:
        SourceProblem: a half cannot be run at all.
        psycopg.Error: the connection broke.
    """
    acts, drafts = _acts(halves)
    if acts:
        drafts += walked(acts, connection).drafts
    looks = [draft.probe for draft in drafts if draft.probe is not None]
    answers = probes.ask(connection, looks) if looks else {}
    found: list[list[Loss]] = [[] for _ in halves]
    for draft in drafts:
        found[draft.half].append(_loss(draft, answers))
    return tuple(Assessment(tuple(losses)) for losses in found)


def walked(acts: Sequence[Act], connection: psycopg.Connection[Any]) -> Walk:
    """Walk once to know whose dependents count, ask for those all at once, and walk again with the answer."""
    catalog = Catalog(connection)
    catalog.load(name.name for act in acts for name in _names(act.effect))
    altered = {act.effect.table.name for act in acts if isinstance(act.effect, (e.DropColumn, e.ChangeType))}
    catalog.load_columns(relation.oid for relation in catalog.relations.values() if relation.name in altered)
    walk = Walk(catalog, {})
    walk.run(acts)
    if walk.wanted:
        walk = Walk(catalog, catalog.closure(walk.wanted))
        walk.run(acts)
    return walk


def _loss(draft: Draft, answers: Mapping[probes.Probe, probes.Answer]) -> Loss:
    severity, why = draft.severity, draft.why
    if draft.probe is not None:
        severity, why = answers[draft.probe]
        why = why or (draft.why if severity is Severity.UNKNOWN else "")
    return Loss(severity, draft.object, *draft.place, why=why, cascade=draft.cascade)


def _acts(halves: Sequence[Half | None]) -> tuple[list[Act], list[Draft]]:
    """The effects of all halves, and what can be said without them."""
    acts: list[Act] = []
    drafts: list[Draft] = []
    for number, half in enumerate(halves):
        if half is None:
            continue
        if isinstance(half, Code) or half.directives.opaque:
            what = "a function in Python" if isinstance(half, Code) else "a file marked opaque"
            drafts.append(Draft(number, (half.path, half.first_line), what, severity=Severity.UNKNOWN))
            continue
        script = half.script
        alone = script.directives.no_transaction
        acts += [
            Act(number, (half.path, statement.line), effect, in_transaction=not alone)
            for statement in script.statements
            for effect in parser.effects(statement.text)
        ]
    return acts, drafts


def _names(effect: e.Effect) -> Iterable[e.Name]:
    """Names of relations that the effect speaks of, as far as they must be looked up."""
    match effect:
        case e.Drop():
            return effect.names
        case e.Truncate():
            return effect.tables
        case e.Rename() | e.Create():
            return (effect.name,)
        case e.Attach() | e.Detach():
            return (effect.parent, effect.child)
        case e.Refer():
            return (effect.table, effect.to)
        case _:
            table = getattr(effect, "table", None)
            return () if table is None else (table,)
