"""Requests to the API server as an administrator: JSON in and out, nothing hidden."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client, config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Object = dict[str, Any]

SECONDS = 20.0
MERGE = "application/merge-patch+json"

_KINDS = {
    "ConfigMap": "api/v1 configmaps",
    "Deployment": "apis/apps/v1 deployments",
    "StatefulSet": "apis/apps/v1 statefulsets",
    "EndpointSlice": "apis/discovery.k8s.io/v1 endpointslices",
    "Event": "api/v1 events",
    "Job": "apis/batch/v1 jobs",
    "DatabaseMigration": "apis/switchback.dev/v1alpha1 databasemigrations",
    "Namespace": "api/v1 namespaces",
    "PersistentVolume": "api/v1 persistentvolumes",
    "PersistentVolumeClaim": "api/v1 persistentvolumeclaims",
    "Pod": "api/v1 pods",
    "Secret": "api/v1 secrets",
    "Service": "api/v1 services",
}


class RefusedError(Exception):
    """The API server said no; `code` is the HTTP status."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        super().__init__(f"{code}: {text[:1000]}")


def url_path(kind: str, namespace: str = "", name: str = "", sub: str = "") -> str:
    """Path of a collection, of an object in it, or of its subresource."""
    base, plural = _KINDS[kind].split()
    place = f"/namespaces/{namespace}" if namespace else ""
    tail = "".join(f"/{quote(part)}" for part in (name, sub) if part)
    return f"/{base}{place}/{plural}{tail}"


class Kube:
    """The API server that a kubeconfig reaches. Safe to use from several threads."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        settings = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=settings)  # type: ignore[no-untyped-call]
        self._host = settings.host
        self._headers = {"Authorization": found} if (found := settings.api_key.get("authorization")) else {}
        self._pool = urllib3.PoolManager(
            maxsize=16,
            ca_certs=settings.ssl_ca_cert,
            cert_file=settings.cert_file,
            key_file=settings.key_file,
            cert_reqs="CERT_REQUIRED" if settings.verify_ssl else "CERT_NONE",
        )

    @cached_property
    def username(self) -> str:
        """Who this is to the API server."""
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        found: str = self.json("POST", path, body=kind)["status"]["userInfo"]["username"]
        return found

    def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """The answer's body. Raises RefusedError for any code but 2xx."""
        answer = self._pool.request(
            method,
            self._url(path, query),
            body=None if body is None else json.dumps(body),
            headers={**self._headers, "Content-Type": content_type},
            timeout=SECONDS,
            retries=False,
        )
        if not 200 <= answer.status < 300:
            raise RefusedError(answer.status, answer.data.decode(errors="replace"))
        return bytes(answer.data)

    def json(self, method: str, path: str, **parts: Any) -> Object:
        """The answer as JSON."""
        found: Object = json.loads(self.raw(method, path, **parts))
        return found

    def get(self, kind: str, namespace: str, name: str) -> Object:
        return self.json("GET", url_path(kind, namespace, name))

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """An object, or None when there is none of this name."""
        try:
            return self.get(kind, namespace, name)
        except RefusedError as error:
            if error.code == 404:
                return None
            raise

    def list(self, kind: str, namespace: str = "", *, labels: str = "") -> list[Object]:
        query = {"labelSelector": labels} if labels else None
        found: list[Object] = self.json("GET", url_path(kind, namespace), query=query)["items"]
        return found

    def create(self, body: Object, namespace: str = "") -> Object:
        return self.json("POST", url_path(body["kind"], namespace), body=body)

    def apply(self, body: Object, namespace: str) -> Object:
        """Server-side apply, as `kubectl apply --server-side` does."""
        return self.json(
            "PATCH",
            url_path(body["kind"], namespace, body["metadata"]["name"]),
            query={"fieldManager": "e2e", "force": "true"},
            body=body,
            content_type="application/apply-patch+yaml",
        )

    def patch(self, kind: str, namespace: str, name: str, body: Object, *, sub: str = "") -> Object:
        """A merge patch: null removes a field."""
        return self.json("PATCH", url_path(kind, namespace, name, sub), body=body, content_type=MERGE)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete with everything that it owns. What is gone already is fine."""
        try:
            self.raw("DELETE", url_path(kind, namespace, name), query={"propagationPolicy": "Background"})
        except RefusedError as error:
            if error.code != 404:
                raise

    def log(self, namespace: str, pod: str, container: str, *, tail: int | None = None) -> str:
        """What a container has written; empty when it never ran."""
        query = {"container": container} | ({"tailLines": str(tail)} if tail else {})
        try:
            return self.raw("GET", url_path("Pod", namespace, pod, "log"), query=query).decode(
                errors="replace"
            )
        except RefusedError as error:
            if error.code in {400, 404}:
                return ""
            raise

    def watch(self, kind: str, version: str, *, seconds: int, namespace: str = "") -> Iterator[Object]:
        """What happens to the objects of a kind in all namespaces or in one, from a resourceVersion on."""
        query = {
            "watch": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true",
        }
        answer = self._pool.request(
            "GET",
            self._url(url_path(kind, namespace), query),
            headers=self._headers,
            preload_content=False,
            timeout=urllib3.Timeout(connect=SECONDS, read=seconds + SECONDS),
            retries=False,
        )
        try:
            if answer.status != 200:
                raise RefusedError(answer.status, answer.data.decode(errors="replace"))
            for line in answer:
                yield json.loads(line)
        finally:
            answer.close()

    def _url(self, path: str, query: Mapping[str, str] | None) -> str:
        return f"{self._host}{path}" + (f"?{urlencode(query)}" if query else "")
