"""What happened in a namespace, in the order in which it happened, as the API server tells it to a watch.

All kinds share one store, so resource versions tell which of two changes came first, whatever their kinds.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import urllib3

from tests.e2e.kube import RefusedError, url_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.kube import Kube, Object

KINDS = ("Service", "EndpointSlice", "Pod", "Deployment", "Job", "DatabaseMigration")
DELETED = "DELETED"
WATCH_SECONDS = 20
SETTLE_SECONDS = 10.0
_STEP = 0.05


@dataclass(frozen=True)
class Change:
    """One object as it was from this version on. `seen`: when the news came, by the clock of this machine."""

    kind: str
    version: int
    body: Object
    deleted: bool = False
    seen: float = 0.0

    @property
    def name(self) -> str:
        found: str = self.body["metadata"]["name"]
        return found


class History:
    """Watches a namespace from now on. Leaving the block ends it."""

    def __init__(self, kube: Kube, namespace: str, kinds: tuple[str, ...] = KINDS) -> None:
        """Begin with what is there now. A kind that the API server does not know is left out."""
        self._kube = kube
        self.namespace = namespace
        self._news = threading.Condition()
        self._changes: list[Change] = []
        self._ended = False
        self._kinds: list[str] = []
        for kind in kinds:
            version = self._list(kind)
            if version:
                self._kinds.append(kind)
                threading.Thread(target=self._follow, args=(kind, version), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True

    def changes(self) -> list[Change]:
        """Everything so far, in order."""
        with self._news:
            return sorted(self._changes, key=lambda one: one.version)

    def until(self, what: str, check: Callable[[Change], bool], *, seconds: float = 30.0) -> Change:
        """The first change for which `check` holds, past ones included."""
        deadline = time.monotonic() + seconds
        looked = 0
        while True:
            with self._news:
                fresh = self._changes[looked:]
                looked += len(fresh)
                if not fresh:
                    self._news.wait(0.2)
            for change in fresh:
                if check(change):
                    return change
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.namespace}: not so after {seconds:.0f} s: {what}")

    def settle(self) -> None:
        """Wait until everything that is so by now was told."""
        deadline = time.monotonic() + SETTLE_SECONDS
        for kind in self._kinds:
            there = {
                item["metadata"]["uid"]: _version(item) for item in self._kube.list(kind, self.namespace)
            }
            while not there.items() <= self._known(kind).items():
                if time.monotonic() > deadline:
                    raise AssertionError(f"{self.namespace}: the watch on {kind} lags behind")
                time.sleep(_STEP)
                for item in self._kube.list(kind, self.namespace):
                    there[item["metadata"]["uid"]] = _version(item)
                alive = {item["metadata"]["uid"] for item in self._kube.list(kind, self.namespace)}
                there = {uid: version for uid, version in there.items() if uid in alive}

    def _known(self, kind: str) -> dict[str, int]:
        return {one.body["metadata"]["uid"]: one.version for one in self.changes() if one.kind == kind}

    def _list(self, kind: str) -> str:
        try:
            answer = self._kube.json("GET", url_path(kind, self.namespace))
        except RefusedError as error:
            if error.code == 404:
                return ""
            raise
        for item in answer["items"]:
            self._store(kind, item, deleted=False)
        return str(answer["metadata"]["resourceVersion"])

    def _follow(self, kind: str, version: str) -> None:
        while not self._ended:
            try:
                for event in self._kube.watch(kind, version, seconds=WATCH_SECONDS, namespace=self.namespace):
                    if event["type"] == "ERROR":
                        version = self._list(kind)
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._store(kind, event["object"], deleted=event["type"] == DELETED)
                    if self._ended:
                        return
            except (RefusedError, urllib3.exceptions.HTTPError):
                time.sleep(_STEP)  # the API server may be frozen; the next watch goes on from here

    def _store(self, kind: str, body: Object, *, deleted: bool) -> None:
        with self._news:
            self._changes.append(Change(kind, _version(body), body, deleted, time.time()))
            self._news.notify_all()


def _version(body: Object) -> int:
    return int(body["metadata"]["resourceVersion"])
