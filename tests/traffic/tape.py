"""A story told by hand, step by step: changes and requests as watch and audit log would have brought them."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.cluster.audit import Event
from tests.traffic.history import Change
from tests.traffic.slots import APP, BLUE, GREEN, KEY, SERVICE, selector
from tests.traffic.story import Story

if TYPE_CHECKING:
    from tests.e2e.kube import Object

OPERATOR, PERSON = "the-operator", "a-person"
ID = "0123-switch"


class Tape:
    """Time passes by one second with each step, and so does the version."""

    def __init__(self) -> None:
        """Begin with a shop of which blue is live: one ready pod per slot."""
        self._version = 0
        self._changes: list[Change] = []
        self._requests: list[Event] = []
        self._last: dict[tuple[str, str], Object] = {}
        for slot in (BLUE, GREEN):
            self.pod(slot)
            self.deployment(slot)
        self.service({"selector": selector(BLUE)})
        self.slice(BLUE)

    def story(self) -> Story:
        return Story(list(self._changes), list(self._requests), OPERATOR)

    def pod(self, slot: str, *, ready: bool = True, phase: str = "Running", gone: bool = False) -> None:
        status = {"phase": phase, "conditions": [{"type": "Ready", "status": str(ready)}]}
        body = {"metadata": {"name": f"{slot}-1", "labels": {"app": APP, KEY: slot}}, "status": status}
        self._add("Pod", body, gone=gone)

    def deployment(self, slot: str, replicas: int = 1) -> None:
        template = {"metadata": {"labels": {"app": APP, KEY: slot}}}
        spec = {"replicas": replicas, "template": template}
        self._add("Deployment", {"metadata": {"name": f"shop-{slot}"}, "spec": spec})

    def slice(self, *slots: str) -> None:
        endpoints = [{"targetRef": {"name": f"{slot}-1"}, "conditions": {"ready": True}} for slot in slots]
        labels = {"kubernetes.io/service-name": SERVICE}
        self._add("EndpointSlice", {"metadata": {"name": "part", "labels": labels}, "endpoints": endpoints})

    def service(self, spec: Object, annotations: dict[str, str] | None = None) -> None:
        self._add("Service", {"metadata": {"name": SERVICE, "annotations": annotations or {}}, "spec": spec})

    def write(
        self,
        wanted: dict[str, str] | None,
        *,
        user: str = OPERATOR,
        blind: bool = False,
        switch: str = ID,
        **more: Any,
    ) -> None:
        """Somebody changes the selector."""
        seen = str(self._version)
        self.service(
            {"selector": wanted} if wanted is not None else {}, {"switchback.dev/cutover-id": switch}
        )
        metadata: Object = {} if blind else {"resourceVersion": seen}
        body = {"metadata": metadata, "spec": {"selector": wanted}, **more}
        self.request("patch", "services", SERVICE, user=user, body=body, version=str(self._version))

    def resource(
        self, active: str = GREEN, *, generation: int = 1, ready: bool = False, **parts: Any
    ) -> None:
        """A state of our resource. `traffic`: that part of its status; `seen`: observedGeneration."""
        spec = {"cutover": {"serviceName": SERVICE, "activeSlot": active}}
        seen = parts.get("seen", generation)
        condition = {"type": "Ready", "status": str(ready), "observedGeneration": seen}
        status = {"observedGeneration": seen, "conditions": [condition], "traffic": parts.get("traffic", {})}
        metadata = {"name": "shop", "generation": generation}
        self._add("DatabaseMigration", {"metadata": metadata, "spec": spec, "status": status})

    def intends(self, phase: str, there: str = GREEN, back: str = BLUE) -> None:
        self.resource(there, traffic={"cutover": {"id": ID, "phase": phase, "from": back, "to": there}})

    def job(self, name: str = "shop-migrate-1", *, phase: str = "contract", step: str = "migrate") -> None:
        labels = {"switchback.dev/step": step, "switchback.dev/phase": phase}
        self._add("Job", {"metadata": {"name": name, "labels": labels}})

    def request(
        self,
        verb: str,
        resource: str,
        name: str,
        *,
        user: str = OPERATOR,
        body: Object | None = None,
        version: str = "",
    ) -> None:
        at = datetime.fromtimestamp(self._version, UTC).isoformat()
        metadata = {"name": name} | ({"resourceVersion": version} if version else {})
        raw = {
            "verb": verb,
            "user": {"username": user},
            "objectRef": {"resource": resource, "namespace": "n", "name": name},
            "responseStatus": {"code": 200},
            "requestObject": body or {},
            "responseObject": {"metadata": metadata},
            "stageTimestamp": at,
            "requestReceivedTimestamp": at,
        }
        self._requests.append(Event(raw))

    def _add(self, kind: str, body: Object, *, gone: bool = False) -> None:
        self._version += 1
        made = copy.deepcopy(body)
        made["metadata"].setdefault("uid", f"{kind}-{made['metadata']['name']}")
        made["metadata"]["resourceVersion"] = str(self._version)
        self._changes.append(Change(kind, self._version, made, gone, float(self._version)))
