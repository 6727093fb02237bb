"""Seeing things happen in one namespace, with the time at which they could be seen."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEADLINE_SECONDS = 60.0


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


@dataclass
class Stream:
    """Everything that a watch has said about one kind, and a way to wait for something to be said."""

    events: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, kind: str, item: dict[str, Any]) -> None:
        """One line of the watch."""
        self.events.append((time.perf_counter(), kind, item))
        self._news.set()

    async def first(
        self, after: float, matches: Callable[[dict[str, Any]], bool]
    ) -> tuple[float, dict[str, Any]]:
        """Time and object of the first event since `after` that matches; waits for it up to a minute."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                for at, _, item in self.events:
                    if at >= after and matches(item):
                        return at, item
                self._news.clear()
                await self._news.wait()


async def follow(session: aiohttp.ClientSession, url: str, stream: Stream) -> None:
    """Feeds `stream` from a watch until it is cancelled."""
    async with session.get(url, params={"watch": "1"}, timeout=aiohttp.ClientTimeout(total=None)) as answer:
        answer.raise_for_status()
        buffer = b""
        async for chunk in answer.content.iter_any():
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                event = json.loads(line)
                stream.add(event["type"], event["object"])
