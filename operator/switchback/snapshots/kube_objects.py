"""Restore points that are objects in one namespace: made once, found again, deleted by their owner only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Failure, Observation, Phase
from switchback.controller.kube.errors import AlreadyExistsError, ConflictError, KubeError, NotFoundError
from switchback.snapshots import marks
from switchback.snapshots.kube_failures import kind_is_missing
from switchback.snapshots.kube_kinds import EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchback.contract.points import Intent, Ownership
    from switchback.controller.kube.kinds import Kind

Object = dict[str, Any]


class KubeObjects:
    """The objects of one kind in one namespace. Everything raises `KubeError`."""

    def __init__(
        self, client: Any, kind: Kind, namespace: str, *, name_limit: int = marks.NAME_LIMIT
    ) -> None:
        self.kind = kind
        self.namespace = namespace
        self._client = client
        self._limit = name_limit

    def name_of(self, point: str) -> str:
        """Name of the object of a restore point."""
        return marks.object_name(point, self._limit)

    async def get(self, point: str) -> Object | None:
        """The object of a restore point, whoever made it; None when there is none."""
        return await got(self._client, self.kind, self.namespace, self.name_of(point))

    async def find(self, intents: Sequence[Intent]) -> dict[str, Object]:
        """The objects of these restore points, whoever made them; one list when there are several."""
        found: dict[str, Object] = {}
        if len(intents) > 1:
            listed = await self.owned({intent.ownership.uid for intent in intents})
            by_name = {one["metadata"]["name"]: one for one in listed}
            found = {
                intent.name: by_name[self.name_of(intent.name)]
                for intent in intents
                if self.name_of(intent.name) in by_name
            }
        for intent in intents:
            # Somebody else's has no label of ours.
            if intent.name not in found and (one := await self.get(intent.name)) is not None:
                found[intent.name] = one
        return found

    async def owned(self, uids: set[str]) -> list[Object]:
        """Every object that bears the labels of these resources, from all pages."""
        return await listed(self._client, self.kind, self.namespace, labels=marks.selector(uids))

    async def served(self) -> None:
        """Nothing, if the kind is there and may be listed."""
        await self._client.request("GET", self.kind.path(self.namespace), query={"limit": "1"})

    async def make(self, intent: Intent, spec: Object, source: str) -> Object:
        """The new object, or the one that has its name."""
        body = {
            "apiVersion": self.kind.api_version,
            "kind": self.kind.kind,
            "metadata": {
                "name": self.name_of(intent.name),
                "labels": marks.labels(intent.ownership),
                "annotations": marks.annotate(intent, source),
            },
            "spec": spec,
        }
        try:
            made: Object = await self._client.create(self.kind, self.namespace, body)
        except AlreadyExistsError:
            found = await self.get(intent.name)
            if found is None:
                raise  # it was there and is gone: asking again is all there is to do
            return found
        return made

    async def remove(self, target: Object) -> None:
        """Delete this very object. It may be gone already."""
        await removed(self._client, self.kind, target)

    async def told(self, target: Object) -> str:
        """The newest event about an object; empty: none, or it may not be read."""
        metadata = target["metadata"]
        query = {"fieldSelector": f"involvedObject.uid={metadata['uid']}"}
        try:
            answer = await self._client.request("GET", EVENTS.path(self.namespace), query=query)
        except KubeError:
            return ""
        events = sorted(answer.get("items") or [], key=_event_time)
        return str(events[-1].get("message") or "") if events else ""

    def conflict(self, intent: Intent, found: Object) -> Failure | None:
        """Why an object of that name is not the restore point of this intent; None: it is."""
        return self.foreign(intent.name, intent.ownership, found)

    def foreign(self, point: str, expect: Ownership, found: Object) -> Failure | None:
        """Why an object is not the restore point `point` of this work; None: it is."""
        owner = marks.ownership_of(found)
        if owner is not None and owner.same_work(expect) and marks.point_of(found) == point:
            return None
        whose = (
            "bears nothing of ours"
            if owner is None
            else f"belongs to {owner.namespace}/{owner.name}, operation {owner.operation_id}, "
            f"attempt {owner.attempt}"
        )
        return self.taken(point, whose)

    def kept(self, target: Object) -> Failure | None:
        """Why an object of ours may not be deleted: somebody has marked it; None: nobody has."""
        if marks.KEEP not in marks.noted(target):
            return None
        name = f"{self.kind.kind} {self.namespace}/{target['metadata']['name']}"
        message = f"{name} has the annotation {marks.KEEP}."
        return Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_REFUSED, message)

    def taken(self, point: str, whose: str) -> Failure:
        """The failure that the name is in use by something else."""
        message = (
            f"{self.kind.kind} {self.namespace}/{self.name_of(point)} exists and {whose}. It is not touched."
        )
        return Failure(ErrorClass.CONFLICT, OperatorReason.SNAPSHOT_NAME_CONFLICT, message, "AlreadyExists")


async def got(client: Any, kind: Kind, namespace: str, name: str) -> Object | None:
    """One object; None when there is none of that name. Raises when the kind itself is missing."""
    try:
        found: Object = await client.get(kind, namespace, name)
    except NotFoundError as error:
        if kind_is_missing(error):
            raise
        return None
    return found


async def listed(client: Any, kind: Kind, namespace: str = "", *, labels: str = "") -> list[Object]:
    """All objects, from all pages."""
    return [one async for page in client.pages(kind, namespace, labels=labels) for one in page]


async def removed(client: Any, kind: Kind, target: Object) -> None:
    """Delete this very object and nothing that has taken its name. Finalizers are left to their owners."""
    metadata = target["metadata"]
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": metadata["uid"]},
    }
    try:
        await client.request("DELETE", kind.path(metadata["namespace"], metadata["name"]), body=options)
    except NotFoundError as error:
        if kind_is_missing(error):
            raise
    except ConflictError:
        return  # another object has the name by now, so this one is gone


def broken(point: str, failure: Failure) -> Observation:
    """What is seen of a restore point that could not be looked at, or is none of ours."""
    return Observation(name=point, phase=Phase.UNKNOWN, failure=failure, retry_after=failure.retry_after)


def _event_time(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return max((str(time)[:19] for time in times if time), default="")
