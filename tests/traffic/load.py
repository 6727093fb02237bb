"""Requests at a fixed rate to a Service, and what became of each of them.

The program is `examples/bookshop/web/load`. It runs on the node, whose network reaches every ClusterIP, or in
a pod. All times are seconds on the clock of this machine, so they can be set beside the audit log.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self

from tests.cluster import binaries, network
from tests.cluster.errors import BedError, UnsupportedError
from tests.cluster.run import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube, Object

NEW, KEPT = "new", "kept"
RATE = 200.0
CONNECTIONS = 50
PATIENCE = 0.9
"""A lost packet is sent again after a second. With less patience than that, it is a failed request."""
LONGEST = 600.0
SLOW = 0.5
"""A lost packet costs a second: what takes longer than this has probably met one."""
LATE = 0.25
"""So much later than due a request may be sent before the measurement itself is in doubt."""


class Request(NamedTuple):
    """One line of the log. `fault` is empty for a good answer."""

    kind: str
    due: float
    sent: float
    end: float
    slot: str
    pod: str
    fault: str


@dataclass(frozen=True)
class Tally:
    """What became of all requests of one run."""

    requests: tuple[Request, ...]
    summary: dict[str, dict[str, object]] = field(default_factory=dict)

    def of(self, kind: str) -> list[Request]:
        return [one for one in self.requests if one.kind == kind]

    @property
    def failed(self) -> list[Request]:
        return [one for one in self.requests if one.fault]

    @property
    def lateness(self) -> float:
        """How much later than due all but one in a thousand were sent, which is the fault of the load."""
        delays = sorted(one.sent - one.due for one in self.requests)
        return delays[int(len(delays) * 0.999)] if delays else 0.0

    def text(self) -> str:
        """For a test that fails, and for people."""
        lines = [f"{len(self.requests)} requests, {len(self.failed)} failed"]
        for kind in (NEW, KEPT):
            mine = self.of(kind)
            faults: dict[str, int] = {}
            for one in mine:
                if one.fault:
                    faults[one.fault] = faults.get(one.fault, 0) + 1
            lines.append(f"  {kind}: {len(mine)} sent, failed: {faults or 'none'}")
            slow = sum(one.end - one.due > SLOW for one in mine)
            slowest = max((one.end - one.due for one in mine), default=0.0)
            lines.append(f"    slower than {SLOW} s: {slow}, slowest {slowest:.3f} s")
        lines += [
            f"  {one.kind} {one.fault} due {one.due:.3f} after {one.end - one.sent:.3f} s"
            for one in self.failed[:5]
        ]
        return "\n".join(lines)


def reach(cluster: Cluster | None, url: str, log: Path, *, seconds: float = 15.0) -> None:
    """Wait until a Service answers on the node: its rules are written after it was made."""
    deadline = time.monotonic() + seconds
    while True:
        with Load(cluster, url, log, new=50, kept=0, timeout=0.3, duration=0.3) as tried:
            tally = tried.wait()
        if tally.requests and not tally.failed:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{url} does not answer after {seconds:.0f} s: {tally.text()}")


class Load:
    """A load that runs. Leaving the block ends it; `tally` is known then."""

    def __init__(self, cluster: Cluster | None, url: str, log: Path, **options: float) -> None:
        """Ask `url`, from the cluster's node or else from this machine.

        Options: new and kept (per second), connections, timeout, duration (seconds).
        """
        self._log = log
        log.unlink(missing_ok=True)
        self._read = 0
        self._rest = ""
        self._zero = 0.0
        self._requests: list[Request] = []
        self._tally: Tally | None = None
        place = [] if cluster is None else at_the_node(cluster)
        argv = [*place, str(_program()), "-url", url, "-log", str(log), *arguments(**options)]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            wait_for("the first request of the load", self._has_begun, timeout=10, pause=0.01)
        except BaseException:
            self._process.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tally is None:
            self.stop()

    def stop(self) -> Tally:
        """Send no more, wait for the last answers."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self.wait(PATIENCE + 10)

    def wait(self, seconds: float = LONGEST) -> Tally:
        """Wait for its end."""
        try:
            out, err = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise BedError(f"the load has not ended within {seconds:.0f} s and was stopped") from None
        if self._process.returncode != 0:
            raise BedError(f"the load ended with {self._process.returncode}: {err.strip()}")
        self._tally = Tally(tuple(self.so_far()), json.loads(out.splitlines()[-1]))
        return self._tally

    @property
    def tally(self) -> Tally:
        """Known after the end."""
        if self._tally is None:
            raise BedError("the load still runs; leave its block first")
        return self._tally

    def so_far(self) -> list[Request]:
        """Every request that has ended by now, give or take 50 ms."""
        with self._log.open() as file:
            file.seek(self._read)
            text = self._rest + file.read()
            self._read = file.tell()
        *lines, self._rest = text.split("\n")
        for line in lines:
            if line.startswith("# "):
                self._zero = int(line.split("wall_ns=")[1].split()[0]) / 1e9
            elif not line.startswith("kind\t"):
                self._requests.append(_request(line, self._zero))
        return self._requests

    def failures(self) -> int:
        """How many have failed by now."""
        return sum(bool(one.fault) for one in self.so_far())

    def answered_by(
        self, slot: str, *, kind: str = NEW, since: float = 0.0, seconds: float = 10.0
    ) -> Request:
        """The first request, sent after `since`, that a slot has answered."""
        deadline = time.monotonic() + seconds
        while True:
            for one in self.so_far():
                if one.slot == slot and one.kind == kind and one.sent >= since and not one.fault:
                    return one
            if time.monotonic() > deadline:
                raise AssertionError(f"{slot} has answered no {kind} request within {seconds:.0f} s")
            time.sleep(0.02)

    def _has_begun(self) -> bool:
        if self._process.poll() is not None:
            raise BedError(f"the load ended at once: {self._process.communicate()[1].strip()}")
        return self._log.exists() and bool(self.so_far())


def arguments(
    *,
    new: float = RATE,
    kept: float = RATE,
    connections: float = CONNECTIONS,
    timeout: float = PATIENCE,
    duration: float = LONGEST,
) -> list[str]:
    """The program's options."""
    return [
        *("-new", str(new), "-kept", str(kept), "-connections", str(int(connections))),
        *("-timeout", f"{timeout}s", "-duration", f"{min(duration, LONGEST)}s"),
    ]


def pod(name: str, image: str, url: str, **options: float) -> Object:
    """A pod that does the same from inside, and ends with the summary as its last line."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "load",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["/bookshop-load", "-url", url, *arguments(**options)],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def summary(kube: Kube, namespace: str, name: str) -> dict[str, dict[str, object]]:
    """What the pod's last line says."""
    found: dict[str, dict[str, object]] = json.loads(kube.log(namespace, name, "load").splitlines()[-1])
    return found


def at_the_node(cluster: Cluster) -> list[str]:
    """What a command line begins with, to run in the node's network, which reaches pods and Services."""
    bed = getattr(cluster.backend, "bed", None)
    if bed is None:
        raise UnsupportedError(f"{cluster.backend.name}: a load on the node is for CLUSTER=local only")
    # Not its mounts: the log is written where this machine reads it.
    return network.enter(bed.netns)


def _program() -> Path:
    binaries.ensure("bookshop-load")
    return binaries.path("bookshop-load")


def _request(line: str, zero: float) -> Request:
    kind, due, sent, end, slot, name, fault = line.split("\t")
    begin, moment, over = (zero + int(value) / 1e6 for value in (due, sent, end))
    return Request(kind, begin, moment, over, slot, name, fault)
