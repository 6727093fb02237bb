"""Namespaces that last as long as the bench; a server with empty databases in the first, if one is needed."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Self

from tests.bench import objects
from tests.cluster.console import say, step
from tests.cluster.errors import BedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.bench.objects import Object
    from tests.cluster.handle import Cluster

LABEL = "switchback-bench"
GONE_SECONDS = 240.0


class Place:
    """Made on entry, deleted on exit. Everything in it lives in memory."""

    def __init__(self, cluster: Cluster, databases: Iterable[str]) -> None:
        self._cluster, self._databases = cluster, tuple(databases)
        self.namespace = f"bench-{os.getpid()}"
        self.others: list[str] = []

    def __enter__(self) -> Self:
        remove(self._cluster, "what an earlier run has left")
        try:
            self._fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        remove(self._cluster, "what this run has made")

    def more(self, count: int) -> list[str]:
        """Makes further namespaces."""
        made = [f"{self.namespace}-{number:02}" for number in range(count)]
        self._cluster.apply(*(_namespace(name) for name in made))
        for name in made:
            self._ready(name)
        self.others += made
        return made

    def put(self, namespace: str, items: Sequence[Object]) -> None:
        """Creates objects in a namespace, in one go."""
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})
        self._cluster.kubectl("-n", namespace, "create", "-f", "-", input=body, timeout=120)

    def _fill(self) -> None:
        self._cluster.apply(_namespace(self.namespace))
        self._ready(self.namespace)
        if not self._databases:
            return
        self.put(self.namespace, objects.server())
        self._cluster.wait("pod/postgres", "-n", self.namespace, "--for=condition=Ready", timeout=120)
        sql = "\n".join(f"CREATE DATABASE {name};" for name in self._databases)
        psql = ("exec", "-i", "postgres", "--", "psql", "-qU", "postgres")
        self._cluster.kubectl("-n", self.namespace, *psql, input=sql, timeout=300)
        urls = {name.replace("_", "-"): objects.url(name) for name in self._databases}
        self.put(self.namespace, [objects.config_map(), objects.secret("databases", urls)])

    def _ready(self, namespace: str) -> None:
        # A pod is refused until its service account exists.
        account = ("serviceaccount/default", "-n", namespace, "--for=create")
        self._cluster.wait(*account, timeout=30)


def remove(cluster: Cluster, what: str) -> None:
    """Deletes every namespace of a bench and waits until it is gone."""
    chosen = ("namespaces", "-l", LABEL)
    found = cluster.kubectl("get", *chosen, "-o", "name").split()
    if not found:
        return
    # One interruption leads here; a second one in the middle of this would leave things behind.
    before = signal.signal(signal.SIGINT, lambda *_: say("still removing; press Ctrl-C no more"))
    try:
        with step(f"removing {what} ({len(found)} namespaces)"):
            cluster.kubectl("delete", *chosen, "--wait=false", timeout=120)
            _until_gone(cluster, chosen)
    finally:
        signal.signal(signal.SIGINT, before)


def _until_gone(cluster: Cluster, chosen: tuple[str, ...]) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while left := cluster.kubectl("get", *chosen, "-o", "name").split():
        if time.monotonic() > deadline:
            raise BedError(
                f"after {GONE_SECONDS:.0f} s, {len(left)} namespaces are still being deleted; "
                f"look at them with: kubectl get namespaces -l {LABEL}"
            )
        time.sleep(1)


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {LABEL: "true"}}}
