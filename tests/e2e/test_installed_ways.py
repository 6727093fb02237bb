"""The operator as platform teams install it: with two replicas, and for a few namespaces only."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from switchback.api import names
from tests.cluster import chart
from tests.e2e.shop import BOOKS, FIRST, INDEX, SECOND, pair
from tests.e2e.states import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

AFTER_SIGKILL, AFTER_SIGTERM = 20.0, 3.0
"""Longest time until another replica leads, in seconds."""

SLOW = pair("0009_slow", "SELECT pg_sleep(25);", "SELECT 1;")
WORK = {names.PLURAL, "jobs", "pods", "configmaps", "events", "namespaces"}
USER = f"system:serviceaccount:{chart.NAMESPACE}:switchback"


@pytest.fixture
def install(cluster: Cluster) -> Iterator[Callable[..., None]]:
    """Changes values of the release; the next test finds it as it was."""

    def change(*values: str) -> None:
        chart.install(cluster.kubeconfig, cluster.images, *values)

    yield change
    change()


def operators(world: World) -> list[Object]:
    """Its pods, also those that are about to end."""
    return world.kube.list("Pod", chart.NAMESPACE, labels="app.kubernetes.io/name=switchback")


def leader(world: World) -> str:
    """Name of the pod that holds the Lease."""
    lease = world.kube.json(
        "GET", f"/apis/coordination.k8s.io/v1/namespaces/{chart.NAMESPACE}/leases/switchback"
    )
    return str(lease["spec"].get("holderIdentity") or "").partition("_")[0]


def handed_over(world: World, end: Callable[[str], None]) -> float:
    """Ends the pod that leads; seconds until another one leads."""
    old = leader(world)
    begun = time.monotonic()
    end(old)
    world.recorder.wait("another replica leads", lambda: leader(world) not in {"", old}, seconds=60)
    return time.monotonic() - begun


def kill(pod: str) -> None:
    """SIGKILL for the operator in this pod."""
    os.kill(process_of(pod), signal.SIGKILL)


def process_of(pod: str) -> int:
    """Process id on this machine of the operator in a pod."""
    word = f"POD_NAME={pod}".encode()
    for folder in Path("/proc").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            if folder.name.isdigit() and word in (folder / "environ").read_bytes().split(b"\0"):
                return int(folder.name)
    raise LookupError(f"no process of pod {pod}")


def test_of_two_replicas_one_acts_and_the_other_takes_over(
    world: World, database: Database, install: Callable[..., None]
) -> None:
    if world.cluster.backend.name != "local":
        pytest.skip("kills a process of a pod by its id, which only the local node lets a test do")
    install("replicaCount=2")
    world.recorder.wait("there are two replicas", lambda: len(operators(world)) == 2, seconds=40)

    shop = world.migration(database, {**BOOKS, **INDEX, **SLOW})
    shop.running("migrate")
    killed = handed_over(world, kill)
    asked = handed_over(world, lambda pod: world.kube.delete("Pod", chart.NAMESPACE, pod))
    print(f"another replica led {killed:.1f} s after SIGKILL, {asked:.1f} s after SIGTERM")
    assert killed < AFTER_SIGKILL
    assert asked < AFTER_SIGTERM

    shop.succeeded()
    assert world.steps() == ["migrate"]
    assert database.applied() == [FIRST, SECOND, "0009_slow"]


def test_for_a_few_namespaces_roles_are_enough(
    world: World, database: Database, new_database: Callable[[], Database], install: Callable[..., None]
) -> None:
    other = world.elsewhere()
    install(f"watchNamespaces={{{world.namespace}}}")
    roles = world.kube.json("GET", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings")["items"]
    bound = [one["metadata"]["name"] for one in roles if "switchback" in str(one.get("subjects"))]
    world.recorder.wait("the replica of before is gone", lambda: len(operators(world)) == 1, seconds=40)
    since = world.cluster.audit_mark()

    unseen = other.migration(new_database(), BOOKS)
    shop = world.migration(database, BOOKS | INDEX)
    shop.succeeded()
    shop.edit(suspend=True)
    shop.until("it is suspended", lambda state: reason(state, "Ready") == "Suspended")

    assert database.applied() == [FIRST, SECOND]
    assert chart.RELEASE not in bound, "no ClusterRole for the work"
    ours = [one for one in world.cluster.audit(since=since) if one.user == USER]
    assert ours
    assert not [one for one in ours if one.code == 403], "nothing that its Roles do not allow is tried"
    assert {one.namespace for one in ours if one.resource in WORK} == {world.namespace}
    assert not unseen.now().get("status", {}).get("conditions")
    install()
    unseen.succeeded()
    unseen.until("nothing is in flight", lambda state: not state["metadata"].get("finalizers"))
