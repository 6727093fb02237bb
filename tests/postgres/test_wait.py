"""`switchback wait`: until a real server accepts logins, and no longer for what does not pass."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.postgres.servers import PASSWORD, Server, embedded_18, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(sys.executable).parent / "switchback"


@pytest.fixture
def own() -> Iterator[Server]:
    with running(embedded_18()) as server:
        yield server


def call(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PROGRAM, "wait", "--url", url, *words], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert PASSWORD not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_a_server_that_is_there(server: Server) -> None:
    done = call(server.url(), "--timeout", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Database postgres at 127.0.0.1:{server.port} accepts logins" in done.stdout
    answer = json.loads(call(server.url(), "--json").stdout)
    assert (answer["reason"], answer["exitCode"]) == ("Succeeded", 0)


def test_a_server_that_comes_later(own: Server) -> None:
    url = own.url()
    own.stop()
    process = subprocess.Popen(
        [PROGRAM, "wait", "--url", url, "--timeout", "40"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    time.sleep(2)
    assert process.poll() is None
    own.start()
    told, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "accepts logins, after" in told


def test_a_server_that_has_no_connection_left(own: Server) -> None:
    own.stop()
    own.start(max_connections="4", superuser_reserved_connections="0", reserved_connections="0")
    held = [own.connect() for _ in range(4)]
    try:
        done = call(own.url(), "--timeout", "1")
        assert (done.returncode, "Given up after 1 s. " in done.stderr) == (7, True), done.stderr
        release = threading.Timer(2, held[0].close)
        release.start()
        assert call(own.url(), "--timeout", "30").returncode == 0
        release.join()
    finally:
        for connection in held:
            connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_nobody_is_there(host: str) -> None:
    begun = time.monotonic()
    done = call(f"postgresql://u:{'x' * 9}@{host}:{free_port()}/d", "--timeout", "1.5")
    assert done.returncode == 7
    assert "Given up after 1.5 s." in done.stderr
    assert time.monotonic() - begun >= 1.5
    assert "x" * 9 not in done.stderr


def test_what_does_not_pass_ends_it_at_once(server: Server) -> None:
    begun = time.monotonic()
    for url, words in (
        (server.url(password="no"), "password authentication failed"),
        (server.url("no_such_database"), "no_such_database"),
        ("postgresql://u@h/d?frobnicate=1", "not known"),
        (f"{server.url()}?sslmode=require", "No encrypted connection"),
    ):
        done = call(url, "--timeout", "30")
        assert done.returncode == 7
        assert words in done.stderr
        assert "Given up" not in done.stderr
    assert time.monotonic() - begun < 25


def test_it_can_be_stopped() -> None:
    process = subprocess.Popen(
        [PROGRAM, "wait", "--url", f"postgresql://u@127.0.0.1:{free_port()}/d"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in said
