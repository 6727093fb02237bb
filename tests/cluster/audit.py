"""The API server's own account of what was asked of it, in order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Event:
    """One request and its answer."""

    raw: dict[str, Any]

    @property
    def verb(self) -> str:
        return str(self.raw["verb"])

    @property
    def user(self) -> str:
        return str(self.raw["user"]["username"])

    @property
    def code(self) -> int:
        return int(self.raw.get("responseStatus", {}).get("code", 0))

    @property
    def received(self) -> str:
        """Return when the request came, in UTC with microseconds; sorts as text."""
        return str(self.raw["requestReceivedTimestamp"])

    @property
    def answered(self) -> str:
        return str(self.raw["stageTimestamp"])

    @property
    def resource(self) -> str:
        return self._object("resource")

    @property
    def subresource(self) -> str:
        return self._object("subresource")

    @property
    def namespace(self) -> str:
        return self._object("namespace")

    @property
    def name(self) -> str:
        """Return the object's name; where the log holds bodies, also for creations."""
        body = self.response.get("metadata", {}) if self.verb == "create" else {}
        return self._object("name") or str(body.get("name", ""))

    @property
    def request(self) -> dict[str, Any]:
        return dict(self.raw.get("requestObject") or {})

    @property
    def response(self) -> dict[str, Any]:
        return dict(self.raw.get("responseObject") or {})

    @property
    def writes(self) -> bool:
        return self.verb in {"create", "update", "patch", "delete", "deletecollection"}

    def _object(self, field: str) -> str:
        return str(self.raw.get("objectRef", {}).get(field, ""))


def size(path: Path) -> int:
    """Return a mark from which `read` can go on."""
    return path.stat().st_size if path.exists() else 0


def read(path: Path, *, since: int = 0, **wanted: str | int | bool | tuple[str, ...]) -> list[Event]:
    """Return the answered requests after a mark, in the order of their answers.

    Each filter names a property of `Event`; a tuple means "one of these". For example
    `read(path, namespace="shop", resource="jobs", verb=("create", "delete"))`.
    """
    return [event for event in _events(path, since, wanted) if _matches(event, wanted)]


def _events(path: Path, since: int, wanted: dict[str, Any]) -> Iterator[Event]:
    # Parsing is slow and the log long: lines that cannot match are dropped as bytes.
    needles = [
        json.dumps(value).encode()
        for key, value in wanted.items()
        if key in {"namespace", "user"} and isinstance(value, str)
    ]
    with path.open("rb") as handle:
        handle.seek(since)
        for line in handle:
            if not line.endswith(b"\n"):
                return  # being written just now
            if all(needle in line for needle in needles):
                raw = json.loads(line)
                if raw["stage"] in {"ResponseComplete", "ResponseStarted", "Panic"}:
                    yield Event(raw)


def _matches(event: Event, wanted: dict[str, Any]) -> bool:
    for key, value in wanted.items():
        actual = getattr(event, key)
        if actual not in value if isinstance(value, tuple) else actual != value:
            return False
    return True
