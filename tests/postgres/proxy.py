"""A proxy between a runner and its server: it counts the messages of both, and does something at one of them.

It understands how messages are framed and nothing more. Each connection is two threads; what is to happen
happens in the thread that has the message in its hands, before it is passed on.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

READY = b"Z"
_CANCEL = 80877102


@dataclass(frozen=True, order=True)
class Point:
    """A place in the conversation: right before a message, or inside it.

    Attributes:
        connection: counted from 0 in the order in which they were opened.
        client: whether the message is the client's.
        message: counted from 0 in its direction.
        inside: whether the first half of it is passed on before.
    """

    connection: int
    client: bool
    message: int
    inside: bool = False

    def __str__(self) -> str:  # type: ignore[explicit-override] # typing.override needs Python 3.12
        who = "client" if self.client else "server"
        return f"{'inside' if self.inside else 'before'} message {self.message} of {who} {self.connection}"


@dataclass
class Pair:
    """One connection: both sockets, and the types of the messages that went through."""

    near: socket.socket
    far: socket.socket
    sent: dict[bool, list[bytes]] = field(default_factory=lambda: {True: [], False: []})

    def cut(self) -> None:
        """Break the connection for both."""
        for one in (self.near, self.far):
            _abort(one)

    def cut_near(self) -> None:
        """Break it for the client; the server goes on with what it has, and nobody hears its answers."""
        _abort(self.near)
        self.far.settimeout(2)
        with contextlib.suppress(OSError):
            while self.far.recv(65536):
                pass
        _abort(self.far)


def _abort(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


class Framing:
    """From bytes to whole messages. A client's first one has no type."""

    def __init__(self, *, client: bool) -> None:
        self._head = 4 if client else 5
        self._held = b""

    def take(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """(type, whole message) of each message that is complete by now."""
        self._held += data
        found = []
        while len(self._held) >= self._head:
            length = struct.unpack_from("!I", self._held, self._head - 4)[0] + self._head - 4
            if len(self._held) < length:
                break
            message, self._held = self._held[:length], self._held[length:]
            found.append((message[: self._head - 4], message))
            self._head = 5
        return found


class Proxy:
    """Listens on a port of its own until it is left.

    Args:
        port: of the server, on this machine.
    """

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(None)
        self.port: int = self._listener.getsockname()[1]
        self.pairs: list[Pair] = []
        self._lock = threading.Lock()
        self._points: list[Point] = []
        self._act: Callable[[Pair], None] | None = None
        self.reached = threading.Event()
        self.over = threading.Event()
        self.away_until = 0.0
        """Until then nobody gets through, by the clock of `time.monotonic`."""

    def url(self, text: str) -> str:
        """The address of a database by way of the proxy, without encryption, which it could not read."""
        return text.replace(f":{self._server[1]}/", f":{self.port}/") + "?sslmode=disable&gssencmode=disable"

    def arm(
        self, point: Point | None, act: Callable[[Pair], None] | None, again: Point | None = None
    ) -> None:
        """Begin to count anew; at `point` do `act`, once, and once more at `again` if that comes."""
        self.disconnect()
        with self._lock:
            self.pairs, self.away_until = [], 0.0
            self._points = [each for each in (point, again) if each is not None]
            self._act = act
            self.reached.clear()
            self.over.clear()

    def points(self) -> list[Point]:
        """Every place of the conversation since it was armed."""
        return [
            Point(number, client, message)
            for number, pair in enumerate(self.pairs)
            for client in (True, False)
            for message in range(len(pair.sent[client]))
        ]

    def disconnect(self) -> None:
        """End what is left of all connections."""
        for pair in self.pairs:
            pair.cut()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if time.monotonic() < self.away_until:
                    _abort(near)
                    continue
                try:
                    far = socket.create_connection(self._server)
                except OSError:  # the server is being restarted
                    _abort(near)
                    continue
                for one in (near, far):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                pair = Pair(near, far)
                with self._lock:
                    self.pairs.append(pair)
                    number = len(self.pairs) - 1
                for client in (True, False):
                    threading.Thread(target=self._pass, args=(pair, number, client), daemon=True).start()

    def _pass(self, pair: Pair, number: int, client: bool) -> None:  # noqa: FBT001 - a thread's argument
        source, sink = (pair.near, pair.far) if client else (pair.far, pair.near)
        framing = Framing(client=client)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                for kind, message in framing.take(data):
                    self._one(pair, Point(number, client, len(pair.sent[client])), sink, message)
                    pair.sent[client].append(kind)
        # What was sent before the end has to arrive before it.
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        if not client:
            time.sleep(0.01)
            _abort(pair.near)

    def _one(self, pair: Pair, here: Point, sink: socket.socket, message: bytes) -> None:
        with self._lock:
            act, point = self._act, next(iter(self._points), None)
            place = None if point is None else (point.connection, point.client, point.message)
            is_here = place == (here.connection, here.client, here.message)
            if is_here:
                del self._points[0]
        if act is None or point is None or not is_here:
            sink.sendall(message)
            return
        half = len(message) // 2 if point.inside else 0
        sink.sendall(message[:half])
        self.reached.set()
        try:
            act(pair)
        except BaseException:
            pair.cut()  # else both sides would wait for ever
            raise
        finally:
            self.over.set()
        sink.sendall(message[half:])


class Scissors(Proxy):
    """Cuts at words that the client sends, one after the other, each once.

    At the first ones the server still gets the message, and does what it says; nobody hears of it.

    Args:
        port: of the server.
        words: what to look for, in order.
        unseen: how many cuts let the message through.
    """

    def __init__(self, port: int, words: list[bytes], unseen: int = 1) -> None:
        super().__init__(port)
        self.words = list(words)
        self._unseen = unseen

    def _one(  # type: ignore[explicit-override] # typing.override needs Python 3.12
        self, pair: Pair, here: Point, sink: socket.socket, message: bytes
    ) -> None:
        with self._lock:
            found = here.client and bool(self.words) and self.words[0] in message
            if found:
                del self.words[0]
                self._unseen -= 1
        if not found:
            sink.sendall(message)
        elif self._unseen >= 0:
            sink.sendall(message)
            pair.cut_near()
        else:
            pair.cut()
