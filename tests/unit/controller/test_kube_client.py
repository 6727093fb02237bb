from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from switchback.controller.kube import client as module
from switchback.controller.kube.client import Client
from switchback.controller.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    GoneError,
    KubeError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)
from switchback.controller.kube.kinds import CONFIG_MAPS, JOBS, LEASES, MIGRATIONS, PODS
from switchback.controller.kube.login import LoginError, login
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.asyncio


async def test_paths_are_those_of_the_api_server() -> None:
    assert MIGRATIONS.path("shop", "a", "status") == (
        "/apis/switchback.dev/v1alpha1/namespaces/shop/databasemigrations/a/status"
    )
    assert PODS.path("shop") == "/api/v1/namespaces/shop/pods"
    assert JOBS.path() == "/apis/batch/v1/jobs"


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (404, "NotFound", NotFoundError),
        (409, "Conflict", ConflictError),
        (409, "AlreadyExists", AlreadyExistsError),
        (410, "Expired", GoneError),
        (403, "Forbidden", RefusedError),
        (422, "Invalid", RefusedError),
        (500, "InternalError", KubeError),
        (429, "TooManyRequests", KubeError),
    ],
)
async def test_each_answer_has_its_own_type(
    api: FakeAPI, client: Client, code: int, reason: str, kind: type[KubeError]
) -> None:
    async def fault(_seen: Seen) -> web.Response:
        return refusal(code, reason, "because")

    api.fault = fault
    with pytest.raises(kind) as caught:
        await client.get(PODS, "shop", "a")
    assert type(caught.value) is kind
    assert str(caught.value) == f"GET /api/v1/namespaces/shop/pods/a: {code} {reason}: because"


async def test_a_page_of_a_proxy_is_an_error_too(api: FakeAPI, client: Client) -> None:
    async def fault(_seen: Seen) -> web.Response:
        return web.Response(status=502, text="<html>bad gateway</html>" + "x" * 5000)

    api.fault = fault
    with pytest.raises(KubeError) as caught:
        await client.get(PODS, "shop", "a")
    assert "bad gateway" in str(caught.value)
    assert len(str(caught.value)) < 600


async def test_a_page_that_pretends_to_be_the_answer_is_an_error_too(api: FakeAPI, client: Client) -> None:
    """Whoever waits out a server in trouble has to wait this out as well: it ends the process otherwise."""

    async def fault(_seen: Seen) -> web.Response:
        return web.Response(text="<html>please log in</html>")

    api.fault = fault
    with pytest.raises(UnreachableError, match="speaks no JSON"):
        await client.get(LEASES, "switchback", "system")
    with pytest.raises(UnreachableError, match="speaks no JSON"):
        async for _ in client.watch(PODS, "", since="1"):
            pass


async def test_no_server_is_unreachable() -> None:
    async with Client(Configuration(host="http://127.0.0.1:1")) as client:
        with pytest.raises(UnreachableError, match=r"GET /api/v1/namespaces/shop/pods/a"):
            await client.get(PODS, "shop", "a")


async def test_a_server_that_never_answers_is_unreachable_in_time(api: FakeAPI, client: Client) -> None:
    async def fault(_seen: Seen) -> web.Response:
        await asyncio.sleep(30)
        raise AssertionError

    api.fault = fault
    with pytest.raises(UnreachableError, match="no answer in time"):
        await client.request("GET", "/api/v1/pods", seconds=0.2)


async def test_apply_of_a_status_says_who_and_over_what(api: FakeAPI, client: Client) -> None:
    stored = await api.put("databasemigrations", {"metadata": {"name": "a"}, "spec": {}})
    body = {"metadata": {"resourceVersion": stored["metadata"]["resourceVersion"]}, "status": {"x": 1}}
    await client.apply_status(MIGRATIONS, "shop", "a", body)
    sent = api.made("PATCH", "/databasemigrations/a/status")[0]
    assert sent.content_type.startswith("application/apply-patch+yaml")
    assert sent.query == {"fieldManager": "switchback", "force": "true"}
    with pytest.raises(ConflictError):
        await client.apply_status(MIGRATIONS, "shop", "a", body)


