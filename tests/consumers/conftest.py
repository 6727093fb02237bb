"""The program that asks the tools, and a kind of its own for each run on a real API server."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster import binaries
from tests.cluster.errors import BedError
from tests.consumers.bed import Bed, new_group
from tests.consumers.verdicts import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.handle import Cluster

HERE = Path(__file__).parent


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds the program before the first test, whose time limit is none for a compiler."""
    if session.config.option.collectonly or not any(HERE in item.path.parents for item in session.items):
        return
    with suppress(BedError):  # the tests that need it say so themselves
        binaries.ensure(PROGRAM)


@pytest.fixture(scope="package")
def bed(bare_cluster: Cluster) -> Iterator[Bed]:
    """The kind in one namespace."""
    made = Bed(bare_cluster.kubeconfig, f"t-consumers-{secrets.token_hex(3)}", new_group())
    bare_cluster.create_namespace(made.namespace)
    try:
        made.install()
        try:
            yield made
        finally:
            made.remove()
    finally:
        bare_cluster.delete_namespace(made.namespace)
