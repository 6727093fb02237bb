"""A small API server: enough of Kubernetes' manners for the glue, and every fault at the press of a button.

Objects live in one dict by path. What matters here is what the real one does to a client: resourceVersions,
409s, pages, watches with bookmarks and 410, PartialObjectMetadata. Schemas, admission and controllers are
not here; tests on the real cluster have those.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from switchback.controller.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

Object = dict[str, Any]

KINDS = {
    "databasemigrations": ("switchback.dev/v1alpha1", "DatabaseMigration"),
    "jobs": ("batch/v1", "Job"),
    "pods": ("v1", "Pod"),
    "configmaps": ("v1", "ConfigMap"),
    "leases": ("coordination.k8s.io/v1", "Lease"),
    "events": ("v1", "Event"),
    "services": ("v1", "Service"),
    "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
    "deployments": ("apps/v1", "Deployment"),
    "statefulsets": ("apps/v1", "StatefulSet"),
    "horizontalpodautoscalers": ("autoscaling/v2", "HorizontalPodAutoscaler"),
    "namespaces": ("v1", "Namespace"),  # kopf waits for this kind to be known
    "validatingadmissionpolicies": ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
    "validatingadmissionpolicybindings": (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
    ),
}


@dataclass(frozen=True)
class Seen:
    """One request, as the audit log would have it."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    accept: str
    body: Any


