"""A namespace, a claim and a pod for each module; a client and a provider for each test."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.cluster_snapshots.backups import BackupRig
from tests.cluster_snapshots.ground import Ground
from tests.cluster_snapshots.player import Play, playing
from tests.cluster_snapshots.rights import Rights
from tests.cluster_snapshots.volumes import VolumeRig, Volumes, connected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.cluster.csi import Csi
    from tests.cluster.handle import Cluster


@pytest.fixture(scope="module")
def ground(bare_cluster: Cluster) -> Iterator[Ground]:
    """A namespace of its own."""
    name = f"points-{secrets.token_hex(3)}"
    bare_cluster.create_namespace(name)
    yield Ground(bare_cluster, name)
    bare_cluster.delete_namespace(name)


@pytest.fixture(scope="module")
def rights(ground: Ground) -> Iterator[Rights]:
    """What the chart lets the operator do, for the client of the tests."""
    made = Rights(ground.cluster, ground.namespace)
    yield made
    made.remove()


@pytest.fixture(scope="module")
def volumes(ground: Ground, csi: Csi) -> Volumes:
    """A claim and the pod that serves from it."""
    return Volumes(ground, csi)


@pytest_asyncio.fixture
async def volume_rig(volumes: Volumes, rights: Rights) -> AsyncIterator[VolumeRig]:
    """The provider of VolumeSnapshots; its snapshots are removed after the test."""
    async with connected(volumes.ground, rights) as (client, line):
        yield VolumeRig(volumes, rights, client, line)
    volumes.clean()


@pytest.fixture(scope="module")
def play(ground: Ground, csi: Csi) -> Play:
    """A Cluster of CloudNativePG and its primary, without CloudNativePG."""
    return Play(ground, csi)


@pytest_asyncio.fixture
async def backup_rig(play: Play, rights: Rights) -> AsyncIterator[BackupRig]:
    """The provider of Backups; they and their snapshots are removed after the test."""
    async with connected(play.ground, rights) as (client, line), playing(play.ground, play.csi) as player:
        made = BackupRig(play, player, rights, client, line)
        yield made
    made.clean()
    play.reset()
