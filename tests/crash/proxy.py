"""A proxy between an operator and the real API server that decides when the operator dies.

Crash points are requests: the proxy sees every write, and at a chosen one it kills the operator before the
request is sent on, after it was sent and before the answer, or after the answer was given.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import tempfile
import threading
from enum import Enum
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import aiohttp
import yaml
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRITES = {"POST", "PUT", "PATCH", "DELETE"}
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length", "accept-encoding"}


class Moment(Enum):
    """When, in the life of a write, the operator dies."""

    BEFORE_SEND = "before send"
    AFTER_SEND = "after send"
    AFTER_REPLY = "after reply"


class Proxy:
    """Plain HTTP on loopback in front of one API server, in a thread of its own.

    `choose(number)` is asked at each write, counted from 1, and answers when to call `kill`,
    or None to let it pass. Leases pass always: who leads is not what these tests are about. Events too: they
    are told on the side, and nothing depends on them.
    """

    def __init__(self, kubeconfig: Path, choose: Callable[[int], Moment | None]) -> None:
        self.choose = choose
        self.kill: Callable[[], None] = lambda: None
        self.killed_at: list[tuple[int, str, str, Moment]] = []
        self._writes = 0
        self._kubeconfig = yaml.safe_load(kubeconfig.read_text())
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(10):
            raise TimeoutError("the proxy did not start within 10 s")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def write_kubeconfig(self, path: Path) -> Path:
        """A kubeconfig that leads here. Credentials stay with the proxy."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        cluster = self._kubeconfig["clusters"][0]["cluster"]
        self._server = cluster["server"]
        connector = aiohttp.TCPConnector(ssl=self._context(cluster), limit=0)
        timeout = aiohttp.ClientTimeout(total=None, connect=10)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False
        ) as session:
            self._session = session
            application = web.Application(client_max_size=4 * 1024 * 1024)
            application.router.add_route("*", "/{path:.*}", self._handle)
            runner = web.AppRunner(application, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            self._started.set()
            await self._stop.wait()
            await runner.cleanup()

    def _context(self, cluster: dict[str, str]) -> ssl.SSLContext:
        user = self._kubeconfig["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as pair:
            for part in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[part]))
            pair.flush()
            context.load_cert_chain(pair.name)
        return context

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        moment = self._moment(request)
        if moment is Moment.BEFORE_SEND:
            return self._die(request)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in HOP_BY_HOP}
        url = self._server + str(urlsplit(str(request.rel_url)).geturl())
        # Not even an empty body where there was none: the client would give it a content type.
        body = await request.read() or None
        async with self._session.request(request.method, url, headers=headers, data=body) as answer:
            if moment is Moment.AFTER_SEND:
                await answer.read()
                return self._die(request)
            reply = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
            with contextlib.suppress(ConnectionResetError):  # whoever asked is dead by now
                await reply.prepare(request)
                async for chunk in answer.content.iter_any():
                    await reply.write(chunk)
                await reply.write_eof()
        if moment is Moment.AFTER_REPLY:
            self.kill()
        return reply

    def _moment(self, request: web.Request) -> Moment | None:
        on_the_side = ("/leases" in request.path) or request.path.endswith("/events")
        if request.method not in WRITES or on_the_side:
            return None
        self._writes += 1
        moment = self.choose(self._writes)
        if moment is not None:
            self.killed_at.append((self._writes, request.method, request.path, moment))
        return moment

    def _die(self, request: web.Request) -> web.StreamResponse:
        """No answer: the connection just ends, as it does for a process that is gone."""
        self.kill()
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)


def _kept(headers: aiohttp.typedefs.LooseHeaders) -> dict[str, str]:
    return {key: value for key, value in dict(headers).items() if key.lower() not in HOP_BY_HOP}
