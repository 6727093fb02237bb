"""Kind httpGet: a GET on a new connection has the expected status, and a text in its body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from switchback.checks import http
from switchback.checks.model import headers
from switchback.checks.net import Doing, NetError, addresses

if TYPE_CHECKING:
    from switchback.checks.model import Check, Context

WARM_SECONDS = 5.0


class HTTPGet:
    """Asks one URL."""

    fresh = True

    def __init__(self, check: Check, context: Context) -> None:
        self._url = str(check.options["url"])
        self._status = int(check.options["expectStatus"])
        self._text = str(check.options["expectBody"]).encode()
        self._headers = headers(check, context)
        self._seconds = check.timeout
        self._own_trust = context.environment.get("SSL_CERT_FILE", "")

    async def warm(self) -> None:
        """Look the name up, and read whom to trust."""
        await warm(self._url, self._own_trust)

    async def ask(self) -> str:
        """One request."""
        doing = Doing()
        try:
            place = http.target(self._url)
            tls = http.trust(self._own_trust) if place.encrypted else None
            async with asyncio.timeout(self._seconds):
                answer = await http.send(http.Request(place, self._headers), tls, doing)
        except NetError as error:
            return f"{error} ({self._shown})"
        except TimeoutError:
            return f"no answer within {self._seconds:g} s while {doing.text} ({self._shown})"
        return self._judged(answer)

    def _judged(self, answer: http.Answer) -> str:
        if answer.status != self._status:
            redirected = 300 <= answer.status < 400  # noqa: PLR2004 - the redirects of HTTP
            hint = "; redirects are not followed" if redirected else ""
            return f"status {answer.status} instead of {self._status}{hint} ({self._shown})"
        if self._text not in answer.body:
            where = "the answer" if answer.whole else "the first 64 KiB of the answer"
            return f"{where} does not hold the text of expectBody ({self._shown})"
        return ""

    @property
    def _shown(self) -> str:
        try:
            return http.target(self._url).shown
        except NetError:
            return "httpGet.url"

    def close(self) -> None:
        """Nothing is held."""


async def warm(url: str, own_trust: str) -> None:
    """What the first request to a URL would have to do beside asking."""
    try:
        place = http.target(url)
        if place.encrypted:
            http.trust(own_trust)
        async with asyncio.timeout(WARM_SECONDS):
            await addresses(place.host, place.port)
    except (NetError, TimeoutError):
        return


def make(check: Check, context: Context) -> HTTPGet:
    """See `kinds.make`."""
    return HTTPGet(check, context)
