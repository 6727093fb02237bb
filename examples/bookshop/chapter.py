"""What every chapter of the story is told with."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.bookshop.kube import FailedError
from examples.bookshop.shop import Shop
from examples.bookshop.telling import command, say, styled

if TYPE_CHECKING:
    from examples.bookshop.kube import Kube
    from examples.bookshop.telling import Story

HERE = Path(__file__).parent
MANIFESTS = "examples/bookshop/manifests"
DBM = "dbm/bookshop"
CONFIG_MAP = "bookshop-migrations"
OPERATION_SECONDS = 180
BEFORE = "0007_customer_names"
"""Where the first chapter ends, and the second one begins."""


class Chapter:
    """A part of the story that can be played alone."""

    def __init__(self, story: Story, kube: Kube) -> None:
        self.story = story
        self.kube = kube
        self.shop = Shop(kube)

    def ship(self, last: str, *more: Path) -> None:
        """Put the migrations up to `last`, and `more`, into the ConfigMap, as a release pipeline would."""
        files = [each for each in (HERE / "migrations").glob("*.sql") if each.name.split(".")[0] <= last]
        files += more
        with tempfile.TemporaryDirectory(prefix="release-") as folder:
            for file in files:
                shutil.copy(file, folder)
            create = ["create", "configmap", CONFIG_MAP, f"--from-file={folder}"]
            create += ["--dry-run=client", "-o", "yaml"]
            shown = " ".join(create).replace(folder, "migrations/")
            command(f"kubectl -n {self.kube.namespace} {shown} | kubectl apply -f -")
            said = self.kube.apply(self.kube.quiet(*create))
        newest = max(file.name for file in files).split(".")[0]
        say(styled(f"{said.strip()} (migrations up to {newest})", "dim"))

    def finished(self, version: str) -> None:
        """Wait for the end of the operation, and see that it ended well and where."""
        self.kube.wait(DBM, "condition=Finished", seconds=OPERATION_SECONDS)
        ready = self.kube.condition(DBM, "Ready")
        expect(ready.startswith("True/"), f"the operation has ended, and Ready is {ready}")
        current = self.kube.read(DBM, ".status.schema.current")
        expect(current == version, f"the schema is at {current}, not at {version}")
        self.kube.show("get", DBM)

    def status(self) -> dict[str, Any]:
        """`status` of the resource."""
        found: dict[str, Any] = json.loads(self.kube.quiet("get", DBM, "-o", "json"))["status"]
        return found

    def jobs(self, step: str) -> list[dict[str, Any]]:
        """Jobs of one step."""
        return self.items("jobs", step)

    def pods(self, step: str) -> list[dict[str, Any]]:
        """Pods of one step."""
        return self.items("pods", step)

    def items(self, kind: str, step: str) -> list[dict[str, Any]]:
        """Objects of one kind that belong to one step."""
        said = self.kube.quiet("get", kind, f"--selector=switchback.dev/step={step}", "-o", "json")
        found: list[dict[str, Any]] = json.loads(said)["items"]
        return found


def columns(entries: list[dict[str, Any]], *names: str) -> list[tuple[str, ...]]:
    """Some fields of a list of objects as a table with a heading."""
    return [names, *(tuple(str(entry.get(name, "-")) for name in names) for entry in entries)]


def expect(fact: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like the sentence it is
    """End the story unless `fact`.

    Raises:
        FailedError: with `otherwise`.
    """
    if not fact:
        raise FailedError(otherwise)


def ended(pod: dict[str, Any]) -> str:
    """When the container `switchback` of a pod ended well, RFC 3339; empty when it did not."""
    for container in pod["status"].get("containerStatuses", ()):
        end = container.get("state", {}).get("terminated")
        if container["name"] == "switchback" and end and end["exitCode"] == 0:
            return str(end["finishedAt"])
    return ""
