"""A client that cannot change anything, and that tells the API server's answer in full."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from switchback.controller.kube.client import REQUEST_SECONDS, as_yaml
from switchback.controller.kube.errors import KubeError, NotFoundError, RefusedError
from switchback.controller.kube.user import UserClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.controller.kube.client import Object
    from switchback.controller.kube.kinds import Kind
    from switchback.explain.findings import Path

METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
DRY = {"dryRun": "All", "fieldValidation": "Strict"}
FORBIDDEN = 403

_NO_RIGHT = re.compile(r'User "[^"]*" cannot \S+ resource')
_PART = re.compile(r"([^.\[\]]+)|\[([^\]]*)\]")


class WriteError(Exception):
    """Something was about to be changed. It never is: this is a bug."""


class Looking(UserClient):
    """Reads, asks what one may, and sends what the server only pretends to do (dryRun=All). Nothing else."""

    async def request(  # type: ignore[explicit-override]  # typing.override needs Python 3.12
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        seconds: float = REQUEST_SECONDS,
    ) -> Object:
        """As `UserClient.request`, for what changes nothing.

        Raises:
            WriteError: it could change something.
        """
        pretends = (query or {}).get("dryRun") == "All"
        if method != "GET" and not pretends and path != REVIEWS:
            raise WriteError(f"{method} {path}")
        return await super().request(
            method,
            path,
            query=query,
            body=body,
            content_type=content_type,
            accept=accept,
            seconds=seconds,
        )

    async def name_only(self, kind: Kind, namespace: str, name: str) -> Object:
        """The metadata of an object: nothing of what is in it leaves the API server."""
        return await self.request("GET", kind.path(namespace, name), accept=METADATA)

    async def pretend(
        self, kind: Kind, namespace: str, body: Object, manager: str, *, strict: bool = True
    ) -> Object:
        """What creating an object would answer. Not strict: unknown fields are left out silently."""
        query = {**DRY, "fieldManager": manager}
        if not strict:
            del query["fieldValidation"]
        return await self.request("POST", kind.path(namespace), query=query, body=body)

    async def may(self, verb: str, kind: Kind, namespace: str, name: str = "") -> bool:
        """Whether we have a right, by the API server's own word."""
        attributes = {
            "verb": verb, "group": kind.group, "resource": kind.plural, "namespace": namespace, "name": name,
        }  # fmt: skip
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
        }
        answer = await self.request("POST", REVIEWS, body=body)
        return bool(answer["status"]["allowed"])

    async def pretend_apply(
        self, kind: Kind, namespace: str, name: str, body: Object, *, manager: str, force: bool
    ) -> Object:
        """What a server-side apply would answer."""
        return await self.request(
            "PATCH",
            kind.path(namespace, name),
            query={**DRY, "fieldManager": manager, "force": str(force).lower()},
            body=as_yaml(body),
            content_type="application/apply-patch+yaml; charset=utf-8",
        )

    async def pretend_merge(
        self, kind: Kind, namespace: str, name: str, body: Object, manager: str
    ) -> Object:
        """What a merge patch would answer."""
        return await self.request(
            "PATCH",
            kind.path(namespace, name),
            query={**DRY, "fieldManager": manager},
            body=body,
            content_type="application/merge-patch+json",
        )

    @staticmethod
    async def _read(answer: Any, request: str) -> bytes:  # type: ignore[explicit-override]  # see above
        try:
            return await UserClient._read(answer, request)  # noqa: SLF001 - the parent's own
        except KubeError as error:
            if error.code:
                raw = await answer.read()  # read already, and kept
                error.message = _whole(raw) or error.message
                error.causes = _causes(raw)  # type: ignore[attr-defined]  # for `causes`
            raise


def causes(error: KubeError) -> list[tuple[Path, str]]:
    """(path of a field, what is wrong with it), as far as the answer says so."""
    found: list[tuple[Path, str]] = getattr(error, "causes", [])
    return found


def may_not(error: KubeError) -> bool:
    """Whether the caller lacks the right, in contrast to a refusal of the thing itself."""
    return (
        isinstance(error, RefusedError) and error.code == FORBIDDEN and bool(_NO_RIGHT.search(error.message))
    )


def is_unknown_kind(error: KubeError) -> bool:
    """Whether the server does not know the kind at all."""
    return isinstance(error, NotFoundError) and not error.message.endswith("not found")


def is_missing_namespace(error: KubeError) -> bool:
    """Whether a creation fails for want of its namespace."""
    return isinstance(error, NotFoundError) and error.message.startswith("namespaces ")


def path_of(text: str) -> Path:
    """`spec.a[0].b` as a path."""
    found: list[str | int] = []
    for word, inside in _PART.findall(text):
        found.append(int(inside) if inside.isdecimal() else word or inside)
    return tuple(found)


def _whole(raw: bytes) -> str:
    try:
        return str(json.loads(raw).get("message", ""))
    except (ValueError, AttributeError):
        return ""


def _causes(raw: bytes) -> list[tuple[Path, str]]:
    try:
        listed = (json.loads(raw).get("details") or {}).get("causes") or []
        return [(path_of(str(one.get("field", ""))), str(one.get("message", ""))) for one in listed]
    except (ValueError, AttributeError):
        return []
