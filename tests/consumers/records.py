"""Every status that a test run writes, once for each shape, to be judged when the run ends."""

from __future__ import annotations

import threading
from typing import Any

Object = dict[str, Any]

LIMIT = 5000
"""More shapes than this mean that the shape is ill-defined: the conditions have far fewer."""


class Records:
    """Resources that differ in what the tools look at. Safe to use from several threads."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._first: dict[object, Object] = {}
        self.left_out = 0

    def add(self, resource: Object) -> None:
        """Keeps the resource, unless one of its shape is known."""
        key = _shape(resource)
        with self._lock:
            if key in self._first:
                return
            if len(self._first) >= self._limit:
                self.left_out += 1
                return
            self._first[key] = _essence(resource)

    def resources(self) -> list[Object]:
        """The first resource of each shape."""
        with self._lock:
            return list(self._first.values())


RECORDS = Records()


def record(status: Object, generation: int, where: str, *, deleting: bool = False) -> None:
    """Notes a status that a test has seen written, without an API server. `where` says whose it is."""
    meta = {"namespace": where, "name": "shop", "generation": generation}
    if deleting:
        meta["deletionTimestamp"] = "2026-01-31T09:30:00Z"
    RECORDS.add({"metadata": meta, "status": status})


def _essence(resource: Object) -> Object:
    meta = resource["metadata"]
    kept = ("namespace", "name", "generation", "deletionTimestamp")
    return {
        "apiVersion": "switchback.dev/v1alpha1",
        "kind": "DatabaseMigration",
        "metadata": {key: meta[key] for key in kept if key in meta},
        **({"status": resource["status"]} if "status" in resource else {}),
    }


def _shape(resource: Object) -> object:
    """What the tools look at: generations as differences, and the conditions in their order."""
    meta, status = resource["metadata"], resource.get("status")
    deleting = "deletionTimestamp" in meta
    if not isinstance(status, dict):
        return deleting, None
    seen = status.get("observedGeneration")
    conditions = status.get("conditions") or []
    return (
        deleting,
        seen == -1,
        _distance(meta.get("generation"), seen),
        tuple(
            (
                one["type"],
                one["status"],
                one["reason"],
                _distance(seen, one.get("observedGeneration")),
            )
            for one in conditions
        ),
    )


def _distance(one: object, other: object) -> object:
    """How far two generations are apart: behind, equal, ahead. What is no number stands for itself."""
    if isinstance(one, int) and isinstance(other, int):
        return (one > other) - (one < other)
    return one, other
