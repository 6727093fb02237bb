"""A process between client and server that passes everything on later, and may write down what passed.

One thread and one `select` for all connections: what was read is due at a moment of its own, so bytes that
stream are late by the delay once, and not once for each piece. `select` is exact to about 0.1 ms, which the
millisecond clocks of `poll` and `epoll` are not.

Usage: python -m tests.bench.runner.proxy HOST PORT DELAY_SECONDS [FOLDER]; its own port is its first line.
"""

from __future__ import annotations

import ctypes
import select
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.runner.wire import CLIENT, SERVER, record

PIECE = 256 * 1024
_PR_SET_TIMERSLACK = 29
_SLACK_NANOSECONDS = 1000
_PR_SET_PDEATHSIG = 1
_SIGTERM = 15


@dataclass
class Line:
    """One direction of one connection: what is under way in it, with the moment at which it is due."""

    source: socket.socket
    target: socket.socket
    side: bytes
    trace: list[bytes] | None
    under_way: deque[tuple[float, bytes]] = field(default_factory=deque)
    ended: bool = False

    def read(self, delay: float) -> None:
        """Take what is there."""
        try:
            data = self.source.recv(PIECE)
        except OSError:
            data = b""
        self.ended = not data
        self.under_way.append((time.monotonic() + delay, data))
        if self.trace is not None and data:
            self.trace.append(record(self.side, data))

    def write(self, now: float) -> bool:
        """Pass on what is due. Gives whether the line is over."""
        while self.under_way and self.under_way[0][0] <= now:
            due, data = self.under_way.popleft()
            try:
                if not data:
                    self.target.shutdown(socket.SHUT_WR)
                    return True
                sent = self.target.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return True
            if sent < len(data):
                self.under_way.appendleft((due, data[sent:]))
                break
        return False


class Proxy:
    """All connections."""

    def __init__(self, to: tuple[str, int], delay: float, folder: Path | None) -> None:
        self.to, self.delay, self.folder = to, delay, folder
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.lines: dict[socket.socket, Line] = {}
        self.count = 0

    def run(self) -> None:
        """Until somebody ends the process."""
        while True:
            now = time.monotonic()
            due = [line.under_way[0][0] for line in self.lines.values() if line.under_way]
            late = [
                line.target for line in self.lines.values() if line.under_way and line.under_way[0][0] <= now
            ]
            ahead = [moment - now for moment in due if moment > now]
            ready, _, _ = select.select(
                [self.listener, *(source for source, line in self.lines.items() if not line.ended)],
                late,
                [],
                min(ahead, default=None),
            )
            for source in ready:
                if source is self.listener:
                    self._accept()
                else:
                    self.lines[source].read(self.delay)
            self._pass_on()

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        server = socket.create_connection(self.to)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.settimeout(0)
        trace: list[bytes] | None = None if self.folder is None else []
        self.lines[client] = Line(client, server, CLIENT, trace)
        self.lines[server] = Line(server, client, SERVER, trace)

    def _pass_on(self) -> None:
        now = time.monotonic()
        for source, line in list(self.lines.items()):
            if source in self.lines and line.write(now):
                other = self.lines[line.target]
                if other.ended and not other.under_way:
                    self._close(line)

    def _close(self, line: Line) -> None:
        for one in (line.source, line.target):
            self.lines.pop(one)
            one.close()
        if self.folder is not None and line.trace is not None:
            self.count += 1
            partial = self.folder / f".{self.count:03}"
            partial.write_bytes(b"".join(line.trace))
            partial.rename(self.folder / f"{self.count:03}")


def main() -> None:
    """Serve until the process that started this one ends it, or ends itself."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_TIMERSLACK, _SLACK_NANOSECONDS)
    libc.prctl(_PR_SET_PDEATHSIG, _SIGTERM)
    host, port, delay, *folder = sys.argv[1:]
    proxy = Proxy((host, int(port)), float(delay), Path(folder[0]) if folder else None)
    print(proxy.listener.getsockname()[1], flush=True)
    proxy.run()


if __name__ == "__main__":
    main()
