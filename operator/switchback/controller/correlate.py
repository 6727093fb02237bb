"""Which Event a happening becomes: a new one, one more of an earlier one, or none.

The rules and numbers are those of client-go's recorder, which nearly every Event in a cluster has passed: the
same words again raise the count of the Event that there is; many words for one reason are combined; and
whoever says too much about one object is not heard for a while. Warnings are counted apart, so that no
chatter hides one. What is remembered is bounded, and a restart forgets it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.controller.queue import Key

BURST = 25
"""Events about one object, of one type, that may come at once."""

REFILL_SECONDS = 300.0
"""One more may come after each of these."""

SIMILAR = 10
SIMILAR_SECONDS = 600.0
"""More messages than that for one reason, each within this time of the one before, become one Event."""

COMBINED = "(combined from similar events): "

OBJECTS = 1024
WORDS = 32
"""How many objects are remembered, and how many Events of each."""


class Words(NamedTuple):
    """What an Event says. Messages are kept as hashes: they are long, and only ever compared."""

    warning: bool
    reason: str
    message: int


@dataclass(slots=True)
class Sent:
    """An Event that the API server has."""

    name: str
    count: int


@dataclass(slots=True)
class _Bucket:
    tokens: float
    since: float


@dataclass(slots=True)
class _Similar:
    last: float
    messages: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Object:
    """What was said about one object. `uid`: another of the same name begins anew."""

    uid: str
    sent: OrderedDict[Words, Sent] = field(default_factory=OrderedDict)
    buckets: dict[bool, _Bucket] = field(default_factory=dict)
    similar: dict[tuple[bool, str], _Similar] = field(default_factory=dict)


class Correlator:
    """The memory of a recorder. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._objects: OrderedDict[Key, _Object] = OrderedDict()

    def __len__(self) -> int:
        """How many objects are remembered."""
        return len(self._objects)

    def may_pass(self, key: Key, uid: str, *, warning: bool) -> bool:
        """Whether another Event about this object may be sent. Asking takes one of those that may."""
        now, about = self._clock(), self._about(key, uid)
        bucket = about.buckets.setdefault(warning, _Bucket(BURST, now))
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.since) / REFILL_SECONDS)
        bucket.since = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def words(self, key: Key, uid: str, reason: str, message: str, *, warning: bool) -> tuple[Words, str]:
        """Under which words this is counted, and what the Event says."""
        now, about = self._clock(), self._about(key, uid)
        similar = about.similar.get((warning, reason))
        if similar is None or now - similar.last > SIMILAR_SECONDS:
            similar = about.similar[warning, reason] = _Similar(now)
        similar.last = now
        if len(similar.messages) <= SIMILAR:
            similar.messages.add(hash(message))
        if len(similar.messages) <= SIMILAR:
            return Words(warning, reason, hash(message)), message
        return Words(warning, reason, hash(COMBINED)), f"{COMBINED}{message}"

    def known(self, key: Key, uid: str, words: Words) -> Sent | None:
        """The Event that says this, if one was sent."""
        return self._about(key, uid).sent.get(words)

    def note(self, key: Key, uid: str, words: Words, sent: Sent) -> None:
        """The API server has this Event."""
        known = self._about(key, uid).sent
        known[words] = sent
        known.move_to_end(words)
        while len(known) > WORDS:
            known.popitem(last=False)

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._objects.pop(key, None)

    def _about(self, key: Key, uid: str) -> _Object:
        about = self._objects.get(key)
        if about is None or about.uid != uid:
            about = self._objects[key] = _Object(uid)
        self._objects.move_to_end(key)
        while len(self._objects) > OBJECTS:
            self._objects.popitem(last=False)
        return about
