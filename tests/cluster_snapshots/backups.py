"""The rig of CloudNativePG: the provider with the chart's rights, and a player in the operator's place."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from switchback.api.snapshots import Snapshot
from switchback.snapshots import marks
from switchback.snapshots.cloud_native_pg import NAME_LIMIT, CloudNativePGBackups
from switchback.snapshots.provider import Tools
from switchback.snapshots.volume_state import Patience
from tests.cluster_snapshots.ground import intent, subject
from tests.cluster_snapshots.player import CLUSTER
from tests.conformance.rig import Rig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from switchback.contract.points import Intent
    from switchback.controller.kube.client import Client
    from tests.cluster_snapshots.line import Line
    from tests.cluster_snapshots.player import Play, Player
    from tests.cluster_snapshots.rights import Rights

KIND = "backups.postgresql.cnpg.io"
QUICK = Patience(unbound=2)


def spec(cluster: str = CLUSTER, **more: Any) -> Snapshot:
    """`spec.snapshot` for Backups of the Cluster."""
    return Snapshot.model_validate({"cloudNativePG": {"clusterName": cluster, **more}})


def object_name(point: str) -> str:
    """Name of the Backup of a restore point."""
    return marks.object_name(point, NAME_LIMIT)


class BackupRig(Rig):
    """See `Rig`."""

    def __init__(self, play: Play, player: Player, rights: Rights, client: Client, line: Line) -> None:
        self.play = play
        self.player = player
        self.ground = play.ground
        self.line = line
        self._rights = rights
        self._client = client
        self.provider = self.made(spec())

    def made(self, snapshot: Snapshot) -> CloudNativePGBackups:
        """The provider for another `spec.snapshot`."""
        tools = Tools(client=self._client, installation="installation-1")
        return CloudNativePGBackups(snapshot, self.ground.namespace, tools, patience=QUICK)

    @override
    def intent(self, number: int = 1) -> Intent:
        return intent(self.ground.namespace, subject(self.play.address), number)

    @override
    def intent_of_other_database(self) -> Intent:
        return intent(
            self.ground.namespace, subject(self.play.address, system_identifier="7000000000000000000")
        )

    @override
    def intent_of_other_resource(self) -> Intent:
        return intent(self.ground.namespace, subject(self.play.address), 7, "stock")

    @override
    async def slow(self) -> None:
        self.player.mode = "slow"

    @override
    async def finish(self) -> None:
        self.player.mode = "works"

    @override
    async def fail(self) -> None:
        self.player.mode = "fails"

    @override
    async def vanish(self, name: str) -> None:
        self.ground.delete(KIND, object_name(name))

    @override
    async def occupy(self, name: str) -> None:
        body = {
            "apiVersion": "postgresql.cnpg.io/v1",
            "kind": "Backup",
            "metadata": {"name": object_name(name)},
            "spec": {"cluster": {"name": CLUSTER}, "method": "volumeSnapshot"},
        }
        self.ground.cluster.apply(body, namespace=self.ground.namespace)

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

    def clean(self) -> None:
        """Remove every Backup and every snapshot."""
        self.ground.delete(KIND)
        self.ground.delete("volumesnapshots")
