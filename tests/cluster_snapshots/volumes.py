"""The rig of VolumeSnapshots: the provider with the chart's rights, and a driver that does as it is told."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from switchback.api.snapshots import Snapshot
from switchback.controller.kube.client import Client
from switchback.controller.kube.login import login
from switchback.snapshots import marks
from switchback.snapshots.provider import Tools
from switchback.snapshots.volume_snapshot import VolumeSnapshots
from switchback.snapshots.volume_state import Patience
from tests.cluster.csi import NEVER
from tests.cluster_snapshots.ground import Ground, intent, subject
from tests.cluster_snapshots.line import Line
from tests.conformance.rig import Rig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from switchback.contract.points import Intent
    from tests.cluster.csi import Claim, Csi
    from tests.cluster_snapshots.rights import Rights

KIND = "volumesnapshots"
QUICK = Patience(unbound=3, error=1, silent=600)
"""Tests do not wait ten minutes for an error to count as the end."""


class Volumes:
    """A claim of the test driver in a namespace, and the pod that serves from it."""

    def __init__(self, ground: Ground, csi: Csi) -> None:
        self.ground = ground
        self.csi = csi
        self.claim: Claim = csi.claim(ground.namespace, "data")
        self.address = ground.pod("db-0", "data")

    def clean(self) -> None:
        """Remove every snapshot."""
        self.csi.mend(self.claim)
        self.ground.delete(KIND)


def spec(claim: str = "data", **more: Any) -> Snapshot:
    """`spec.snapshot` for VolumeSnapshots of the claim."""
    values = {"persistentVolumeClaim": {"claimName": claim}, "className": "switchback-test-retain", **more}
    return Snapshot.model_validate({"volumeSnapshot": values})


@asynccontextmanager
async def connected(ground: Ground, rights: Rights) -> AsyncIterator[tuple[Client, Line]]:
    """The operator's client with the chart's rights, over a line that can be cut."""
    line = Line(await login({"KUBECONFIG": str(ground.cluster.kubeconfig)}))
    async with line.open(rights.token()) as settings, Client(settings) as client:
        yield client, line


class VolumeRig(Rig):
    """See `Rig`."""

    def __init__(self, volumes: Volumes, rights: Rights, client: Client, line: Line) -> None:
        self.volumes = volumes
        self.ground = volumes.ground
        self.line = line
        self.client = client
        self._rights = rights
        self.provider = self.made(spec())

    def made(self, snapshot: Snapshot, patience: Patience = QUICK) -> VolumeSnapshots:
        """The provider for another `spec.snapshot`."""
        tools = Tools(client=self.client, installation="installation-1")
        return VolumeSnapshots(snapshot, self.ground.namespace, tools, patience=patience)

    @override
    def intent(self, number: int = 1) -> Intent:
        return intent(self.ground.namespace, subject(self.volumes.address), number)

    @override
    def intent_of_other_database(self) -> Intent:
        return intent(self.ground.namespace, subject("10.255.255.1"))

    @override
    def intent_of_other_resource(self) -> Intent:
        return intent(self.ground.namespace, subject(self.volumes.address), 7, "stock")

    @override
    async def slow(self) -> None:
        self.volumes.csi.fault(self.volumes.claim, hold=60)

    @override
    async def finish(self) -> None:
        self.volumes.csi.mend(self.volumes.claim)

    @override
    async def fail(self) -> None:
        self.volumes.csi.fault(self.volumes.claim, error="the array is full")

    @override
    async def vanish(self, name: str) -> None:
        self.ground.delete(KIND, marks.object_name(name))

    @override
    async def occupy(self, name: str) -> None:
        snapshot = {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshot",
            "metadata": {"name": marks.object_name(name)},
            "spec": {
                "volumeSnapshotClassName": self.volumes.csi.retain,
                "source": {"persistentVolumeClaimName": "data"},
            },
        }
        self.ground.cluster.apply(snapshot, namespace=self.ground.namespace)

    @override
    @asynccontextmanager
    async def unavailable(self) -> AsyncIterator[None]:
        self.line.cut = True
        yield
        self.line.cut = False

    @override
    @asynccontextmanager
    async def denied(self) -> AsyncIterator[None]:
        self._rights.take()
        yield
        self._rights.give()

    @override
    async def lose_next_answer(self) -> None:
        self.line.lose_next = True

    @override
    async def count(self) -> int:
        return len(self.ground.list(KIND))

    @override
    def calls(self) -> int:
        return self.line.calls

    def captured_only(self) -> None:
        """From now on a snapshot has its content and is never ready to use."""
        self.volumes.csi.fault(self.volumes.claim, ready_after=NEVER)
