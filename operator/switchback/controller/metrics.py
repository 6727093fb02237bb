"""Numbers about the operator, in Prometheus' format. What there is, and what it is good for: `series`."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from switchback import __version__
from switchback.api.status import CutoverPhase, LastHandled, Outcome, SnapshotPhase
from switchback.contract.words import Direction, Operation
from switchback.controller import series
from switchback.controller.fleet import Fleet, word
from switchback.controller.series import Kind, Series
from switchback.controller.switch_times import Step, SwitchTimes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.metrics_core import Metric

CONTROLLER = "databasemigration"
LEADER = "switchback"

NO_ANSWER = "<error>"
"""client-go's word where there is no code."""

REPLACED = "Replaced"
"""The end of a Job that gave way to the same step, described anew."""

_RESULTS = ("success", "requeue", "requeue_after", "error")
OVER = (CutoverPhase.COMPLETED, CutoverPhase.RESTORED, CutoverPhase.CANCELLED, CutoverPhase.TAKEN_OVER)
SIDES = ("new", "old")
_FLEET = (
    series.RESOURCES,
    series.CONDITIONS,
    series.APPROVALS,
    series.OLDEST,
    series.RESTORE_POINTS,
    series.RESTORE_POINT_BYTES,
    series.RESTORE_POINT_AGE,
    series.LIVE_SLOT,
    series.CUTOVER_AGE,
)

