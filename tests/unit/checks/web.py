"""Real HTTP servers that behave as badly as a test wants, and the short way to check them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchback.checks.model import Check, Context
from switchback.checks.run import Plan, Run, Verdict
from switchback.contract.words import CheckStage

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    Handler = Callable[["Visit"], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@dataclass
class Visit:
    """One connection: which one it is, from 0, and what was asked."""

    number: int
    connection: socket.socket
    request: bytes

    def say(self, text: bytes) -> None:
        self.connection.sendall(text)

    def reset(self) -> None:
        """End it as a process that was killed does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


@dataclass
class Server:
    port: int
    requests: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/", scheme: str = "http") -> str:
        return f"{scheme}://localhost:{self.port}{path}"


@contextlib.contextmanager
def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server on this machine; each connection has a thread of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        server = Server(listener.getsockname()[1])
        listener.settimeout(0.05)

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
                stack.enter_context(connection)
                connection.settimeout(20)
                request = b""
                while not _whole(request) and (more := connection.recv(65536)):
                    request += more
                number = len(server.requests)
                server.requests.append(request)
                handler(Visit(number, connection, request))

        def accept() -> None:
            while not server.over.is_set():
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    threading.Thread(target=serve, args=[connection], daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            thread.join()


def _whole(request: bytes) -> bool:
    """Whether a request has come, or the beginning of a language that is not spoken here."""
    return b"\r\n\r\n" in request or request[:1] == b"\x16"


def answering(*statuses: int) -> Handler:
    """Answers with these statuses, one a connection, and with the last of them from then on."""

    def handler(visit: Visit) -> None:
        status = statuses[min(visit.number, len(statuses) - 1)]
        visit.say(b"HTTP/1.1 %d Word\r\nContent-Length: 5\r\n\r\nhello" % status)

    return handler


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def http_get(
    url: str,
    name: str = "web",
    *,
    period: float = 0.05,
    timeout: float = 1.0,
    threshold: int = 1,
    **options: Any,
) -> Check:
    """A check with the spec's defaults, but quick."""
    said = {"url": url, "expectStatus": 200, "expectBody": "", "headers": [], **options}
    return Check(name, "httpGet", said, period, timeout, threshold)


def run(
    *checks: Check,
    stage: CheckStage = CheckStage.AFTER_MIGRATE,
    context: Context | None = None,
    **wishes: Any,
) -> Verdict:
    """Run checks to their verdict, in this process."""
    context = context or Context()
    return asyncio.run(Run(Plan(stage, checks, **wishes), context, context.say).verdict())


def error_of(check: Check, context: Context | None = None) -> str:
    """One try: empty when it holds, else why not."""
    (only,) = run(check, context=context).checks
    assert only.passed is (not only.error)
    return only.error
