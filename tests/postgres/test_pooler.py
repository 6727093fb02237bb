"""A connection pooler that shares sessions: the lock would be nobody's, so nothing is written through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.runner import opening
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg
    import pytest

    from tests.postgres.servers import Server


def test_two_connections_that_meet_in_one_session(
    database: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a pooler that hands process ids through: the second connection is the first one's session."""
    write(folder, "0001_a")
    runner = Runner(database, folder)
    opened: list[psycopg.Connection[Any]] = []
    original = opening.Opener.__call__

    def pooled(self: opening.Opener, purpose: str, _: float | None = None) -> psycopg.Connection[Any]:
        if not opened:
            opened.append(original(self, purpose))
        return opened[0]

    monkeypatch.setattr(opening.Opener, "__call__", pooled)
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.POOLER_REFUSED, 7)
    assert runner.tables == set()


def test_no_second_connection_is_no_obstacle(server: Server, folder: Path) -> None:
    write(folder, "0001_a")
    role, name = "r_pytest_single", server.create_database()
    with server.connect() as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1 PASSWORD 'x'".encode())
        admin.execute(f'ALTER DATABASE "{name}" OWNER TO {role}'.encode())
        try:
            runner = Runner(server.url(name, role, "x"), folder)
            assert runner.up().result.reason is Reason.SUCCEEDED
        finally:
            server.drop_database(name)
            admin.execute(f"DROP ROLE {role}".encode())


def test_reading_needs_no_second_connection(
    database: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "0001_a")
    runner = Runner(database, folder)
    purposes: list[str] = []
    original = opening.Opener.__call__

    def counted(self: opening.Opener, purpose: str) -> psycopg.Connection[Any]:
        purposes.append(purpose)
        return original(self, purpose)

    monkeypatch.setattr(opening.Opener, "__call__", counted)
    assert runner.run("inspect").result.reason is Reason.SUCCEEDED
    assert purposes == ["work"]
