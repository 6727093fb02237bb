"""What a worker makes of a Service that it may not change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.api import names
from switchback.controller import worker as module
from switchback.controller.decide import decide
from tests.unit.controller.build import resource
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal
from tests.unit.controller.test_worker import Shell, shell, stored
from tests.unit.traffic import build as shop

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["shell"]

pytestmark = pytest.mark.asyncio


async def put_shop(api: FakeAPI) -> None:
    """A resource without files, whose Service waits to be claimed."""
    body = resource(cutover={**shop.cutover().to_json(), "activeSlot": "blue"})
    for name in ("source", "target", "database"):
        del body["spec"][name]
    await api.put("databasemigrations", body)
    await api.put("services", shop.service())
    pods = [shop.pod("blue", 1), shop.pod("blue", 2)]
    await api.put("endpointslices", shop.a_slice(*(shop.endpoint(one, ready=True) for one in pods)))
    for slot in ("blue", "green"):
        await api.put("deployments", shop.workload(slot))
    for one in pods:
        await api.put("pods", one)


async def denied(seen: Seen) -> web.Response | None:
    """A policy of the cluster is against it that the operator changes a Service."""
    text = 'services "web" is forbidden: no labels today'
    writes = seen.method == "PATCH" and "/services/" in seen.path
    return refusal(403, "Forbidden", text) if writes else None


async def test_a_service_that_may_not_be_changed_is_told(api: FakeAPI, shell: Shell) -> None:
    await put_shop(api)
    api.fault = denied
    shell.decisions = [decide] * 20
    await shell.look()
    while "no labels today" not in str(stored(api).conditions):
        await shell.next_look()
    (ready,) = [one for one in stored(api).conditions if one.type == "Ready"]
    assert ready.reason == "Retrying"
    assert "give it the right that the message names" in ready.message
    assert len(api.made("PATCH", "/services/")) == 1, "it is not tried again at once"


async def test_a_service_that_may_be_changed_again_is_changed(
    api: FakeAPI, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_shop(api)
    api.fault = denied
    shell.decisions = [decide] * 20
    await shell.look()
    while "no labels today" not in str(stored(api).conditions):
        await shell.next_look()
    api.fault = None
    monkeypatch.setattr(module, "DENIED_SECONDS", 0.0)
    await shell.look()
    while "Succeeded" not in str(stored(api).conditions):
        await shell.look()
    annotations = api.objects["services", "shop", "web"]["metadata"]["annotations"]
    assert annotations[names.ANNOTATION_CLAIMED_BY].startswith("shop/shop/")
