"""Watches a shop during a story and judges it at the end, by what the API server tells."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from tests.traffic.history import History
from tests.traffic.rules import judge
from tests.traffic.slots import SERVICE
from tests.traffic.story import Story, moment

if TYPE_CHECKING:
    from tests.cluster.audit import Event
    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube
    from tests.traffic.story import Write

OPERATOR = "system:serviceaccount:switchback-system:switchback"
LOG_SECONDS = 5.0


class Oracle:
    """Begins when the block begins; the end of the block waits until all news has come."""

    def __init__(
        self, cluster: Cluster, kube: Kube, namespace: str, *, actor: str = OPERATOR, service: str = SERVICE
    ) -> None:
        self._cluster = cluster
        self._actor, self._service = actor, service
        self._since = cluster.audit_mark()
        self.namespace = namespace
        self.history = History(kube, namespace)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.history.settle()
        self.history.__exit__()

    def story(self) -> Story:
        """What is known by now."""
        changes = self.history.changes()
        return Story(changes, self._requests(), self._actor, self._service)

    def violations(self) -> list[str]:
        """What must not have happened."""
        return judge(self.story())

    def switches(self) -> list[Write]:
        """Changes of the selector by the one who is judged."""
        return self.story().own

    def requests(self) -> list[Event]:
        """The audit log of this namespace since the beginning."""
        return self._requests()

    def mending_times(self) -> list[float]:
        """Seconds from each change of the selector by somebody else until it was put right."""
        story = self.story()
        found = []
        for index, write in enumerate(story.writes[1:], start=1):
            if write.user == story.actor and story.mending(write):
                found.append(write.at - story.writes[index - 1].at)
        return found

    def _requests(self) -> list[Event]:
        # The log is written when a request ends, a moment after its answer has gone out.
        deadline = time.monotonic() + LOG_SECONDS
        while True:
            events = self._cluster.audit(since=self._since, namespace=self.namespace)
            story = Story(self.history.changes(), events, self._actor, self._service)
            if all(write.user for write in story.writes) or time.monotonic() > deadline:
                return sorted(events, key=lambda one: moment(one.answered))
            time.sleep(0.1)
