from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio
from kubernetes.aio.client import Configuration

from switchback.controller.kube.client import Client
from tests.unit.controller.fakes.api import FakeAPI, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture
async def api() -> AsyncIterator[FakeAPI]:
    async with serving() as running:
        yield running


@pytest_asyncio.fixture
async def client(api: FakeAPI) -> AsyncIterator[Client]:
    configuration = Configuration(host=api.url)
    configuration.client_session_kwargs = {"trust_env": False}
    async with Client(configuration) as opened:
        yield opened