@dataclass
class FakeAPI:
    """The server's memory. `fault` may answer a request instead of it, or delay it."""

    objects: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    history: list[tuple[int, str, str, Object]] = field(default_factory=list)
    requests: list[Seen] = field(default_factory=list)
    version: int = 100
    forgotten: int = 0
    """Watches from a version below this one are too old."""
    kinds: set[str] = field(default_factory=lambda: set(KINDS))
    fault: Callable[[Seen], Awaitable[web.StreamResponse | None]] | None = None
    url: str = ""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _watchers: dict[asyncio.Task[Any], str] = field(default_factory=dict)

    # --- what a test does to the cluster -----------------------------------------------------------------

    async def put(self, plural: str, body: Object, kind: str = "") -> Object:
        """Creates or replaces an object, as its owner would."""
        metadata = body.setdefault("metadata", {})
        key = (plural, metadata.setdefault("namespace", "shop"), metadata["name"])
        known = self.objects.get(key)
        self.version += 1
        metadata["resourceVersion"] = str(self.version)
        metadata.setdefault("uid", known["metadata"]["uid"] if known else f"uid-{self.version}")
        metadata.setdefault("creationTimestamp", rfc3339(datetime.now(UTC)))
        body.setdefault("apiVersion", KINDS[plural][0])
        body.setdefault("kind", KINDS[plural][1])
        self.objects[key] = body
        await self._note(kind or ("MODIFIED" if known else "ADDED"), plural, body)
        return body

    async def drop(self, plural: str, name: str, namespace: str = "shop") -> None:
        """Deletes an object."""
        body = self.objects.pop((plural, namespace, name))
        self.version += 1
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        await self._note("DELETED", plural, body)

    def made(self, method: str, fragment: str) -> list[Seen]:
        """Requests of this method whose path holds this text."""
        return [one for one in self.requests if one.method == method and fragment in one.path]

    async def until(self, met: Callable[[], object], seconds: float = 10.0) -> None:
        """Waits until `met` holds, looking again after each request and each change."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: bool(met()))

    @property
    def watched(self) -> set[str]:
        """Paths of the watches that are being served, and so can be cut."""
        return set(self._watchers.values())

    async def cut_watches(self) -> None:
        """Every watch breaks off, as when the server restarts."""
        for task in list(self._watchers):
            task.cancel()
        await asyncio.sleep(0)

    async def _note(self, kind: str, plural: str, body: Object) -> None:
        self.history.append((self.version, kind, plural, json.loads(json.dumps(body))))
        async with self._changed:
            self._changed.notify_all()

    # --- what the server does ----------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        raw = await request.read()
        seen = Seen(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            content_type=request.headers.get("Content-Type", ""),
            accept=request.headers.get("Accept", ""),
            body=json.loads(raw) if raw else None,
        )
        self.requests.append(seen)
        async with self._changed:
            self._changed.notify_all()
        if "+yaml" in seen.content_type and re.search(rb"\\\\u[dD][89a-fA-F]", raw):
            return _status(400, "BadRequest", "yaml: found invalid Unicode character escape code")
        if self.fault is not None and (answer := await self.fault(seen)) is not None:
            return answer
        if request.path in {"/api", "/apis"} or not self._place(request.path)[0]:
            return self._discovery(request.path)
        if request.method == "GET" and request.query.get("watch") == "true":
            return await self._watch(request, seen)
        return await self._answer(seen)

    @staticmethod
    def _place(path: str) -> tuple[str, str, str, str]:
        """(plural, namespace, name, subresource); no plural for paths of the discovery."""
        parts = path.strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if rest[:1] == ["namespaces"] and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        rest += [""] * (3 - len(rest))
        return rest[0], namespace, rest[1], rest[2]

    def _discovery(self, path: str) -> web.Response:
        if path == "/api":
            return web.json_response({"kind": "APIVersions", "versions": ["v1"]})
        groups = {KINDS[one][0] for one in self.kinds}
        if path == "/apis":
            named = [
                {
                    "name": group.split("/")[0],
                    "versions": [{"groupVersion": group, "version": group.split("/")[1]}],
                    "preferredVersion": {"groupVersion": group, "version": group.split("/")[1]},
                }
                for group in sorted(groups)
                if "/" in group
            ]
            return web.json_response({"kind": "APIGroupList", "groups": named})
        group = path.removeprefix("/apis/").removeprefix("/api/")
        if group not in groups:
            return _status(404, "NotFound", "the server could not find the requested resource")
        resources = [
            {
                "name": plural,
                "singularName": kind.lower(),
                "namespaced": True,
                "kind": kind,
                "verbs": ["get", "list", "watch", "create", "patch", "update", "delete"],
            }
            for plural, (version, kind) in KINDS.items()
            if version == group and plural in self.kinds
        ]
        return web.json_response({"kind": "APIResourceList", "groupVersion": group, "resources": resources})

    async def _answer(self, seen: Seen) -> web.Response:  # noqa: PLR0911 - one answer per verb
        plural, namespace, name, sub = self._place(seen.path)
        known = self.objects.get((plural, namespace, name))
        if plural == "namespaces" and name and known is None:
            known = {"metadata": {"name": name, "labels": {}}}  # whoever asks for one finds it
        if seen.method == "GET" and not name:
            return self._list(seen, plural, namespace)
        if seen.method == "POST":
            if (plural, namespace, seen.body["metadata"]["name"]) in self.objects:
                return _status(409, "AlreadyExists", f"{plural} already exists")
            return web.json_response(await self.put(plural, seen.body), status=201)
        if known is None and seen.method == "PUT" and plural == "leases":
            return web.json_response(await self.put(plural, seen.body), status=201)  # as the real one does
        if known is None:
            return _status(404, "NotFound", f'{plural} "{name}" not found')
        if seen.method == "GET":
            bare = "PartialObjectMetadata" in seen.accept
            return web.json_response(_as_metadata(known) if bare else known)
        if seen.method == "DELETE":
            wanted = ((seen.body or {}).get("preconditions") or {}).get("uid")
            if wanted not in {None, known["metadata"]["uid"]}:
                return _status(409, "Conflict", "the UID in the precondition does not match")
            await self.drop(plural, name, namespace)
            return web.json_response({"kind": "Status", "status": "Success"})
        return await self._change(seen, known, sub)

    async def _change(self, seen: Seen, known: Object, sub: str) -> web.Response:
        metadata = seen.body.get("metadata", {})
        for field_name in ("resourceVersion", "uid"):
            if metadata.get(field_name) not in {None, known["metadata"][field_name]}:
                return _status(409, "Conflict", "the object has been modified; please apply your changes")
        if seen.method == "PUT":
            body = {**seen.body, "metadata": {**known["metadata"], **metadata}}
        elif not sub and seen.content_type == "application/merge-patch+json":
            body = {**known, "metadata": {**known["metadata"], **metadata}}
        elif sub == "status" and seen.content_type.partition(";")[0] == "application/apply-patch+yaml":
            body = {**known, "status": seen.body["status"], "metadata": dict(known["metadata"])}
        else:
            return _status(415, "UnsupportedMediaType", f"{seen.method} {seen.content_type}")
        return web.json_response(await self.put(self._place(seen.path)[0], body))

    def _list(self, seen: Seen, plural: str, namespace: str) -> web.Response:
        wanted = seen.query.get("labelSelector", "")
        found = [
            body
            for (kind, where, _name), body in sorted(self.objects.items())
            if kind == plural and namespace in {"", where} and _carries(body, wanted)
            if _is_in(body, seen.query.get("fieldSelector", ""))
        ]
        begin, limit = int(seen.query.get("continue", "0")), int(seen.query.get("limit", "0"))
        page = found[begin : begin + limit] if limit else found
        metadata = {"resourceVersion": str(self.version)}
        if limit and begin + limit < len(found):
            metadata["continue"] = str(begin + limit)
        items = [_as_metadata(one) for one in page] if "PartialObjectMetadata" in seen.accept else page
        return web.json_response({"kind": "List", "metadata": metadata, "items": items})

    async def _watch(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        plural, namespace, _name, _sub = self._place(seen.path)
        at = int(seen.query.get("resourceVersion", "0"))
        wanted = seen.query.get("labelSelector", "")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if at < self.forgotten:
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
            await response.write(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
            return response
        task = asyncio.current_task()
        assert task is not None
        self._watchers[task] = request.path
        try:
            async with self._changed:
                self._changed.notify_all()
            while True:
                for version, kind, about, body in list(self.history):
                    if version <= at or about != plural or not _carries(body, wanted):
                        continue
                    if namespace not in {"", body["metadata"]["namespace"]}:
                        continue
                    shown = _as_metadata(body) if "PartialObjectMetadata" in seen.accept else body
                    await response.write(json.dumps({"type": kind, "object": shown}).encode() + b"\n")
                at = self.version
                async with self._changed:
                    await self._changed.wait_for(lambda: self.version > at)  # noqa: B023 - asked at once
        finally:
            del self._watchers[task]


def _is_in(body: Object, selector: str) -> bool:
    """Whether it meets a field selector of the form `status.phase!=Failed,…`."""
    phase = (body.get("status") or {}).get("phase")
    return not selector or f"status.phase!={phase}" not in selector.split(",")


def _carries(body: Object, selector: str) -> bool:
    """`key`, `key=value` and `key in (a,b)`, joined by commas."""
    labels = body["metadata"].get("labels") or {}
    for part in re.split(r",(?![^(]*\))", selector) if selector else ():
        key, equals, value = part.partition("=")
        one_of = re.fullmatch(r"(\S+) in \((.*)\)", part)
        if one_of is not None:
            if labels.get(one_of[1]) not in one_of[2].split(","):
                return False
        elif key not in labels or (equals and labels[key] != value):
            return False
    return True


def _as_metadata(body: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "metadata": body["metadata"]}


def _status(code: int, reason: str, message: str) -> web.Response:
    return web.json_response(
        {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message},
        status=code,
    )


refusal = _status


@asynccontextmanager
async def serving() -> AsyncIterator[FakeAPI]:
    """The server on a free port of this machine."""
    api = FakeAPI()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await api.cut_watches()
        await runner.cleanup()
