"""The API server as the bench asks it: a few verbs, many at once, errors with the server's own words."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import yaml

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path

Object = dict[str, Any]

AT_ONCE = 24
"""Requests under way at the same time, where many objects are made."""

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class RefusedError(RuntimeError):
    """The API server said no."""

    def __init__(self, request: str, code: int, text: str) -> None:
        self.code = code
        super().__init__(f"{request}: {code} {text[:500]}")


@dataclass
class Api:
    """One connection pool to one API server, as the administrator of its kubeconfig."""

    session: aiohttp.ClientSession
    server: str
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def send(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        """The answer of one request."""
        headers = {"Content-Type": content_type, "Accept": accept}
        url = self.server + path
        async with self.session.request(method, url, json=body, params=query, headers=headers) as answer:
            if answer.status >= 400:
                raise RefusedError(f"{method} {path}", answer.status, await answer.text())
            found: Object = await answer.json()
            return found

    async def text(self, path: str, query: dict[str, str] | None = None) -> str:
        """What is no JSON: metrics, logs."""
        async with self.session.get(self.server + path, params=query) as answer:
            if answer.status >= 400:
                raise RefusedError(f"GET {path}", answer.status, await answer.text())
            return await answer.text()

    async def pages(
        self,
        path: str,
        limit: int,
        query: dict[str, str] | None = None,
        accept: str = "application/json",
    ) -> AsyncIterator[list[Object]]:
        """All objects of a collection, page by page."""
        asked = {"limit": str(limit), **(query or {})}
        while True:
            answer = await self.send("GET", path, query=asked, accept=accept)
            yield answer["items"]
            rest = answer["metadata"].get("continue")
            if not rest:
                return
            asked["continue"] = rest

    async def each(self, work: Iterable[Callable[[], Awaitable[None]]]) -> None:
        """Does all of it, a few at a time. The first failure ends the rest."""

        async def one(call: Callable[[], Awaitable[None]]) -> None:
            async with self._turns:
                await call()

        async with asyncio.TaskGroup() as group:
            for call in work:
                group.create_task(one(call))


def client(kubeconfig: Path) -> tuple[str, ssl.SSLContext]:
    """Address of the API server, and a context with the certificates of the kubeconfig."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(
        cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
    )
    with tempfile.NamedTemporaryFile() as pair:
        for part in ("client-certificate-data", "client-key-data"):
            pair.write(base64.b64decode(user[part]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return cluster["server"], context


@contextlib.asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[Api]:
    """The API server of a kubeconfig."""
    server, context = client(kubeconfig)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=0)) as session:
        yield Api(session, server)
