"""Fixtures of traffic: a shop with two slots, a load on it, and the oracle that judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import (
    database,
    kube,
    new_database,
    pytest_runtest_makereport,
    recorder,
    server,
    servers,
    world,
)
from tests.traffic.load import Load, reach
from tests.traffic.shop import Shop
from tests.traffic.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube
    from tests.e2e.support import World

__all__ = [
    "database",
    "kube",
    "new_database",
    "pytest_runtest_makereport",
    "recorder",
    "server",
    "servers",
    "world",
]


@pytest.fixture
def slots(bare_cluster: Cluster, kube: Kube, namespace: str) -> Slots:
    """Two slots that are not started yet."""
    return Slots(kube, namespace, bare_cluster.images.web)


@pytest.fixture
def shop(world: World) -> Shop:
    """Two slots that the operator may move; it is installed."""
    return Shop(world)


@pytest.fixture
def load(bare_cluster: Cluster, slots: Slots, tmp_path: Path) -> Callable[..., Load]:
    """Begins to ask the Service of the slots, once it answers."""

    def begin(**options: float) -> Load:
        reach(bare_cluster, slots.url, tmp_path / "reach.tsv")
        return Load(bare_cluster, slots.url, tmp_path / "load.tsv", **options)

    return begin
