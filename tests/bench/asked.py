"""What the operator asked of the API server, by the API server's own account."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tests.cluster.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.cluster.audit import Event
    from tests.cluster.handle import Cluster

LEASES = "leases"
PAUSE_SECONDS = 60.0
"""Lists that are further apart are not of the same resync."""


@dataclass
class Asked:
    """Requests by verb and resource. Those about Leases are counted by themselves."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    lease: int = 0
    writes: int = 0

    def verb(self, verb: str) -> int:
        """How many of one kind."""
        return sum(count for (said, _), count in self.requests.items() if said == verb)

    def text(self, per: int = 1) -> str:
        """All of it in words, the most frequent first; as a share, when it is for more than one."""
        parts = (
            f"{count if per == 1 else f'{count / per:.1f}'} {verb} {what}"
            for (verb, what), count in self.requests.most_common()
        )
        return ", ".join(parts) or "nothing"


class Account:
    """The audit log, as far as it is about one user."""

    def __init__(self, cluster: Cluster, user: str) -> None:
        self._cluster, self._user = cluster, user
        self.missing = ""
        """Why there is none; empty when there is one."""
        try:
            cluster.audit_mark()
        except UnsupportedError as error:
            self.missing = str(error)

    def mark(self) -> int:
        """The present end of it."""
        return 0 if self.missing else self._cluster.audit_mark()

    def since(self, mark: int) -> list[Event]:
        """What the user asked since a mark."""
        return [] if self.missing else self._cluster.audit(since=mark, user=self._user)

    def everybody(self, mark: int, namespace: str) -> list[Event]:
        """What anybody asked about a namespace since a mark."""
        return [] if self.missing else self._cluster.audit(since=mark, namespace=namespace)


def counted(events: Iterable[Event]) -> Asked:
    """How much of what. A watch counts when it begins."""
    asked = Asked()
    for event in events:
        if event.verb == "watch" and event.raw["stage"] == "ResponseComplete":
            continue
        if event.resource == LEASES:
            asked.lease += 1
            continue
        what = f"{event.resource}/{event.subresource}" if event.subresource else event.resource
        asked.requests[event.verb, what] += 1
        asked.writes += event.writes
    return asked


def about(events: Iterable[Event], namespace: str) -> list[Event]:
    """Requests about what is in a namespace, or about the namespace itself."""
    return [
        event
        for event in events
        if event.namespace == namespace or (event.resource, event.name) == ("namespaces", namespace)
    ]


def resyncs(events: Iterable[Event]) -> list[float]:
    """Seconds from the first to the last answer of each row of lists."""
    lists = sorted((at(e.received), at(e.answered)) for e in events if e.verb == "list")
    found: list[tuple[float, float]] = []
    for received, answered in lists:
        if found and received - found[-1][1] < PAUSE_SECONDS:
            found[-1] = (found[-1][0], max(answered, found[-1][1]))
        else:
            found.append((received, answered))
    return [end - begin for begin, end in found]


def first_writes(operator: Iterable[Event], everybody: Iterable[Event]) -> list[float]:
    """For each resource that was created: seconds until the operator's first status of it was stored."""
    born = {
        event.name: at(event.received)
        for event in everybody
        if (event.verb, event.resource, event.code) == ("create", "databasemigrations", 201)
    }
    first: dict[str, float] = {}
    for event in operator:
        if (event.resource, event.subresource, event.code) == ("databasemigrations", "status", 200):
            first[event.name] = min(at(event.answered), first.get(event.name, float("inf")))
    return [first[name] - begun for name, begun in born.items() if name in first]


def at(time: str) -> float:
    """Seconds since 1970 of a time in the log."""
    return datetime.fromisoformat(time).timestamp()
