"""The ledger itself: who may write it, which database it belongs to, which version it is."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.runner.ledger import rights
from switchback.runner.ledger.names import Names
from tests.postgres.running import Runner, write
from tests.postgres.servers import Server  # noqa: TC001 - a fixture's type

FROZEN = Path(__file__).parent / "fixtures" / "ledger-1.0.sql"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a", "0002_b")
    return Runner(database, folder)


def test_default_privileges_give_nobody_the_ledger(runner: Runner, server: Server) -> None:
    role = "r_pytest_default"
    with psycopg.connect(runner.url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {role}".encode())
        connection.execute(f"CREATE ROLE {role}".encode())
        try:
            for what, who in (("TABLES", role), ("SEQUENCES", role), ("SCHEMAS", role), ("TABLES", "PUBLIC")):
                connection.execute(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON {what} TO {who}".encode())
            assert runner.up().result.reason is Reason.SUCCEEDED
            assert rights.writers(connection, Names()) == []
            row = connection.execute(
                b"SELECT has_schema_privilege(%s, 'switchback', 'USAGE'), "
                b"has_table_privilege(%s, 'switchback.migrations', 'SELECT'), "
                b"has_sequence_privilege(%s, 'switchback.events_seq_seq', 'USAGE')",
                (role, role, role),
            ).fetchone()
            assert row == (False, False, False)
            assert connection.execute(
                b"SELECT has_table_privilege(%s, 't_0001_a', 'SELECT')", (role,)
            ).fetchone() == (True,)
        finally:
            connection.execute(f"DROP OWNED BY {role} CASCADE".encode())
            connection.execute(f"DROP ROLE {role}".encode())


def test_members_of_the_owner_are_the_owner(runner: Runner) -> None:
    owner, member = "r_pytest_owner", "r_pytest_member"
    with psycopg.connect(runner.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {owner}; CREATE ROLE {member} IN ROLE {owner}".encode())
        database = connection.info.dbname
        connection.execute(
            f'GRANT ALL ON DATABASE "{database}" TO {owner}; GRANT ALL ON SCHEMA public TO {owner}'.encode()
        )
        try:
            mine = Runner(runner.url, runner.folder, role=owner)
            assert mine.up().result.reason is Reason.SUCCEEDED
            assert mine.query("SELECT tableowner FROM pg_tables WHERE tablename = 'migrations'") == [(owner,)]
            assert rights.writers(connection, Names()) == []
        finally:
            connection.execute(
                f"DROP OWNED BY {owner} CASCADE; DROP ROLE {member}; DROP ROLE {owner}".encode()
            )


def test_another_schema_is_another_ledger(runner: Runner) -> None:
    other = Runner(runner.url, runner.folder, schema='odd "name"')
    assert runner.up().result.reason is Reason.SUCCEEDED
    runner.down(target="base")
    assert other.up(allow_non_empty=True).result.reason is Reason.SUCCEEDED
    assert runner.run("inspect").result.current == "base"
    assert other.run("inspect").result.current == "0002_b"
    assert other.down(target="base").result.current == "base"


def test_tables_of_somebody_else_under_our_names(runner: Runner) -> None:
    runner.query("CREATE TABLE events (id int)")
    ending = Runner(runner.url, runner.folder, schema="public").up(allow_non_empty=True)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.USAGE, 2)
    assert "events" in ending.result.message
    assert runner.tables == {"events"}


def test_a_lost_table_is_named(runner: Runner) -> None:
    runner.up()
    runner.query("DROP TABLE switchback.events")
    ending = runner.run("inspect")
    assert ending.result.reason is Reason.DATABASE_CHANGED
    assert "events" in ending.result.message


def test_newer_major_is_read_and_never_written(runner: Runner) -> None:
    runner.up(steps=1)
    runner.query("UPDATE switchback.meta SET major = 2")
    for operation in ("migrate", "rollback", "inspect", "reserve"):
        ending = runner.run(operation, target="base" if operation != "migrate" else None)
        assert (ending.result.reason, ending.result.exit_code) == (Reason.LEDGER_NEWER, 11), operation
        assert ending.result.current == "0001_a"
    assert runner.applied == ["0001_a"]
    runner.query("ALTER TABLE switchback.migrations RENAME COLUMN position TO place")
    assert runner.run("inspect").result.reason is Reason.LEDGER_NEWER


def test_newer_minor_is_written(runner: Runner) -> None:
    runner.up(steps=1)
    runner.query(
        "UPDATE switchback.meta SET minor = 7; ALTER TABLE switchback.migrations ADD COLUMN extra text"
    )
    assert runner.up().result.reason is Reason.SUCCEEDED


def test_a_ledger_that_came_with_a_copy_is_not_written(runner: Runner, server: Server) -> None:
    runner.up(steps=1)
    with psycopg.connect(runner.url) as connection:
        name = connection.info.dbname
    copy = f"{name}_copy"
    with server.connect() as admin:
        admin.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"'.encode())
    try:
        copied = Runner(server.url(copy), runner.folder)
        for operation in ("migrate", "rollback"):
            ending = copied.run(operation)
            assert (ending.result.reason, ending.result.exit_code) == (Reason.DATABASE_CHANGED, 11)
            assert name in ending.result.message
        assert copied.applied == ["0001_a"]
        assert copied.call("repair", "--rebind").returncode == 0
        assert copied.up().result.reason is Reason.SUCCEEDED
    finally:
        server.drop_database(copy)


def test_the_frozen_ledger_works(runner: Runner) -> None:
    """Version 1.0 as it was released: this release and every later one of major 1 go on with it."""
    runner.query(FROZEN.read_text())
    runner.query(
        "UPDATE switchback.meta SET system_identifier = (SELECT system_identifier FROM pg_control_system()), "
        "database_name = current_database(), "
        "database_oid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    ending = runner.run("inspect")
    assert ending.result.reason is Reason.SUCCEEDED
    assert (ending.result.current, ending.result.pending) == ("0001_a", 1)
    assert runner.up().result.current == "0002_b"
    assert runner.down(target="base").result.current == "base"


def test_the_ledger_has_not_changed_since_it_was_frozen(runner: Runner) -> None:
    """A change of the tables needs a new minor version, an upgrade of older ledgers, and a new fixture."""
    shape = (
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = 'switchback'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 "
        "ORDER BY 1, a.attnum"
    )
    runner.up()
    now = runner.query(shape)
    runner.query("DROP SCHEMA switchback CASCADE; DROP TABLE t_0001_a, t_0002_b")
    runner.query(FROZEN.read_text())
    assert runner.query(shape) == now


def test_few_round_trips_and_no_stored_sql_for_nothing_to_do(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.up()
    sent: list[str] = []
    execute = psycopg.Connection.execute

    def spy(
        self: psycopg.Connection[tuple[object, ...]], query: bytes, *rest: object, **more: object
    ) -> object:
        sent.append(bytes(query).decode())
        return execute(self, query, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(psycopg.Connection, "execute", spy)
    assert runner.up().result.reason is Reason.UP_TO_DATE
    assert len(sent) <= 4
    assert not any("down_sql" in text or "advisory" in text for text in sent)
