"""Many resources that need nothing: a real operation per namespace, and copies of what it has left.

The copies are made while no operator works. That they are right is seen afterwards: the operator looks at
each of them and writes nothing.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.names import FIELD_MANAGER, FINALIZER
from switchback.contract.words import Operation
from tests.bench import objects
from tests.bench.api import APPLY, STRATEGIC
from tests.bench.stamp import Learned, Stamp
from tests.cluster.console import say, step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.bench.api import Api
    from tests.bench.objects import Object
    from tests.bench.place import Place

MAPS = 3
"""ConfigMaps per namespace; each resource reads one of them."""

LEARN_SECONDS = 240.0
SECRET = "database"
KEY = "url"


@dataclass
class Crowd:
    """What there is in the end. `versions`: the resources, with the resourceVersion after the last write."""

    versions: dict[str, str] = field(default_factory=dict)
    jobs: int = 0


def databases(namespaces: int) -> list[str]:
    """One for each namespace's real operation."""
    return [f"learned_{number}" for number in range(namespaces)]


async def learn(api: Api, place: Place, namespaces: int) -> list[Learned]:
    """Runs one real operation per namespace to its end, all at once."""
    with step(f"one real operation in each of {namespaces} namespaces"):
        places = await asyncio.to_thread(place.more, namespaces)
        for name, database in zip(places, databases(namespaces), strict=True):
            url = objects.url(database, place.namespace)
            maps = [objects.config_map(f"files-{number}", _text(number)) for number in range(MAPS)]
            await asyncio.to_thread(place.put, name, [objects.secret(SECRET, {KEY: url}), *maps])
        for name in places:
            body = objects.migration("learned", SECRET, KEY, "files-0")
            await api.send("POST", objects.MIGRATIONS.format(name), body)
        async with asyncio.timeout(LEARN_SECONDS):
            return [await _learned(api, name) for name in places]


async def multiply(api: Api, learned: list[Learned], count: int) -> Crowd:
    """Makes `count` resources of the learned ones. Every second has its finished Job, with its pod."""
    crowd = Crowd()
    for one in learned:
        crowd.versions[_key(one.resource)] = one.resource["metadata"]["resourceVersion"]
        crowd.jobs += 1

    def so_far() -> str:
        return f"{len(crowd.versions)} so far"

    work: list[Callable[[], Awaitable[None]]] = [
        partial(_copy, api, one, number, crowd)
        for number, one in zip(range(count - len(learned)), itertools.cycle(learned), strict=False)
    ]
    with step(f"{count} settled resources in {len(learned)} namespaces", detail=so_far):
        await api.each(work)
    return crowd


async def touched(api: Api, crowd: Crowd) -> list[str]:
    """The resources that somebody has written since."""
    found: dict[str, str] = {}
    async for page in api.pages("/apis/switchback.dev/v1alpha1/databasemigrations", 250):
        found.update({_key(one): one["metadata"]["resourceVersion"] for one in page})
    return [key for key, version in crowd.versions.items() if found.get(key) != version]


async def _copy(api: Api, learned: Learned, number: int, crowd: Crowd) -> None:
    namespace = learned.resource["metadata"]["namespace"]
    chosen = number // MAPS % MAPS
    body = objects.migration(f"settled-{number:04}", SECRET, KEY, f"files-{chosen}")
    made = await api.send("POST", objects.MIGRATIONS.format(namespace), body)
    stamp = Stamp(learned, made, objects.config_map(more=_text(chosen))["data"])
    applied = {
        "apiVersion": made["apiVersion"],
        "kind": made["kind"],
        "metadata": {"name": made["metadata"]["name"]},
        "status": stamp.status(),
    }
    written = await api.send(
        "PATCH",
        f"{objects.MIGRATIONS.format(namespace)}/{made['metadata']['name']}/status",
        applied,
        query={"fieldManager": FIELD_MANAGER, "force": "true"},
        content_type=APPLY,
    )
    crowd.versions[_key(written)] = written["metadata"]["resourceVersion"]
    if number % 2:
        await _leave_job(api, stamp, namespace)
        crowd.jobs += 1


async def _leave_job(api: Api, stamp: Stamp, namespace: str) -> None:
    job = await api.send("POST", objects.JOBS.format(namespace), stamp.job())
    if "managedBy" not in job["spec"]:
        raise RuntimeError("this API server does not know spec.managedBy of a Job: Kubernetes 1.32 is needed")
    await _end(api, objects.JOBS.format(namespace), job, stamp.job_status())
    pod = await api.send("POST", objects.PODS.format(namespace), stamp.pod(job))
    await _end(api, objects.PODS.format(namespace), pod, stamp.pod_status())


async def _end(api: Api, path: str, item: Object, status: Object) -> None:
    place = f"{path}/{item['metadata']['name']}/status"
    await api.send("PATCH", place, {"status": status}, content_type=STRATEGIC)


async def _learned(api: Api, namespace: str) -> Learned:
    """What the real operation has left, once nobody touches any of it any more."""
    path = f"{objects.MIGRATIONS.format(namespace)}/learned"
    resource = await _until(api, path, _let_go)
    if not objects.is_true(resource, "learned", "Ready"):
        raise RuntimeError(
            f"the operation in {namespace} did not succeed: {resource['status']['conditions']}"
        )
    operation = resource["status"]["operation"]
    if operation["attempt"] > 1:
        say(f"{namespace}: {operation['attempt']} attempts were needed; this machine is too busy")
    name = names.job_name("learned", operation["id"], Operation(operation["step"]), operation["attempt"])
    done = partial(objects.is_true, name=name, condition="Complete")
    job = await _until(api, f"{objects.JOBS.format(namespace)}/{name}", done)
    of_job = {"labelSelector": f"job-name={name}"}
    pods = (await api.send("GET", objects.PODS.format(namespace), query=of_job))["items"]
    return Learned(resource, objects.config_map(more=_text(0))["data"], job, pods[0])


async def _until(api: Api, path: str, done: Callable[[Object], bool]) -> Object:
    while True:
        found = await api.send("GET", path)
        if done(found):
            return found
        await asyncio.sleep(0.5)


def _let_go(resource: Object) -> bool:
    held = FINALIZER in resource["metadata"].get("finalizers", [])
    return not held and objects.is_true(resource, "learned", "Finished")


def _text(number: int) -> str:
    return f" -- {number}"


def _key(item: Object) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"
