"""A real Prometheus that scrapes metrics of a test, and the shop whose slots are checked."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.checks.server import Prometheus, free_port, running, scraping
from tests.traffic.conftest import (
    database,
    kube,
    new_database,
    pytest_runtest_makereport,
    recorder,
    server,
    servers,
    shop,
    world,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "database",
    "kube",
    "new_database",
    "pytest_runtest_makereport",
    "recorder",
    "server",
    "servers",
    "shop",
    "world",
]

METRICS = """
shop_errors{slot="blue"} 1
shop_errors{slot="green"} 3
shop_nothing NaN
shop_everything +Inf
"""


class _Metrics(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(METRICS.encode())

    def log_message(self, *_: object) -> None:  # type: ignore[explicit-override] # typing.override needs Python 3.12
        """Say nothing."""


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that has scraped METRICS."""
    exporter = HTTPServer(("127.0.0.1", 0), _Metrics)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    config = scraping(f"127.0.0.1:{exporter.server_port}")
    with running(tmp_path_factory.mktemp("prometheus"), config) as made:
        made.until("shop_errors", 2)
        yield made
    exporter.shutdown()


@pytest.fixture
def half_blind(tmp_path: Path) -> Iterator[Prometheus]:
    """One that cannot read a part of what it should know, and says so with every answer."""
    elsewhere = {"url": f"http://127.0.0.1:{free_port()}/read", "read_recent": True}
    with running(tmp_path, {"remote_read": [elsewhere]}) as made:
        yield made
