"""The API server's audit log: who asked for what and when, whatever anybody's status says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.kube import Object


@dataclass(frozen=True)
class Request:
    """One answered request."""

    verb: str
    user: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    received: datetime
    answered: datetime
    answer: Object
    """The object in the answer, where the audit policy keeps it."""

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.answer.get("metadata", {}).get("labels") or {}
        return labels


class AuditLog:
    """The log from the moment on at which this was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = path.stat().st_size

    def text(self) -> bytes:
        """Everything that was written since."""
        with self._path.open("rb") as file:
            file.seek(self._start)
            return file.read()

    def requests(self, *, namespace: str, resource: str, verb: str) -> list[Request]:
        """Requests that were done, in the order in which they were received."""
        marks = [f'"namespace":"{namespace}"'.encode(), f'"verb":"{verb}"'.encode()]
        lines = [line for line in self.text().splitlines() if all(mark in line for mark in marks)]
        found = [_request(json.loads(line)) for line in lines]
        kept = [one for one in found if one.namespace == namespace and one.resource == resource]
        return sorted((one for one in kept if one.verb == verb), key=lambda one: one.received)

    def jobs_created(self, namespace: str) -> list[Request]:
        """Jobs that the API server took: each a POST with code 201."""
        return [
            one
            for one in self.requests(namespace=namespace, resource="jobs", verb="create")
            if one.code == 201 and not one.subresource
        ]


def _request(entry: dict[str, Any]) -> Request:
    reference = entry.get("objectRef", {})
    answer = entry.get("responseObject") or {}
    return Request(
        verb=entry["verb"],
        user=entry["user"].get("username", ""),
        resource=reference.get("resource", ""),
        subresource=reference.get("subresource", ""),
        namespace=reference.get("namespace", ""),
        # The name of what is created stands in the answer only.
        name=reference.get("name") or answer.get("metadata", {}).get("name", ""),
        code=entry.get("responseStatus", {}).get("code", 0),
        received=datetime.fromisoformat(entry["requestReceivedTimestamp"]),
        answered=datetime.fromisoformat(entry["stageTimestamp"]),
        answer=answer,
    )
