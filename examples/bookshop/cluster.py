"""The stage of the story: a cluster with the operator, a namespace, a volume; cleared away afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.bookshop.kube import FailedError, Kube
from examples.bookshop.telling import command, say
from tests.cluster import chart
from tests.cluster.backends.choice import choose
from tests.cluster.errors import BedError, UnsupportedError
from tests.cluster.handle import Cluster
from tests.cluster.paths import CHECKOUT

if TYPE_CHECKING:
    from examples.bookshop.telling import Story
    from tests.cluster.backends.base import Backend

NAMESPACE = "bookshop"
CLAIM = Path(__file__).parent / "manifests" / "restore-points.yaml"
MARK = CHECKOUT / ".cluster" / "started-by-the-demo"
VOLUME_SIZE = "256Mi"
GONE_SECONDS = 120
IMPOSSIBLE = 2
"""Exit code where this machine, or what it was told, allows no cluster: nothing was begun."""


class InterruptedStoryError(Exception):
    """A signal asked the story to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


class Stage:
    """Sets up what the story needs, and removes what it has set up."""

    def __init__(self, story: Story, namespace: str = NAMESPACE) -> None:
        self.story = story
        self.kube = Kube(namespace)
        self.volume = f"{namespace}-restore-points"
        self.keep = os.environ.get("KEEP", "") not in {"", "0"}
        self.backend: Backend | None = None
        self.cluster: Cluster | None = None
        self.was_up = False
        self.ready = False
        # What kubectl remembers of a cluster is kept by its address: an earlier one had other kinds.
        self._memory = tempfile.TemporaryDirectory(prefix="demo-kubectl-")

    def up(self) -> Kube:
        """A cluster with the operator, and an empty namespace in it.

        Raises:
            FailedError: there is no cluster, or it did not become ready.
        """
        try:
            with self.story.step("A Kubernetes cluster with the operator"):
                self._operator()
            with self.story.step("A fresh namespace, with a volume for restore points"):
                self._fresh()
        except BedError as error:
            raise FailedError(str(error), error.code) from None
        return self.kube

    def _operator(self) -> None:
        self.backend, why = choose()
        self.was_up = self.backend.is_up() and not self._is_ours()
        command("make install")
        say(f"cluster: {self.backend.name} ({why}){', up already' if self.was_up else ''}")
        self._start(self.backend)
        if not self.was_up:
            MARK.write_text(self._fingerprint())
        os.environ |= {"KUBECONFIG": str(self.backend.kubeconfig), "KUBECACHEDIR": self._memory.name}
        images = self.backend.load_images()
        chart.install(self.backend.kubeconfig, images)
        self.cluster = Cluster(self.backend, images)
        self.ready = True
        self.kube.show("get", "nodes")
        self.kube.show("-n", chart.NAMESPACE, "get", "deployments")

    def _start(self, backend: Backend) -> None:
        try:
            backend.up()
        except BedError as error:
            if error.code == IMPOSSIBLE:
                self.backend = None  # nothing was started that would have to be removed
            raise

    def _is_ours(self) -> bool:
        """Whether an earlier run, that was killed, has started the cluster that is up."""
        return MARK.is_file() and MARK.read_text() == self._fingerprint()

    def _fingerprint(self) -> str:
        """Tells one cluster from the next: each has certificates of its own."""
        if self.backend is None:
            raise FailedError("no cluster was chosen")
        return hashlib.sha256(self.backend.kubeconfig.read_bytes()).hexdigest()

    def _fresh(self) -> None:
        """An empty namespace. What an earlier run left behind, if it was killed, is removed first."""
        if self._namespace_is_there():
            say("An earlier run has left something behind; it is removed first.")
        self._clear(wait=True)
        self.kube.show("create", "namespace", self.kube.namespace)
        self.kube.quiet("wait", "serviceaccount/default", "--for=create", "--timeout=30s")
        self.kube.apply(json.dumps(self._claim()))
        say(f"claim bookshop-{CLAIM.stem} on a volume of {VOLUME_SIZE}")

    def _claim(self) -> dict[str, Any]:
        """The claim of the example, on a volume that is made for it, or of the cluster's default class."""
        said = self.kube.quiet("create", "--dry-run=client", "-o", "json", "-f", str(CLAIM))
        claim: dict[str, Any] = json.loads(said)
        if self.cluster is None:
            raise FailedError("there is no cluster to make a volume in")
        try:
            claim["spec"]["volumeName"] = self.cluster.volume(VOLUME_SIZE, name=self.volume).name
        except UnsupportedError:
            del claim["spec"]["storageClassName"]
        return claim

    def diagnose(self) -> None:
        """Show what is there, when there is a cluster to look at."""
        if self.ready:
            self.kube.diagnose()

    def down(self) -> None:
        """Remove what the story has made, unless KEEP is set; a cluster that was up before stays up."""
        if not self.ready:
            self._end_cluster()
            return
        if self.keep:
            self._say_how_to_reach()
            return
        with self.story.step("Cleared away"):
            try:
                if self.was_up:
                    self._clear(wait=False)
                    say("namespace and volume; the cluster was up before and stays up")
            except (BedError, FailedError) as error:
                say(f"not everything could be removed: {error}")
            self._end_cluster()

    def _end_cluster(self) -> None:
        if self.backend is None or self.was_up or self.keep:
            return
        try:
            self.backend.down()
            MARK.unlink(missing_ok=True)
        except BedError as error:
            say(f"the cluster could not be removed: {error}")

    def _say_how_to_reach(self) -> None:
        if self.backend is None:
            return
        MARK.unlink(missing_ok=True)
        say()
        say("Everything was left in place (KEEP is set). To reach it:", indent=0)
        command(f"export KUBECONFIG={self.backend.kubeconfig}")
        command(f"kubectl -n {self.kube.namespace} get dbm,jobs,pods")
        say("and to remove it:", indent=0)
        if self.was_up:
            command(f"kubectl delete namespace {self.kube.namespace}")
            command(f"kubectl delete pv {self.volume} --ignore-not-found")
        else:
            command("make cluster-down")

    def _namespace_is_there(self) -> bool:
        return bool(self.kube.quiet("get", "namespace", self.kube.namespace, "--ignore-not-found").strip())

    def _clear(self, *, wait: bool) -> None:
        if self._namespace_is_there():
            flag = "--wait=true" if wait else "--wait=false"
            self.kube.quiet("delete", "namespace", self.kube.namespace, "--ignore-not-found", flag,
                            seconds=GONE_SECONDS)  # fmt: skip
        if self.cluster is None:
            return
        with suppress(UnsupportedError):
            self.cluster.remove_volume(self.volume)
