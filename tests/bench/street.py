"""Traffic that moves under load: by the operator in one shop, by the same patch by hand in another, in turn.

Everything is timed from outside: by the API server's audit log, a watch, and the answers that clients get.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.api import names
from tests.bench import objects
from tests.cluster.console import step
from tests.cluster.errors import BedError
from tests.e2e.kube import Kube
from tests.e2e.states import condition, is_true
from tests.traffic import by_hand
from tests.traffic.by_hand import CALM, Times
from tests.traffic.load import Load, reach
from tests.traffic.oracle import OPERATOR, Oracle
from tests.traffic.shop import cutover, healthy
from tests.traffic.slots import BLUE, GREEN, SERVICE, Slots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Object
    from tests.traffic.history import Change, History

NAME = "shop"
MIGRATION = "DatabaseMigration"
CYCLES_PER_ROUND = 5
SECONDS = 180.0
"""Longest wait for one switch, which takes some seconds."""

SOAK = 1
LONG_SOAK = 120
AT_WORK_SECONDS = 1.5
"""So long after the switch the pod that checks is surely past its 20 connections."""

_POLL = 0.05


@dataclass
class Measured:
    """Seconds, and what became of the requests."""

    operator: list[Times] = field(default_factory=list)
    by_hand: list[Times] = field(default_factory=list)
    until_patch: list[float] = field(default_factory=list)
    """From the edit of the resource until the patch of the Service has come."""
    pods: list[float] = field(default_factory=list)
    """From the creation of a bare Job until its container could be seen to run."""
    until_back: list[float] = field(default_factory=list)
    """From the end of the pod whose check has failed, as it can be seen, until the selector is restored."""
    sent: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """Failed requests in the operator's shop, and in the other one."""
    sent_by_hand: int = 0
    faults_by_hand: Counter[str] = field(default_factory=Counter)
    late: float = 0.0
    violations: list[str] = field(default_factory=list)


class Shop:
    """Two slots under load in a namespace of their own."""

    def __init__(self, cluster: Cluster, namespace: str, image: str, log: Path) -> None:
        self.cluster, self.namespace, self.log = cluster, namespace, log
        self.kube = Kube(cluster.kubeconfig)
        self.slots = Slots(self.kube, namespace, image)

    def load(self, **rates: float) -> Load:
        """Begins to ask the Service."""
        reach(self.cluster, self.slots.url, self.log)
        return Load(self.cluster, self.slots.url, self.log, **rates)

    def oracle(self, actor: str) -> Oracle:
        """Begins to watch whoever switches here."""
        return Oracle(self.cluster, self.kube, self.namespace, actor=actor)


