"""The line between a provider and the API server: it counts, and it can be cut as a test says."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from kubernetes.aio.client import Configuration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_HOP = {"host", "content-length", "transfer-encoding", "connection"}


class Line:
    """Plain HTTP on this machine in front of the API server. Everything is passed on as it is."""

    def __init__(self, admin: Configuration) -> None:
        self.calls = 0
        self.cut = False
        self.lose_next = False
        self.answer_instead = 0
        self.rename = ("/", "/")
        self._upstream = admin.host
        self._tls = ssl.create_default_context(cafile=admin.ssl_ca_cert)

    @asynccontextmanager
    async def open(self, token: str) -> AsyncIterator[Configuration]:
        """Serve, and give what a client is made from that logs in with `token`."""
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._pass)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with aiohttp.ClientSession(auto_decompress=True) as self._session:
            settings = Configuration()
            settings.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
            settings.api_key = {"authorization": f"Bearer {token}"}
            settings.client_session_kwargs = {"trust_env": False}
            yield settings
        await runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        if self.answer_instead:
            return web.Response(status=self.answer_instead, text="not now")
        if self.cut:
            return self._hang_up(request)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _HOP}
        async with self._session.request(
            request.method,
            self._upstream + request.raw_path.replace(*self.rename),
            headers=headers,
            data=await request.read(),
            ssl=self._tls,
        ) as answer:
            body = await answer.read()
            if request.method == "POST" and self.lose_next:
                self.lose_next = False
                return self._hang_up(request)
            kept = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
            return web.Response(status=answer.status, body=body, headers=kept)

    @staticmethod
    def _hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
