"""`spec.snapshot.volumeSnapshot`: a VolumeSnapshot of the volume that the server keeps its files on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from switchback.api.policies import OtherVolumes
from switchback.api.reasons import OperatorReason
from switchback.contract.points import Capabilities, ErrorClass, Failure, Finding, Phase, Place, Scope
from switchback.snapshots import serving, volume_classes, volume_state
from switchback.snapshots.kube_failures import HaltError
from switchback.snapshots.kube_kinds import CLAIMS, CLASSES, CONTENTS, PODS, VOLUME_SNAPSHOTS, VOLUMES
from switchback.snapshots.kube_objects import KubeObjects, got, listed, removed
from switchback.snapshots.kube_provider import KubeProvider, clock
from switchback.snapshots.volume_state import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from switchback.api.snapshots import Snapshot, VolumeSnapshot
    from switchback.contract.points import Intent, Observation
    from switchback.snapshots.kube_objects import Object
    from switchback.snapshots.provider import Tools
    from switchback.snapshots.volume_state import Patience

DELETE_PAUSE = 5.0
REMEMBERED = 64


class VolumeSnapshots(KubeProvider):
    """Takes VolumeSnapshots of one claim, by the snapshot controller and the CSI driver of the cluster."""

    capabilities = Capabilities(place=Place.OPERATOR, scope=Scope.VOLUME)

    def __init__(
        self,
        snapshot: Snapshot,
        namespace: str,
        tools: Tools,
        *,
        patience: Patience = PATIENCE,
        now: Callable[[], datetime] = clock,
    ) -> None:
        if snapshot.volume_snapshot is None:
            msg = "spec.snapshot.volumeSnapshot is not set"
            raise ValueError(msg)
        super().__init__(_Craft(snapshot.volume_snapshot, namespace, tools, patience, now))


class _Craft:
    """What is special about VolumeSnapshots."""

    def __init__(
        self,
        spec: VolumeSnapshot,
        namespace: str,
        tools: Tools,
        patience: Patience,
        now: Callable[[], datetime],
    ) -> None:
        self.objects = KubeObjects(tools.client, VOLUME_SNAPSHOTS, namespace)
        self._spec = spec
        self._claim = spec.persistent_volume_claim.claim_name
        self._namespace = namespace
        self._client: Any = tools.client
        self._patience = patience
        self._now = now
        self._erring: dict[str, str] = {}

    async def check(self, intent: Intent, found: list[Finding]) -> None:
        _, volume = await self._source()
        pods = await listed(self._client, PODS, self._namespace)
        served = serving.serving(pods, intent.subject, self._claim)
        if isinstance(served, Failure):
            found.append(Finding(served))
        elif served.others:
            found.append(self._split(served))
        await self._class(volume)

    async def make(self, intent: Intent) -> Object:
        claim, volume = await self._source()
        chosen = await self._class(volume)
        # The class by name, also when it is the default one: what was looked at is what is used.
        spec = {
            "volumeSnapshotClassName": chosen["metadata"]["name"],
            "source": {"persistentVolumeClaimName": self._claim},
        }
        return await self.objects.make(intent, spec, claim["metadata"]["uid"])

    def differs(self, target: Object) -> str:
        claim = (target["spec"].get("source") or {}).get("persistentVolumeClaimName")
        return "" if claim == self._claim else f"is of claim {claim}, not of {self._claim}"

    async def listed(self, target: Object, point: str) -> Observation:
        return await self.seen(target, point)

    def _since(self, target: Object) -> str:
        """When an error was first seen on an object: its own time begins anew whenever its text changes."""
        uid, error = str(target["metadata"].get("uid", "")), (target.get("status") or {}).get("error")
        if not error:
            self._erring.pop(uid, None)
            return ""
        while len(self._erring) >= REMEMBERED:
            del self._erring[next(iter(self._erring))]
        return self._erring.setdefault(uid, str(error.get("time") or ""))

    async def seen(self, target: Object, point: str) -> Observation:
        since = self._since(target)
        seen = volume_state.state(target, point, self._now(), self._patience, since=since)
        if volume_state.unheard(seen):
            return volume_state.with_event(seen, await self.objects.told(target))
        # One that was captured and has trouble may have lost its content.
        captured = bool(seen.capture_time) and seen.failure is not None
        if not captured and seen.phase is not Phase.AVAILABLE:
            return seen
        content = await self._content(target)
        if captured and content is not None:
            return seen
        failure = self._content_failure(target, content, "")
        if failure is None:
            return seen
        lost = failure.kind is ErrorClass.TERMINAL
        return replace(seen, phase=Phase.FAILED if lost else seen.phase, failure=failure)

    async def verify(self, target: Object, seen: Observation) -> None:
        # Whether captured is enough (waitFor) is for those to say who ask.
        if seen.phase not in {Phase.CAPTURED, Phase.AVAILABLE}:
            message = f"VolumeSnapshot {self._where(target)} is not captured: {seen.raw_status}."
            raise HaltError(Failure(ErrorClass.RETRY, OperatorReason.SNAPSHOT_INCOMPLETE, message))
        claim, volume = await self._source()
        uid = claim["metadata"]["uid"]
        if seen.source_id != uid:
            message = (
                f"VolumeSnapshot {self._where(target)} is of an earlier claim of the name {self._claim} "
                f"({seen.source_id}); the present one is {uid}."
            )
            raise HaltError(Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_SOURCE_MISMATCH, message))
        handle = volume_classes.handle_of(volume)
        failure = self._content_failure(target, await self._content(target), handle)
        if failure is not None:
            raise HaltError(failure)

    async def delete(self, target: Object) -> None:
        content = await self._content(target)
        if volume_state.in_flight(target, content):
            message = (
                f"VolumeSnapshot {self._where(target)} is being made right now. It is deleted once that has "
                "an outcome: before, the storage might keep a snapshot that nobody knows."
            )
            reason = OperatorReason.SNAPSHOT_SOURCE_BUSY
            raise HaltError(Failure(ErrorClass.RETRY, reason, message, retry_after=DELETE_PAUSE))
        await removed(self._client, VOLUME_SNAPSHOTS, target)

    async def _source(self) -> tuple[Object, Object]:
        """The claim and its volume."""
        claim = await got(self._client, CLAIMS, self._namespace, self._claim)
        where = f"PersistentVolumeClaim {self._namespace}/{self._claim}"
        if claim is None:
            reason = OperatorReason.SNAPSHOT_SOURCE_NOT_FOUND
            raise HaltError(Failure(ErrorClass.TERMINAL, reason, f"{where} does not exist."))
        name = claim["spec"].get("volumeName") or ""
        phase = (claim.get("status") or {}).get("phase")
        if phase != "Bound" or not name:
            message = f"{where} is {phase or 'new'} and not Bound: there is no volume to take a snapshot of."
            raise HaltError(Failure(ErrorClass.NEEDS_HUMAN, OperatorReason.SNAPSHOT_SOURCE_UNFIT, message))
        volume = await got(self._client, VOLUMES, "", name)
        if volume is None:
            message = f"PersistentVolume {name} of {where} does not exist: its data is lost."
            raise HaltError(Failure(ErrorClass.NEEDS_HUMAN, OperatorReason.SNAPSHOT_SOURCE_UNFIT, message))
        return claim, volume

    async def _class(self, volume: Object) -> Object:
        """The class that a snapshot of this volume is taken with."""
        classes = await listed(self._client, CLASSES)
        chosen = volume_classes.choose(classes, volume, self._spec.class_name)
        if isinstance(chosen, Failure):
            raise HaltError(chosen)
        unsafe = None if self._spec.allow_delete_policy else volume_classes.unsafe(chosen)
        if unsafe is not None:
            raise HaltError(unsafe)
        return chosen

    async def _content(self, target: Object) -> Object | None:
        name = (target.get("status") or {}).get("boundVolumeSnapshotContentName")
        return await got(self._client, CONTENTS, "", name) if name else None

    def _content_failure(self, target: Object, content: Object | None, handle: str) -> Failure | None:
        allowed = self._spec.allow_delete_policy
        return volume_state.content_failure(target, content, handle=handle, delete_allowed=allowed)

    def _split(self, served: serving.Serving) -> Finding:
        message = (
            f"Pod {served.pod} also keeps files on {', '.join(served.others)}, which a snapshot of "
            f"{self._claim} does not hold."
        )
        failure = Failure(ErrorClass.NEEDS_HUMAN, OperatorReason.SNAPSHOT_SPLIT_VOLUMES, message)
        return Finding(failure, warning=self._spec.other_volumes is OtherVolumes.IGNORE)

    @staticmethod
    def _where(target: Object) -> str:
        return f"{target['metadata']['namespace']}/{target['metadata']['name']}"
