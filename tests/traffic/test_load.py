"""The load sees what goes wrong, and nothing that does not. Against a web server on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.cluster import binaries
from tests.traffic.load import KEPT, LATE, NEW, Load, reach

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GAPS, GAP = 40, 0.005


@dataclass
class Web:
    """One web server."""

    port: int
    control: int
    process: subprocess.Popen[bytes]
    log: Path

    def load(self, **options: float) -> Load:
        return Load(None, self.url, self.log, **options)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def fault(self, *words: str) -> None:
        environment = {**os.environ, "WEB_CONTROL": f"127.0.0.1:{self.control}"}
        argv = [str(binaries.path("bookshop-web")), "faults", *words]
        subprocess.run(argv, env=environment, check=True, timeout=10)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        found: int = one.getsockname()[1]
        return found


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    binaries.ensure(*binaries.WEB)
    port, control = free_port(), free_port()
    environment = {
        **os.environ,
        "SLOT": "blue",
        "WEB_ADDRESS": f"127.0.0.1:{port}",
        "WEB_CONTROL": f"127.0.0.1:{control}",
        "WEB_DRAIN": "1s",
    }
    process = subprocess.Popen(
        [binaries.path("bookshop-web")], env=environment, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    made = Web(port, control, process, tmp_path / "load.tsv")
    try:
        reach(None, made.url, made.log)
        yield made
    finally:
        process.kill()
        process.wait(timeout=10)


def test_a_good_server_fails_no_request_and_the_load_keeps_its_pace(web: Web) -> None:
    with web.load(duration=5) as load:
        tally = load.wait(20)

    assert not tally.failed, tally.text()
    assert {kind: len(tally.of(kind)) for kind in (NEW, KEPT)} == {
        NEW: pytest.approx(1000, abs=2),
        KEPT: pytest.approx(1000, abs=2),
    }
    assert {one.slot for one in tally.requests} == {"blue"}
    assert tally.lateness < LATE, f"sent {tally.lateness:.3f} s late: {tally.summary}"


def test_gaps_of_five_milliseconds_are_seen(web: Web) -> None:
    begun = []
    with web.load(kept=0) as load:
        for _ in range(GAPS):
            begun.append(time.time())
            web.fault(f"deaf={GAP}s")
            time.sleep(0.05)
    failed = [one.sent for one in load.tally.failed]

    ends = [*begun[1:], begun[-1] + 1]
    seen = sum(any(begin <= at < end for at in failed) for begin, end in zip(begun, ends, strict=True))
    # A gap is as long as the time between two requests, so now and then one falls between them.
    assert seen >= 0.7 * GAPS, f"{seen} of {GAPS} gaps were seen; {load.tally.text()}"
    assert {one.fault for one in load.tally.failed} <= {"refused", "reset"}


def test_wrong_answers_and_missing_ones_are_failures(web: Web) -> None:
    with web.load() as load:
        web.fault("errors=1")
        time.sleep(0.5)
        web.fault("errors=0", "hang=true")
        time.sleep(1.5)
    faults = {one.fault for one in load.tally.failed}

    assert faults == {"status-500", "timeout"}
    assert len(load.tally.failed) > 400


def test_clients_with_open_connections_see_a_server_that_is_killed(web: Web) -> None:
    with web.load(new=0) as load:
        time.sleep(0.5)
        web.process.kill()
        time.sleep(0.5)

    assert len(load.tally.failed) > 60
    assert not [one for one in load.tally.failed if one.kind != KEPT]


def test_a_server_that_is_told_to_end_answers_every_request_while_the_news_travels(web: Web) -> None:
    with web.load() as load:
        time.sleep(0.5)
        told = time.time()
        web.process.terminate()
        time.sleep(0.8)

    assert not load.tally.failed, load.tally.text()
    assert max(one.end for one in load.tally.requests) > told + 0.7
    assert web.process.wait(timeout=10) == 0
