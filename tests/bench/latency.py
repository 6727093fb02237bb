"""Resource applied until Finished, beside a bare Job of the same image that does the same work.

The floor is the moment at which the end of the bare Job's container can be seen: nobody knows more
earlier. The bare Job's own Complete condition comes later: the Job controller batches for a second, and
the kubelet looks at its containers once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.bench.watching import Stream, client, follow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

MIGRATION = {"0001_books.up.sql": "CREATE TABLE books (id int);", "0001_books.down.sql": "DROP TABLE books;"}
GROUP = "/apis/switchback.dev/v1alpha1/namespaces/{}/databasemigrations"


@dataclass
class Run:
    """Seconds from the POST to each thing that could be seen."""

    pod_there: float = 0.0
    end_visible: float = 0.0
    over: float = 0.0


@dataclass
class Bench:
    """Streams of one namespace and a session to post with."""

    session: aiohttp.ClientSession
    server: str
    namespace: str
    image: str
    streams: dict[str, Stream] = field(default_factory=dict)

    async def post(self, path: str, body: dict[str, Any]) -> float:
        """Creates an object; gives the moment before it was sent."""
        begun = time.perf_counter()
        async with self.session.post(self.server + path, json=body) as answer:
            if answer.status >= 400:
                raise RuntimeError(f"{path}: {answer.status} {await answer.text()}")
        return begun

    async def bare(self, number: int) -> Run:
        """A Job as a person would write it, with the same image and the same migration."""
        name = f"bare-{number}"
        begun = await self.post(f"/apis/batch/v1/namespaces/{self.namespace}/jobs", self._job(name, number))
        run = await self._pod(begun, lambda pod: pod["metadata"]["labels"].get("job-name") == name)
        done, _ = await self.streams["jobs"].first(begun, lambda job: _is(job, name, "Complete"))
        run.over = done - begun
        return run

    async def resource(self, number: int) -> Run:
        """The same through a DatabaseMigration."""
        name = f"resource-{number}"
        begun = await self.post(GROUP.format(self.namespace), self._migration(name, number))
        run = await self._pod(begun, lambda pod: _annotation(pod) == f"{self.namespace}/{name}")
        done, item = await self.streams["databasemigrations"].first(
            begun, lambda it: _is(it, name, "Finished")
        )
        if not _is(item, name, "Ready"):
            raise RuntimeError(f"{name} did not succeed: {item['status']['conditions']}")
        run.over = done - begun
        return run

    async def _pod(self, begun: float, ours: Callable[[dict[str, Any]], bool]) -> Run:
        there, _ = await self.streams["pods"].first(begun, ours)
        end, _ = await self.streams["pods"].first(begun, lambda pod: ours(pod) and _terminated(pod))
        return Run(pod_there=there - begun, end_visible=end - begun)

    def _job(self, name: str, number: int) -> dict[str, Any]:
        url = {"secretKeyRef": {"name": f"db-{number}", "key": "bare"}}
        container = {
            "name": "switchback",
            "image": self.image,
            "args": ["migrate", "--dir", "/switchback/source", "--json"],
            "env": [{"name": "DATABASE_URL", "valueFrom": url}],
            "volumeMounts": [{"name": "source", "mountPath": "/switchback/source"}],
        }
        volume = {"name": "source", "configMap": {"name": "bench"}}
        pod = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": {"spec": pod}},
        }

    def _migration(self, name: str, number: int) -> dict[str, Any]:
        secret = {"secretKeyRef": {"name": f"db-{number}", "key": "resource"}}
        return {
            "apiVersion": "switchback.dev/v1alpha1",
            "kind": "DatabaseMigration",
            "metadata": {"name": name},
            "spec": {
                "target": "latest",
                "database": {"urlFrom": secret},
                "source": {"configMapRefs": [{"name": "bench"}]},
            },
        }


def _is(item: dict[str, Any], name: str, condition: str) -> bool:
    conditions = item.get("status", {}).get("conditions", [])
    said = any(each["type"] == condition and each["status"] == "True" for each in conditions)
    return bool(item["metadata"]["name"] == name and said)


def _annotation(pod: dict[str, Any]) -> str:
    return str(pod["metadata"].get("annotations", {}).get("switchback.dev/resource", ""))


def _terminated(pod: dict[str, Any]) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return any(each["name"] == "switchback" and "terminated" in each.get("state", {}) for each in statuses)


@contextlib.asynccontextmanager
async def opened(kubeconfig: Path, namespace: str, image: str) -> AsyncIterator[Bench]:
    """A bench that already watches pods, Jobs and DatabaseMigrations."""
    server, context = client(kubeconfig)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        bench = Bench(session, server, namespace, image)
        paths = {
            "pods": f"/api/v1/namespaces/{namespace}/pods",
            "jobs": f"/apis/batch/v1/namespaces/{namespace}/jobs",
            "databasemigrations": GROUP.format(namespace),
        }
        tasks = []
        for kind, path in paths.items():
            bench.streams[kind] = Stream()
            tasks.append(asyncio.create_task(follow(session, server + path, bench.streams[kind])))
        try:
            yield bench
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def measure(kubeconfig: Path, namespace: str, image: str, runs: int) -> tuple[list[Run], list[Run]]:
    """`runs` bare Jobs and `runs` resources in turn, so that both see the same node."""
    async with opened(kubeconfig, namespace, image) as bench:
        bare, resource = [], []
        for number in range(runs):
            bare.append(await bench.bare(number))
            resource.append(await bench.resource(number))
        return bare, resource


def table(bare: list[Run], resource: list[Run]) -> list[str]:
    """Minimum, median and maximum of each part, and the one number that matters."""
    lines = [f"{'seconds from the POST':34} {'min':>7} {'median':>7} {'max':>7}"]
    for title, runs, last in (("bare Job", bare, "Complete"), ("resource", resource, "Finished")):
        parts = (("pod there", "pod_there"), ("container's end visible", "end_visible"), (last, "over"))
        for part, name in parts:
            values = [getattr(run, name) for run in runs]
            low, middle, high = min(values), statistics.median(values), max(values)
            lines.append(f"{title + ': ' + part:34} {low:7.3f} {middle:7.3f} {high:7.3f}")
    floor = statistics.median(run.end_visible for run in bare)
    over = statistics.median(run.over for run in resource)
    complete = statistics.median(run.over for run in bare)
    return [
        *lines,
        "",
        f"Finished minus the floor (end of the bare Job's container): {over - floor:+.3f} s; goal +0.800 s",
        f"Finished / floor: {over / floor:.2f}    Finished / bare Job's Complete: {over / complete:.2f}",
    ]
