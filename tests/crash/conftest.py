"""Fixtures of the crash tests: PostgreSQL, stories, and operators that are the only ones to tell them.

Each status that is written in a story has to be read right by the tools that read statuses.
"""

from __future__ import annotations

import itertools
import secrets
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.cluster import chart
from tests.cluster.errors import BedError
from tests.cluster.paths import CHECKOUT
from tests.crash.ending import Ending, check, ending
from tests.crash.kills import Counting, Place
from tests.crash.operator_process import OperatorProcess, Setting
from tests.crash.proxy import Fault, Proxy
from tests.crash.story import FILES, Story, told
from tests.crash.switch_story import SwitchStory
from tests.e2e.kube import Kube
from tests.e2e.postgres import Server
from tests.e2e.recorder import OURS, Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.handle import Cluster

CRD = "databasemigrations.switchback.dev"
STRANGER = f"system:serviceaccount:{chart.NAMESPACE}:"
DENIED = "an operator of its own works here"


@dataclass(frozen=True)
class Plain:
    """A story that nothing has disturbed. `places`: every request of it, in order."""

    places: tuple[Place, ...]
    end: Ending
    seconds: float

    @property
    def stages(self) -> list[str]:
        """The stages of the story, in order."""
        return [stage for stage in dict.fromkeys(place.stage for place in self.places) if stage]


class Told(Protocol):
    """What an operator has to know of a story."""

    namespace: str
    token: str
    """Of its service account; empty: it is the administrator."""


class Tell(Protocol):
    """What `telling` gives."""

    def __call__(
        self, story: Told, fault: Fault, *, lease: str = "", **more: str
    ) -> AbstractContextManager[tuple[Proxy, OperatorProcess]]:
        """The operator of this story, behind a proxy with this fault. `more`: of its environment."""


@pytest.fixture(scope="session")
def crd_cluster(bare_cluster: Cluster) -> Cluster:
    """A cluster with the newest CRD."""
    cluster = bare_cluster
    if cluster.kubectl("get", "crd", CRD, "--ignore-not-found", "-o", "name").strip():
        file = str(CHECKOUT / "crds" / "switchback.dev_databasemigrations.yaml")
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", file)
        # After a change of it, the API server refuses requests for a moment. kubectl waits and asks again.
        time.sleep(0.5)
        cluster.kubectl("get", CRD, "--all-namespaces", "-o", "name")
    else:
        chart.install(cluster.kubeconfig, cluster.images)
    return cluster


@pytest.fixture(scope="session")
def own(crd_cluster: Cluster) -> Iterator[dict[str, str]]:
    """Label of a namespace in which the chart's operator, should there be one, may write nothing.

    It goes on for others, and the operator of a story is the only one that acts there.
    """
    name = f"crash-{secrets.token_hex(4)}"
    label = {"switchback-crash/own": name}
    crd_cluster.apply(*_keep_out(name, label))
    place = f"t-{name}"
    crd_cluster.create_namespace(place)
    try:
        crd_cluster.kubectl("label", "namespace", place, f"switchback-crash/own={name}")
        _until_denied(crd_cluster, place)
        yield label
    finally:
        crd_cluster.delete_namespace(place)
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            crd_cluster.kubectl("delete", kind, name, "--ignore-not-found")


@pytest.fixture(scope="session")
def kube(bare_cluster: Cluster) -> Kube:
    """The API server, as an administrator."""
    return Kube(bare_cluster.kubeconfig)


@pytest.fixture(scope="session")
def statuses(crd_cluster: Cluster, kube: Kube) -> Iterator[Recorder]:
    """A watch on our resources."""
    made = Recorder(kube, (OURS,))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def server(bare_cluster: Cluster, kube: Kube) -> Iterator[Server]:
    """One PostgreSQL for all stories; each has a database of its own."""
    place = f"crash-postgres-{secrets.token_hex(3)}"
    bare_cluster.create_namespace(place)
    made = Server(bare_cluster, kube, place, "18")
    made.wait()
    yield made
    bare_cluster.delete_namespace(place)


@pytest.fixture(scope="session")
def make_story(
    crd_cluster: Cluster, kube: Kube, server: Server, statuses: Recorder, own: dict[str, str]
) -> Callable[[ExitStack, dict[str, str]], Story]:
    """Makes a prepared story, which the stack will remove, from any thread."""
    cluster = crd_cluster

    def make(after: ExitStack, files: dict[str, str]) -> Story:
        namespace = f"t-crash-{secrets.token_hex(4)}"
        cluster.create_namespace(namespace)
        after.callback(cluster.delete_namespace, namespace)
        kube.patch("Namespace", "", namespace, {"metadata": {"labels": own}})
        statuses.judge(namespace)
        volume = cluster.volume("16Mi")
        after.callback(cluster.remove_volume, volume.name)
        database = server.database()
        after.callback(database.drop)
        story = Story(cluster, kube, namespace, database, volume, cluster.audit_mark())
        story.prepare(files)
        return story

    return make


