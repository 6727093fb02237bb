"""The story that every crash test tells: three migrations up, two of them down behind a snapshot."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.api import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.backends.base import Volume
    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube
    from tests.e2e.postgres import Database

NAME = "shop"
FILES = {
    "0001_books.up.sql": "CREATE TABLE books (id int PRIMARY KEY, title text);",
    "0001_books.down.sql": "DROP TABLE books;",
    "0002_stock.up.sql": "CREATE TABLE stock (book int, amount int); INSERT INTO stock VALUES (1, 2);",
    "0002_stock.down.sql": "DROP TABLE stock;",
    "0003_price.up.sql": "ALTER TABLE books ADD COLUMN price int;",
    "0003_price.down.sql": "ALTER TABLE books DROP COLUMN price;",
}
STEPS = ["migrate-1", "migrate-1", "reserve-2", "snapshot-3", "rollback-4"]
"""Step and attempt of every Job of the story: one forward, four backward."""

SECONDS = 120.0
"""Longest time for one direction of it, with many faults and on a busy machine."""

POLL_SECONDS = 0.1
KEPT = 3
"""How many finished Jobs the resource keeps: fewer than there are, so that some have to be deleted."""


@dataclass
class Story:
    """One resource with its database, in a namespace of its own."""

    cluster: Cluster
    kube: Kube
    namespace: str
    database: Database
    volume: Volume
    since: int
    """Where the audit log ended before the story began."""
    token: str = ""

    def prepare(self, files: dict[str, str]) -> None:
        """Secret, ConfigMap and claim."""
        # Past the Service: on a busy machine its probe may fail, and a refused attempt is one too many.
        server = self.kube.get("Pod", self.database.server.namespace, self.database.server.name)
        url = {"url": self.database.url_with(host=server["status"]["podIP"])}
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": url},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files"}, "data": files},
            self.volume.claim("backups"),
            namespace=self.namespace,
        )

    def ask(self, target: str, **more: Any) -> None:
        """Applies the resource with this target, and more of a spec."""
        spec = {
            "target": target,
            "database": {"urlFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},
            "source": {"configMapRefs": [{"name": "files"}]},
            "rollback": {"dataLossPolicy": "Allow"},
            "snapshot": {"pgDump": {"persistentVolumeClaim": {"claimName": "backups"}, "jobs": 1}},
            "jobHistoryLimit": KEPT,
        }
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": NAME},
            "spec": {**spec, **more},
        }
        self.kube.apply(body, self.namespace)

    def annotate(self, **annotations: str) -> None:
        """Requests of people, without the domain: `approve="…"`."""
        told = {f"{names.GROUP}/{key.replace('_', '-')}": value for key, value in annotations.items()}
        self.kube.patch(names.KIND, self.namespace, NAME, {"metadata": {"annotations": told}})

    def resource(self) -> dict[str, Any]:
        """The resource as it is."""
        return self.kube.get(names.KIND, self.namespace, NAME)

    def conditions(self) -> dict[str, str]:
        """The conditions by type, as `Status/Reason`; none while the present spec has not been seen."""
        resource = self.resource()
        status = resource.get("status", {})
        if status.get("observedGeneration") != resource["metadata"]["generation"]:
            return {}
        return {one["type"]: f"{one['status']}/{one['reason']}" for one in status.get("conditions", [])}

    def finished(self, seconds: float) -> dict[str, str]:
        """Waits until the present generation has ended. Gives its conditions."""
        said: dict[str, str] = {}

        def over() -> bool:
            said.clear()
            said.update(self.conditions())
            return _over(said)

        self.until(over, seconds, "end of the operation")
        return said

    def over(self) -> bool:
        """Whether the operation for the present spec has ended."""
        return _over(self.conditions())

    def at_rest(self, seconds: float) -> None:
        """Waits until nothing is left to do: our finalizer is off, and old Jobs are gone."""

        def still() -> bool:
            held = self.resource()["metadata"].get("finalizers")
            return not held and len(self.kube.list("Job", self.namespace)) <= KEPT

        self.until(still, seconds, "rest after the operation")

    def until(self, seen: Callable[[], object], seconds: float, what: str) -> None:
        """Waits until `seen()` holds. When it does not, tells how the resource is."""
        try:
            until(seen, seconds, what)
        except TimeoutError as error:
            found = self.resource()
            raise TimeoutError(f"{error}: {found['metadata']}: {found.get('status')}") from None

    def created(self) -> list[str]:
        """Step and attempt of every Job that the API server has ever taken, oldest first."""
        taken = self.cluster.audit(
            since=self.since, namespace=self.namespace, verb="create", resource="jobs", code=201
        )
        found = [event.name for event in sorted(taken, key=lambda event: event.received)]
        if len(set(found)) != len(found):
            raise AssertionError(f"a Job was created twice: {found}")
        return ["-".join(name.split("-")[-2:]) for name in found]

    def steps(self) -> list[str]:
        """Steps of the Jobs that there are, oldest first."""
        jobs = self.kube.list("Job", self.namespace)
        jobs.sort(key=lambda job: (job["metadata"]["creationTimestamp"], job["metadata"]["name"]))
        return [job["metadata"]["labels"][names.LABEL_STEP] for job in jobs]

    def snapshots(self) -> list[str]:
        """Folders of restore points on the volume."""
        if self.volume.files is None:
            raise LookupError("this test reads the volume on the node")
        found = [one for one in self.volume.files.iterdir() if one.name.startswith("pre-rollback-")]
        if unsealed := [one.name for one in found if not (one / "manifest.json").exists()]:
            raise AssertionError(f"restore points without a manifest: {unsealed}")
        return sorted(one.name for one in found)


def told(story: Story, seconds: float = SECONDS) -> None:
    """Tells the whole story: all migrations up, and two of them down again."""
    for target in ("latest", "0001"):
        story.ask(target)
        ready = story.finished(seconds)["Ready"]
        if ready != "True/Succeeded":
            raise AssertionError(f"target {target} ended with Ready {ready}: {story.resource()['status']}")
        story.at_rest(seconds)


def _over(conditions: dict[str, str]) -> bool:
    return conditions.get("Finished", "").startswith("True")


def until(seen: Callable[[], object], seconds: float, what: str) -> None:
    """Polls until `seen()` holds."""
    deadline = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {seconds} s")
        time.sleep(POLL_SECONDS)
