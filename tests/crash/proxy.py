"""A proxy between an operator and the real API server: what goes wrong on the way is decided here.

It sees every request, so a test can kill the operator at any of them, hold back all of them as a frozen API
server does, break off or silence the watches, or answer in place of the server.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import aiohttp
import yaml
from aiohttp import web

from tests.crash.request import Request, parse, stage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length", "accept-encoding"}
RESOURCES = {"databasemigrations", "databasemigrations/status"}


class Moment(Enum):
    """When, in the life of a request, the operator dies."""

    BEFORE_SEND = "before send"
    AFTER_SEND = "after send"
    AFTER_REPLY = "after reply"


@dataclass
class Seen:
    """One request as it went: when it came, when the server's answer was there, and the answer's code."""

    request: Request
    came: float
    answered: float = 0.0
    code: int = 0


class Fault:
    """What goes wrong. This one lets everything pass."""

    def kills(self, _request: Request) -> Moment | None:
        """Whether the operator dies at this request, and when."""
        return None

    async def before(self, _proxy: Proxy, _request: Request) -> web.Response | None:
        """Asked before a request is sent on. An answer takes the place of the server's."""
        return None

    def after(self, _request: Request, _code: int) -> None:
        """Told when whoever asked is about to read the server's answer."""


class Proxy:
    """Plain HTTP on loopback in front of one API server, in a thread of its own. For one operator.

    Args:
        kubeconfig: of the real API server.
        fault: what goes wrong; it is called in the proxy's own thread.
        token: of a service account in whose name everything is asked; without one, it is the administrator.
    """

    def __init__(self, kubeconfig: Path, fault: Fault | None = None, *, token: str = "") -> None:
        self.fault = fault or Fault()
        self.kill: Callable[[], None] = lambda: None
        self.killed_at: list[tuple[Moment, Request]] = []
        self.seen: list[Seen] = []
        self.stage = ""
        """Where the resource stands, by the newest answer that told."""
        self._kubeconfig = yaml.safe_load(kubeconfig.read_text())
        self._token = token
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._streams: set[asyncio.Task[Any]] = set()
        self._mute: set[asyncio.Task[Any]] = set()
        self._all_mute = False
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

    # --- faults that last; from any thread ------------------------------------------------------------------

    def cut_watches(self) -> None:
        """Every watch breaks off, as when the API server is restarted."""
        self._loop.call_soon_threadsafe(self.cut_now)

    def mute_watches(self) -> None:
        """Watches, those of now and of later, say nothing, not even bookmarks, and stay open."""
        self._all_mute = True

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return len(self._streams)

    # --- the proxy's own thread -----------------------------------------------------------------------------

    def freeze_now(self, seconds: float) -> None:
        """For so long nothing passes, in either direction, and no connection ends. For a fault."""
        self._flowing.clear()
        self._loop.call_later(seconds, self._flowing.set)

    def hush_now(self) -> None:
        """The watches of now say nothing any more, and stay open. For a fault."""
        self._mute.update(self._streams)

    def cut_now(self) -> None:
        """`cut_watches`, for a fault."""
        for stream in list(self._streams):
            stream.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        late = asyncio.all_tasks(self._loop)  # requests that are held back, of operators that are gone
        for task in late:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*late, return_exceptions=True))
        self._loop.close()

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
            self.cut_now()
            await runner.cleanup()

    def _context(self, cluster: dict[str, str]) -> ssl.SSLContext:
        user = self._kubeconfig["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        if self._token:
            return context
        with tempfile.NamedTemporaryFile() as pair:
            for part in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[part]))
            pair.flush()
            context.load_cert_chain(pair.name)
        return context

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        # Not even an empty body where there was none: the client would give it a content type.
        body = await request.read() or None
        await self._flowing.wait()
        asked = parse(request.method, request.path, request.query, self.stage)
        seen = Seen(asked, time.time())
        self.seen.append(seen)
        answer = await self.fault.before(self, asked)
        await self._flowing.wait()
        if answer is not None:
            seen.code, seen.answered = answer.status, time.time()
            return answer
        moment = self.fault.kills(asked)
        if moment is Moment.BEFORE_SEND:
            return self._die(request, moment, asked)
        if asked.verb == "watch":
            return await self._watch(request, seen, moment)
        reply = await self.send(
            request.method, str(urlsplit(str(request.rel_url)).geturl()), dict(request.headers), body
        )
        self._learn(asked, reply)
        seen.code, seen.answered = reply.status, time.time()
        if moment is Moment.AFTER_SEND:
            return self._die(request, moment, asked)
        await self._flowing.wait()
        if request.transport is not None:  # whoever asked is still there
            self.fault.after(asked, reply.status)
        if moment is Moment.AFTER_REPLY:
            with contextlib.suppress(ConnectionError):
                await reply.prepare(request)
                await reply.write_eof()
            self._died(moment, asked)
        return reply

    async def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> web.Response:
        """One request to the real API server, and its whole answer."""
        headers = self._sent_on(headers)
        url = self._server + path
        async with self._session.request(method, url, headers=headers, data=body) as answer:
            return web.Response(status=answer.status, headers=_kept(answer.headers), body=await answer.read())

    async def _watch(self, request: web.Request, seen: Seen, moment: Moment | None) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is handled outside of a task")
        headers = self._sent_on(request.headers)
        url = self._server + str(urlsplit(str(request.rel_url)).geturl())
        self._streams.add(task)
        try:
            async with self._session.request(request.method, url, headers=headers) as answer:
                seen.code, seen.answered = answer.status, time.time()
                if moment is Moment.AFTER_SEND:
                    return self._die(request, moment, seen.request)
                reply = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
                await reply.prepare(request)
                if moment is Moment.AFTER_REPLY:
                    self._died(moment, seen.request)
                async for chunk in answer.content.iter_any():
                    await self._flowing.wait()
                    if not (self._all_mute or task in self._mute):
                        await reply.write(chunk)
                await reply.write_eof()
                return reply
        except (ConnectionError, aiohttp.ClientError, asyncio.CancelledError):
            # Whoever asked is dead by now, or this is the end of the watch that a test wants.
            return _hang_up(request)
        finally:
            self._streams.discard(task)
            self._mute.discard(task)

    def _sent_on(self, headers: Mapping[str, str]) -> dict[str, str]:
        kept = {key: value for key, value in headers.items() if key.lower() not in HOP_BY_HOP}
        return kept | ({"Authorization": f"Bearer {self._token}"} if self._token else {})

    def _learn(self, asked: Request, reply: web.Response) -> None:
        """Where the resource stands now, if the answer shows it."""
        if asked.resource in RESOURCES and asked.name and reply.status == 200 and reply.body:
            self.stage = stage_of(json.loads(reply.body))  # type: ignore[arg-type]  # it is bytes: see `send`

    def _die(self, request: web.Request, moment: Moment, asked: Request) -> web.StreamResponse:
        """No answer: the connection just ends, as it does for a process that is gone."""
        self._died(moment, asked)
        return _hang_up(request)

    def _died(self, moment: Moment, asked: Request) -> None:
        self.kill()
        self.killed_at.append((moment, asked))
        self.cut_now()  # nobody reads them any more


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _kept(headers: aiohttp.typedefs.LooseHeaders) -> dict[str, str]:
    return {key: value for key, value in dict(headers).items() if key.lower() not in HOP_BY_HOP}
