"""One operator works at a time: a Lease, held by whoever wrote it last and still renews it.

Everybody measures with their own monotonic clock and from the moment that is safe for the others: the holder
counts its 10 seconds from *before* it sent the renewal, a candidate counts its 15 from *after* it saw it. As
long as clocks run less than a fifth apart, no two ever believe to lead at the same time. Wall clocks play no
part; the times in the Lease are for people.

A Lease is no mutex: what was sent arrives whenever it likes, and somebody else may lead by then. So losing it
ends the process, whoever does not lead sends nothing but reads, and every side effect has its own fence
(names, owner UIDs, resourceVersions, the lock in the database).
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchback.controller.kube.errors import ConflictError, KubeError, NotFoundError
from switchback.controller.kube.kinds import LEASES
from switchback.controller.log import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.controller.kube.client import Client

LEASE_SECONDS = 15.0
"""How long a candidate lets a Lease rest before it takes it."""

RENEW_SECONDS = 10.0
"""How long a holder believes to lead after a renewal that succeeded."""

RETRY_SECONDS = 2.0
"""Between two looks at the Lease, and the longest time for one request about it."""

_log = logger(__name__)


class LeadershipLostError(Exception):
    """Somebody else may lead by now. The only answer is to end the process."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says. `version` is its resourceVersion: it changes with every renewal."""

    holder: str
    version: str
    seconds: float = LEASE_SECONDS
    transitions: int = 0


class Candidate:
    """What one process may believe, from what it saw and when. Pure: times come from outside.

    Args:
        identity: who this is; no other process may ever have the same.
    """

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self._record: Record | None = None
        self._seen_at = 0.0
        self._until = float("-inf")

    def saw(self, record: Record | None, now: float) -> None:
        """The Lease was read at `now`, or the answer to a write showed it. None: there is none."""
        if record != self._record or record is None:
            self._record, self._seen_at = record, now
        if record is None or record.holder != self.identity:
            self._until = float("-inf")

    def may_take(self, now: float) -> bool:
        """Whether to write: the Lease is free, ours, or has not been renewed for as long as it says."""
        record = self._record
        if record is None or record.holder in {"", self.identity}:
            return True
        return now - self._seen_at >= max(record.seconds, LEASE_SECONDS)

    def took(self, record: Record, sent_at: float, now: float) -> None:
        """A write of ours, sent at `sent_at`, was accepted."""
        self.saw(record, now)
        self._until = sent_at + RENEW_SECONDS

    def leads(self, now: float) -> bool:
        """Whether this process may act."""
        return now < self._until

    @property
    def until(self) -> float:
        """When it may no longer act unless a renewal succeeds before."""
        return self._until

    @property
    def seen(self) -> Record | None:
        """The Lease as it was last seen."""
        return self._record


@dataclass(frozen=True, slots=True)
class Read:
    """Ask for the Lease. The answer is a `Record`, or None when there is none."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write the Lease over its version; create it when that is empty.

    The answer is the stored `Record`, or None when somebody else was faster.
    """

    record: Record


Attempt = Generator[Read | Write, Record | None, None]


def attempt(candidate: Candidate, clock: Callable[[], float]) -> Attempt:
    """One try to take or to renew, as the requests it makes. Who cannot carry one out just drops it."""
    if not candidate.leads(clock()):
        candidate.saw((yield Read()), clock())
    if not candidate.may_take(clock()):
        return
    before = candidate.seen
    ours = before is not None and before.holder == candidate.identity
    version = before.version if before is not None else ""
    transitions = (before.transitions if before is not None else 0) + (0 if ours else 1)
    sent_at = clock()
    stored = yield Write(Record(candidate.identity, version, LEASE_SECONDS, transitions))
    if stored is None:
        # Whoever wrote has not been seen yet. Until then nobody here leads on the old word.
        candidate.saw((yield Read()), clock())
        return
    candidate.took(stored, sent_at, clock())