class Street:
    """Both shops. The operator works in the first one only."""

    def __init__(self, cluster: Cluster, namespaces: list[str], web: str, image: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="bench-traffic-")
        logs = Path(self.folder.name)
        ours, theirs = namespaces
        self.ours = Shop(cluster, ours, web, logs / "ours.tsv")
        self.theirs = Shop(cluster, theirs, web, logs / "theirs.tsv")
        self.kube, self.image = self.ours.kube, image

    def start(self) -> None:
        """Both slots of both shops run, and the operator knows which one is live."""
        with step("two shops with two slots each"):
            for shop in (self.ours, self.theirs):
                shop.slots.start()
            self.kube.create(
                {
                    "apiVersion": "switchback.dev/v1alpha1",
                    "kind": MIGRATION,
                    "metadata": {"name": NAME},
                    "spec": {
                        "cutover": cutover(BLUE, soakPeriodSeconds=SOAK, drainPeriodSeconds=0),
                        "checks": [healthy(failureThreshold=1)],
                        "rollback": {"automatic": "Traffic"},
                    },
                },
                self.ours.namespace,
            )
            self._until("the first look", lambda one: is_true(one, "Ready"))

    def rounds(self, cycles: int, measured: Measured) -> Iterator[int]:
        """There and back so many times, by the operator and by hand in turn; how many are done by now."""
        done = 0
        while done < cycles:
            count = min(CYCLES_PER_ROUND, cycles - done)
            self._round(count, measured)
            done += count
            yield done

    def spoilt(self, count: int, measured: Measured) -> Iterator[int]:
        """So many switches whose check fails during the soak; how many are done by now."""
        for number in range(1, count + 1):
            with self.ours.oracle(OPERATOR) as oracle:
                self._wish(GREEN, soakPeriodSeconds=LONG_SOAK)
                self._until("the soak", lambda one: _phase(one) == "Soaking")
                time.sleep(AT_WORK_SECONDS)
                self.ours.slots.fault(GREEN, unhealthy=True)
                now = self._until("the way back", _went_back)
            back = next(one for one in oracle.switches() if one.after["slot"] == BLUE)
            job = now["status"]["traffic"]["cutover"]["probeJob"]
            measured.until_back.append(back.at - _ended(oracle.history, job))
            self.ours.slots.fault(GREEN, unhealthy=False)
            # The same wish would not be followed a second time.
            forgotten = {"metadata": {"annotations": {names.ANNOTATION_ROLLED_BACK: None}}}
            self.kube.patch("Service", self.ours.namespace, SERVICE, forgotten)
            self._wish(BLUE, soakPeriodSeconds=SOAK)
            self._until("blue, as it is", lambda one: is_true(one, "Ready"))
            yield number

    def _round(self, cycles: int, measured: Measured) -> None:
        hand = self.kube.username
        asked = []
        with ExitStack() as stack:
            ours, theirs = self.ours.oracle(OPERATOR), self.theirs.oracle(hand)
            stack.enter_context(ours)
            stack.enter_context(theirs)
            our_load = stack.enter_context(self.ours.load())
            their_load = stack.enter_context(self.theirs.load(kept=0))
            for _ in range(cycles):
                for slot in (GREEN, BLUE):
                    asked.append(time.time())
                    self._wish(slot)
                    self._until(f"{slot} is live", lambda one: is_true(one, "Ready"))
                    time.sleep(CALM)
                    self.theirs.slots.switch(slot)
                    time.sleep(CALM)
                measured.pods.append(self._bare_pod(theirs.history))
        story = ours.story()
        measured.operator += by_hand.measure(story, our_load.tally)
        measured.by_hand += by_hand.measure(theirs.story(), their_load.tally)
        measured.until_patch += [one.begun - begin for begin, one in zip(asked, story.own, strict=True)]
        measured.violations += ours.violations()
        measured.sent += len(our_load.tally.requests)
        measured.faults.update(one.fault for one in our_load.tally.failed)
        measured.sent_by_hand += len(their_load.tally.requests)
        measured.faults_by_hand.update(one.fault for one in their_load.tally.failed)
        measured.late = max(measured.late, our_load.tally.lateness, their_load.tally.lateness)

    def _bare_pod(self, history: History) -> float:
        """A Job of the same image that does nothing."""
        name = f"bare-{time.time_ns()}"
        body = objects.bare_job(name, self.image, "none", "none")
        container = body["spec"]["template"]["spec"]["containers"][0]
        container |= {"args": ["--version"], "env": [], "volumeMounts": []}
        body["spec"]["template"]["spec"]["volumes"] = []
        begin = time.time()
        self.kube.create(body, self.theirs.namespace)
        alive = {"running", "terminated"}

        def runs(change: Change) -> bool:
            labels = change.body["metadata"].get("labels", {}) if change.kind == "Pod" else {}
            return labels.get("job-name") == name and objects.state(change.body) in alive

        return history.until("the bare pod runs", runs, seconds=SECONDS).seen - begin

    def _wish(self, slot: str, **fields: int) -> None:
        edit = {"spec": {"cutover": {"activeSlot": slot, **fields}}}
        self.kube.patch(MIGRATION, self.ours.namespace, NAME, edit)

    def _until(self, what: str, check: Callable[[Object], bool]) -> Object:
        """The first state that is about the newest edit and as wished."""
        deadline = time.monotonic() + SECONDS
        while True:
            now = self.kube.get(MIGRATION, self.ours.namespace, NAME)
            seen = condition(now, "Ready").get("observedGeneration") == now["metadata"]["generation"]
            if seen and check(now):
                return now
            if time.monotonic() > deadline or (seen and is_true(now, "Stalled")):
                raise BedError(f"{what}: not so; Ready is {condition(now, 'Ready')}")
            time.sleep(_POLL)


def _went_back(state: Object) -> bool:
    return condition(state, "Ready").get("reason") == "RolledBack"


def _phase(state: Object) -> str:
    found = (state["status"].get("traffic") or {}).get("cutover") or {}
    return str(found.get("phase", ""))


def _ended(history: History, job: str) -> float:
    """When the end of the container of a Job's pod could be seen."""

    def over(change: Change) -> bool:
        labels = change.body["metadata"].get("labels", {}) if change.kind == "Pod" else {}
        return labels.get("job-name") == job and objects.state(change.body) == "terminated"

    return history.until(f"the pod of {job} ends", over).seen
