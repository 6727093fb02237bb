"""A namespace, and the operator's own client as an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from switchback.controller.kube.client import Client
from switchback.controller.kube.login import login
from tests.e2e.kube import Kube

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster.handle import Cluster


@pytest.fixture
def kube(bare_cluster: Cluster) -> Kube:
    return Kube(bare_cluster.kubeconfig)


@pytest_asyncio.fixture
async def client(bare_cluster: Cluster) -> AsyncIterator[Client]:
    async with Client(await login({"KUBECONFIG": str(bare_cluster.kubeconfig)})) as opened:
        yield opened
