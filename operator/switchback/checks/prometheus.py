"""Kind prometheus: an instant query, each value of which is compared. What speaks its API will do as well."""

from __future__ import annotations

import asyncio
import json
import math
import operator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from switchback.checks import http
from switchback.checks.http_get import warm
from switchback.checks.model import CheckError, headers
from switchback.checks.net import Doing, NetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchback.checks.model import Check, Context

MOST_BYTES = 4 * 1024 * 1024
LONGEST_URL = 2048
"""A longer query is sent as a form: what is between us and the server may cut long URLs."""
SHOWN = 3
"""So many values that do not hold are named."""

COMPARISONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "LessThan": ("<", operator.lt),
    "LessThanOrEqual": ("<=", operator.le),
    "Equal": ("==", operator.eq),
    "NotEqual": ("!=", operator.ne),
    "GreaterThanOrEqual": (">=", operator.ge),
    "GreaterThan": (">", operator.gt),
}


class Prometheus:
    """Asks one query."""

    fresh = False

    def __init__(self, check: Check, context: Context) -> None:
        options = check.options
        self._server = str(options["serverURL"])
        self._query = str(options["query"])
        self._sign, self._holds = COMPARISONS[options["comparison"]]
        try:
            self._wanted = float(options["expectValue"])
        except ValueError:
            raise CheckError(
                f"check {check.name}: expectValue {options['expectValue']} is no number."
            ) from None
        self._empty_passes = options["emptyResult"] == "Pass"
        self._headers = headers(check, context)
        self._seconds = check.timeout
        self._name, self._say = check.name, context.say
        self._own_trust = context.environment.get("SSL_CERT_FILE", "")

    async def warm(self) -> None:
        """Look the name up, and read whom to trust."""
        await warm(self._server, self._own_trust)

    async def ask(self) -> str:
        """One query."""
        doing = Doing()
        try:
            request = self._request()
            tls = http.trust(self._own_trust) if request.target.encrypted else None
            async with asyncio.timeout(self._seconds):
                answer = await http.send(request, tls, doing)
        except NetError as error:
            return str(error)
        except TimeoutError:
            return f"no answer within {self._seconds:g} s while {doing.text}"
        return self._judged(answer)

    def _request(self) -> http.Request:
        base, _, asked = self._server.partition("?")
        words = urlencode({"query": self._query, "timeout": f"{max(1, math.ceil(self._seconds))}s"})
        url = f"{base.rstrip('/')}/api/v1/query"
        asked = f"?{asked}" if asked else ""
        whole = f"{url}{asked}{'&' if asked else '?'}{words}"
        if len(whole) > LONGEST_URL:
            return http.Request(http.target(url + asked), self._headers, form=words, limit=MOST_BYTES)
        return http.Request(http.target(whole), self._headers, limit=MOST_BYTES)

    def _judged(self, answer: http.Answer) -> str:
        if not answer.whole:
            return f"the answer is longer than {MOST_BYTES // 1024 // 1024} MiB; let the query aggregate"
        try:
            said = json.loads(answer.body)
            if said["status"] != "success":
                return f"Prometheus says {said.get('errorType', 'error')}: {said.get('error', '')}"
            kind, result = said["data"]["resultType"], said["data"]["result"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return f"status {answer.status}, and no answer of Prometheus; serverURL is given without /api"
        warnings = said.get("warnings")
        warnings = warnings if isinstance(warnings, list) else []
        for warning in warnings:
            self._say(f"{self._name}: Prometheus warns: {warning}")
        try:
            return self._compared(kind, result, warnings)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return f"the {kind} in the answer cannot be read"

    def _compared(self, kind: str, result: Any, warnings: list[Any]) -> str:
        if kind not in {"scalar", "vector"}:
            return f"the query gives a {kind}; a check needs a scalar or a vector"
        if kind == "vector" and not result:
            if warnings:
                return f"the result is empty, and Prometheus warns: {warnings[0]}"
            return "" if self._empty_passes else "the result is empty; emptyResult decides what that means"
        bad = [text for text, value in _values(kind, result) if not self._good(value)]
        if not bad:
            return ""
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        return f"{', '.join(bad[:SHOWN])}{more}: not {self._sign} {self._wanted:g}"

    def _good(self, value: float) -> bool:
        return not math.isnan(value) and self._holds(value, self._wanted)

    def close(self) -> None:
        """Nothing is held."""


def _values(kind: str, result: Any) -> Iterator[tuple[str, float]]:
    """Each value, with a text that names it."""
    if kind == "scalar":
        yield str(result[1]), float(result[1])
        return
    for series in result:
        labels = ",".join(f'{name}="{value}"' for name, value in sorted(series["metric"].items()))
        # A native histogram is no number.
        number = str(series["value"][1]) if "value" in series else "NaN"
        yield f"{number} for {{{labels}}}" if labels else number, float(number)


def make(check: Check, context: Context) -> Prometheus:
    """See `kinds.make`."""
    return Prometheus(check, context)
