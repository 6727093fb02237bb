"""What becomes of the customers' requests: counted from the log of the pod that sends them, as they come."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from examples.bookshop.kube import FailedError
from examples.bookshop.telling import at_the_bottom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from examples.bookshop.kube import Kube

POD = "customers"
START_SECONDS = 60
LATE_SECONDS = 15
SECOND = 1.0
_COLUMNS = 7


class Request(NamedTuple):
    """One request. `sent` and `end` by the clock of the node; `fault` is empty for a good answer."""

    sent: float
    end: float
    slot: str
    pod: str
    fault: str


@dataclass
class Count:
    """All requests so far. Failures of pods that are known to be bad are counted apart."""

    sent: int = 0
    failed: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    bad_pods: frozenset[str] = frozenset()
    failed_by_bad: int = 0
    answered_by_bad: int = 0
    good: Counter[str] = field(default_factory=Counter)
    """Good answers by slot."""
    latest: float = 0.0
    """When the newest of them was sent."""
    _recent: deque[Request] = field(default_factory=deque)

    def add(self, request: Request) -> None:
        """One more."""
        self.sent += 1
        self.latest = max(self.latest, request.sent)
        bad = request.pod in self.bad_pods
        if not request.fault:
            self.good[request.slot] += 1
            self.answered_by_bad += bad
        elif bad:
            self.failed_by_bad += 1
        else:
            self.failed += 1
            self.faults[request.fault] += 1
        self._recent.append(request)
        while self._recent and self._recent[0].sent < self.latest - SECOND:
            self._recent.popleft()

    def line(self) -> tuple[str, str]:
        """In one line, and how it looks."""
        recent = Counter(each.slot for each in self._recent if each.slot)
        apart = f" (and {self.failed_by_bad:,} of the bad version)" if self.bad_pods else ""
        text = f"failed: {self.failed:,}{apart} of {self.sent:,} requests"
        text += f" | blue {recent['blue']}/s, green {recent['green']}/s"
        return text, "red" if self.failed else "green"


class Customers:
    """The counter. It counts for as long as the block of `watched` runs."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        self.count = Count()
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self._over = False
        self._summary: dict[str, dict[str, int]] = {}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Read the log from its beginning, with the count at the bottom of the screen."""
        words = ["kubectl", f"--namespace={self.kube.namespace}", "logs", "--follow", f"pod/{POD}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
            reader = threading.Thread(target=self._read, args=(child.stdout or (),), daemon=True)
            reader.start()
            try:
                with at_the_bottom(self._line):
                    yield
            finally:
                child.kill()
                reader.join()

    def begun(self) -> None:
        """Wait for the first answer.

        Raises:
            FailedError: there is none.
        """
        self._until(lambda: self.count.sent > 0, START_SECONDS, "no request was sent")

    def seen(self) -> Count:
        """The count, once everything that was sent until now is in it.

        Raises:
            FailedError: the log does not come.
        """
        now = time.time()
        self._until(lambda: self.count.latest >= now, LATE_SECONDS, "requests are not counted any more")
        return self.count

    def none_failed(self) -> None:
        """See that no request has failed but those that the bad version has.

        Raises:
            FailedError: some have.
        """
        if self.count.failed:
            faults = ", ".join(f"{count:,} {fault}" for fault, count in self.count.faults.items())
            raise FailedError(f"{self.count.failed:,} requests have failed that should not: {faults}")

    def ended(self) -> Count:
        """Send the customers home, and return the final count.

        Raises:
            FailedError: requests were sent that were not counted.
        """
        self.kube.show("delete", "pod", POD)
        self._until(lambda: self._over, LATE_SECONDS, "the log does not end")
        sent = sum(kind["sent"] for kind in self._summary.values())
        if sent != self.count.sent:
            raise FailedError(f"{sent} requests were sent, and {self.count.sent} were counted")
        return self.count

    def first(self, slot: str, since: float) -> float:
        """When the first good answer of a slot came to a request that was sent after a moment.

        Raises:
            FailedError: it never has answered.
        """
        self.seen()
        with self._lock:
            ends = [
                one.end for one in self._requests if one.sent >= since and one.slot == slot and not one.fault
            ]
        if not ends:
            raise FailedError(f"{slot} has answered no request")
        return min(ends)

    def beware(self, pods: Iterable[str]) -> None:
        """From now on failures of these pods are counted apart."""
        with self._lock:
            self.count.bad_pods |= frozenset(pods)

    def _line(self) -> tuple[str, str]:
        with self._lock:
            return self.count.line()

    def _until(self, fact: Callable[[], bool], seconds: int, otherwise: str) -> None:
        deadline = time.monotonic() + seconds
        while not fact():
            if self._over or time.monotonic() > deadline:
                why = "the log has ended" if self._over else f"waited for {seconds} s"
                raise FailedError(f"{otherwise}: {why}; see the log of the pod {POD}")
            time.sleep(0.1)

    def _read(self, lines: Iterable[str]) -> None:
        zero = 0.0
        for line in lines:
            if line.startswith("# wall_ns="):
                zero = int(line.split("=")[1].split(" ")[0]) / 1e9
                continue
            if line.startswith("{"):
                self._summary = json.loads(line)
            request = parse(line, zero)
            if request is not None:
                with self._lock:
                    self.count.add(request)
                    self._requests.append(request)
        self._over = True


def parse(line: str, zero: float) -> Request | None:
    """A line of the log, or None for one that tells of no request. `zero`: what its times count from."""
    cells = line.rstrip("\n").split("\t")
    if len(cells) != _COLUMNS or not cells[1].isdigit():
        return None
    _, _, sent, end, slot, pod, fault = cells
    return Request(zero + int(sent) / 1e6, zero + int(end) / 1e6, slot, pod, fault)
