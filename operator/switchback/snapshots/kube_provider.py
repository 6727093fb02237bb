"""What all providers have in common whose restore points are objects in the namespace of the resource."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from switchback.api.reasons import OperatorReason
from switchback.contract.points import (
    ErrorClass,
    Failure,
    Finding,
    Level,
    Listing,
    Observation,
    Owned,
    Phase,
    Verification,
)
from switchback.controller.kube.errors import KubeError
from switchback.snapshots import marks
from switchback.snapshots.kube_failures import HaltError, cause
from switchback.snapshots.kube_objects import KubeObjects, broken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.contract.points import Intent, Ownership
    from switchback.snapshots.kube_objects import Object


def clock() -> datetime:
    """The time of this machine, which is taken for that of the API server."""
    return datetime.now(UTC)


class Craft(Protocol):
    """What is special about one kind. All of these raise `KubeError` and `HaltError`; nothing else does."""

    objects: KubeObjects

    async def check(self, intent: Intent, found: list[Finding]) -> None:
        """Add to `found` what stands in the way; only reads."""
        ...

    async def make(self, intent: Intent) -> Object:
        """Create the object, or get the one that has its name."""
        ...

    def differs(self, target: Object) -> str:
        """In what an object that is ours is not what is asked for; empty: in nothing."""
        ...

    async def seen(self, target: Object, point: str) -> Observation:
        """The restore point that an object is, as it is now."""
        ...

    async def listed(self, target: Object, point: str) -> Observation:
        """The same of one that may be old: what it is taken of may be another by now."""
        ...

    async def verify(self, target: Object, seen: Observation) -> None:
        """Raise unless what is behind the object is what it should be."""
        ...

    async def delete(self, target: Object) -> None:
        """Delete the object, and what would be left behind by it. Raise when this is not the moment."""
        ...


class KubeProvider:
    """A `CallProvider` of one kind of object."""

    def __init__(self, craft: Craft) -> None:
        self._craft = craft
        self._objects = craft.objects

    async def preflight(self, intent: Intent) -> tuple[Finding, ...]:
        """What stands in the way, before anything is asked for."""
        found: list[Finding] = []
        try:
            await self._objects.served()
            await self._craft.check(intent, found)
        except (KubeError, HaltError) as error:
            found.append(Finding(cause(error)))
        # What is in the way comes first.
        return tuple(sorted(found, key=lambda one: one.warning))

    async def request(self, intent: Intent) -> Observation:
        """Ask for the restore point, or adopt the one of this very intent."""
        try:
            target = await self._objects.get(intent.name) or await self._craft.make(intent)
            return await self._look(intent, target)
        except (KubeError, HaltError) as error:
            return broken(intent.name, cause(error))

    async def observe(self, intents: Sequence[Intent]) -> dict[str, Observation]:
        """Each restore point as it is now, by its name."""
        try:
            found = await self._objects.find(intents)
        except KubeError as error:
            return {intent.name: broken(intent.name, cause(error)) for intent in intents}
        result = {intent.name: Observation(intent.name, Phase.ABSENT) for intent in intents}
        for intent in intents:
            if intent.name not in found:
                continue
            try:
                result[intent.name] = await self._look(intent, found[intent.name])
            except (KubeError, HaltError) as error:
                result[intent.name] = broken(intent.name, cause(error))
        return result

    async def list_owned(self, ownership: Ownership) -> Listing:
        """Every restore point of the resource, from all pages."""
        try:
            return await self._listed(ownership)
        except (KubeError, HaltError) as error:
            return Listing(failure=cause(error))

    async def verify(self, intent: Intent, level: Level) -> Verification:  # noqa: ARG002 - there is one level
        """Whether the object is whose and of what it should be, and something is behind it."""
        try:
            target = await self._objects.get(intent.name)
            if target is None:
                return Verification(Level.METADATA, self._lost(intent))
            seen = await self._look(intent, target)
            if seen.failure is None:
                await self._craft.verify(target, seen)
        except (KubeError, HaltError) as error:
            return Verification(Level.METADATA, cause(error))
        return Verification(Level.METADATA, seen.failure)

    async def delete(self, name: str, expect: Ownership) -> Observation:
        """Delete one object, after its ownership was read again. Its finalizers are left alone."""
        try:
            target = await self._objects.get(name)
            if target is None:
                return Observation(name, Phase.ABSENT)
            failure = self._objects.foreign(name, expect, target) or self._objects.kept(target)
            if failure is not None:
                return broken(name, failure)
            if not target["metadata"].get("deletionTimestamp"):
                await self._craft.delete(target)
        except (KubeError, HaltError) as error:
            return broken(name, cause(error))
        return Observation(name, Phase.DELETING, provider_id=str(target["metadata"]["uid"]))

    async def _listed(self, ownership: Ownership) -> Listing:
        points, foreign = [], 0
        mine = (ownership.installation, ownership.uid)
        for target in await self._objects.owned({ownership.uid}):
            owner, point = marks.ownership_of(target), marks.point_of(target)
            # A copy bears the annotations of what it was copied from, and another name.
            original = target["metadata"]["name"] == self._objects.name_of(point)
            if owner is None or (owner.installation, owner.uid) != mine or not original:
                foreign += 1
                continue
            # What is kept instead of others has to be there: its own word is not enough.
            seen = await self._craft.listed(target, point)
            created = str(target["metadata"].get("creationTimestamp", ""))
            points.append(Owned(seen, owner, created, marks.KEEP in marks.noted(target)))
        return Listing(tuple(points), complete=True, foreign=foreign)

    async def _look(self, intent: Intent, target: Object) -> Observation:
        failure = self._objects.foreign(intent.name, intent.ownership, target)
        if failure is None and (other := self._craft.differs(target)):
            failure = self._objects.taken(intent.name, other)
        if failure is not None:
            return broken(intent.name, failure)
        return await self._craft.seen(target, intent.name)

    def _lost(self, intent: Intent) -> Failure:
        name = f"{self._objects.kind.kind} {self._objects.namespace}/{self._objects.name_of(intent.name)}"
        return Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_LOST, f"{name} is not there.")
