"""A real Prometheus that scrapes metrics of a test."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.alerts import promtool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

METRICS = """
shop_errors{slot="blue"} 1
shop_errors{slot="green"} 3
shop_nothing NaN
shop_everything +Inf
"""
PREFIX = "/prometheus"
START_SECONDS = 60


@dataclass(frozen=True)
class Prometheus:
    url: str
    process: subprocess.Popen[bytes]

    def values(self, query: str) -> int:
        """How many values a query gives, asked without any of our code."""
        with urllib.request.urlopen(f"{self.url}/api/v1/query?query={query}", timeout=5) as answer:  # noqa: S310 - our own server
            return len(json.load(answer)["data"]["result"])


class _Metrics(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(METRICS.encode())

    def log_message(self, *_: object) -> None:  # type: ignore[explicit-override] # typing.override needs Python 3.12
        """Say nothing."""


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def _running(folder: Path, config: Mapping[str, object]) -> Iterator[Prometheus]:
    """A server with this configuration, which is YAML, and so may be JSON."""
    port = _free_port()
    (folder / "prometheus.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                promtool.ensure("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--web.route-prefix={PREFIX}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    server = Prometheus(f"http://127.0.0.1:{port}{PREFIX}", process)
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


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that has scraped METRICS."""
    exporter = HTTPServer(("127.0.0.1", 0), _Metrics)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    job = {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{exporter.server_port}"]}]}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
    with _running(tmp_path_factory.mktemp("prometheus"), config) as server:
        end = time.monotonic() + START_SECONDS
        while server.values("shop_errors") < 2:
            assert time.monotonic() < end
            time.sleep(0.1)
        yield server
    exporter.shutdown()


@pytest.fixture
def half_blind(tmp_path: Path) -> Iterator[Prometheus]:
    """One that cannot read a part of what it should know, and says so with every answer."""
    elsewhere = {"url": f"http://127.0.0.1:{_free_port()}/read", "read_recent": True}
    with _running(tmp_path, {"remote_read": [elsewhere]}) as server:
        yield server
