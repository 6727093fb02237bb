"""An operator outside the cluster that is started again each time it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

SHORTEST_LIFE_SECONDS = 0.5
"""A process that ends sooner has not even begun; it is not started again in a tight loop."""

STARTS = 80
"""A story has about twenty writes. More starts than this mean that the operator dies by itself."""


class OperatorProcess:
    """`switchback operator` for one namespace, restarted at once whenever it ends, until it is closed.

    Each life has a Lease of its own name: these tests are about writes, not about waiting for a Lease.
    """

    def __init__(self, namespace: str, kubeconfig: Path, log: Path, image: str) -> None:
        self._namespace, self._kubeconfig, self._log, self._image = namespace, kubeconfig, log, image
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, daemon=True)
        self.starts = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self.kill()
        self._thread.join(20)

    def kill(self) -> None:
        """SIGKILL: no clean-up, no last word."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait(10)

    def _keep_alive(self) -> None:
        while not self._closing.is_set() and self.starts < STARTS:
            self.starts += 1
            with self._log.open("ab") as log:
                log.write(f"--- start {self.starts} at {time.time():.3f}\n".encode())
                log.flush()
                self._process = subprocess.Popen(
                    [str(Path(sys.executable).parent / "switchback"), "operator"],
                    env=self._environment(),
                    stdout=log,
                    stderr=log,
                )
            born = time.monotonic()
            self._process.wait()
            if time.monotonic() - born < SHORTEST_LIFE_SECONDS:
                self._closing.wait(SHORTEST_LIFE_SECONDS)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "KUBECONFIG": str(self._kubeconfig),
            "POD_NAMESPACE": self._namespace,
            "POD_NAME": f"crash-{self.starts}",
            "SWITCHBACK_LEASE_NAME": f"switchback-{self.starts}",
            "SWITCHBACK_NAMESPACES": self._namespace,
            "SWITCHBACK_RUNNER_IMAGE": self._image,
            "SWITCHBACK_CLIENT_IMAGES": '{"15": "localhost/postgres:15", "18": "localhost/postgres:18"}',
            "SWITCHBACK_PORT": "0",
            "SWITCHBACK_LOG_FORMAT": "json",
        }
