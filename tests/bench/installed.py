"""The operator as it is installed: its pod, its numbers, its memory; off and on again."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tests.bench.numbers import Numbers
from tests.cluster import chart
from tests.cluster.console import step
from tests.cluster.errors import BedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.api import Api
    from tests.cluster.handle import Cluster

DEPLOYMENT = "deployment/switchback"
SELECTOR = "app.kubernetes.io/name=switchback"
PORT = 8080
MIB = 1024.0
START_SECONDS = 300.0
POLL_SECONDS = 0.5

IMPORTS = """
import switchback.cli.operator
from switchback.controller import log, main, settings
print(open("/proc/self/status").read())
"""
"""What `switchback operator` loads before it does anything."""

BORN = "cat /proc/1/stat /proc/uptime; date +%s.%N"


@dataclass(frozen=True)
class Start:
    """Seconds since the process began, and its memory once everything was looked at."""

    ready: float
    leading: float
    looked: float
    busy: float
    resident: float
    peak: float


class Installed:
    """One Deployment with one pod."""

    def __init__(self, cluster: Cluster, api: Api) -> None:
        self._cluster, self._api = cluster, api
        self._pod = ""

    @property
    def user(self) -> str:
        """As whom the API server knows it."""
        account = "jsonpath={.spec.template.spec.serviceAccountName}"
        return f"system:serviceaccount:{chart.NAMESPACE}:{self._kubectl('get', DEPLOYMENT, '-o', account)}"

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """No operator during a block. Afterwards there is one again, whatever happened."""
        with step("stopping the operator"):
            self._scale(0)
            self._kubectl("wait", "pod", "-l", SELECTOR, "--for=delete", "--timeout=60s")
        try:
            yield
        except BaseException:
            self._scale(1)
            raise
        self._scale(1)

    async def numbers(self) -> Numbers:
        """Its metrics."""
        self._pod = self._pod or await self._find()
        path = f"/api/v1/namespaces/{chart.NAMESPACE}/pods/{self._pod}:{PORT}/proxy/metrics"
        return Numbers.parse(await self._api.text(path))

    async def started(self, resources: int) -> Start:
        """Waits until an operator that has just been switched on has looked at so many resources."""
        self._pod = ""
        deadline = time.monotonic() + START_SECONDS
        while not await self._has_looked_at(resources):
            if time.monotonic() > deadline:
                raise BedError(
                    f"the operator has not looked at {resources} resources in {START_SECONDS:.0f} s"
                )
            await asyncio.sleep(POLL_SECONDS)
        looked, busy = time.time(), (await self.numbers()).sum("process_cpu_seconds_total")
        born = await asyncio.to_thread(self._born)
        said = self._said("started", "leading")
        resident, peak = await self.memory()
        return Start(said["started"] - born, said["leading"] - born, looked - born, busy, resident, peak)

    async def memory(self) -> tuple[float, float]:
        """MiB that are resident now, and the most that ever were since `forget_peak`."""
        return await asyncio.to_thread(lambda: _memory(self._exec("cat", "/proc/1/status")))

    async def forget_peak(self) -> None:
        """From now on the peak is one of what comes."""
        await asyncio.to_thread(self._exec, "sh", "-c", "echo 5 > /proc/1/clear_refs")

    async def floor(self) -> float:
        """MiB of a process with the same imports that does nothing."""
        said = await asyncio.to_thread(self._exec, "python", "-c", IMPORTS)
        return _memory(said)[0]

    async def _has_looked_at(self, resources: int) -> bool:
        try:
            now = await self.numbers()
        except (RuntimeError, OSError, BedError):
            self._pod = ""  # not there yet
            return False
        busy = now.sum("workqueue_depth") + now.sum("controller_runtime_active_workers")
        return busy == 0 and now.sum("switchback_resources") >= resources

    async def _find(self) -> str:
        path = f"/api/v1/namespaces/{chart.NAMESPACE}/pods"
        found = (await self._api.send("GET", path, query={"labelSelector": SELECTOR}))["items"]
        alive = [one["metadata"]["name"] for one in found if "deletionTimestamp" not in one["metadata"]]
        if len(alive) != 1:
            raise BedError(f"{len(alive)} pods of the operator are there, one is needed")
        return str(alive[0])

    def _born(self) -> float:
        """When its process began. The kernel counts hundredths of a second since the machine's start."""
        stat, uptime, now = self._exec("sh", "-c", BORN).splitlines()
        begun = int(stat.rpartition(")")[2].split()[19]) / 100
        return float(now) - (float(uptime.split()[0]) - begun)

    def _said(self, *events: str) -> dict[str, float]:
        """When it logged these events."""
        lines = map(json.loads, self._kubectl("logs", self._pod).splitlines())
        return {
            line["event"]: datetime.fromisoformat(line["time"]).timestamp()
            for line in lines
            if line["event"] in events
        }

    def _scale(self, replicas: int) -> None:
        self._kubectl("scale", DEPLOYMENT, f"--replicas={replicas}")

    def _exec(self, *words: str) -> str:
        return self._kubectl("exec", DEPLOYMENT, "--", *words)

    def _kubectl(self, *words: str) -> str:
        return str(self._cluster.kubectl("-n", chart.NAMESPACE, *words, timeout=90))


def _memory(status: str) -> tuple[float, float]:
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(lines["VmRSS"].split()[0]) / MIB, int(lines["VmHWM"].split()[0]) / MIB
