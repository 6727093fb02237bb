"""Fixtures of the stories: PostgreSQL, one watch on the cluster, a restricted namespace per test."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.e2e.diagnosis import diagnosis
from tests.e2e.kube import Kube
from tests.e2e.postgres import Server
from tests.e2e.recorder import Recorder
from tests.e2e.support import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.backends.base import Volume
    from tests.cluster.handle import Cluster
    from tests.e2e.postgres import Database

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_REPORT: pytest.StashKey[pytest.TestReport] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Keep the report, so that a fixture can tell what a failed test left behind."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.when == "call":
        item.stash[_REPORT] = report
    return report  # type: ignore[return-value]


@pytest.fixture(scope="session")
def kube(bare_cluster: Cluster) -> Kube:
    """The API server, as an administrator."""
    return Kube(bare_cluster.kubeconfig)


@pytest.fixture(scope="session")
def recorder(cluster: Cluster) -> Iterator[Recorder]:
    """One watch on everything for the whole run. The CRD has to be there."""
    made = Recorder(Kube(cluster.kubeconfig))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def servers(bare_cluster: Cluster, kube: Kube) -> Iterator[Callable[[str], Server]]:
    """PostgreSQL by major version, started when first asked for."""
    place = f"e2e-postgres-{secrets.token_hex(3)}"
    started: dict[str, Server] = {}

    def get(major: str) -> Server:
        if not started:
            bare_cluster.create_namespace(place)
        if major not in started:
            started[major] = Server(bare_cluster, kube, place, major)
            started[major].wait()
        return started[major]

    yield get
    if started:
        bare_cluster.delete_namespace(place)


@pytest.fixture
def server(servers: Callable[[str], Server]) -> Server:
    """PostgreSQL 18."""
    return servers("18")


@pytest.fixture
def new_database(server: Server) -> Iterator[Callable[..., Database]]:
    """Makes empty databases; they are dropped after the test."""
    made: list[Database] = []

    def make(*, password: str = "") -> Database:
        made.append(server.database(password=password))
        return made[-1]

    yield make
    for one in made:
        one.drop()


@pytest.fixture
def database(new_database: Callable[..., Database]) -> Database:
    """A new, empty database with a role of its own."""
    return new_database()


@pytest.fixture
def world(  # noqa: PLR0917 - pytest hands fixtures over by name
    request: pytest.FixtureRequest,
    cluster: Cluster,
    kube: Kube,
    recorder: Recorder,
    server: Server,
    namespace: str,
    volume: Callable[[str], Volume],
) -> Iterator[World]:
    """A fresh namespace in which only restricted pods are admitted. A failed test tells what is in it."""
    neighbours: list[str] = []

    def neighbour() -> str:
        neighbours.append(f"{namespace[:50]}-{len(neighbours) + 2}")
        cluster.create_namespace(neighbours[-1])
        kube.patch("Namespace", "", neighbours[-1], {"metadata": {"labels": RESTRICTED}})
        recorder.judge(neighbours[-1])
        return neighbours[-1]

    kube.patch("Namespace", "", namespace, {"metadata": {"labels": RESTRICTED}})
    recorder.judge(namespace)
    made = World(cluster, kube, recorder, namespace, server, volume, neighbour, cluster.audit_mark())
    yield made
    report = request.node.stash.get(_REPORT, None)
    if report is not None and report.failed:
        for place in (namespace, *neighbours):
            print(diagnosis(World(**{**vars(made), "namespace": place})))
    for place in neighbours:
        cluster.delete_namespace(place)
