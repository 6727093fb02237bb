"""Asking AWS without waiting for it: every call runs in a thread of a small pool, and errors are values."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from switchback.aws.caller import Caller

ATTEMPTS: Final = 8
"""How often one call is tried. botocore's three are too few when it is told to ask less often."""

PATIENCE: Final = 15.0
"""Seconds after which a call counts as unanswered, however often it was tried until then.

Whoever decides about a resource cannot wait longer. The try that is under way goes on in its thread, and what
it makes is found; no other is begun.
"""

RESOLVING: Final = 3.0
"""Seconds for looking up a host name."""

MOST_REGIONS: Final = 32
"""AWS has about as many. Which region it is stands in specs, so there may be more of them than there are."""

MOST_CLIENTS: Final = 64
"""One takes about a megabyte. Whoever was not asked for longest is built anew when it is needed again."""

PAGE: Final = 100
"""The most that RDS puts into one page."""

T = TypeVar("T")


class Trouble(Exception):  # noqa: N818 - it is told, not an error of ours
    """A call did not work. What that means stands in `failure`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _Region:
    """Threads of one region, and who builds clients for it: where nobody answers, no other region waits."""

    def __init__(self, threads: int) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="aws")
        self.building = threading.Lock()


class Aws:
    """The way to AWS, for as long as the process lives.

    Args:
        attempts: how often one call is tried.
        patience: seconds after which a call counts as unanswered.
        threads: how many calls run at the same time in one region.
        resolve: host name to addresses; may block. None: the system's resolver.
    """

    def __init__(
        self,
        *,
        attempts: int = ATTEMPTS,
        patience: float = PATIENCE,
        threads: int = 8,
        resolve: Callable[[str], frozenset[str]] | None = None,
    ) -> None:
        self._attempts = attempts
        self._patience = patience
        self._resolve = resolve or addresses_of
        self._threads = threads
        self._regions: OrderedDict[str, _Region] = OrderedDict()
        self._names = ThreadPoolExecutor(threads, thread_name_prefix="names")
        self._lock = threading.Lock()
        self._clients: OrderedDict[Caller, Any] = OrderedDict()
        self._kept: dict[type[Any], Any] = {}

    async def ask(self, caller: Caller, action: str, /, **arguments: Any) -> dict[str, Any]:
        """Ask RDS for one thing, such as `CreateDBSnapshot`, and return what it answers.

        Raises:
            Trouble: it did not work.
        """
        try:
            async with asyncio.timeout(self._patience):
                region, end = self._region(caller), time.monotonic() + self._patience
                work = functools.partial(self._perform, region, caller, action, arguments, end)
                return await _in_thread(region.pool, work)
        except TimeoutError:
            text = f"{action} in {caller.region}: no answer within {self._patience:.0f} s"
            reason = OperatorReason.SNAPSHOT_PROVIDER_UNAVAILABLE
            raise Trouble(Failure(ErrorClass.RETRY, reason, text, "Timeout", 30)) from None

    async def page(
        self, caller: Caller, action: str, items: str, marker: str = "", /, **arguments: Any
    ) -> tuple[list[Mapping[str, Any]], str]:
        """One page of a listing, and the marker of the next; empty when there is none."""
        more = {"Marker": marker} if marker else {}
        answer = await self.ask(caller, action, MaxRecords=PAGE, **arguments, **more)
        return answer.get(items, []), answer.get("Marker") or ""

    async def pages(
        self, caller: Caller, action: str, items: str, /, **arguments: Any
    ) -> list[Mapping[str, Any]]:
        """All pages of a listing."""
        found, marker = await self.page(caller, action, items, **arguments)
        while marker:
            more, marker = await self.page(caller, action, items, marker, **arguments)
            found = [*found, *more]
        return found

    async def addresses(self, host: str) -> frozenset[str]:
        """Where a name leads, as seen from here. Empty when that cannot be told in time."""
        with contextlib.suppress(OSError, UnicodeError):  # TimeoutError is one of the first
            async with asyncio.timeout(RESOLVING):
                return await _in_thread(self._names, lambda: self._resolve(host))
        return frozenset()

    def kept(self, kind: type[T]) -> T:
        """The one object of this kind that belongs to this way to AWS: what its users remember."""
        if kind not in self._kept:
            self._kept[kind] = kind()
        return cast("T", self._kept[kind])

    def close(self) -> None:
        """Begin nothing more. What is being asked is asked to its end."""
        for pool in (self._names, *(region.pool for region in self._regions.values())):
            pool.shutdown(wait=False, cancel_futures=True)

    def _region(self, caller: Caller) -> _Region:
        known = self._regions.get(caller.region) or _Region(self._threads)
        self._regions[caller.region] = known
        self._regions.move_to_end(caller.region)
        while len(self._regions) > MOST_REGIONS:
            self._regions.popitem(last=False)[1].pool.shutdown(wait=False)
        return known

    def _perform(
        self, region: _Region, caller: Caller, action: str, arguments: Mapping[str, Any], end: float
    ) -> dict[str, Any]:
        from switchback.aws import errors, sdk  # noqa: PLC0415 - boto3 takes a second to load

        for again in (True, False):
            try:
                with sdk.until(end):
                    return sdk.call(self._client(region, caller), action, arguments)
            except Exception as error:  # noqa: BLE001 - botocore raises RuntimeError and OSError as well
                if not (again and errors.about_credentials(error)):
                    raise Trouble(errors.failure(error, action, caller.region, caller.role)) from None
                # They may have been replaced since: a new session reads them again.
                self._forget(caller)
        raise AssertionError("the second try either answers or raises")

    def _client(self, region: _Region, caller: Caller) -> Any:
        from switchback.aws import sdk  # noqa: PLC0415 - as above

        with region.building:
            with self._lock:
                known = self._clients.get(caller)
                if known is not None:
                    self._clients.move_to_end(caller)
                    return known
            # This may ask somebody for credentials, so nobody else is held up by it.
            made = sdk.client(caller, self._attempts)
            with self._lock:
                self._clients[caller] = made
                while len(self._clients) > MOST_CLIENTS:
                    self._clients.popitem(last=False)
            return made

    def _forget(self, caller: Caller) -> None:
        with self._lock:
            self._clients.pop(caller, None)


def _in_thread(pool: ThreadPoolExecutor, work: Callable[[], T]) -> Awaitable[T]:
    return asyncio.get_running_loop().run_in_executor(pool, work)


def addresses_of(host: str) -> frozenset[str]:
    """Where a name leads, by the system's resolver. It may take its time."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return frozenset(str(where[4][0]) for where in found)
