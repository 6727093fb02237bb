"""Whether the account may hold one more snapshot. There is a quota for each kind in each region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from switchback.api.reasons import OperatorReason
from switchback.aws.client import Trouble
from switchback.contract.points import ErrorClass, Failure, Finding
from switchback.snapshots import rds_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchback.aws.caller import Caller
    from switchback.aws.client import Aws
    from switchback.snapshots.rds_source import Source

DEFAULT: Final = 100
"""What AWS begins with. It is raised on request and never lowered, so whoever is far below need not ask."""

NEAR: Final = 0.9
WAIT: Final = 300.0


@dataclass(frozen=True, slots=True)
class Room:
    """How many manual snapshots there are, how many there may be, and how many of them are ours.

    `most`: 0 when it is not known, or was not asked for as there is room enough. `ours`: None when they were
    not counted.
    """

    used: int
    most: int = 0
    ours: int | None = None

    def told(self, source: Source) -> str:
        """For people."""
        most = self.most or "an unknown number"
        text = f"{source.region} holds {self.used} of {most} manual {source.kind.word} snapshots"
        if self.ours is not None:
            text += f", {self.ours} of this installation and {self.used - self.ours} of others"
        return text


async def counted(
    aws: Aws, caller: Caller, source: Source, installation: str, *, thoroughly: bool = False
) -> Room:
    """How much room there is. One page does in most accounts; the quota is asked for when it may matter.

    `thoroughly`: whose they are is counted, however many pages that takes.
    """
    kind = source.kind
    first, more = await aws.page(caller, kind.describe, kind.items, SnapshotType="manual")
    if not more:
        most = (await _quota(aws, caller, kind.quota))[1] or DEFAULT if len(first) >= DEFAULT * NEAR else 0
        return Room(len(first), most, _ours(first, installation))
    used, most = await _quota(aws, caller, kind.quota)
    if thoroughly or (most and used >= most * NEAR):
        found = await aws.pages(caller, kind.describe, kind.items, SnapshotType="manual")
        return Room(len(found), most, _ours(found, installation))
    return Room(used, most)


def _ours(found: Iterable[Mapping[str, Any]], installation: str) -> int:
    tags = map(rds_tags.read, found)
    return sum(rds_tags.UID in one and one.get(rds_tags.INSTALLATION, "") == installation for one in tags)


def finding(room: Room, source: Source) -> Finding | None:
    """What is to be said about it before a snapshot is asked for."""
    if not room.most or room.used < room.most * NEAR:
        return None
    full = room.used >= room.most
    reason = OperatorReason.SNAPSHOT_QUOTA_EXCEEDED if full else OperatorReason.SNAPSHOT_QUOTA_NEAR
    failure = Failure(ErrorClass.NEEDS_HUMAN, reason, room.told(source), retry_after=WAIT)
    return Finding(failure, warning=not full)


async def _quota(aws: Aws, caller: Caller, name: str) -> tuple[int, int]:
    """How many there are and may be, by AWS' own account. Zeros when it does not say: it need not."""
    try:
        answer = await aws.ask(caller, "DescribeAccountAttributes")
    except Trouble:
        return 0, 0
    quotas = {one.get("AccountQuotaName"): one for one in answer.get("AccountQuotas") or ()}
    found = quotas.get(name, {})
    return found.get("Used") or 0, found.get("Max") or 0