class Elector:
    """Reads and writes the Lease for a `Candidate`.

    Args:
        client: the API server.
        candidate: who wants to lead.
        namespace: of the Lease.
        name: of the Lease.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: Client,
        candidate: Candidate,
        namespace: str,
        name: str,
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._client = client
        self._candidate = candidate
        self._namespace = namespace
        self._name = name
        self._clock = clock or asyncio.get_running_loop().time
        self.looked_at = self._clock()
        """When the API server last answered about the Lease: a sign of life of those who wait."""

    def leads(self) -> bool:
        """Whether this process may act now."""
        return self._candidate.leads(self._clock())

    async def win(self) -> None:
        """Waits until this process leads."""
        told = ""
        while not self.leads():
            await self._try_once()
            if self.leads():
                return
            seen = self._candidate.seen
            holder = seen.holder if seen is not None else ""
            if holder and holder != told:
                _log.info("waiting for the Lease", lease=self._name, holder=holder)
                told = holder
            await asyncio.sleep(RETRY_SECONDS)

    async def keep(self) -> None:
        """Renews until that has failed for too long.

        Raises:
            LeadershipLostError: always, in the end.
        """
        while self.leads():
            left = self._candidate.until - self._clock()
            await asyncio.sleep(max(0.0, min(RETRY_SECONDS, left)))
            await self._try_once()
        raise LeadershipLostError(f"the Lease {self._namespace}/{self._name} could not be renewed in time")

    async def release(self) -> bool:
        """Gives the Lease back, so that the next one need not wait. Nothing of ours may act any more.

        Returns whether it was ours until now and is nobody's any more.
        """
        record = self._candidate.seen
        self._candidate.saw(None, self._clock())
        try:
            async with asyncio.timeout(RETRY_SECONDS):
                while record is not None and record.holder == self._candidate.identity:
                    if await self._write(Record("", record.version, 1.0, record.transitions)) is not None:
                        return True
                    # A renewal that was cut short may have been stored all the same.
                    record = await self._read()
        except (KubeError, TimeoutError) as error:
            _log.warning("Lease not given back; it expires by itself", error=str(error) or "no answer")
        return False

    async def _try_once(self) -> None:
        """Looks, and writes if that is allowed. Trouble is not fatal here: time is."""
        requests = attempt(self._candidate, self._clock)
        try:
            async with asyncio.timeout(RETRY_SECONDS):
                request = next(requests)
                while True:
                    answer = await (
                        self._write(request.record) if isinstance(request, Write) else self._read()
                    )
                    self.looked_at = self._clock()
                    request = requests.send(answer)
        except StopIteration:
            return
        except (KubeError, TimeoutError) as error:
            _log.warning("Lease not reached", lease=self._name, error=str(error) or "no answer in time")

    async def _read(self) -> Record | None:
        try:
            return _record(await self._client.get(LEASES, self._namespace, self._name))
        except NotFoundError:
            return None

    async def _write(self, record: Record) -> Record | None:
        body = self._body(record)
        try:
            if record.version:
                return _record(await self._client.replace(LEASES, self._namespace, self._name, body))
            return _record(await self._client.create(LEASES, self._namespace, body))
        except (ConflictError, NotFoundError):
            return None

    def _body(self, record: Record) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        metadata = {"name": self._name, "namespace": self._namespace}
        if record.version:
            metadata["resourceVersion"] = record.version
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": metadata,
            "spec": {
                "holderIdentity": record.holder,
                "leaseDurationSeconds": int(record.seconds),
                "renewTime": now,
                "leaseTransitions": record.transitions,
            },
        }


def _record(lease: dict[str, Any]) -> Record:
    spec = lease.get("spec") or {}
    return Record(
        holder=spec.get("holderIdentity") or "",
        version=lease["metadata"]["resourceVersion"],
        seconds=float(spec.get("leaseDurationSeconds") or LEASE_SECONDS),
        transitions=int(spec.get("leaseTransitions") or 0),
    )