@pytest.fixture
def new_story(make_story: Callable[[ExitStack, dict[str, str]], Story]) -> Iterator[Callable[..., Story]]:
    """Makes prepared stories, with these files or the usual ones, from any thread; nothing of them stays."""
    with ExitStack() as after:
        yield lambda files=FILES: make_story(after, files)


@pytest.fixture
def new_switch(
    crd_cluster: Cluster, kube: Kube, statuses: Recorder, own: dict[str, str], tmp_path: Path
) -> Iterator[Callable[..., SwitchStory]]:
    """Makes shops with two slots, from any thread; nothing of them stays."""
    with ExitStack() as after:

        def make(*, replicas: int = 2) -> SwitchStory:
            namespace = f"t-crash-{secrets.token_hex(4)}"
            crd_cluster.create_namespace(namespace)
            after.callback(crd_cluster.delete_namespace, namespace)
            kube.patch("Namespace", "", namespace, {"metadata": {"labels": own}})
            statuses.judge(namespace)
            story = SwitchStory(crd_cluster, kube, namespace, tmp_path)
            after.callback(story.remove)
            story.prepare(replicas)
            return story

        yield make


@pytest.fixture(scope="session")
def telling(crd_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Tell:
    """An operator for a story: at work while the block lasts, started again whenever it ends."""
    folder = tmp_path_factory.mktemp("operators")
    numbers = itertools.count()

    @contextmanager
    def tell(
        story: Told, fault: Fault, *, lease: str = "", **more: str
    ) -> Iterator[tuple[Proxy, OperatorProcess]]:
        name = f"{next(numbers)}-{story.namespace}"
        log = folder / f"{name}.log"
        with Proxy(crd_cluster.kubeconfig, fault, token=story.token) as proxy:
            kubeconfig = proxy.write_kubeconfig(folder / f"{name}.kubeconfig")
            setting = Setting(story.namespace, kubeconfig, log, crd_cluster.images.switchback, more)
            with OperatorProcess(setting, lease=lease) as operator:
                proxy.kill = operator.kill
                try:
                    yield proxy, operator
                except BaseException:
                    print(f"{operator.starts} lives, exit codes {operator.exits}")
                    print("\n".join(f"  killed {how.value}: {what}" for how, what in proxy.killed_at))
                    print(log.read_text()[-4000:])
                    raise

    return tell


@pytest.fixture(scope="session")
def plain(make_story: Callable[[ExitStack, dict[str, str]], Story], telling: Tell) -> Plain:
    """The story without a fault: what is asked when, and how it ends."""
    counting = Counting()
    with ExitStack() as after:
        story = make_story(after, FILES)
        begun = time.monotonic()
        with telling(story, counting):
            told(story)
        end = ending(story)
    check(end)
    return Plain(tuple(counting.places), end, time.monotonic() - begun)


def _keep_out(name: str, label: dict[str, str]) -> list[dict[str, Any]]:
    version = "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": ["*"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE", "DELETE"],
        "resources": [
            "databasemigrations",
            "databasemigrations/status",
            "jobs",
            "events",
            "services",
            "pods",
            "volumesnapshots",
            "backups",
        ],
    }
    stranger = f"request.userInfo.username.startsWith('{STRANGER}')"
    policy: dict[str, Any] = {
        "apiVersion": version,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"namespaceSelector": {"matchLabels": label}, "resourceRules": [rule]},
            "matchConditions": [{"name": "the-chart-s-operator", "expression": stranger}],
            "validations": [{"expression": "false", "message": DENIED}],
        },
    }
    binding: dict[str, Any] = {
        "apiVersion": version,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    return [policy, binding]


def _until_denied(cluster: Cluster, namespace: str) -> None:
    """The API server learns of a policy a moment after it has stored it."""
    job = ("create", "job", "probe", "--image=none", "-n", namespace, "--dry-run=server")
    rights = ("--as=system:serviceaccount:" + chart.NAMESPACE + ":probe", "--as-group=system:masters")
    deadline = time.monotonic() + 20
    while True:
        try:
            cluster.kubectl(*job, *rights)
        except BedError as error:
            if DENIED in str(error):
                return
            raise
        if time.monotonic() > deadline:
            raise TimeoutError("the policy that keeps another operator out is not in force after 20 s")
        time.sleep(0.2)
