"""What is remembered between calls, and shared by all resources: so that many of them cost few calls."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from switchback.aws.caller import Caller
    from switchback.aws.client import Aws
    from switchback.snapshots.rds_kinds import Kind
    from switchback.snapshots.rds_room import Room
    from switchback.snapshots.rds_source import Source

MOMENT: Final = 0.05
"""Seconds in which those gather who look at snapshots of one region: together they make one call."""

MOST: Final = 50
"""Names in one call. AWS documents no limit for them; a page holds 100."""

T = TypeVar("T")

Rows = dict[str, "Mapping[str, Any]"]
"""Snapshots by their identifiers."""


class Recent(Generic[T]):
    """Values by key, each with the time at which it was learnt."""

    def __init__(self) -> None:
        self._values: dict[Hashable, tuple[float, T]] = {}

    def put(self, key: Hashable, value: T) -> None:
        """Remember it."""
        self._values[key] = (time.monotonic(), value)

    def get(self, key: Hashable, seconds: float) -> T | None:
        """What is remembered, unless it is older than that."""
        at, value = self._values.get(key, (0.0, None))
        return value if value is not None and time.monotonic() - at <= seconds else None

    def forget(self, key: Hashable) -> None:
        """Let the next one ask again."""
        self._values.pop(key, None)


@dataclass
class _Round:
    names: set[str]
    result: asyncio.Task[Rows]


@dataclass
class Memory:
    """What the providers of one operator share.

    Attributes:
        sources: instances and clusters as they were last seen, by caller and instance.
        rooms: how full accounts are, by account, region and kind.
    """

    sources: Recent[Source] = field(default_factory=Recent)
    rooms: Recent[Room] = field(default_factory=Recent)
    _rounds: dict[tuple[Caller, str], _Round] = field(default_factory=dict)

    async def look(self, aws: Aws, caller: Caller, kind: Kind, names: Iterable[str]) -> Rows:
        """The snapshots of these identifiers that there are. Whoever asks at the same moment shares the call.

        Raises:
            Trouble: that did not work.
        """
        key, wanted = (caller, kind.word), set(names)
        ours = self._rounds.get(key)
        if ours is None:
            asked: set[str] = set()
            task = asyncio.get_running_loop().create_task(self._gather(aws, caller, kind, asked))
            # When all have given up, nobody asks how it ended.
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            ours = self._rounds[key] = _Round(asked, task)
        ours.names |= wanted
        # One of them may be given up; the others still want the answer.
        found = await asyncio.shield(ours.result)
        return {name: found[name] for name in wanted if name in found}

    async def _gather(self, aws: Aws, caller: Caller, kind: Kind, names: set[str]) -> Rows:
        await asyncio.sleep(MOMENT)
        del self._rounds[(caller, kind.word)]
        chosen = sorted(names)
        found: Rows = {}
        for start in range(0, len(chosen), MOST):
            wanted = [{"Name": kind.filter, "Values": chosen[start : start + MOST]}]
            page = await aws.pages(caller, kind.describe, kind.items, Filters=wanted)
            found |= {one[kind.id].lower(): one for one in page}
        return found
