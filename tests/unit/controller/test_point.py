from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api import names
from switchback.contract.traffic import Traffic
from switchback.controller import point
from switchback.controller.act import act
from switchback.controller.decision import MarkService, PointService
from switchback.controller.desk import Desk
from switchback.controller.point import OutdatedError
from switchback.snapshots.provider import Tools
from switchback.traffic.service import service_from
from tests.unit.controller.build import SETTINGS, resource, status, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Observed
    from tests.unit.controller.fakes.api import FakeAPI, Seen

pytestmark = pytest.mark.asyncio

DESK = Desk(Tools(None))
POINT = PointService(
    "green", {"app": "shop", "slot": "green"}, {names.ANNOTATION_CUTOVER: "c1"}, "it is time"
)
MARK = MarkService({names.ANNOTATION_VERIFIED: "c1"}, "the soak was good")


async def shop(api: FakeAPI) -> Observed:
    """A resource and a Service in the server, and the world as a look has just found it."""
    body = resource()
    body["status"] = status().to_json()
    kept = await api.put("databasemigrations", body)
    service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "shop", "slot": "blue"}}}
    seen = service_from(await api.put("services", service))
    return replace(
        world(),
        uid=kept["metadata"]["uid"],
        resource_version=kept["metadata"]["resourceVersion"],
        traffic=Traffic(at=datetime.now(UTC), service=seen, slots=()),
    )


def service(api: FakeAPI) -> Any:
    return api.objects["services", "shop", "web"]


def before_each_patch(api: FakeAPI, change: Callable[[int], tuple[str, Any] | None]) -> None:
    """Somebody else is faster: what they put into the server before the n-th patch of the Service."""
    count = 0

    async def fault(seen: Seen) -> None:
        nonlocal count
        if seen.method == "PATCH" and "/services/" in seen.path:
            count += 1
            told = change(count)
            if told is not None:
                await api.put(*told)

    api.fault = fault


def noted(api: FakeAPI, count: int) -> tuple[str, Any]:
    was = service(api)
    annotations = {**was["metadata"].get("annotations", {}), "example.com/rival": str(count)}
    return "services", {**was, "metadata": {**was["metadata"], "annotations": annotations}}


@pytest.mark.parametrize("action", [POINT, MARK])
async def test_notes_of_others_on_the_service_do_not_hold_it_up(
    api: FakeAPI, client: Client, action: PointService | MarkService
) -> None:
    seen = await shop(api)
    before_each_patch(api, lambda count: noted(api, count) if count <= 3 else None)
    assert await act(client, seen, action, SETTINGS, DESK)
    assert service(api)["metadata"]["annotations"].items() >= action.annotations.items()
    *outpaced, last = api.made("PATCH", "/services/")
    assert len(outpaced) == 3
    assert last.body.get("spec") == ({"selector": POINT.selector} if action is POINT else None)


async def test_notes_without_an_end_are_left_to_the_next_look(api: FakeAPI, client: Client) -> None:
    seen = await shop(api)
    before_each_patch(api, lambda count: noted(api, count))
    with pytest.raises(OutdatedError):
        await act(client, seen, POINT, SETTINGS, DESK)
    assert len(api.made("PATCH", "/services/")) == point.TRIES


@pytest.mark.parametrize(
    "part",
    [
        {"spec": {"selector": {"app": "shop"}}},
        {"spec": {"selector": {"app": "shop", "slot": "blue"}, "publishNotReadyAddresses": True}},
        {"annotations": {names.ANNOTATION_CUTOVER: "another"}},
        {"annotations": {names.ANNOTATION_CLAIMED_BY: "shop/other/1"}},
        {"deletionTimestamp": "2026-01-01T00:00:00Z"},
        {"uid": "another"},
    ],
)
async def test_a_service_that_has_changed_is_looked_at_again(
    api: FakeAPI, client: Client, part: dict[str, Any]
) -> None:
    seen = await shop(api)
    spec, metadata = {"spec": part.get("spec", service(api)["spec"])}, {**part}
    metadata.pop("spec", None)
    changed = {**spec, "metadata": {"name": "web", **metadata}}
    before_each_patch(api, lambda count: ("services", changed) if count == 1 else None)
    with pytest.raises(OutdatedError):
        await act(client, seen, POINT, SETTINGS, DESK)
    assert len(api.made("PATCH", "/services/")) == 1


async def test_a_resource_that_has_changed_is_looked_at_again(api: FakeAPI, client: Client) -> None:
    """Somebody else has given the switch up: the next try would come too late."""
    seen = await shop(api)

    async def fault(request: Seen) -> None:
        if request.method == "PATCH" and "/services/" in request.path:
            await api.put(*noted(api, 1))
            await api.put("databasemigrations", resource())

    api.fault = fault
    with pytest.raises(OutdatedError):
        await act(client, seen, POINT, SETTINGS, DESK)
    assert len(api.made("PATCH", "/services/")) == 1


async def test_what_was_seen_long_ago_moves_nothing(api: FakeAPI, client: Client) -> None:
    seen = await shop(api)
    assert seen.traffic is not None
    old = replace(seen.traffic, at=datetime.fromtimestamp(0, UTC))
    with pytest.raises(OutdatedError):
        await act(client, replace(seen, traffic=old), POINT, SETTINGS, DESK)
    assert not api.made("PATCH", "/services/")


async def test_what_was_seen_long_ago_moves_no_traffic_but_the_way_back(api: FakeAPI, client: Client) -> None:
    seen = await shop(api)
    assert seen.traffic is not None
    long_ago = replace(seen.traffic, at=datetime.now(UTC) - timedelta(seconds=10))
    seen = replace(seen, traffic=long_ago)
    with pytest.raises(OutdatedError):
        await act(client, seen, POINT, SETTINGS, DESK)
    assert not api.made("PATCH", "/services/")
    await act(client, seen, replace(POINT, back=True), SETTINGS, DESK)
    assert len(api.made("PATCH", "/services/")) == 1
