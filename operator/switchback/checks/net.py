"""New connections: names are looked up each time, and every wait can be given up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

BUFFER = 64 * 1024


class NetError(Exception):
    """The other side cannot be reached, or does not answer as it should. One line for people."""


class Doing:
    """What is being done, so that a wait that was given up can say for what."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, text: str) -> None:
        """From here on it is this."""
        self.text = text


async def in_thread(function: Callable[[], T]) -> T:
    """What a function that blocks gives, from a thread that is left behind when nobody waits any longer.

    asyncio's own threads would keep the process from ending as long as the slowest name service likes.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # what the function gave

    def work() -> None:
        result, failed = None, None
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 - it is raised where the result is waited for
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=work, daemon=True).start()
    return await future


async def addresses(host: str, port: int) -> list[str]:
    """Numeric addresses of a host, in the order of the resolver.

    Raises:
        NetError: the name is not known.
    """
    try:
        found = await in_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError as error:
        raise NetError(f"the name {host} is not known: {error.strerror}") from None
    except UnicodeError:
        raise NetError(f"{host} is no name of a host") from None
    return list(dict.fromkeys(str(info[4][0]) for info in found))


async def connect(
    host: str, port: int, tls: ssl.SSLContext | None, doing: Doing
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A new connection to the first of the host's addresses that takes it.

    Raises:
        NetError: none does.
    """
    doing(f"looking up {host}")
    last = NetError(f"the name {host} has no address")
    for address in await addresses(host, port):
        doing(f"connecting to {_place(address, port)}")
        try:
            return await asyncio.open_connection(
                address, port, ssl=tls, server_hostname=host if tls is not None else None, limit=BUFFER
            )
        except (OSError, ssl.SSLError) as error:
            last = NetError(said(error, host, _place(address, port)))
    raise last


def said(error: OSError, host: str, place: str) -> str:
    """What an error of a socket means, in words of the system and not of a library."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"the certificate of {host} is not trusted: {error.verify_message.rstrip('.')}"
        case ssl.SSLError():
            return (
                f"no encrypted connection to {place}: {(error.reason or 'unknown').replace('_', ' ').lower()}"
            )
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return f"{place} closed the connection"
        case _:
            why = os.strerror(error.errno) if error.errno is not None else type(error).__name__
            return f"no connection to {place}: {why.lower()}"


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


async def knock(place: str, seconds: float) -> str:
    """Open a connection to `host:port` and close it. Empty when that worked; else why not."""
    doing = Doing()
    host, _, port = place.rpartition(":")
    try:
        async with asyncio.timeout(seconds):
            _, writer = await connect(host.strip("[]"), int(port), None, doing)
    except NetError as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {seconds:g} s while {doing.text}"
    writer.close()
    return ""
