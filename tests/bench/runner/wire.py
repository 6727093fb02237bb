"""What passed between a client and a PostgreSQL server, read from what the proxy wrote down."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT, SERVER = b"C", b"S"
_HEAD = struct.Struct(">cI")
_ASKS_FOR_ENCRYPTION = {80877103, 80877104}
"""Codes of SSLRequest and GSSENCRequest: the server answers them with one byte."""
_QUERIES = {b"Q": 0, b"P": 1}
"""Messages that hold SQL: as whose how manieth string."""


def record(side: bytes, data: bytes) -> bytes:
    """One piece as it is written down."""
    return _HEAD.pack(side, len(data)) + data


@dataclass(frozen=True)
class Talk:
    """One connection.

    Attributes:
        trips: how often the client has waited for the server after it was let in.
        sent: bytes from the client after that.
        received: bytes from the server after that.
        messages: number of messages both ways after that.
        queries: SQL that the client has sent.
    """

    trips: int
    sent: int
    received: int
    messages: int
    queries: tuple[str, ...]


def read(trace: bytes) -> Talk:
    """Count one connection's trace.

    Raises:
        ValueError: it holds no connection that was let in.
    """
    pieces = list(_pieces(trace))
    inside = _after_ready(pieces)
    trips, last = 0, SERVER
    for side, data in inside:
        if side == CLIENT and last == SERVER and data[:1] != b"X":  # a good-bye waits for nothing
            trips += 1
        last = side
    whole = {side: b"".join(data for told, data in inside if told == side) for side in (CLIENT, SERVER)}
    asked = list(_messages(whole[CLIENT]))
    return Talk(
        trips,
        len(whole[CLIENT]),
        len(whole[SERVER]),
        len(asked) + sum(1 for _ in _messages(whole[SERVER])),
        tuple(
            body.split(b"\0")[_QUERIES[kind]].decode(errors="replace")
            for kind, body in asked
            if kind in _QUERIES
        ),
    )


def _pieces(trace: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(trace):
        side, length = _HEAD.unpack_from(trace, at)
        at += _HEAD.size
        yield side, trace[at : at + length]
        at += length


def _after_ready(pieces: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What came after the server's first ReadyForQuery."""
    plain = sum(
        1
        for side, data in pieces
        if side == CLIENT and len(data) == 8 and int.from_bytes(data[4:]) in _ASKS_FOR_ENCRYPTION
    )
    seen = b""
    for number, (side, data) in enumerate(pieces):
        if side != SERVER:
            continue
        seen += data
        if any(kind == b"Z" for kind, _ in _messages(seen[plain:])):
            return pieces[number + 1 :]
    raise ValueError("the server has let nobody in")


def _messages(stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 5 <= len(stream):
        length = int.from_bytes(stream[at + 1 : at + 5])
        yield stream[at : at + 1], stream[at + 5 : at + 1 + length]
        at += 1 + length
