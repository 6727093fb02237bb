"""Every state that Jobs, pods and our resources pass through, in order, so that no short one is missed.

States of our resources in the namespaces of stories also go to `tests.consumers`: when the run ends, each
different one is read by the tools that will read it.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

import urllib3

from tests.consumers.records import RECORDS
from tests.e2e.kube import RefusedError, url_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.kube import Kube, Object

T = TypeVar("T")

OURS = "DatabaseMigration"
KINDS = (OURS, "Job", "Pod")
WATCH_SECONDS = 120
STEP_SECONDS = 0.2
"""Longest pause between two looks at what the recorder does not see, such as a database."""


class NotSoError(AssertionError):
    """What was waited for did not come."""


class Recorder:
    """Watches the whole cluster for one test run. `states` is in the order of the API server."""

    def __init__(self, kube: Kube, kinds: tuple[str, ...] = KINDS) -> None:
        self._kube = kube
        self._kinds = kinds
        self._news = threading.Condition()
        self._states: defaultdict[tuple[str, str], list[Object]] = defaultdict(list)
        self._stop = False
        self._judged: set[str] = set()

    def start(self) -> None:
        """Begin with what is there now."""
        for kind in self._kinds:
            version = self._list(kind)
            threading.Thread(target=self._follow, args=(kind, version), daemon=True).start()

    def stop(self) -> None:
        """Record no more. The threads end with their watches, or with the process."""
        self._stop = True

    def judge(self, namespace: str) -> None:
        """From now on, and until the end, tools have to read right whatever our resources there say.

        Elsewhere tests write statuses of their own, which nobody has to understand.
        """
        with self._news:
            self._judged.add(namespace)
            for state in self._states[OURS, namespace]:
                RECORDS.add(state)

    def states(self, kind: str, namespace: str, name: str = "") -> list[Object]:
        """Every state seen so far of the objects of a kind in a namespace, or of one of them."""
        with self._news:
            seen = list(self._states[kind, namespace])
        return [state for state in seen if not name or state["metadata"]["name"] == name]

    def newest(self, kind: str, namespace: str) -> list[Object]:
        """The last state of each object, deleted ones too."""
        last = {state["metadata"]["uid"]: state for state in self.states(kind, namespace)}
        return list(last.values())

    def wait(self, what: str, look: Callable[[], T | None], *, seconds: float) -> T:
        """What `look` finds as soon as it finds something; it looks at each news, and each 0.2 s.

        Raises:
            NotSoError: nothing was found in time.
        """
        deadline = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise NotSoError(f"not so after {seconds:.0f} s: {what}")
            with self._news:
                self._news.wait(min(left, STEP_SECONDS))

    def _list(self, kind: str) -> str:
        answer = self._kube.json("GET", url_path(kind))
        for item in answer["items"]:
            self._store(kind, item)
        return str(answer["metadata"]["resourceVersion"])

    def _follow(self, kind: str, version: str) -> None:
        while not self._stop:
            try:
                for event in self._kube.watch(kind, version, seconds=WATCH_SECONDS):
                    if event["type"] == "ERROR":
                        version = self._list(kind)  # too old: what lies between is lost, what is there counts
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._store(kind, event["object"])
                    if self._stop:
                        return
            except (RefusedError, urllib3.exceptions.HTTPError):
                time.sleep(STEP_SECONDS)  # the API server may be frozen or starting; the next watch tells

    def _store(self, kind: str, state: Object) -> None:
        state["metadata"].pop("managedFields", None)
        with self._news:
            if kind == OURS and state["metadata"]["namespace"] in self._judged:
                RECORDS.add(state)
            self._states[kind, state["metadata"]["namespace"]].append(state)
            self._news.notify_all()
