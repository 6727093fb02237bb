"""The story that every crash test tells: three migrations up, two of them down behind a snapshot."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cluster.backends.base import Volume
    from tests.cluster.handle import Cluster

PASSWORD = "correct-horse"
NAME = "shop"
FILES = {
    "0001_books.up.sql": "CREATE TABLE books (id int PRIMARY KEY, title text);",
    "0001_books.down.sql": "DROP TABLE books;",
    "0002_stock.up.sql": "CREATE TABLE stock (book int, amount int); INSERT INTO stock VALUES (1, 2);",
    "0002_stock.down.sql": "DROP TABLE stock;",
    "0003_price.up.sql": "ALTER TABLE books ADD COLUMN price int;",
    "0003_price.down.sql": "ALTER TABLE books DROP COLUMN price;",
}
POLL_SECONDS = 0.2


@dataclass
class Story:
    """One resource with its database, in a namespace of its own."""

    cluster: Cluster
    namespace: str
    volume: Volume

    def prepare(self) -> None:
        """PostgreSQL in memory, Secret, ConfigMap and claim."""
        meta = {"name": "postgres", "labels": {"app": "postgres"}}
        probe = {"exec": {"command": ["pg_isready", "-h", "127.0.0.1", "-U", "postgres"]}, "periodSeconds": 1}
        container = {
            "name": "postgres",
            "image": self.cluster.images.postgres["18"],
            "imagePullPolicy": "IfNotPresent",
            "env": [{"name": "POSTGRES_PASSWORD", "value": PASSWORD}],
            "readinessProbe": probe,
        }
        url = f"postgresql://postgres:{PASSWORD}@postgres:5432/postgres"
        self.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": meta,
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "postgres"},
                "spec": {"selector": {"app": "postgres"}, "ports": [{"port": 5432}]},
            },
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"url": url}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files"}, "data": FILES},
            self.volume.claim("backups"),
            namespace=self.namespace,
        )
        self.cluster.wait("pod/postgres", "-n", self.namespace, "--for=condition=Ready", timeout=90)

    def ask(self, target: str, **more: Any) -> None:
        """Applies the resource with this target, and more of a spec."""
        spec = {
            "target": target,
            "database": {"urlFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},
            "source": {"configMapRefs": [{"name": "files"}]},
            "rollback": {"dataLossPolicy": "Allow"},
            "snapshot": {"pgDump": {"persistentVolumeClaim": {"claimName": "backups"}, "jobs": 1}},
        }
        spec |= more
        kind = {
            "apiVersion": "switchback.dev/v1alpha1",
            "kind": "DatabaseMigration",
            "metadata": {"name": NAME},
        }
        self.cluster.apply({**kind, "spec": spec}, namespace=self.namespace)

    def resource(self) -> dict[str, Any]:
        """The resource as it is."""
        found: dict[str, Any] = self.cluster.kubectl("get", "dbm", NAME, "-n", self.namespace, json=True)
        return found

    def finished(self, seconds: float) -> dict[str, str]:
        """Waits until the present generation has ended. Gives the conditions by type, as `Status/Reason`."""
        deadline = time.monotonic() + seconds
        while True:
            resource = self.resource()
            status, generation = resource.get("status", {}), resource["metadata"]["generation"]
            said = {c["type"]: f"{c['status']}/{c['reason']}" for c in status.get("conditions", [])}
            if status.get("observedGeneration") == generation and said.get("Finished", "").startswith("True"):
                return said
            if time.monotonic() > deadline:
                raise TimeoutError(f"not finished within {seconds} s: {status}")
            time.sleep(POLL_SECONDS)  # kubectl wait cannot wait for two things at once

    def sql(self, query: str) -> list[str]:
        """Rows of a query, columns between `|`."""
        out = self.cluster.kubectl(
            *("exec", "-n", self.namespace, "postgres", "--"),
            *("psql", "-qAtU", "postgres", "-c", query),
        )
        return str(out).split()

    def steps(self) -> list[str]:
        """The step of every Job there is, oldest first."""
        jobs = self.cluster.kubectl("get", "jobs", "-n", self.namespace, json=True)["items"]
        jobs.sort(key=lambda job: (job["metadata"]["creationTimestamp"], job["metadata"]["name"]))
        return [job["metadata"]["labels"]["switchback.dev/step"] for job in jobs]
