"""One HTTP/1.1 request on a new connection. The connection is what is to be proven, so none is kept.

Small on purpose: a library that keeps, shares and retries connections would hide what a check is to see, and
takes longer to import than a pod may take to begin.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from switchback.checks.net import Doing, NetError, connect, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEADER_BYTES = 64 * 1024
MOST_DIGITS = 18
_STATUS = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3})(?: |$)")
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_UNRESERVED = "!#$%&'()*+,/:;=?@[]~"
_WITHOUT_BODY = {204, 304}
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. `path` is as it is sent; `shown` names it without the part after `?`."""

    host: str
    port: int
    encrypted: bool
    authority: str
    path: str
    shown: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and the first bytes of the body. `whole`: there are no more."""

    status: int
    body: bytes
    whole: bool


def target(url: str) -> Target:
    """Where a URL leads.

    Raises:
        NetError: it is none that could be asked.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode()
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise NetError(f"the URL is none: {error}") from None
    if not host or parts.username is not None:
        raise NetError("the URL names no host, or a user")
    bracketed = f"[{host}]" if ":" in host else host
    authority = bracketed if port == _DEFAULT_PORTS[parts.scheme] else f"{bracketed}:{port}"
    path = quote(parts.path or "/", safe=_UNRESERVED)
    asked = f"?{quote(parts.query, safe=_UNRESERVED)}" if parts.query else ""
    return Target(
        host, port, parts.scheme == "https", authority, path + asked, f"{parts.scheme}://{authority}{path}"
    )


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `form` makes it a POST with that body."""

    target: Target
    headers: Sequence[tuple[str, str]] = ()
    form: str = ""
    limit: int = 64 * 1024

    def encoded(self) -> bytes:
        """As it goes over the wire. The caller's headers win over ours."""
        ours = {
            "Host": self.target.authority,
            "User-Agent": "switchback-check",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        body = self.form.encode()
        if body:
            ours |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
        theirs = {name.lower() for name, _ in self.headers}
        kept = [(name, value) for name, value in ours.items() if name.lower() not in theirs]
        lines = [f"{name}: {value}" for name, value in (*kept, *self.headers)]
        head = f"{'POST' if body else 'GET'} {self.target.path} HTTP/1.1\r\n" + "\r\n".join(lines)
        return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


async def send(request: Request, tls: ssl.SSLContext | None, doing: Doing) -> Answer:
    """Ask, and read the answer up to the limit. Redirects are answers like others.

    Raises:
        NetError: there was no answer, or only a part of one.
    """
    place = request.target
    reader, writer = await connect(place.host, place.port, tls, doing)
    try:
        doing("waiting for the answer")
        writer.write(request.encoded())
        status, headers = await _head(reader)
        doing("reading the answer")
        body, whole = await _body(reader, status, headers, request.limit)
    except (OSError, asyncio.IncompleteReadError) as error:
        words = said(error, place.host, place.authority) if isinstance(error, OSError) else ""
        raise NetError(
            words or f"{place.authority} closed the connection before the answer was whole"
        ) from None
    finally:
        writer.close()
    return Answer(status, body, whole)


async def _head(reader: asyncio.StreamReader) -> tuple[int, Mapping[str, str]]:
    """Status and headers of the final answer, names in lower case."""
    left = HEADER_BYTES
    while True:
        first = await _line(reader)
        found = _STATUS.match(first)
        if found is None:
            raise NetError("the answer is no HTTP/1.1")
        status, headers = int(found[1]), {}
        while line := await _line(reader):
            left -= len(line)
            if left < 0:
                raise NetError("the headers of the answer are too long")
            name, _, value = line.partition(b":")
            headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
        if not 100 <= status < 200 or status == 101:  # noqa: PLR2004 - before the final answer come notes of 1xx
            return status, headers


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        raise NetError("the headers of the answer are too long") from None
    return line.rstrip(b"\r\n")


async def _body(
    reader: asyncio.StreamReader, status: int, headers: Mapping[str, str], limit: int
) -> tuple[bytes, bool]:
    if status in _WITHOUT_BODY or status < 200:  # noqa: PLR2004 - 101 goes over to another protocol
        return b"", True
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _chunks(reader, limit)
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit():
        if len(length) > MOST_DIGITS:
            raise NetError("the answer is no HTTP/1.1: its length is none")
        return await reader.readexactly(min(int(length), limit)), int(length) <= limit
    body = b""
    while len(body) <= limit and (more := await reader.read(limit + 1 - len(body))):
        body += more
    return body[:limit], len(body) <= limit


async def _chunks(reader: asyncio.StreamReader, limit: int) -> tuple[bytes, bool]:
    body = b""
    while True:
        size_text = (await _line(reader)).partition(b";")[0].strip()
        if _SIZE.fullmatch(size_text) is None:
            raise NetError("the answer is no HTTP/1.1: a chunk has no size")
        size = int(size_text, 16)
        if size == 0:
            return body, True
        body += await reader.readexactly(min(size, limit - len(body)))
        if len(body) >= limit:
            return body, False
        await reader.readexactly(2)


@cache
def trust(own: str) -> ssl.SSLContext:
    """Whom to trust: the authorities of this machine, and those in a file of one's own, if it is named.

    Raises:
        NetError: the file cannot be read.
    """
    context = ssl.create_default_context()
    # Newer versions of Python ask more of a certificate than most private authorities know of.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    for path in (*_SYSTEM, own):
        try:
            if path:
                context.load_verify_locations(cafile=path)
        except (OSError, ssl.SSLError) as error:
            if path == own:
                raise NetError(f"SSL_CERT_FILE cannot be used: {error.strerror or error}") from None
    return context


_SYSTEM = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)
