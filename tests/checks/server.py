"""A real Prometheus of a test."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.alerts import promtool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PREFIX = "/prometheus"
START_SECONDS = 60


@dataclass(frozen=True)
class Prometheus:
    url: str
    process: subprocess.Popen[bytes]

    def values(self, query: str) -> int:
        """How many values a query gives, asked without any of our code."""
        with urllib.request.urlopen(f"{self.url}/api/v1/query?query={quote(query)}", timeout=5) as answer:  # noqa: S310 - our own server
            return len(json.load(answer)["data"]["result"])

    def until(self, query: str, values: int) -> None:
        """Wait until a query gives so many values."""
        end = time.monotonic() + START_SECONDS
        while (found := self.values(query)) < values:
            assert time.monotonic() < end, f"{query} gives {found} values"
            time.sleep(0.1)


def free_port() -> int:
    """One that nobody listens at, on this machine."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def scraping(*targets: str) -> dict[str, object]:
    """A configuration that reads the metrics of these addresses every second."""
    job = {"job_name": "shop", "static_configs": [{"targets": list(targets)}]}
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}


@contextlib.contextmanager
def running(
    folder: Path, config: Mapping[str, object], *, place: Sequence[str] = (), address: str = "127.0.0.1"
) -> Iterator[Prometheus]:
    """A server with this configuration, which is YAML, and so may be JSON.

    Args:
        folder: for its files.
        config: of prometheus.yml.
        place: what the command line begins with, to run it elsewhere.
        address: where it listens there.
    """
    port = free_port()
    (folder / "prometheus.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *place,
                promtool.ensure("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}:{port}",
                f"--web.route-prefix={PREFIX}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    server = Prometheus(f"http://{address}:{port}{PREFIX}", process)
    try:
        end = time.monotonic() + START_SECONDS
        while not _ready(server):
            assert time.monotonic() < end, (folder / "log").read_text()
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _ready(server: Prometheus) -> bool:
    try:
        with urllib.request.urlopen(f"{server.url}/-/ready", timeout=5) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except OSError:
        return False
