"""Seeing things happen in one namespace, with the time at which they could be seen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

from tests.bench import objects

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.bench.api import Api
    from tests.bench.objects import Object

DEADLINE_SECONDS = 60.0


@dataclass
class Stream:
    """Everything that a watch has said about one kind, and a way to wait for something to be said."""

    events: list[tuple[float, str, Object]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, kind: str, item: Object) -> None:
        """One line of the watch."""
        self.events.append((time.perf_counter(), kind, item))
        self._news.set()

    async def first(
        self, after: float, matches: Callable[[Object], bool], seconds: float = DEADLINE_SECONDS
    ) -> tuple[float, Object]:
        """Time and object of the first event since `after` that matches; waits for it."""
        looked = 0
        async with asyncio.timeout(seconds):
            while True:
                for at, _, item in self.events[looked:]:
                    if at >= after and matches(item):
                        return at, item
                looked = len(self.events)
                self._news.clear()
                await self._news.wait()


@dataclass
class Streams:
    """What happens to pods, Jobs and DatabaseMigrations of a namespace."""

    pods: Stream = field(default_factory=Stream)
    jobs: Stream = field(default_factory=Stream)
    migrations: Stream = field(default_factory=Stream)


@contextlib.asynccontextmanager
async def watching(api: Api, namespace: str) -> AsyncIterator[Streams]:
    """Watches a namespace during a block."""
    streams = Streams()
    kinds = (
        (objects.PODS, streams.pods),
        (objects.JOBS, streams.jobs),
        (objects.MIGRATIONS, streams.migrations),
    )
    tasks = [asyncio.create_task(_follow(api, path.format(namespace), stream)) for path, stream in kinds]
    try:
        yield streams
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(api: Api, path: str, stream: Stream) -> None:
    """Feeds `stream` from a watch until it is cancelled."""
    wait = aiohttp.ClientTimeout(total=None)
    async with api.session.get(api.server + path, params={"watch": "1"}, timeout=wait) as answer:
        answer.raise_for_status()
        buffer = b""
        async for chunk in answer.content.iter_any():
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                event = json.loads(line)
                stream.add(event["type"], event["object"])
