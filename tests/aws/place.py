"""A socket in the network namespace of a test bed, held by a process outside of it."""

from __future__ import annotations

import ctypes
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NETWORK = 0x40000000
"""CLONE_NEWNET; Python has `os.setns` from 3.12 on."""


def listening_in(netns: Path | None, host: str, port: int) -> socket.socket:
    """Listen on an address of a namespace, or of our own. The namespace of this process stays as it is."""
    if netns is None:
        return socket.create_server((host, port))

    def inside() -> socket.socket:
        _enter(netns)
        return socket.create_server((host, port))

    # A thread enters, makes the socket and ends. The socket remains where it was made.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(inside).result()


def _enter(netns: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with netns.open("rb") as file:
        if libc.setns(file.fileno(), _NETWORK):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(netns))
