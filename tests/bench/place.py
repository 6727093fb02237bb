"""A namespace with one PostgreSQL server and two empty databases per run."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

from tests.bench.latency import MIGRATION

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "bench"
IMAGE = "localhost/postgres:18"


class Place:
    """Made on entry, deleted on exit. Everything in it lives in memory."""

    def __init__(self, kubeconfig: Path, runs: int) -> None:
        self._kubeconfig, self._runs = kubeconfig, runs
        self.namespace = f"bench-{os.getpid()}"

    def __enter__(self) -> Self:
        self._kubectl("create", "namespace", self.namespace)
        try:
            self._fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._kubectl("delete", "namespace", self.namespace, "--wait=false")

    def operator_memory(self) -> str:
        """Resident memory of the operator's process, once nothing has happened for a few seconds."""
        time.sleep(5)
        status = self._kubectl(
            "-n", "switchback-system", "exec", "deploy/switchback", "--", "cat", "/proc/1/status"
        )
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return f"{int(resident.split()[1]) / 1024:.0f} MiB resident"

    def _fill(self) -> None:
        self._apply(self._server())
        self._kubectl("-n", self.namespace, "wait", "--for=condition=Ready", "pod/postgres", "--timeout=120s")
        names = [f"{kind}_{number}" for number in range(self._runs) for kind in ("bare", "resource")]
        sql = "\n".join(f"CREATE DATABASE {name};" for name in names)
        self._kubectl(
            "-n", self.namespace, "exec", "-i", "postgres", "--", "psql", "-qU", "postgres", stdin=sql
        )
        self._apply([self._config_map(), *(self._secret(number) for number in range(self._runs))])

    def _server(self) -> list[dict[str, Any]]:
        probe = {"exec": {"command": ["pg_isready", "-h", "127.0.0.1", "-U", "postgres"]}, "periodSeconds": 1}
        container = {
            "name": "postgres",
            "image": IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "env": [{"name": "POSTGRES_PASSWORD", "value": PASSWORD}],
            "readinessProbe": probe,
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "postgres", "labels": {"app": "postgres"}},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
        }
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "postgres"},
            "spec": {"selector": {"app": "postgres"}, "ports": [{"port": 5432}]},
        }
        return [pod, service]

    def _config_map(self) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bench"}, "data": MIGRATION}

    def _secret(self, number: int) -> dict[str, Any]:
        urls = {
            kind: f"postgresql://postgres:{PASSWORD}@postgres:5432/{kind}_{number}"
            for kind in ("bare", "resource")
        }
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"db-{number}"},
            "stringData": urls,
        }

    def _apply(self, items: list[dict[str, Any]]) -> None:
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        self._kubectl("-n", self.namespace, "create", "-f", "-", stdin=body)

    def _kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        command = ["kubectl", "--kubeconfig", str(self._kubeconfig), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=180, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout
