"""Objects as they change: one list, then a watch, for as long as somebody looks."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.controller.kube.errors import GoneError, KubeError, NotFoundError, RefusedError
from switchback.controller.kube.kinds import MIGRATIONS
from switchback.kubectl.problems import Problem
from switchback.kubectl.resource import Object, Resource

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from switchback.controller.kube.kinds import Kind
    from switchback.controller.kube.user import UserClient
    from switchback.kubectl.session import Session

PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The objects as they are now. `trouble`: why they may be stale; empty while the watch lives."""

    objects: list[Object]
    trouble: str = ""


def named(name: str) -> dict[str, str]:
    """What finds one object."""
    return {"fieldSelector": f"metadata.name={name}"}


async def changes(
    client: UserClient, kind: Kind, namespace: str, selector: Mapping[str, str]
) -> AsyncGenerator[Seen]:
    """The objects now, and again after each change. It never ends by itself; a lost connection is taken up.

    Raises:
        KubeError: the first list failed, or we may not look (any more).
    """
    items, version = await client.all(kind, namespace, selector)
    pause = PAUSE_SECONDS
    while True:
        known = {one["metadata"]["uid"]: one for one in items}
        yield Seen(list(known.values()))
        begun = time.monotonic()
        try:
            async for what, changed in client.follow(kind, namespace, selector, since=version):
                version = changed["metadata"]["resourceVersion"]
                pause = PAUSE_SECONDS
                if what == "BOOKMARK":
                    continue
                if what == "DELETED":
                    known.pop(changed["metadata"]["uid"], None)
                else:
                    known[changed["metadata"]["uid"]] = changed
                yield Seen(list(known.values()))
            if time.monotonic() - begun < PAUSE_SECONDS:  # a server that closes at once is not asked at once
                await asyncio.sleep(PAUSE_SECONDS)
            items = list(known.values())
        except GoneError:
            items, version, pause = await _again(client, kind, namespace, selector, pause)
        except (RefusedError, NotFoundError):
            raise
        except KubeError as error:
            yield Seen(list(known.values()), f"the API server is lost ({error.message}); trying again")
            items, version, pause = await _again(client, kind, namespace, selector, pause)


async def _again(
    client: UserClient, kind: Kind, namespace: str, selector: Mapping[str, str], pause: float
) -> tuple[list[Object], str, float]:
    """The objects once the server answers again, with the pause before the next attempt, should it fail."""
    while True:
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        try:
            items, version = await client.all(kind, namespace, selector)
        except (RefusedError, NotFoundError):
            raise
        except KubeError:
            continue
        return items, version, pause


async def states(session: Session, resource: Resource) -> AsyncGenerator[Resource]:
    """One resource now, and again after each change.

    Raises:
        Problem: it was deleted.
    """
    lost = False
    async for seen in changes(session.client, MIGRATIONS, resource.namespace, named(resource.name)):
        if seen.trouble:
            if not lost:
                session.screen.progress(seen.trouble)
            lost = True
            continue
        lost = False
        yield only(seen, resource)


def only(seen: Seen, resource: Resource) -> Resource:
    """The resource among what was seen.

    Raises:
        Problem: it was deleted, or another one of its name has taken its place.
    """
    found = next((one for one in map(Resource, seen.objects) if one.uid == resource.uid), None)
    if found is None:
        raise Problem(
            ExitCode.USAGE,
            "Deleted",
            f"DatabaseMigration {resource.name} in namespace {resource.namespace} was deleted meanwhile.",
        )
    return found
