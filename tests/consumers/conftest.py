"""A kind of its own for each run, on a real API server."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.consumers.bed import Bed, new_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.handle import Cluster


@pytest.fixture(scope="package")
def bed(bare_cluster: Cluster) -> Iterator[Bed]:
    """The kind in one namespace."""
    made = Bed(bare_cluster.kubeconfig, f"t-consumers-{secrets.token_hex(3)}", new_group())
    bare_cluster.create_namespace(made.namespace)
    try:
        made.install()
        yield made
    finally:
        made.remove()
        bare_cluster.delete_namespace(made.namespace)