async def test_deletion_names_the_life_it_means(api: FakeAPI, client: Client) -> None:
    await api.put("jobs", {"metadata": {"name": "j", "uid": "one"}})
    with pytest.raises(ConflictError):
        await client.delete(JOBS, "shop", "j", uid="two")
    await client.delete(JOBS, "shop", "j", uid="one")
    assert api.made("DELETE", "/jobs/j")[0].body["propagationPolicy"] == "Foreground"
    with pytest.raises(NotFoundError):
        await client.delete(JOBS, "shop", "j", uid="one")


async def test_pages_follow_one_another(api: FakeAPI, client: Client) -> None:
    for number in range(5):
        await api.put("configmaps", {"metadata": {"name": f"m{number}"}, "data": {"a": "b"}})
    pages = [page async for page in client.pages(CONFIG_MAPS, metadata=True, limit=2)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert "data" not in pages[0][0], "metadata only"


async def test_a_watch_tells_what_changes_after_its_beginning(api: FakeAPI, client: Client) -> None:
    await api.put("configmaps", {"metadata": {"name": "old"}, "data": {}})
    since = await client.newest_version(CONFIG_MAPS)
    changes = client.watch(CONFIG_MAPS, "", since=since)
    await api.put("configmaps", {"metadata": {"name": "new"}, "data": {}})
    await api.drop("configmaps", "old")
    async with asyncio.timeout(5):
        told = [(kind, meta["name"]) for kind, meta in [await anext(changes), await anext(changes)]]
    assert told == [("ADDED", "new"), ("DELETED", "old")]


async def test_a_watch_from_too_old_a_version_is_gone(api: FakeAPI, client: Client) -> None:
    api.forgotten = 1000
    with pytest.raises(GoneError):
        async for _ in client.watch(CONFIG_MAPS, "", since="1"):
            pass


async def test_a_watch_that_is_refused_says_so(api: FakeAPI, client: Client) -> None:
    async def fault(_seen: Seen) -> web.Response:
        return refusal(403, "Forbidden", "may not watch")

    api.fault = fault
    with pytest.raises(RefusedError, match="may not watch"):
        async for _ in client.watch(CONFIG_MAPS, "", since="1"):
            pass


async def test_a_silent_watch_ends(api: FakeAPI, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.2)
    async with asyncio.timeout(5):
        assert [one async for one in client.watch(CONFIG_MAPS, "", since="100")] == []


async def test_a_kubeconfig_leads_to_the_server(api: FakeAPI, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(kubeconfig(api.url)))
    async with Client(await login({"KUBECONFIG": str(path)})) as client:
        await client.create(LEASES, "shop", {"metadata": {"name": "l"}})
    assert api.made("POST", "/leases")


async def test_without_a_way_to_log_in_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LoginError, match="set KUBECONFIG"):
        await login({"KUBECONFIG": str(tmp_path / "missing")})


def kubeconfig(url: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }


async def test_every_request_is_counted_with_its_answer(api: FakeAPI, client: Client) -> None:
    told: list[tuple[str, int]] = []
    client.answered = lambda method, code, _seconds: told.append((method, code))
    await api.put("configmaps", {"metadata": {"name": "a"}})
    await client.get(CONFIG_MAPS, "shop", "a")
    with pytest.raises(NotFoundError):
        await client.get(CONFIG_MAPS, "shop", "b")

    async def hang_up(_seen: Seen) -> web.Response:
        raise ConnectionResetError

    api.fault = hang_up
    with pytest.raises(KubeError):
        await client.get(CONFIG_MAPS, "shop", "a")
    assert told[:2] == [("GET", 200), ("GET", 404)]
    assert told[2][1] in {0, 500}
