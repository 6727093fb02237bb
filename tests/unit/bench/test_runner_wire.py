from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.bench.runner.wire import CLIENT, SERVER, read, record
from tests.cluster.paths import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + (len(body) + 4).to_bytes(4) + body


READY = message(b"Z", b"I")
GREETING = [
    record(CLIENT, SSL_REQUEST),
    record(SERVER, b"N"),
    record(CLIENT, b"\0\0\0\x09\0\x03\0\0\0"),
    record(SERVER, message(b"R", b"\0\0\0\0")),
    record(SERVER, message(b"S", b"a\0b\0") + READY),
]


def test_what_was_said_before_the_server_was_ready_does_not_count() -> None:
    talk = read(b"".join([*GREETING, record(CLIENT, message(b"X"))]))
    assert (talk.trips, talk.received, talk.queries) == (0, 0, ())


def test_a_trip_is_what_waits_for_the_server_however_many_pieces_it_has() -> None:
    asked = message(b"Q", b"SELECT 1\0")
    answer = message(b"D", b"x" * 100) + message(b"C", b"SELECT 1\0") + READY
    trace = [
        *GREETING,
        record(CLIENT, asked[:3]),
        record(CLIENT, asked[3:]),
        record(SERVER, answer[:40]),
        record(SERVER, answer[40:]),
        record(CLIENT, message(b"P", b"name\0SELECT 2\0\0\0") + message(b"S")),
        record(SERVER, READY),
        record(CLIENT, message(b"X")),
    ]
    talk = read(b"".join(trace))
    assert talk.trips == 2
    assert talk.queries == ("SELECT 1", "SELECT 2")
    assert talk.messages == 3 + 1 + 4
    assert talk.received == len(answer) + len(READY)


def test_a_connection_that_was_turned_down_counts_for_nothing() -> None:
    with pytest.raises(ValueError, match="let nobody in"):
        read(b"".join([*GREETING[:3], record(SERVER, message(b"E", b"no"))]))


def test_the_proxy_passes_everything_on_and_writes_it_down(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_echo, args=(listener,), daemon=True).start()
        words = ["127.0.0.1", str(listener.getsockname()[1]), "0.001", str(tmp_path)]
        proxy = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.runner.proxy", *words],
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )
        try:
            assert proxy.stdout is not None
            port = int(proxy.stdout.readline())
            assert _through(port, data) == data
            while not (found := sorted(tmp_path.glob("[0-9]*"))):
                time.sleep(0.01)
        finally:
            proxy.terminate()
            proxy.wait(10)
    assert found[0].read_bytes().count(data[:256]) >= 2 * 4000  # pieces cut some in two


def _through(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        threading.Thread(target=_send, args=(client, data), daemon=True).start()
        return b"".join(iter(lambda: client.recv(65536), b""))


def _send(client: socket.socket, data: bytes) -> None:
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)


def _echo(listener: socket.socket) -> None:
    server, _ = listener.accept()
    with server:
        while data := server.recv(65536):
            server.sendall(data)
