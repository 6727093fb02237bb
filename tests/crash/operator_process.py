"""Operators outside the cluster: one life of the process, and one that is started again whenever it dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import TYPE_CHECKING, Self

from tests.crash import entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

SHORTEST_LIFE_SECONDS = 0.3
"""A process that ends sooner has not even begun; it is not started again in a tight loop."""

STARTS = 250
"""More lives than any story has faults. Beyond them, the operator dies by itself."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(entry.PRELOAD)


@dataclass(frozen=True)
class Setting:
    """Which operator to start: whom it serves, through which kubeconfig, with what in its environment."""

    namespace: str
    kubeconfig: Path
    log: Path
    image: str
    more: dict[str, str] = field(default_factory=dict)

    def environment(self, pod: str, lease: str) -> dict[str, str]:
        """The whole environment of one life."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "KUBECONFIG": str(self.kubeconfig),
            "POD_NAMESPACE": self.namespace,
            "POD_NAME": pod,
            "SWITCHBACK_LEASE_NAME": lease,
            "SWITCHBACK_NAMESPACES": self.namespace,
            "SWITCHBACK_RUNNER_IMAGE": self.image,
            "SWITCHBACK_CLIENT_IMAGES": '{"15": "localhost/postgres:15", "18": "localhost/postgres:18"}',
            "SWITCHBACK_PORT": "0",
            "SWITCHBACK_LOG_FORMAT": "json",
            **self.more,
        }


class Life:
    """One operator process, from its start on."""

    def __init__(self, setting: Setting, pod: str, lease: str) -> None:
        with setting.log.open("a") as log:
            log.write(f"--- {pod} starts at {time.time():.3f}\n")
        self._process: ForkServerProcess = _FORKS.Process(
            target=entry.begin, args=(setting.environment(pod, lease), str(setting.log)), daemon=True
        )
        self._asking = threading.Lock()
        self._process.start()

    @property
    def alive(self) -> bool:
        return self.wait(0) is None

    def kill(self) -> None:
        """SIGKILL: no clean-up, no last word. Returns once it is gone."""
        self._process.kill()
        self.wait(10)

    def terminate(self) -> None:
        """SIGTERM; nobody waits."""
        self._process.terminate()

    def freeze(self) -> None:
        """SIGSTOP: it does nothing and does not know."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def wait(self, seconds: float) -> int | None:
        """The exit code; None while it lives on."""
        connection.wait([self._process.sentinel], seconds)
        with self._asking:  # the fork server tells it once: of two that ask at once, one would hear nothing
            return self._process.exitcode

    def _signal(self, number: int) -> None:
        if self._process.pid is not None and self.alive:
            os.kill(self._process.pid, number)


class OperatorProcess:
    """An operator that is restarted at once whenever it ends, until this is closed.

    Each life has a Lease of its own name, unless `lease` names one: then a life that could not give it back
    lets the next one wait, as in a cluster.
    """

    def __init__(self, setting: Setting, *, lease: str = "") -> None:
        self._setting, self._lease = setting, lease
        self._life: Life | None = None
        self._closing = threading.Event()
        self._away = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, daemon=True)
        self.starts = 0
        self.exits: list[int | None] = []
        """Exit codes of the lives that have ended; a negative one is the signal's number."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self.kill()
        self._thread.join(20)

    def kill(self) -> None:
        """SIGKILL, for the present life."""
        life = self._life
        if life is not None:
            life.kill()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Killed, and not started again while the block lasts."""
        self.leave()
        self.kill()
        try:
            yield
        finally:
            self.come_back()

    def leave(self) -> None:
        """Whenever the present life ends, none follows."""
        self._away.set()

    def come_back(self) -> None:
        """The next life begins."""
        self._away.clear()

    def _keep_alive(self) -> None:
        while not self._closing.is_set() and self.starts < STARTS:
            if self._away.is_set():
                self._closing.wait(0.05)
                continue
            self.starts += 1
            born = time.monotonic()
            self._life = life = Life(
                self._setting, f"crash-{self.starts}", self._lease or f"switchback-{self.starts}"
            )
            while (code := life.wait(1.0)) is None:
                if self._closing.is_set():
                    life.kill()
            self.exits.append(code)
            if time.monotonic() - born < SHORTEST_LIFE_SECONDS:
                self._closing.wait(SHORTEST_LIFE_SECONDS)
