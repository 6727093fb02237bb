"""Answers for shell completion: quick, and silent when something is wrong."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from switchback.contract.words import BASE, LATEST
from switchback.controller.kube.kubeconfig import Access, contexts, login_as_person
from switchback.controller.kube.user import UserClient
from switchback.kubectl import rails, restore_points, steps
from switchback.kubectl.complete import SECONDS
from switchback.kubectl.screen import Screen
from switchback.kubectl.session import NAMESPACES, Session

if TYPE_CHECKING:
    from collections.abc import Mapping


def find(what: str, values: Mapping[str, Any]) -> list[str]:
    """What is asked for, by the options that stand on the command line already."""
    access = Access(
        kubeconfig=values.get("kubeconfig") or "",
        context=values.get("context") or "",
        user=values.get("user") or "",
        groups=tuple(values.get("groups") or ()),
    )
    if what == "contexts":
        return contexts(access, os.environ)
    return asyncio.run(_ask(what, access, values))


async def _ask(what: str, access: Access, values: Mapping[str, Any]) -> list[str]:
    async with asyncio.timeout(SECONDS):
        login = await login_as_person(access, os.environ)
        async with UserClient(login.configuration, SECONDS) as client:
            session = Session(client, Screen(), values.get("namespace") or login.namespace)
            if what == "namespaces":
                return sorted(one["metadata"]["name"] for one in await client.find(NAMESPACES))
            if what == "names":
                return [one.name for one in await session.every()]
            resource = await session.pick(values.get("name") or "")
            if what == "points":
                ready = [one for one in resource.items("snapshots") if one.get("phase") == "Ready"]
                return [*(str(one["name"]) for one in reversed(ready)), restore_points.LATEST]
            if what == "slots":
                return rails.slots(resource)
            return [*reversed(steps.applied(resource)), BASE, LATEST]
