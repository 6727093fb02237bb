"""`spec.snapshot.cloudNativePG`: a Backup that CloudNativePG takes of one of its Clusters. Experimental."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.api.reasons import OperatorReason
from switchback.contract.points import Capabilities, ErrorClass, Failure, Finding, Phase, Place, Scope
from switchback.snapshots import backup_state, marks, serving, volume_classes, volume_state
from switchback.snapshots.kube_failures import HaltError
from switchback.snapshots.kube_kinds import BACKUPS, CLASSES, CLUSTERS, CONTENTS, PODS, VOLUME_SNAPSHOTS
from switchback.snapshots.kube_objects import KubeObjects, got, listed, removed
from switchback.snapshots.kube_provider import KubeProvider, clock
from switchback.snapshots.volume_state import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from switchback.api.snapshots import CloudNativePG, Snapshot
    from switchback.contract.points import Intent, Observation, Subject
    from switchback.snapshots.kube_objects import Object
    from switchback.snapshots.provider import Tools
    from switchback.snapshots.volume_state import Patience

NAME_LIMIT = 63
"""CloudNativePG writes the name of a Backup into labels."""

BUSY_PAUSE = 15.0


class CloudNativePGBackups(KubeProvider):
    """Takes Backups of one Cluster: volume snapshots, or what a plugin of CloudNativePG makes."""

    capabilities = Capabilities(
        place=Place.OPERATOR,
        scope=Scope.INSTANCE,
        experimental="CloudNativePG itself has never run in our tests: its CustomResourceDefinitions are the "
        "real ones, what its operator writes into them was played by hand.",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        namespace: str,
        tools: Tools,
        *,
        patience: Patience = PATIENCE,
        now: Callable[[], datetime] = clock,
    ) -> None:
        if snapshot.cloud_native_pg is None:
            msg = "spec.snapshot.cloudNativePG is not set"
            raise ValueError(msg)
        super().__init__(_Craft(snapshot.cloud_native_pg, namespace, tools, patience, now))


class _Craft:
    """What is special about Backups of CloudNativePG."""

    def __init__(
        self,
        spec: CloudNativePG,
        namespace: str,
        tools: Tools,
        patience: Patience,
        now: Callable[[], datetime],
    ) -> None:
        self.objects = KubeObjects(tools.client, BACKUPS, namespace, name_limit=NAME_LIMIT)
        self._spec = spec
        self._namespace = namespace
        self._client: Any = tools.client
        self._patience = patience
        self._now = now

    async def check(self, intent: Intent, found: list[Finding]) -> None:
        cluster = await self._cluster()
        mismatch = self._other_system(cluster, intent.subject) or await self._other_pod(
            cluster, intent.subject
        )
        if mismatch:
            failure = Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_SOURCE_MISMATCH, mismatch)
            found.append(Finding(failure))
        refused = self._not_set_up(cluster)
        if refused:
            found.append(Finding(Failure(ErrorClass.NEEDS_HUMAN, OperatorReason.SNAPSHOT_REFUSED, refused)))
        elif not self._spec.plugin:
            found.extend(await self._volume_findings(cluster))
        others = await self._unfinished(self.objects.name_of(intent.name))
        if others:
            message = (
                f"Another backup of Cluster {self._where()} is not finished: {', '.join(others)}. "
                "CloudNativePG takes one at a time."
            )
            reason = OperatorReason.SNAPSHOT_SOURCE_BUSY
            found.append(Finding(Failure(ErrorClass.RETRY, reason, message, retry_after=BUSY_PAUSE)))

    async def make(self, intent: Intent) -> Object:
        cluster = await self._cluster()
        # Every field that has a default elsewhere is set: method, target and checkpoint would be others.
        spec: Object = {"cluster": {"name": self._spec.cluster_name}, "target": "primary"}
        if self._spec.plugin:
            spec |= {"method": "plugin", "pluginConfiguration": {"name": self._spec.plugin}}
        else:
            online = {"immediateCheckpoint": True, "waitForArchive": backup_state.archives(cluster)}
            spec |= {"method": "volumeSnapshot", "online": True, "onlineConfiguration": online}
        return await self.objects.make(intent, spec, cluster["metadata"]["uid"])

    def differs(self, target: Object) -> str:
        spec = target.get("spec") or {}
        cluster = (spec.get("cluster") or {}).get("name")
        if cluster != self._spec.cluster_name:
            return f"is of Cluster {cluster}, not of {self._spec.cluster_name}"
        plugin = (spec.get("pluginConfiguration") or {}).get("name") or ""
        if plugin != self._spec.plugin:
            return (
                f"is made by {plugin or 'volume snapshots'}, not by {self._spec.plugin or 'volume snapshots'}"
            )
        return ""

    async def listed(self, target: Object, point: str) -> Observation:
        seen = backup_state.state(target, point, self._now(), self._patience)
        if seen.phase is not Phase.AVAILABLE:
            return seen
        return backup_state.counted(seen, target, await self._snapshots(target))

    async def seen(self, target: Object, point: str) -> Observation:
        seen = backup_state.state(target, point, self._now(), self._patience)
        if seen.phase is Phase.PENDING and seen.failure is not None:
            return volume_state.with_event(seen, await self.objects.told(target))
        if seen.phase is not Phase.AVAILABLE:
            return seen
        return backup_state.judged(seen, target, await self._cluster(), await self._snapshots(target))

    async def verify(self, target: Object, seen: Observation) -> None:
        name = f"Backup {self._namespace}/{target['metadata']['name']}"
        if seen.phase not in {Phase.CAPTURED, Phase.AVAILABLE}:
            message = f"{name} is not captured: {seen.raw_status}."
            raise HaltError(Failure(ErrorClass.RETRY, OperatorReason.SNAPSHOT_INCOMPLETE, message))
        cluster = await self._cluster()
        system = (cluster.get("status") or {}).get("systemID")
        noted = marks.noted(target).get(marks.SYSTEM)
        if cluster["metadata"]["uid"] != seen.source_id or system != noted:
            message = (
                f"{name} is of a Cluster with system identifier {noted}; the present one of the name "
                f"{self._spec.cluster_name} has {system} (uid {cluster['metadata']['uid']})."
            )
            raise HaltError(Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_SOURCE_MISMATCH, message))
        for snapshot in await self._snapshots(target):
            # Which class is used is the Cluster's business; the preflight tells what it means.
            content = await self._content(snapshot)
            failure = volume_state.content_failure(snapshot, content, handle="", delete_allowed=True)
            if failure is not None:
                raise HaltError(failure)

    async def delete(self, target: Object) -> None:
        parts = await self._snapshots(target)
        busy = backup_state.phase_of(target) in backup_state.AT_WORK
        for snapshot in parts:
            busy = busy or volume_state.in_flight(snapshot, await self._content(snapshot))
        if busy:
            name = f"Backup {self._namespace}/{target['metadata']['name']}"
            message = f"{name} is being made right now. It is deleted once that has an outcome."
            reason = OperatorReason.SNAPSHOT_SOURCE_BUSY
            raise HaltError(Failure(ErrorClass.RETRY, reason, message, retry_after=BUSY_PAUSE))
        # By default they outlive their Backup, and nothing of ours is written on them.
        for snapshot in parts:
            await removed(self._client, VOLUME_SNAPSHOTS, snapshot)
        await removed(self._client, BACKUPS, target)

    async def _cluster(self) -> Object:
        cluster = await got(self._client, CLUSTERS, self._namespace, self._spec.cluster_name)
        if cluster is None:
            message = f"Cluster {self._where()} does not exist."
            reason = OperatorReason.SNAPSHOT_SOURCE_NOT_FOUND
            raise HaltError(Failure(ErrorClass.TERMINAL, reason, message))
        return cluster

    async def _snapshots(self, target: Object) -> list[Object]:
        """The VolumeSnapshots of a Backup; those of an earlier one of its name are not its."""
        if not backup_state.by_volumes(target):
            return []
        labels = f"{backup_state.BACKUP_NAME}={target['metadata']['name']}"
        found = await listed(self._client, VOLUME_SNAPSHOTS, self._namespace, labels=labels)
        made = target["metadata"]["creationTimestamp"]
        return [one for one in found if one["metadata"]["creationTimestamp"] >= made]

    async def _content(self, snapshot: Object) -> Object | None:
        name = (snapshot.get("status") or {}).get("boundVolumeSnapshotContentName")
        return await got(self._client, CONTENTS, "", name) if name else None

    def _other_system(self, cluster: Object, subject: Subject) -> str:
        """In what the Cluster is another server than that of the database; empty: in nothing."""
        system = str((cluster.get("status") or {}).get("systemID") or "")
        if not system:
            return (
                f"Cluster {self._where()} does not tell its system identifier (status.systemID), so it "
                "cannot be shown that the database is in it. CloudNativePG 1.27 and newer tell it."
            )
        if system != subject.system_identifier:
            return (
                f"Cluster {self._where()} has system identifier {system}, and the database is on a server "
                f"with {subject.system_identifier or 'an unknown one'}."
            )
        return ""

    async def _other_pod(self, cluster: Object, subject: Subject) -> str:
        """In what the primary is not the server that answers for the database; empty: in nothing."""
        primary = str((cluster.get("status") or {}).get("currentPrimary") or "")
        pod = await got(self._client, PODS, self._namespace, primary) if primary else None
        if pod is None:
            return f"Cluster {self._where()} has no primary now ({primary or 'none is named'})."
        wanted = serving.addresses(subject)
        if not serving.pod_addresses(pod) & wanted:
            has = ", ".join(sorted(map(str, serving.pod_addresses(pod)))) or "no address"
            told = ", ".join(sorted(map(str, wanted))) or "an unknown address"
            return (
                f"The primary of Cluster {self._where()} is pod {primary} ({has}), and the database is "
                f"served from {told}."
            )
        return ""

    def _not_set_up(self, cluster: Object) -> str:
        """What CloudNativePG would refuse the Backup for; empty: nothing."""
        spec = cluster.get("spec") or {}
        plugins = [one["name"] for one in spec.get("plugins") or [] if one.get("enabled", True)]
        if self._spec.plugin and self._spec.plugin not in plugins:
            has = f"it has {', '.join(plugins)}" if plugins else "it has none"
            return f"Cluster {self._where()} does not load plugin {self._spec.plugin}; {has}."
        if not self._spec.plugin and not (spec.get("backup") or {}).get("volumeSnapshot"):
            return (
                f"Cluster {self._where()} is not set up for volume snapshots: it has no "
                "spec.backup.volumeSnapshot."
            )
        return ""

    async def _volume_findings(self, cluster: Object) -> list[Finding]:
        """What the way of the Cluster to take volume snapshots means for them."""
        await KubeObjects(self._client, VOLUME_SNAPSHOTS, self._namespace).served()
        found = []
        settings = cluster["spec"]["backup"]["volumeSnapshot"]
        if not backup_state.archives(cluster):
            message = (
                f"Cluster {self._where()} archives no WAL. CloudNativePG says that backups of a running "
                "server require an archive: try a restore before you rely on this."
            )
            found.append(self._warning(OperatorReason.SNAPSHOT_INCOMPLETE, message))
        owner = settings.get("snapshotOwnerReference", "none")
        if owner != "none":
            message = f"The VolumeSnapshots are deleted with the {owner} (snapshotOwnerReference)."
            found.append(self._warning(OperatorReason.UNSAFE_DELETION_POLICY, message))
        tablespaces = settings.get("tablespaceClassName") or {}
        names = {settings.get("className"), settings.get("walClassName"), *tablespaces.values()}
        for one in await listed(self._client, CLASSES):
            unsafe = volume_classes.unsafe(one) if one["metadata"]["name"] in names else None
            if unsafe is not None:
                found.append(Finding(unsafe, warning=True))
        return found

    async def _unfinished(self, own: str) -> list[str]:
        """Backups of the Cluster that CloudNativePG still works on, or is going to."""
        return sorted(
            one["metadata"]["name"]
            for one in await listed(self._client, BACKUPS, self._namespace)
            if one["metadata"]["name"] != own
            and ((one.get("spec") or {}).get("cluster") or {}).get("name") == self._spec.cluster_name
            and backup_state.phase_of(one) in backup_state.PHASES.keys() - backup_state.DONE
        )

    def _where(self) -> str:
        return f"{self._namespace}/{self._spec.cluster_name}"

    @staticmethod
    def _warning(reason: OperatorReason, message: str) -> Finding:
        return Finding(Failure(ErrorClass.NEEDS_HUMAN, reason, message), warning=True)
