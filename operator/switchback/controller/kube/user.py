"""Requests on behalf of a person: whole objects as they change, logs as they are written, who one is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import aiohttp

from switchback.controller.kube.client import (
    CONNECT_SECONDS,
    SILENCE_SECONDS,
    WATCH_SECONDS,
    Client,
    Object,
    parsed,
)
from switchback.controller.kube.errors import GoneError, Refusal, error_from, unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from kubernetes.aio.client import Configuration

    from switchback.controller.kube.kinds import Kind

PLUGIN_MANAGER = "kubectl-switchback"
"""Who owns what the plugin writes, in `metadata.managedFields`."""

GONE = 410


class UserClient(Client):
    """The client of the plugin. `limit` is the longest time for one answer, None: the usual one, 0: none."""

    agent = PLUGIN_MANAGER

    def __init__(self, configuration: Configuration, limit: float | None = None) -> None:
        super().__init__(configuration)
        self.host = str(configuration.host)
        self.limit = limit

    async def patch(self, kind: Kind, namespace: str, name: str, body: Object) -> Object:
        """Merge patch, over the resourceVersion in `body` when there is one. Raises `ConflictError`."""
        return await self.request(
            "PATCH",
            kind.path(namespace, name),
            query={"fieldManager": PLUGIN_MANAGER},
            body=body,
            content_type="application/merge-patch+json",
        )

    async def username(self) -> str:
        """Who the API server takes us for."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await self.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
        return str(answer["status"]["userInfo"]["username"])

    async def all(self, kind: Kind, namespace: str, selector: Mapping[str, str]) -> tuple[list[Object], str]:
        """(the objects, the version from which `follow` goes on)."""
        answer = await self.request("GET", kind.path(namespace), query=selector)
        items = cast("list[Object]", answer.get("items") or [])
        return items, str(answer.get("metadata", {}).get("resourceVersion", ""))

    async def follow(
        self, kind: Kind, namespace: str, selector: Mapping[str, str], *, since: str
    ) -> AsyncIterator[tuple[str, Object]]:
        """(type, the whole object) of each change after `since`. Ends when the server closes the watch.

        Raises:
            GoneError: `since` is too old.
            KubeError: any other refusal.
        """
        query = {
            **selector,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        timeout = aiohttp.ClientTimeout(
            total=WATCH_SECONDS + 10, connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
        )
        path = kind.path(namespace)
        async for line in self._lines(path, query, timeout):
            event = parsed(f"WATCH {path}", line)
            subject = cast("Object", event["object"])
            if event["type"] == "ERROR":
                code = int(subject.get("code") or 0)
                if code == GONE:
                    raise GoneError(
                        f"WATCH {path}", Refusal(code, "Expired", str(subject.get("message", "")))
                    )
                raise error_from(f"WATCH {path}", code, json.dumps(subject).encode())
            yield str(event["type"]), subject

    async def log(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[bytes]:
        """Lines of a log, as long as the server sends any."""
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS)
        async for line in self._lines(path, query, timeout):
            yield line

    async def _lines(
        self,
        path: str,
        query: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - handed on to aiohttp, which keeps it
    ) -> AsyncIterator[bytes]:
        answer = await self._send("GET", path, query=query, accept="application/json, */*", timeout=timeout)
        if answer.status != 200:  # noqa: PLR2004 - the one code of a stream that has begun
            await self._read(answer, f"GET {path}")
        rest = b""
        try:
            async for chunk in answer.response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line
            if rest:
                yield rest
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unreachable(f"GET {path}", str(error) or type(error).__name__) from None
        finally:
            answer.response.close()
