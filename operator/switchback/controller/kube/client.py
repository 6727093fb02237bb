"""Requests to the API server: plain JSON in and out, errors as types, a limit on every wait."""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client.rest import RESTClientObject

from switchback.api.names import FIELD_MANAGER
from switchback.controller.kube.errors import GoneError, KubeError, Refusal, error_from, unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType
    from typing import Self

    from kubernetes.aio.client import Configuration

    from switchback.controller.kube.kinds import Kind

Object = dict[str, Any]
"""A Kubernetes object, or a list of them, as JSON has it."""

REQUEST_SECONDS = 20.0
CONNECT_SECONDS = 5.0
WATCH_SECONDS = 290
"""How long the server keeps a watch open; it ends it politely and we go on from where it was."""

SILENCE_SECONDS = 70.0
"""A watch that says nothing for so long is dead: bookmarks come every 60 seconds."""

PAGE = 250

NO_JSON = "what answers there speaks no JSON; it may be a proxy, or a page to log in"

METADATA_ITEM = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class _Answer(Protocol):
    """What the official client gives back before anybody has read it."""

    status: int
    response: aiohttp.ClientResponse

    async def read(self) -> bytes: ...


Answered = Callable[[str, int, float], None]


def _nobody_listens(_method: str, _code: int, _seconds: float) -> None:
    """For clients of which nobody counts the requests."""


