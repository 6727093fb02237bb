"""Objects as they change: by a watch, through everything that happens to watches, and without polling."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from kubernetes.aio.client import Configuration

from switchback.controller.kube.errors import KubeError, RefusedError
from switchback.controller.kube.kinds import JOBS
from switchback.controller.kube.user import UserClient
from switchback.kubectl import follow
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal, serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from aiohttp import web

pytestmark = pytest.mark.asyncio

MINE = {"labelSelector": "of=shop"}


@pytest_asyncio.fixture
async def api() -> AsyncIterator[FakeAPI]:
    async with serving() as running:
        yield running


@pytest_asyncio.fixture
async def changes(api: FakeAPI) -> AsyncIterator[AsyncGenerator[follow.Seen]]:
    configuration = Configuration(host=api.url)
    configuration.client_session_kwargs = {"trust_env": False}
    async with UserClient(configuration) as client:
        coming = follow.changes(client, JOBS, "shop", MINE)
        yield coming
        await coming.aclose()


async def put(api: FakeAPI, name: str, step: str = "") -> None:
    await api.put("jobs", {"metadata": {"name": name, "labels": {"of": "shop", "step": step}}})


async def seen(coming: AsyncGenerator[follow.Seen]) -> dict[str, str]:
    """Names and steps in the next look; trouble under the name `!`."""
    async with asyncio.timeout(10):
        found = await anext(coming)
    named = {one["metadata"]["name"]: one["metadata"]["labels"]["step"] for one in found.objects}
    return named | ({"!": found.trouble} if found.trouble else {})


def lists(api: FakeAPI) -> int:
    return len([one for one in api.made("GET", "/jobs") if "watch" not in one.query])


async def test_what_is_there_and_what_happens_to_it(
    api: FakeAPI, changes: AsyncGenerator[follow.Seen]
) -> None:
    await put(api, "a")
    await api.put("jobs", {"metadata": {"name": "z", "labels": {"of": "other"}}})
    assert await seen(changes) == {"a": ""}
    await put(api, "b")
    assert await seen(changes) == {"a": "", "b": ""}
    await put(api, "a", "migrate")
    assert await seen(changes) == {"a": "migrate", "b": ""}
    await api.drop("jobs", "b")
    assert await seen(changes) == {"a": "migrate"}
    assert lists(api) == 1, "nobody asks twice"


async def test_a_watch_that_breaks_off_is_taken_up(
    api: FakeAPI, changes: AsyncGenerator[follow.Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PAUSE_SECONDS", 0.05)
    await put(api, "a")
    assert await seen(changes) == {"a": ""}
    waiting = asyncio.create_task(seen(changes))
    await api.until(lambda: api.watched)
    await put(api, "b")
    assert await waiting == {"a": "", "b": ""}
    waiting = asyncio.create_task(seen(changes))
    await api.cut_watches()
    told = await waiting
    assert "trying again" in told.pop("!")
    assert told == {"a": "", "b": ""}
    await put(api, "c")
    assert await seen(changes) == {"a": "", "b": "", "c": ""}


async def test_a_version_that_is_too_old_means_a_new_list(
    api: FakeAPI, changes: AsyncGenerator[follow.Seen]
) -> None:
    await put(api, "a")
    api.forgotten = api.version + 1
    assert await seen(changes) == {"a": ""}
    api.version += 10
    assert await seen(changes) == {"a": ""}
    assert lists(api) == 2


async def test_a_new_list_that_fails_is_asked_for_again(
    api: FakeAPI, changes: AsyncGenerator[follow.Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PAUSE_SECONDS", 0.05)
    await put(api, "a")
    api.forgotten = api.version + 1
    assert await seen(changes) == {"a": ""}
    api.version += 10
    failures = iter(range(2))

    async def fault(request: Seen) -> web.Response | None:
        if "watch" in request.query or next(failures, None) is None:
            return None
        return refusal(500, "InternalError", "etcd is gone")

    api.fault = fault
    assert await seen(changes) == {"a": ""}
    assert next(failures, None) is None


async def test_a_server_in_trouble_is_told_and_asked_again(
    api: FakeAPI, changes: AsyncGenerator[follow.Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PAUSE_SECONDS", 0.05)
    await put(api, "a")
    assert await seen(changes) == {"a": ""}
    failures = iter(range(3))

    async def fault(_seen: Seen) -> web.Response | None:
        return refusal(500, "InternalError", "etcd is gone") if next(failures, None) is not None else None

    api.fault = fault
    told = await seen(changes)
    assert "etcd is gone" in told["!"]
    assert told["a"] == "", "what was known is shown on"
    assert await seen(changes) == {"a": ""}


async def test_who_may_not_look_any_more_is_told(api: FakeAPI, changes: AsyncGenerator[follow.Seen]) -> None:
    await put(api, "a")
    assert await seen(changes) == {"a": ""}

    async def fault(_seen: Seen) -> web.Response:
        return refusal(403, "Forbidden", "no more")

    api.fault = fault
    with pytest.raises(RefusedError):
        await seen(changes)


async def test_a_first_look_that_fails_is_no_watch(
    api: FakeAPI, changes: AsyncGenerator[follow.Seen]
) -> None:
    async def fault(_seen: Seen) -> web.Response:
        return refusal(500, "InternalError", "etcd is gone")

    api.fault = fault
    with pytest.raises(KubeError):
        await seen(changes)
