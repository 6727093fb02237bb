"""Numbers about the operator. The names of the queue and of the looks are those of controller-runtime.

Labels hold words from fixed tables only, never names of objects: their number has to stay bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable

CONTROLLER = "databasemigration"

_LOOK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_OPERATION_BUCKETS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)


class Metrics:
    """Every series, in a registry of its own: the process's default one may hold anybody's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._adds = Counter("workqueue_adds_total", "Keys added to the queue.", ["name"], registry=registry)
        self._retries = Counter(
            "workqueue_retries_total", "Keys added after a failure.", ["name"], registry=registry
        )
        self._depth = Gauge("workqueue_depth", "Keys that wait for a worker.", ["name"], registry=registry)
        self._waited = Histogram(
            "workqueue_queue_duration_seconds",
            "Seconds a key waited for a worker.",
            ["name"],
            buckets=_LOOK_BUCKETS,
            registry=registry,
        )
        self._looks = Counter(
            "controller_runtime_reconcile_total",
            "Looks at a resource, by how they ended.",
            ["controller", "result"],
            registry=registry,
        )
        self._look_seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Seconds per look.",
            ["controller"],
            buckets=_LOOK_BUCKETS,
            registry=registry,
        )
        self._leader = Gauge(
            "leader_election_master_status", "1 while this process leads.", ["name"], registry=registry
        )
        self._resync_age = Gauge(
            "switchback_resync_age_seconds", "Seconds since everything was last looked at.", registry=registry
        )
        self._operations = Counter(
            "switchback_operations_total",
            "Operations that ended.",
            ["direction", "outcome", "reason"],
            registry=registry,
        )
        self._operation_seconds = Histogram(
            "switchback_operation_seconds",
            "Seconds from the beginning of an operation to its end.",
            ["direction", "outcome"],
            buckets=_OPERATION_BUCKETS,
            registry=registry,
        )
        self._jobs = Counter("switchback_jobs_created_total", "Jobs created.", ["step"], registry=registry)
        self._leader.labels("switchback").set(0)
        self._depth.labels(CONTROLLER).set(0)

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

    def looked(self, result: str, seconds: float) -> None:
        """A look ended: `success`, `requeue`, `requeue_after` or `error`."""
        self._looks.labels(CONTROLLER, result).inc()
        self._look_seconds.labels(CONTROLLER).observe(seconds)

    def leading(self, *, yes: bool) -> None:
        """Whether this process leads."""
        self._leader.labels("switchback").set(1 if yes else 0)

    def resync_age(self, age: Callable[[], float]) -> None:
        """Where to ask, when the numbers are read, how long the last resync is ago."""
        self._resync_age.set_function(age)

    def job_created(self, step: str) -> None:
        """A Job was created."""
        self._jobs.labels(step).inc()

    def operation_ended(self, direction: str, outcome: str, reason: str, seconds: float | None) -> None:
        """An operation's outcome was written to a status. `seconds` is None when its times are unknown."""
        self._operations.labels(direction, outcome, reason).inc()
        if seconds is not None:
            self._operation_seconds.labels(direction, outcome).observe(seconds)

    def text(self) -> bytes:
        """All series in Prometheus' text format."""
        return generate_latest(self.registry)
