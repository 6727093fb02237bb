"""What a watch and the audit log tell of one shop, put together: states, and who wrote what. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from tests.traffic.slots import KEY, SERVICE, SLOTS, is_ready, ready_targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.cluster.audit import Event
    from tests.e2e.kube import Object
    from tests.traffic.history import Change

OURS = "DatabaseMigration"
_OVER = {"Succeeded", "Failed"}


@dataclass(frozen=True)
class Write:
    """A request that has changed the Service's selector."""

    version: int
    begun: float
    at: float
    """When the API server got the request, and when it answered."""
    user: str
    verb: str
    request: Object
    before: Mapping[str, str]
    after: Mapping[str, str]
    service: Object
    """The Service from then on."""


@dataclass(frozen=True)
class Story:
    """The account of one Service with two slots. `actor`: who is judged, as the API server knows it."""

    changes: Sequence[Change]
    requests: Sequence[Event]
    actor: str
    service: str = SERVICE
    key: str = KEY
    slots: tuple[str, ...] = field(default=SLOTS)

    @cached_property
    def writes(self) -> list[Write]:
        """Every change of the selector, in order, whoever made it. The creation is none."""
        found = []
        before: Mapping[str, str] | None = None
        for change in self._of("Service"):
            if change.name != self.service or change.deleted:
                continue
            after = change.body["spec"].get("selector") or {}
            if before is not None and dict(after) != dict(before):
                found.append(self._write(change, before, after))
            before = after
        return found

    @property
    def own(self) -> list[Write]:
        """Those of the actor."""
        return [one for one in self.writes if one.user == self.actor]

    def mending(self, write: Write) -> bool:
        """Whether a write only puts right what somebody else has just changed."""
        index = self.writes.index(write)
        previous = self.writes[index - 1] if index else None
        if previous is None or previous.user == self.actor:
            return False
        return write.after.get(self.key) == previous.before.get(self.key)

    def at(self, kind: str, version: int) -> dict[str, Object]:
        """The objects of a kind as they were at a version, by name."""
        found: dict[str, Object] = {}
        for change in self._of(kind):
            if change.version > version:
                break
            if change.deleted:
                found.pop(change.name, None)
            else:
                found[change.name] = change.body
        return found

    def of(self, kind: str) -> Iterator[Change]:
        """Every change of a kind, in order."""
        yield from self._of(kind)

    def resources(self) -> Iterator[Change]:
        """States of our resources that move this Service's traffic."""
        for change in self._of(OURS):
            cutover = change.body.get("spec", {}).get("cutover") or {}
            if cutover.get("serviceName") == self.service and not change.deleted:
                yield change

    def ready_pods(self, selector: Mapping[str, str], version: int) -> list[str]:
        """Names of ready pods that a selector chooses. An empty one chooses none."""
        if not selector:
            return []
        return [
            name
            for name, pod in self.at("Pod", version).items()
            if selector.items() <= (pod["metadata"].get("labels") or {}).items() and is_ready(pod)
        ]

    def living(self, slot: str, version: int) -> list[str]:
        """Names of pods of a slot that run, or may."""
        return [
            name
            for name, pod in self.at("Pod", version).items()
            if self._slot_of(pod) == slot and pod.get("status", {}).get("phase") not in _OVER
        ]

    def behind(self, version: int) -> list[str]:
        """The slot of each ready endpoint of the Service."""
        pods = {change.name: change.body for change in self._of("Pod")}
        found = []
        for part in self.at("EndpointSlice", version).values():
            if part["metadata"]["labels"].get("kubernetes.io/service-name") == self.service:
                found += [self._slot_of(pods.get(name, {})) for name in ready_targets(part)]
        return found

    def live(self, version: int) -> str | None:
        """The slot that the Service names."""
        service = self.at("Service", version).get(self.service)
        selector = (service or {}).get("spec", {}).get("selector") or {}
        found: str | None = selector.get(self.key)
        return found

    def just_before(self, version: int, at: float, seconds: float) -> Iterator[int]:
        """This version, and those of changes that were news less than so long before."""
        yield version
        for change in self.changes:
            if change.version < version and at - seconds <= change.seen <= at:
                yield change.version - 1

    def _slot_of(self, pod: Object) -> str:
        labels = pod.get("metadata", {}).get("labels") or {}
        return str(labels.get(self.key, "")) if pod else "?"

    def _of(self, kind: str) -> list[Change]:
        return self._by_kind.get(kind, [])

    @cached_property
    def _by_kind(self) -> dict[str, list[Change]]:
        found: dict[str, list[Change]] = {}
        for change in sorted(self.changes, key=lambda one: one.version):
            found.setdefault(change.kind, []).append(change)
        return found

    @cached_property
    def _written(self) -> dict[int, Event]:
        """Requests about the Service by the version that they made; the first one made it."""
        found: dict[int, Event] = {}
        for event in self.requests:
            version = event.response.get("metadata", {}).get("resourceVersion")
            if event.resource == "services" and event.writes and event.code < 300 and version:
                found.setdefault(int(version), event)
        return found

    def _write(self, change: Change, before: Mapping[str, str], after: Mapping[str, str]) -> Write:
        event = self._written.get(change.version)
        if event is None:
            return Write(change.version, change.seen, change.seen, "", "", {}, before, after, change.body)
        begun, at = moment(event.received), moment(event.answered)
        return Write(
            change.version, begun, at, event.user, event.verb, event.request, before, after, change.body
        )


def moment(text: str) -> float:
    """Seconds since the epoch of a time as the API server writes it."""
    return datetime.fromisoformat(text).timestamp()
