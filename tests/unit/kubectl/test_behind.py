"""What the plugin sees behind a Service is what the operator sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.names import ANNOTATION_CLAIMED_BY
from switchback.controller.kube.errors import Refusal, RefusedError
from switchback.controller.kube.kinds import MIGRATIONS, SERVICES
from switchback.kubectl.behind import behind
from switchback.kubectl.resource import Resource
from switchback.kubectl.screen import Screen
from switchback.kubectl.session import Session
from tests.unit.traffic.build import cutover, service, workload

if TYPE_CHECKING:
    from switchback.controller.kube.kinds import Kind

Object = dict[str, Any]

SHOP = Resource({"metadata": {"name": "shop", "namespace": "shop", "uid": "mine"}})


class Server:
    """A Service that carries a claim. `other` is the resource that the claim names; None: not to be seen."""

    def __init__(self, claim: str, other: Object | None = None) -> None:
        self.claim, self.other = claim, other

    async def get(self, kind: Kind, _namespace: str, name: str) -> Object:
        if kind is SERVICES:
            return service(annotations={ANNOTATION_CLAIMED_BY: self.claim})
        if kind is MIGRATIONS:
            if self.other is None:
                raise RefusedError("GET", Refusal(403, "Forbidden", "not for you"))
            return self.other
        return workload(name.removeprefix("web-"))

    async def all(self, *_: object) -> tuple[list[Object], str]:
        return [], ""


async def seen(server: Server) -> tuple[str, str]:
    session = Session(server, Screen("json"), "shop")  # type: ignore[arg-type]  # as much of a client as this uses
    found = await behind(session, SHOP, cutover())
    return found.traffic.claimed_by if found.traffic is not None else "nothing", found.note


@pytest.mark.asyncio
async def test_a_claim_that_was_copied_from_another_namespace_is_none() -> None:
    assert await seen(Server("bank/shop/theirs")) == ("", "")


@pytest.mark.asyncio
async def test_another_resource_that_lives_has_the_service() -> None:
    other = {"metadata": {"uid": "theirs"}, "spec": {"cutover": {"serviceName": "web"}}}
    assert await seen(Server("shop/other/theirs", other)) == ("shop/other", "")
