"""What applying the manifest would change: in the resource, and in what is asked of the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.controller.intent import intent, intent_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.api.spec import Spec
    from switchback.controller.observed import Source
    from switchback.controller.view import View
    from switchback.explain.findings import Path

SHOWN = 60

_WORDS: dict[tuple[str, ...], str] = {
    ("target",): "spec.target",
    ("ahead",): "spec.source.aheadPolicy",
    ("source", "files"): "the files of the source",
    ("source", "image"): "spec.source.image.reference",
    ("source", "path"): "spec.source.image.path",
    ("database", "ledger"): "spec.database.ledgerSchema",
    ("database", "searchPath"): "spec.database.searchPath",
}


@dataclass(frozen=True)
class Change:
    """One value that differs."""

    path: Path
    before: Any
    after: Any


@dataclass(frozen=True)
class Begin:
    """Whether an operation begins, and why. `parts` are those of the intent that differ."""

    why: str
    begins: bool
    intent: str
    before: str = ""
    parts: tuple[str, ...] = ()


def changes(before: Any, after: Any, path: Path = ()) -> Iterator[Change]:
    """What differs between two states, down to single values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from changes(before.get(key), after.get(key), (*path, key))
    elif before != after:
        yield Change(path, before, after)


def begin(view: View, live: tuple[Spec, Source] | None) -> Begin:
    """Whether this state of the resource makes the operator begin an operation.

    Args:
        view: the resource after the apply.
        live: spec and source as they are now; None when there is no resource.
    """
    now = view.intent
    if view.status.operation is None:
        return Begin("nothing was ever begun for this resource.", begins=True, intent=now)
    was = view.operation.intent_digest
    if view.superseded:
        parts = _parts(live, view)
        why = (
            f"the intent differs: {', '.join(parts)}."
            if parts
            else "the intent differs from the one at work."
        )
        return Begin(why, begins=True, intent=now, before=was, parts=parts)
    if view.rollback_wanted:
        why = f"somebody asked to roll back to {view.rollback_wanted}."
        return Begin(why, begins=True, intent=now, before=was)
    if view.wants_new:
        outcome = view.outcome
        ended = (
            f"the last operation ended with {outcome.reason}" if outcome is not None else "the last one ended"
        )
        why = "somebody asked to try again" if view.again else "the spec was edited since"
        return Begin(f"{ended}, and {why}.", begins=True, intent=now, before=was)
    if view.outcome is None:
        why = f"operation {view.operation.id} works on this intent, and goes on."
        return Begin(why, begins=False, intent=now, before=was)
    outcome = view.outcome
    said = f"this very intent has ended with {outcome.reason} in operation {outcome.operation_id}."
    return Begin(said, begins=False, intent=now, before=was)


def _parts(live: tuple[Spec, Source] | None, view: View) -> tuple[str, ...]:
    """The parts of the intent that differ, in the words of the spec."""
    if live is None:
        return ()
    before, after = intent(*live), intent(view.spec, view.world.source)
    differing = list(changes(before, after))
    # The policy for a database that is ahead counts for latest only: it comes and goes with that target.
    found = [_word(one) for one in differing if one.path != ("ahead",) or None not in {one.before, one.after}]
    if not found and intent_digest(*live) == view.intent:
        return ("the files of the source",) if view.spec.config_maps else ()
    return tuple(dict.fromkeys(found))


def _word(change: Change) -> str:
    path = tuple(map(str, change.path))
    name = _WORDS.get(path) or (f"spec.database ({path[-1]})" if path[0] == "database" else f"spec.{path[0]}")
    if path == ("source", "files"):
        return name
    return f"{name} {shown(change.before)} → {shown(change.after)}"


def shown(value: Any) -> str:
    """A value in a sentence."""
    if value is None:
        return "(nothing)"
    if isinstance(value, dict | list):
        return "{…}" if isinstance(value, dict) else "[…]"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