# When a series began is of no use here, and would double their number.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Every series, in a registry of its own: the process's default one may hold anybody's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self.fleet = Fleet()
        self._clock = clock
        self._busy: dict[object, float] = {}
        self._queue_and_looks()
        self._operations()
        self._traffic()
        self._gauge(series.BUILD).labels(__version__).set(1)
        self._resync_age = self._gauge(series.RESYNC_AGE)
        self._events = self._counter(series.EVENTS)
        self._api_requests = self._counter(series.API_REQUESTS)
        self._api_seconds = self._histogram(series.API_SECONDS)
        self.registry.register(_FleetCollector(self.fleet))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def _queue_and_looks(self) -> None:
        self._adds = self._counter(series.ADDS)
        self._retries = self._counter(series.RETRIES)
        self._depth = self._gauge(series.DEPTH)
        self._depth.labels(CONTROLLER).set(0)
        self._waited = self._histogram(series.QUEUED)
        self._worked = self._histogram(series.WORKED)
        self._gauge(series.UNFINISHED).labels(CONTROLLER).set_function(lambda: sum(self._ages()))
        self._gauge(series.LONGEST).labels(CONTROLLER).set_function(lambda: max(self._ages(), default=0.0))
        self._looks = self._counter(series.LOOKS)
        for result in _RESULTS:
            self._looks.labels(CONTROLLER, result)
        self._look_errors = self._counter(series.LOOK_ERRORS)
        self._look_errors.labels(CONTROLLER)
        self._look_seconds = self._histogram(series.LOOK_SECONDS)
        self._gauge(series.ACTIVE).labels(CONTROLLER).set_function(lambda: len(self._busy))
        self._workers = self._gauge(series.WORKERS)
        self._workers.labels(CONTROLLER).set(0)
        self._leader = self._gauge(series.LEADER)
        self._leader.labels(LEADER).set(0)

    def _operations(self) -> None:
        self._ended = self._counter(series.OPERATIONS)
        # From the start, all of them: what appears with a 1 has no increase that an alert could see.
        for direction in Direction:
            for outcome in Outcome:
                self._ended.labels(direction, outcome)
        self._failures = self._counter(series.FAILURES)
        self._seconds = self._histogram(series.OPERATION_SECONDS)
        self._segments = self._histogram(series.SEGMENT_SECONDS)
        self._jobs = self._counter(series.JOBS_CREATED)
        for step in Operation:
            self._jobs.labels(step)
        self._jobs_ended = self._counter(series.JOBS_ENDED)
        self._job_seconds = self._histogram(series.JOB_SECONDS)
        self._repeated = self._counter(series.REPEATED)
        self._requests = self._counter(series.REQUESTS)
        for kind in LastHandled.model_fields:
            self._requests.labels(kind)
        self._points = self._counter(series.RESTORE_POINTS_TAKEN)
        for phase in (SnapshotPhase.READY, SnapshotPhase.FAILED):
            self._points.labels(phase)
        self._point_seconds = self._histogram(series.RESTORE_POINT_SECONDS)
        self._provider_seconds = self._histogram(series.PROVIDER_SECONDS)

    def _traffic(self) -> None:
        self.switch_times = SwitchTimes(self._clock)
        self._cutovers = self._counter(series.CUTOVERS)
        for phase in OVER:
            self._cutovers.labels(phase)
        self._switch_seconds = self._histogram(series.SWITCH_SECONDS)
        for step in Step:
            self._switch_seconds.labels(step)
        self._exposure = self._histogram(series.EXPOSURE)
        self._drift = self._counter(series.DRIFT)
        self._probe_failures = self._counter(series.PROBE_FAILURES)
        for side in SIDES:
            self._probe_failures.labels(side)

    def added(self) -> None:
        """A key was added to the queue."""
        self._adds.labels(CONTROLLER).inc()

    def retried(self) -> None:
        """A key was added after a failure."""
        self._retries.labels(CONTROLLER).inc()

    def depth(self, waiting: int) -> None:
        """So many keys wait."""
        self._depth.labels(CONTROLLER).set(waiting)

    def waited(self, seconds: float) -> None:
        """A key was taken after so long."""
        self._waited.labels(CONTROLLER).observe(seconds)

    def workers(self, count: int) -> None:
        """So many workers take keys."""
        self._workers.labels(CONTROLLER).set(count)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Around a look: it counts as under way."""
        look = object()
        self._busy[look] = self._clock()
        try:
            yield
        finally:
            del self._busy[look]

    def looked(self, result: str, seconds: float) -> None:
        """A look ended: `success`, `requeue`, `requeue_after` or `error`."""
        self._looks.labels(CONTROLLER, result).inc()
        if result == "error":
            self._look_errors.labels(CONTROLLER).inc()
        self._look_seconds.labels(CONTROLLER).observe(seconds)
        self._worked.labels(CONTROLLER).observe(seconds)

    def leading(self, *, yes: bool) -> None:
        """Whether this process leads."""
        self._leader.labels(LEADER).set(1 if yes else 0)

    def resync_age(self, age: Callable[[], float]) -> None:
        """Where to ask, when the numbers are read, how long the last resync is ago."""
        self._resync_age.set_function(age)

    def requested(self, method: str, code: int, seconds: float) -> None:
        """The API server has answered a request, or not: then the code is 0."""
        self._api_requests.labels(str(code) if code else NO_ANSWER, method).inc()
        self._api_seconds.labels(method).observe(seconds)

    def event(self, kind: str, outcome: str) -> None:
        """What became of a Kubernetes Event: `created`, `counted` or `dropped`."""
        self._events.labels(kind, outcome).inc()

    def job_created(self, step: str) -> None:
        """A Job was created."""
        self._jobs.labels(step).inc()

    def job_ended(self, step: str, reason: str, seconds: float | None) -> None:
        """The end of a Job was taken note of."""
        self._jobs_ended.labels(step, reason if reason == REPLACED else word(reason)).inc()
        if seconds is not None:
            self._job_seconds.labels(step).observe(seconds)

    def run_repeated(self, reason: str, limit: str) -> None:
        """A run will be repeated; `limit` ends that some time."""
        self._repeated.labels(word(reason), limit).inc()

    def request_handled(self, kind: str) -> None:
        """A request by annotation was taken note of."""
        self._requests.labels(kind).inc()

    def provider_called(self, call: str, seconds: float) -> None:
        """A snapshot provider was asked something, and has answered or not."""
        self._provider_seconds.labels(call).observe(seconds)

    def restore_point_taken(self, outcome: str, seconds: float | None) -> None:
        """A restore point is there, or will not be."""
        self._points.labels(outcome).inc()
        if seconds is not None and outcome == SnapshotPhase.READY:
            self._point_seconds.observe(seconds)

    def operation_ended(
        self, direction: str, outcome: str, reason: str, seconds: float | None, human: float = 0.0
    ) -> None:
        """An operation's outcome was written to a status.

        `seconds` is None when its times are unknown; `human` of them were spent waiting for people.
        """
        self._ended.labels(direction, outcome).inc()
        if outcome == Outcome.FAILED:
            self._failures.labels(word(reason)).inc()
        if seconds is not None:
            self._seconds.labels(direction, outcome).observe(seconds)
            self._segments.labels(direction, "human").observe(human)
            self._segments.labels(direction, "automation").observe(seconds - human)

    def cutover_ended(self, phase: str) -> None:
        """A switch of traffic ended."""
        self._cutovers.labels(phase).inc()

    def switched(self, step: str, seconds: float) -> None:
        """A step of a switch took so long."""
        self._switch_seconds.labels(step).observe(seconds)

    def exposed(self, seconds: float) -> None:
        """A switch went back; for so long the traffic was at the new slot."""
        self._exposure.observe(seconds)

    def drifted(self, times: int) -> None:
        """So often the selector was put right."""
        self._drift.inc(times)

    def probe_failed(self, side: str, tries: int) -> None:
        """So many tries of a check that has ended failed."""
        self._probe_failures.labels(side).inc(tries)

    def text(self) -> bytes:
        """All series in Prometheus' text format."""
        return generate_latest(self.registry)

    def _ages(self) -> list[float]:
        now = self._clock()
        return [now - begun for begun in self._busy.values()]

    def _counter(self, one: Series) -> Counter:
        _check(one, Kind.COUNTER)
        return Counter(one.name, one.help, one.labels, registry=self.registry)

    def _gauge(self, one: Series) -> Gauge:
        _check(one, Kind.GAUGE)
        return Gauge(one.name, one.help, one.labels, registry=self.registry)

    def _histogram(self, one: Series) -> Histogram:
        _check(one, Kind.HISTOGRAM)
        return Histogram(one.name, one.help, one.labels, buckets=one.buckets, registry=self.registry)


class _FleetCollector(Collector):
    """The numbers about all resources, worked out when they are asked for."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:  # type: ignore[explicit-override]  # Python 3.11 has no word for it
        families = {one.name: GaugeMetricFamily(one.name, one.help, labels=one.labels) for one in _FLEET}
        for number in self._fleet.numbers():
            families[number.series.name].add_metric(number.labels, number.value)
        yield from families.values()


def _check(one: Series, kind: Kind) -> None:
    if one.kind is not kind:
        raise TypeError(f"{one.name} is a {one.kind} in the table, not a {kind}")
