"""The question before a restore: which database, where it goes, and where its migrations stand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.postgres.running import Runner, write
from tests.postgres.terminal import typed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.servers import Server

COPY = "copy_of_the_question"


@pytest.fixture
def runner(pg18: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """On one server only: what differs between servers is tested below the command line."""
    monkeypatch.setenv("PATH", f"{pg18.programs}:{os.environ['PATH']}")
    write(folder, "0001_a", "0002_b")
    name = pg18.create_database()
    made = Runner(pg18.url(name), folder)
    assert made.call("migrate").returncode == 0
    assert made.call("snapshot", "create", "--to", "points", "--name", "first").returncode == 0
    yield made
    pg18.drop_database(COPY)
    pg18.drop_database(name)


def exists(pg18: Server) -> bool:
    with pg18.connect() as connection:
        query = b"SELECT FROM pg_database WHERE datname = 'copy_of_the_question'"
        return connection.execute(query).fetchone() is not None


def test_it_names_host_databases_and_version(runner: Runner, pg18: Server) -> None:
    code, said = typed(runner, "n", "restore", "points/first", "--database", COPY)
    assert code == 130
    assert f"Restore it into the new database {COPY} at 127.0.0.1:{pg18.port}?" in said
    assert f"database {runner.query('SELECT current_database()')[0][0]} (" in said
    assert ", at 0002_b (2 applied)." in said
    assert "Nothing was restored." in said
    assert not exists(pg18)


def test_no_question_where_ci_is_set(runner: Runner, pg18: Server) -> None:
    code, said = typed(runner, "never asked", "restore", "points/first", "--database", COPY, CI="true")
    assert (code, "[Y/n]" in said) == (0, False), said
    assert exists(pg18)
