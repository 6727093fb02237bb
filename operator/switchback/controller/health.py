"""`/healthz`, `/readyz` and `/metrics`, for the leader and for those who wait for its place."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.controller.metrics import Metrics


@dataclass
class Health:
    """What the probes ask. Each check answers "" when all is well, else what is wrong."""

    alive: dict[str, Callable[[], str]] = field(default_factory=dict)
    ready: dict[str, Callable[[], str]] = field(default_factory=dict)


class Server:
    """A small HTTP server on every address. `port` 0 takes a free one."""

    def __init__(self, health: Health, metrics: Metrics, port: int) -> None:
        self._health = health
        self._metrics = metrics
        self._wanted = port
        app = web.Application()
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._numbers)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)

    async def start(self) -> int:
        """Begins to answer; returns the port."""
        await self._runner.setup()
        listening = _listen(self._wanted)
        await web.SockSite(self._runner, listening).start()
        return int(listening.getsockname()[1])

    async def stop(self) -> None:
        """Stops answering."""
        await self._runner.cleanup()

    async def _alive(self, _request: web.Request) -> web.Response:
        return _answer(self._health.alive)

    async def _ready(self, _request: web.Request) -> web.Response:
        return _answer(self._health.ready)

    async def _numbers(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )


def _listen(port: int) -> socket.socket:
    """One socket for both families: with port 0, two would get two ports."""
    try:
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    except (OSError, ValueError):
        # No IPv6 here. Should the port be taken, the next line says so.
        return socket.create_server(("", port))


def _answer(checks: dict[str, Callable[[], str]]) -> web.Response:
    wrong = [f"{name}: {said}" for name, check in checks.items() if (said := check())]
    if wrong:
        return web.Response(status=503, text="\n".join(wrong) + "\n")
    return web.Response(text="ok\n")
