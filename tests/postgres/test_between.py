"""Poolers and other servers in between: told apart from PostgreSQL before anything is written."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner import connect, url
from switchback.runner.errors import RunnerError
from tests.postgres.test_connect import trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.servers import Server


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A port that answers everything with the same bytes."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:  # type: ignore[explicit-override] # typing.override needs Python 3.12
            self.request.recv(4096)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
        yield listener.server_address[1]
        listener.shutdown()


def error_response(sqlstate: str, message: str) -> bytes:
    fields = f"SFATAL\0C{sqlstate}\0M{message}\0\0".encode()
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


def test_a_pooler_that_refuses_start_up_options() -> None:
    answer = error_response("08P01", "unsupported startup parameter: options")
    with answering(answer) as port:
        error = trouble(f"postgresql://u:x@127.0.0.1:{port}/d?sslmode=disable")
    assert error.reason is Reason.POOLER_REFUSED
    assert "direct port" in error.advice


def test_a_server_too_old_for_our_settings() -> None:
    answer = error_response("42704", 'unrecognized configuration parameter "idle_session_timeout"')
    with answering(answer) as port:
        error = trouble(f"postgresql://u:x@127.0.0.1:{port}/d?sslmode=disable")
    assert error.reason is Reason.SERVER_UNSUPPORTED
    assert "15 to 18" in error.advice


@contextlib.contextmanager
def relay(server: Server, patch: bytes, by: bytes) -> Iterator[int]:
    """A port before a server that changes its answers once, as poolers do with the key for cancelling."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:  # type: ignore[explicit-override] # typing.override needs Python 3.12
            with socket.create_connection((server.host, server.port)) as upstream:
                thread = threading.Thread(target=self.pump, args=(self.request, upstream, False), daemon=True)
                thread.start()
                self.pump(upstream, self.request, changing=True)

        def pump(self, source: socket.socket, sink: socket.socket, changing: bool) -> None:  # noqa: FBT001 - two pumps
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    found = data.find(patch) if changing else -1
                    if found >= 0:
                        data = data[: found + 5] + by + data[found + 5 + len(by) :]
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
        yield listener.server_address[1]
        listener.shutdown()


def test_a_pooler_that_answers_for_the_server(pg18: Server) -> None:
    backend_key = b"K\x00\x00\x00\x0c"
    with relay(pg18, backend_key, b"\x00\x01\x02\x03") as port:
        text = pg18.url().replace(str(pg18.port), str(port)) + "?sslmode=disable"
        error = trouble(text)
    assert error.reason is Reason.POOLER_REFUSED
    assert "not the one that was connected to" in error.message


def test_two_sessions_are_two(database: str) -> None:
    address = url.read(database, {})
    with connect.connect(address) as one, connect.connect(address) as two:
        connect.prove_apart(one, two, address)
        with pytest.raises(RunnerError) as caught:
            connect.prove_apart(one, one, address)
        assert caught.value.reason is Reason.POOLER_REFUSED


def test_something_else_listens() -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        error = trouble(f"postgresql://u:x@127.0.0.1:{port}/d")
    assert error.reason in {Reason.CONNECTION_REFUSED, Reason.CONNECTION_LOST}
