"""A connection pooler that shares sessions: the lock would be nobody's, so nothing is written through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from switchback.contract.reasons import Reason
from switchback.runner import connect, opening
from tests.postgres.pgbouncer import IGNORED, pooled, through
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

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


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
@pytest.mark.parametrize("ignored", ["extra_float_digits", IGNORED], ids=["as it comes", "options ignored"])
def test_pgbouncer_is_refused_with_the_way_around_it(
    server: Server, database: str, folder: Path, mode: str, ignored: str
) -> None:
    """In session mode, too: it takes role, search path and limits away, with which a session starts."""
    write(folder, "0001_a")
    with pooled(server, mode, ignored) as port:
        done = Runner(through(server, database, port), folder).call("migrate", "--dir", str(folder))
    assert done.returncode == 7, done.stdout
    assert f"A connection pooler answers at 127.0.0.1:{port}" in done.stderr
    assert "direct port" in done.stderr
    assert "Traceback" not in done.stderr
    direct = Runner(database, folder)
    assert direct.tables == set()
    assert direct.up().result.reason is Reason.SUCCEEDED


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_pooler_that_hands_process_ids_on(
    server: Server, database: str, folder: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose answer to the first question is right: two connections share a session, or they do not."""
    write(folder, "0001_a")
    shares = mode == "transaction"
    proven = connect._unfit  # noqa: SLF001 - what such a pooler would pass

    def honest(connection: psycopg.Connection[Any], where: str) -> object:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        monkeypatch.setattr(connection, "backend_pid", row[0] if row else 0, raising=False)
        found = proven(connection, where)
        return None if found is not None and found.reason is Reason.POOLER_REFUSED else found

    def told(connection: psycopg.Connection[Any]) -> int:
        return int(getattr(connection, "backend_pid", 0))

    monkeypatch.setattr(connect, "_unfit", honest)
    monkeypatch.setattr(connect, "_told_pid", told)
    with pooled(server, mode, IGNORED) as port:
        ending = Runner(through(server, database, port), folder).up()
    assert ending.result.reason is (Reason.POOLER_REFUSED if shares else Reason.SUCCEEDED), ending.text
    assert Runner(database, folder).tables == (set() if shares else {"t_0001_a"})


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
