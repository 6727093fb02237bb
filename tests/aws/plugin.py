"""The fixtures `aws` and `aws_for_pods`. A conftest imports them: `from tests.aws.plugin import aws`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.aws.server import FakeAws
from tests.cluster.errors import UnsupportedError
from tests.cluster.paths import this_bed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.backends.base import Backend
    from tests.cluster.handle import Cluster


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    """A fake AWS, empty and on a free port of the loopback."""
    with FakeAws() as fake:
        yield fake


@pytest.fixture
def aws_for_pods(bare_cluster: Cluster) -> Iterator[FakeAws]:
    """A fake AWS in the process of the test, which pods reach too. Its `url` is the same for all."""
    with for_pods(bare_cluster.backend) as fake:
        yield fake


def for_pods(backend: Backend, port: int = 0) -> FakeAws:
    """A fake AWS at the address of the bed's node.

    Pods do not reach this machine: it has no way back to their addresses. They reach their node, and so
    does this machine.
    """
    if backend.name != "local":
        raise UnsupportedError(f"{backend.name}: a fake AWS for pods needs the bed of CLUSTER=local")
    return FakeAws(backend.node_ip, port, this_bed().netns)
