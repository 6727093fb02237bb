"""Plays CloudNativePG: its kinds are the real ones, what its operator writes into them is written here."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchback.controller.kube.client import Client
from switchback.controller.kube.errors import KubeError
from switchback.controller.kube.login import login
from switchback.snapshots.kube_kinds import BACKUPS, VOLUME_SNAPSHOTS
from tests.cluster import binaries
from tests.cluster.run import wait_for
from tests.cluster_snapshots.ground import SYSTEM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster.csi import Csi
    from tests.cluster.handle import Cluster
    from tests.cluster_snapshots.ground import Ground

MODULE = "github.com/cloudnative-pg/cloudnative-pg"
KINDS = ("backups", "clusters")
CLUSTER = "shop"
PRIMARY = "shop-1"
PLUGIN = "barman-cloud.cloudnative-pg.io"
ARCHIVE = [{"name": PLUGIN, "isWALArchiver": True}]

Object = dict[str, Any]


def install(cluster: Cluster) -> None:
    """The kinds of CloudNativePG. They are too large for the annotation of a plain `kubectl apply`."""
    folder = binaries.module_folder("cloudnative-pg", MODULE) / "config" / "crd" / "bases"
    files = [f"--filename={folder / f'postgresql.cnpg.io_{kind}.yaml'}" for kind in KINDS]
    cluster.kubectl("apply", "--server-side", "--force-conflicts", *files)
    names = [f"{kind}.postgresql.cnpg.io" for kind in KINDS]
    # `kubectl wait` gives up on a new kind that has no list of conditions yet.
    wait_for("the kinds of CloudNativePG", lambda: all(_served(cluster, name) for name in names), timeout=30)


def _served(cluster: Cluster, name: str) -> bool:
    found = cluster.kubectl("get", "crd", name, json=True)
    conditions = found.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


class Play:
    """One Cluster whose instance keeps its data and its WAL on two claims."""

    def __init__(self, ground: Ground, csi: Csi) -> None:
        self.ground = ground
        self.csi = csi
        install(ground.cluster)
        self.data = csi.claim(ground.namespace, PRIMARY)
        self.wal = csi.claim(ground.namespace, f"{PRIMARY}-wal")
        self.address = ground.pod(PRIMARY, PRIMARY, f"{PRIMARY}-wal")
        self.reset()

    def reset(self) -> None:
        """The Cluster as it should be."""
        for claim in (self.data, self.wal):
            self.csi.mend(claim)
        self.cluster()
        self.status(currentPrimary=PRIMARY, systemID=SYSTEM)

    def cluster(self, *, plugins: list[Object] | None = None, **more: Any) -> None:
        """Set what the Cluster asks for. Null removes."""
        spec = {
            "instances": 1,
            "storage": {"size": "1Gi"},
            "walStorage": {"size": "1Gi"},
            "tablespaces": None,
            "plugins": ARCHIVE if plugins is None else plugins,
            "backup": {
                "volumeSnapshot": {
                    "className": self.csi.retain,
                    "snapshotOwnerReference": "none",
                    "walClassName": None,
                },
                "barmanObjectStore": None,
            },
            **more,
        }
        if not any(
            one["metadata"]["name"] == CLUSTER for one in self.ground.list("clusters.postgresql.cnpg.io")
        ):
            kind = {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": CLUSTER}}
            first = {**kind, "spec": {"instances": 1, "storage": {"size": "1Gi"}}}
            self.ground.cluster.apply(first, namespace=self.ground.namespace)
        self.ground.patch("clusters.postgresql.cnpg.io", CLUSTER, json.dumps({"spec": spec}))

    def status(self, **status: Any) -> None:
        """Set what the Cluster tells."""
        patch = json.dumps({"status": status})
        self.ground.patch("clusters.postgresql.cnpg.io", CLUSTER, patch, "--subresource=status")

    def tell(self, backup: str, **status: Any) -> None:
        """Set what a Backup tells."""
        self.ground.patch("backups", backup, json.dumps({"status": status}), "--subresource=status")


class Player:
    """CloudNativePG's operator, as far as a Backup sees it."""

    def __init__(self, client: Client, namespace: str, csi: Csi) -> None:
        self.mode = "works"
        self._client = client
        self._namespace = namespace
        self._class = csi.retain

    async def run(self) -> None:
        """Look at every Backup again and again."""
        while True:
            with suppress(KubeError):
                for backup in await self._client.find(BACKUPS, self._namespace):
                    await self._act(backup)
            await asyncio.sleep(0.05)

    async def _act(self, backup: Object) -> None:
        name, status = backup["metadata"]["name"], backup.get("status") or {}
        phase = status.get("phase", "")
        if phase in {"completed", "failed"} or self.mode == "away":
            return
        if self.mode == "fails":
            await self._tell(name, phase="failed", error="cannot take the volume snapshot")
        elif not phase:
            await self._tell(name, phase="started", startedAt=_now(), instanceID={"podName": PRIMARY})
        elif self.mode == "works":
            await self._work(backup)

    async def _work(self, backup: Object) -> None:
        name = backup["metadata"]["name"]
        labels = f"cnpg.io/backupName={name}"
        snapshots = await self._client.find(VOLUME_SNAPSHOTS, self._namespace, labels=labels)
        if not snapshots:
            await self._snapshot(name, name, "PG_DATA", PRIMARY)
            await self._snapshot(name, f"{name}-wal", "PG_WAL", f"{PRIMARY}-wal")
        elif all((one.get("status") or {}).get("readyToUse") for one in snapshots):
            roles = {name: "PG_DATA", f"{name}-wal": "PG_WAL"}
            elements = [{"name": one, "type": role} for one, role in roles.items()]
            await self._tell(
                name,
                phase="completed",
                stoppedAt=_now(),
                beginLSN="0/3000028",
                endLSN="0/3000158",
                snapshotBackupStatus={"elements": elements},
            )

    async def _snapshot(self, backup: str, name: str, role: str, claim: str) -> None:
        body = {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshot",
            "metadata": {
                "name": name,
                "labels": {"cnpg.io/backupName": backup},
                "annotations": {"cnpg.io/pvcRole": role},
            },
            "spec": {
                "volumeSnapshotClassName": self._class,
                "source": {"persistentVolumeClaimName": claim},
            },
        }
        await self._client.create(VOLUME_SNAPSHOTS, self._namespace, body)

    async def _tell(self, name: str, **status: Any) -> None:
        await self._client.merge(BACKUPS, self._namespace, name, {"status": status}, part="status")


@asynccontextmanager
async def playing(ground: Ground, csi: Csi) -> AsyncIterator[Player]:
    """The player at work, with an administrator's rights."""
    async with Client(await login({"KUBECONFIG": str(ground.cluster.kubeconfig)})) as client:
        player = Player(client, ground.namespace, csi)
        task = asyncio.create_task(player.run())
        try:
            yield player
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
