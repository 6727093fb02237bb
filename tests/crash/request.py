"""What an operator asks of the API server, and how far its story has come."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?/?"
)
BY_THE_WAY = {"discovery", "leases", "events"}
"""What no stage of a story depends on."""

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Request:
    """One request."""

    verb: str
    """As the audit log has it, but lists of everything are `page`, and those of one resource's own `list`."""
    resource: str
    """With its subresource, such as `databasemigrations/status`; `discovery` for what there is."""
    namespace: str = ""
    name: str = ""
    stage: str = field(default="", compare=False)
    """Where the resource stood when this was asked; empty for what is asked whatever there is to do."""

    @property
    def writes(self) -> bool:
        return self.verb in _VERBS.values()

    @property
    def what(self) -> str:
        return f"{self.verb} {self.resource}"


def parse(method: str, path: str, query: Mapping[str, str], stage: str) -> Request:
    """The request for this path, in a stage of the story. Those that belong to no stage have none."""
    found = _PATH.fullmatch(path)
    if found is None or (found["plural"] == "namespaces" and found["name"] is None):
        return Request("get", "discovery")
    resource = found["plural"] + (f"/{found['sub']}" if found["sub"] else "")
    verb = _VERBS.get(method) or _reading(query, found["name"] or "")
    if verb in {"page", "watch"} or resource in BY_THE_WAY:
        stage = ""
    return Request(verb, resource, found["namespace"] or "", found["name"] or "", stage)


def _reading(query: Mapping[str, str], name: str) -> str:
    if query.get("watch") in {"true", "1"}:
        return "watch"
    return "get" if name else "page" if "limit" in query else "list"


def stage_of(resource: dict[str, Any]) -> str:
    """Where the story of a resource stands, from what is stored: the same words in every run of it."""
    metadata, status = resource["metadata"], resource.get("status") or {}
    operation = status.get("operation") or {}
    said = {one["type"]: one["status"] for one in status.get("conditions") or []}
    spec = resource["spec"]
    words = [str(spec["target"])] if "target" in spec else []
    words += [str(spec["cutover"]["activeSlot"])] if "cutover" in spec else []
    if status.get("observedGeneration", 0) != metadata.get("generation"):
        words.append("asked")
    if operation:
        words.append(f"{operation.get('step', 'begun')}-{operation.get('attempt', 0)}")
    if operation.get("jobName"):
        words.append("seen" if operation.get("jobUID") else "named")
    if metadata.get("finalizers"):
        words.append("held")
    if said.get("Finished") == "True":
        words.append("over")
    words += _switch((status.get("traffic") or {}).get("cutover") or {})
    return " ".join(words)


def _switch(cutover: dict[str, Any]) -> list[str]:
    """How far the traffic is."""
    probe = "told" if cutover.get("probed") else "running" if cutover.get("probeUID") else "named"
    named = [f"probe-{cutover['probeAttempt']}-{probe}"] if cutover.get("probeJob") else []
    return [str(cutover["phase"]), *named] if cutover else []
