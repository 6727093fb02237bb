"""Fixtures: one cluster per run, one namespace per test."""

from __future__ import annotations

import os
import re
import secrets
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.cluster import binaries, chart
from tests.cluster.backends.choice import choose
from tests.cluster.csi import Csi
from tests.cluster.errors import BedError, UnsupportedError
from tests.cluster.handle import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.backends.base import Volume


def pytest_configure() -> None:
    """A shell that starts this in the background lets it, and all that it starts, be deaf to Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what `csi` needs before the first test, whose time limit is none for a compiler."""
    asked = any("csi" in getattr(item, "fixturenames", ()) for item in session.items)
    if session.config.option.collectonly or not asked:
        return
    with suppress(BedError):  # the tests that need it say so themselves
        if choose()[0].name == "local":
            binaries.ensure(*binaries.SNAPSHOTS)


@pytest.fixture(scope="session")
def bare_cluster() -> Iterator[Cluster]:
    """A cluster with the images loaded and without the operator, for tests that run it themselves."""
    try:
        backend, _ = choose()
        stays = backend.is_up() or os.environ.get("KEEP", "") not in ("", "0")
        backend.up()
        images = backend.load_images()
    except BedError as error:
        pytest.exit(f"no cluster for the tests: {error}", returncode=error.code)
    cluster = Cluster(backend, images)
    yield cluster
    cluster.remove_volumes()
    if not stays:
        backend.down()


@pytest.fixture(scope="session")
def cluster(bare_cluster: Cluster) -> Cluster:
    """A cluster with the operator installed from the project's chart."""
    chart.install(bare_cluster.kubeconfig, bare_cluster.images)
    return bare_cluster


@pytest.fixture
def namespace(bare_cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace; it is deleted afterwards, and nobody waits for that."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    name = f"t-{words[:40].strip('-')}-{secrets.token_hex(3)}"
    bare_cluster.create_namespace(name)
    yield name
    bare_cluster.delete_namespace(name)


@pytest.fixture
def volume(bare_cluster: Cluster) -> Iterator[Callable[[str], Volume]]:
    """Makes static volumes of limited size; they are removed after the test."""
    made: list[Volume] = []

    def make(size: str = "64Mi") -> Volume:
        made.append(bare_cluster.volume(size))
        return made[-1]

    yield make
    for one in made:
        bare_cluster.remove_volume(one.name)


@pytest.fixture(scope="session")
def csi(bare_cluster: Cluster) -> Iterator[Csi]:
    """VolumeSnapshots: their controllers, and a driver that fails the way a test tells it to."""
    try:
        made = Csi(bare_cluster)
    except UnsupportedError as error:
        pytest.skip(str(error))
    yield made
    made.remove()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Skip a test that asks for a fault which the chosen kind of cluster cannot make."""
    try:
        return (yield)
    except UnsupportedError as error:
        pytest.skip(str(error))
