"""A switch in flight is looked at although something else cannot be read."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.names import LABEL_REQUIRE_APPROVAL, LABEL_UID
from switchback.api.status import ApprovalState, CutoverPhase, SourceState, Status, Want
from switchback.contract.words import Operation
from switchback.controller import observe as module
from switchback.controller.kube.errors import KubeError
from switchback.controller.lifecycle import land
from switchback.controller.observe import observe
from switchback.controller.observed import PolicyState
from switchback.controller.queue import Key
from switchback.controller.sources import SourceMemory
from switchback.controller.stages.consent import wants_a_person
from tests.unit.controller.build import CUTOVER, SETTINGS, resource, status
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal

if TYPE_CHECKING:
    from aiohttp import web

    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Observed

pytestmark = pytest.mark.asyncio

KEY = Key("shop", "shop")
FLIGHT = [CutoverPhase.SWITCHING, CutoverPhase.SWITCHED, CutoverPhase.SOAKING, CutoverPhase.RESTORING]
KNOWN = SourceState(digest="f1:known")


def told(phase: CutoverPhase, source: SourceState | None = KNOWN) -> Status:
    known = land(status(Operation.DRAIN))
    assert known.traffic is not None
    assert known.traffic.cutover is not None
    cutover = known.traffic.cutover.model_copy(update={"phase": phase})
    traffic = known.traffic.model_copy(update={"cutover": cutover})
    return known.model_copy(update={"traffic": traffic, "source": source})


async def put(api: FakeAPI, known: Status) -> None:
    await api.put("databasemigrations", {**resource(cutover=CUTOVER), "status": known.to_json()})
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"a": "1"}})


async def look(client: Client, sources: SourceMemory | None = None, **settings: Any) -> Observed:
    async with asyncio.timeout(10):
        seen = await observe(client, KEY, replace(SETTINGS, **settings), sources or SourceMemory())
    assert seen is not None
    return seen


def refusing(*parts: str, code: int = 403) -> Any:
    async def fault(seen: Seen) -> web.Response | None:
        return refusal(code, "Forbidden", "not today") if any(part in seen.path for part in parts) else None

    return fault


@pytest.mark.parametrize("code", [403, 500])
@pytest.mark.parametrize("phase", FLIGHT)
async def test_files_that_cannot_be_read_are_those_that_the_operation_has(
    api: FakeAPI, client: Client, phase: CutoverPhase, code: int
) -> None:
    await put(api, told(phase))
    api.fault, sources = refusing("/configmaps", code=code), SourceMemory()
    seen = await look(client, sources)
    assert (seen.source.digest, seen.source.unread, seen.unread) == ("f1:known", True, True)
    assert seen.traffic is not None
    api.fault = None
    again = await look(client, sources)
    assert not again.unread
    assert again.source.digest not in {"", "f1:known"}, "what was not read is not remembered"


async def test_a_namespace_that_cannot_be_read_asks_for_everything(api: FakeAPI, client: Client) -> None:
    await put(api, told(CutoverPhase.SOAKING))
    api.fault = _only_the_namespace
    seen = await look(client)
    assert seen.unread
    assert not seen.source.unread
    assert not seen.around.terminating
    assert seen.spec is not None
    assert all(wants_a_person(seen.spec, seen.around.labels, want) for want in Want)
    assert LABEL_REQUIRE_APPROVAL in seen.around.labels


async def _only_the_namespace(seen: Seen) -> web.Response | None:
    return refusal(403, "Forbidden", "not today") if seen.path.endswith("/namespaces/shop") else None


async def test_what_does_not_answer_is_not_waited_for(
    api: FakeAPI, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SPARED_SECONDS", 0.1)
    await put(api, told(CutoverPhase.RESTORING))

    async def fault(seen: Seen) -> web.Response | None:
        if "/configmaps" in seen.path:
            await asyncio.sleep(5)
        return None

    api.fault = fault
    seen = await look(client)
    assert seen.source.unread


async def test_a_policy_that_cannot_be_read_is_not_in_force_for_all_we_know(
    api: FakeAPI, client: Client
) -> None:
    known = told(CutoverPhase.SOAKING).model_copy(update={"approval": ApprovalState(token="t")})
    await put(api, known)
    api.fault = refusing("validatingadmissionpolicies", code=500)
    seen = await look(client, approval_policy="guard")
    assert seen.approval_policy is PolicyState.UNKNOWN


@pytest.mark.parametrize(
    "known",
    [
        told(CutoverPhase.PREPARING),
        told(CutoverPhase.DRAINING),
        told(CutoverPhase.RESTORED),
        told(CutoverPhase.SOAKING, None),
        Status(),
    ],
)
async def test_at_any_other_time_everything_has_to_be_read(
    api: FakeAPI, client: Client, known: Status
) -> None:
    await put(api, known)
    api.fault = refusing("/configmaps")
    with pytest.raises(KubeError):
        await look(client)


@pytest.mark.parametrize("part", ["/jobs", "/pods"])
async def test_jobs_and_pods_have_to_be_read_always(api: FakeAPI, client: Client, part: str) -> None:
    """What is not there would be taken for gone."""
    await put(api, told(CutoverPhase.SOAKING))

    async def fault(seen: Seen) -> web.Response | None:
        ours = seen.path.endswith(part) and LABEL_UID in seen.query.get("labelSelector", "")
        return refusal(403, "Forbidden", "not today") if ours else None

    api.fault = fault
    with pytest.raises(KubeError):
        await look(client)
