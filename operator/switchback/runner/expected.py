"""What a run is told of slots, and of what it has to undo. The command line imports it: no driver."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which versions a slot works with. Each is an id or a short form, as for a target; empty: no bound."""

    name: str
    minimum: str = ""
    maximum: str = ""


@dataclass(frozen=True, slots=True)
class Undo:
    """What a rollback has to undo. Whatever is left empty counts for nothing.

    Attributes:
        of: operation: all that it has applied, and that is still applied, and nothing else.
        count: so many migrations.
        ids: these among them.
    """

    of: str = ""
    count: int | None = None
    ids: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.of or self.ids) or self.count is not None


ANY = Undo()
"""Whatever the target says."""