class Client:
    """One connection pool to one API server. Use as an async context manager."""

    agent = "switchback-operator"
    """How requests name themselves, in audit logs for example."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self.answered: Answered = _nobody_listens
        """Told of every request that was answered, or was not: verb, code (0: no answer), seconds."""
        self.limit: float | None = None
        """Seconds that every answer may take; None: what is usual for the request, 0: no limit."""
        self._may_write: Callable[[], bool] = lambda: True
        self._rest: Any = RESTClientObject(configuration)  # untyped

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._rest.close()

    def fenced(self, may_write: Callable[[], bool]) -> Self:
        """The same client, which sends nothing but reads while `may_write` says no.

        It is asked last of all: between a decision and its request a process may stand still for long.
        """
        fenced = copy.copy(self)
        fenced._may_write = may_write  # noqa: SLF001 - our own
        return fenced

    async def request(
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
        """The answer of one request.

        Raises:
            KubeError: the subtype for the answer's code; `UnreachableError` when there was none.
        """
        total = seconds if self.limit is None else self.limit
        timeout = aiohttp.ClientTimeout(total=total, connect=CONNECT_SECONDS)
        begun, code = time.monotonic(), 0
        try:
            answer = await self._send(
                method,
                path,
                query=query,
                body=body,
                content_type=content_type,
                accept=accept,
                timeout=timeout,
            )
            raw = await self._read(answer, f"{method} {path}")
            code = answer.status
        except KubeError as error:
            code = error.code
            raise
        finally:
            self.answered(method, code, time.monotonic() - begun)
        return parsed(f"{method} {path}", raw)

    async def get(self, kind: Kind, namespace: str, name: str, *, metadata: bool = False) -> Object:
        """One object as it is now, or only its metadata. Raises `NotFoundError`."""
        accept = METADATA_ITEM if metadata else "application/json"
        return await self.request("GET", kind.path(namespace, name), accept=accept)

    async def create(self, kind: Kind, namespace: str, body: Object) -> Object:
        """A new object. Raises `AlreadyExistsError` or `RefusedError`."""
        return await self.request(
            "POST", kind.path(namespace), query={"fieldManager": FIELD_MANAGER}, body=body
        )

    async def replace(self, kind: Kind, namespace: str, name: str, body: Object) -> Object:
        """The whole object, over the resourceVersion in `body`. Raises `ConflictError`."""
        return await self.request(
            "PUT", kind.path(namespace, name), query={"fieldManager": FIELD_MANAGER}, body=body
        )

    async def merge(self, kind: Kind, namespace: str, name: str, body: Object, *, part: str = "") -> Object:
        """JSON merge patch of the object. Raises `ConflictError` when `body` is of another version.

        Args:
            kind: of the object.
            namespace: of the object.
            name: of the object.
            body: the patch.
            part: name of a subresource, such as `status`.
        """
        return await self.request(
            "PATCH",
            kind.path(namespace, name, part),
            query={"fieldManager": FIELD_MANAGER},
            body=body,
            content_type="application/merge-patch+json",
        )

    async def apply_status(self, kind: Kind, namespace: str, name: str, body: Object) -> Object:
        """Server-side apply of the status. Raises `ConflictError` when `body` is of another version."""
        return await self.request(
            "PATCH",
            kind.path(namespace, name, "status"),
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
            body=as_yaml(body),
            # With a parameter: for the bare type the client would write it its own way. The server drops it.
            content_type="application/apply-patch+yaml; charset=utf-8",
        )

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        """Deletes the object with this UID and waits for nobody; what it owns goes first.

        Raises:
            NotFoundError: it is gone already.
            ConflictError: the name belongs to another object by now.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": uid},
        }
        await self.request("DELETE", kind.path(namespace, name), body=options)

    async def find(self, kind: Kind, namespace: str = "", *, labels: str = "") -> list[Object]:
        """All objects in one go, as they are now. For selections that are small by nature."""
        query = {"labelSelector": labels} if labels else None
        return _items(await self.request("GET", kind.path(namespace), query=query))

    async def pages(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        metadata: bool = False,
        limit: int = PAGE,
    ) -> AsyncIterator[list[Object]]:
        """All objects, page by page, so that no more than one page has to be in memory."""
        query = {"limit": str(limit)}
        query |= {"labelSelector": labels} if labels else {}
        query |= {"fieldSelector": fields} if fields else {}
        accept = METADATA_LIST if metadata else "application/json"
        while True:
            answer = await self.request("GET", kind.path(namespace), query=query, accept=accept)
            yield _items(answer)
            rest = answer.get("metadata", {}).get("continue")
            if not rest:
                return
            query["continue"] = rest

    async def newest_version(self, kind: Kind, namespace: str = "") -> str:
        """The resourceVersion from which a watch sees everything that changes from now on."""
        query = {"limit": "1"}
        answer = await self.request("GET", kind.path(namespace), query=query, accept=METADATA_LIST)
        return str(answer["metadata"]["resourceVersion"])

    async def watch(
        self, kind: Kind, namespace: str, *, since: str, labels: str = ""
    ) -> AsyncIterator[tuple[str, Object]]:
        """(type, metadata of the object) of each change after `since`, bookmarks among them.

        Ends when the server closes the watch, or after it has been silent for too long.

        Raises:
            GoneError: `since` is too old.
            KubeError: any other refusal.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        if labels:
            query["labelSelector"] = labels
        timeout = aiohttp.ClientTimeout(
            total=WATCH_SECONDS + 10, connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
        )
        path = kind.path(namespace)
        answer = await self._send("GET", path, query=query, accept=METADATA_ITEM, timeout=timeout)
        request = f"WATCH {path}"
        if answer.status != 200:  # noqa: PLR2004 - the one code of a watch that has begun
            await self._read(answer, request)
        try:
            async for line in answer.response.content:
                yield _change(request, line)
        except (aiohttp.ClientError, TimeoutError):
            return
        finally:
            answer.response.close()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        accept: str,
        body: Object | bytes | None = None,
        content_type: str = "application/json",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - handed on to aiohttp, which keeps it
    ) -> _Answer:
        url = self._configuration.host + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": self.agent}
        # Asking for the token also renews it when the file of the service account has a newer one.
        token = await self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        if token:
            headers["Authorization"] = token
        self._check_fence(f"{method} {path}", method)
        try:
            return cast(
                "_Answer",
                await self._rest.request(method, url, headers=headers, body=body, _request_timeout=timeout),
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(f"{method} {path}", _cause(error)) from None

    def _check_fence(self, request: str, method: str) -> None:
        if method != "GET" and not self._may_write():
            raise unreachable(request, "not sent: this process may not change anything any more")

    @staticmethod
    async def _read(answer: _Answer, request: str) -> bytes:
        try:
            raw = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(request, _cause(error)) from None
        if not 200 <= answer.status <= 299:  # noqa: PLR2004 - the codes of success
            raise error_from(request, answer.status, raw)
        return raw


def as_yaml(body: Object) -> bytes:
    """JSON that is YAML as well, whatever it quotes.

    YAML knows no surrogate pairs, with which JSON escapes what lies beyond U+FFFF, and takes no control
    characters as they are. So the former stand as they are, the latter are escaped. Half a pair is no text.
    """
    return _ESCAPED.sub(_escape, json.dumps(body, ensure_ascii=False)).encode()


_ESCAPED = re.compile("[\x7f-\uffff]")


def _escape(found: re.Match[str]) -> str:
    half = "\ud800" <= found[0] <= "\udfff"
    return "\\ufffd" if half else f"\\u{ord(found[0]):04x}"


def _items(answer: Object) -> list[Object]:
    return cast("list[Object]", answer.get("items") or [])


def parsed(request: str, raw: bytes) -> Object:
    """What was answered. Raises `UnreachableError` when it is no JSON: no API server has answered."""
    try:
        return cast("Object", json.loads(raw))
    except ValueError:
        raise unreachable(request, NO_JSON) from None


def _change(request: str, line: bytes) -> tuple[str, Object]:
    event = parsed(request, line)
    kind, subject = str(event["type"]), cast("Object", event["object"])
    if kind == "ERROR":
        code = int(subject.get("code") or 0)
        if code == 410:  # noqa: PLR2004 - "Gone"; it comes in the stream as well as as an answer
            raise GoneError(request, Refusal(code, "Expired", str(subject.get("message", ""))))
        raise error_from(request, code, line)
    return kind, cast("Object", subject.get("metadata") or {})


def _cause(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
