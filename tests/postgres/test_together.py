"""Everything that a resource can say at once: role, ledger schema, search path, format, policies."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.servers import Server

LEDGER = 'odd "ledger"'
ROLE = "Shop Owner\\'s"


@pytest.fixture
def runner(server: Server, folder: Path) -> Iterator[Runner]:
    """A login that may do nothing itself but act as ROLE, which owns the database."""
    name, user = server.create_database(), f"r_login_{secrets.token_hex(3)}"
    role = f'"{ROLE} {name}"'
    with server.connect() as admin:
        admin.execute(
            f"CREATE ROLE {role}; CREATE ROLE {user} LOGIN PASSWORD 'x' NOINHERIT IN ROLE {role}".encode()
        )
        admin.execute(f'ALTER DATABASE "{name}" OWNER TO {role}'.encode())
        yield Runner(server.url(name, user, "x"), folder, schema=LEDGER, role=f"{ROLE} {name}")
        server.drop_database(name)
        admin.execute(f"DROP ROLE {user}; DROP ROLE {role}".encode())


def words(runner: Runner) -> list[str]:
    return [
        *("--role", runner.role or "", "--ledger-schema", LEDGER, "--format", "Pairs"),
        *("--search-path", "shop", "--search-path", "my, app"),
        *("--ahead-policy", "Rollback", "--out-of-order-policy", "Allow", "--adoption-policy", "IfNoLedger"),
        *("--down-source", "Ledger", "--intent-digest", "i1:x", "--reason", "INC-1"),
    ]


def test_a_whole_life(runner: Runner, server: Server, folder: Path) -> None:
    name = psycopg.conninfo.conninfo_to_dict(runner.url)["dbname"]
    admin = Runner(server.url(str(name)), folder)
    admin.query(
        f'SET ROLE "{runner.role}"; CREATE SCHEMA shop; CREATE SCHEMA "my, app"; '
        "CREATE TABLE shop.one (id int); "
        "CREATE TABLE shop.schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); "
        "INSERT INTO shop.schema_migrations VALUES (1, false)"
    )
    write(
        folder,
        _0001_one_up="CREATE TABLE one (id int);", _0001_one_down="DROP TABLE one;",
        _0002_two_up="CREATE TABLE two (id int);", _0002_two_down="DROP TABLE two;",
        _0003_three_up="-- switchback: no-transaction\nCREATE TABLE three (id int);\n"
        "CREATE INDEX CONCURRENTLY three_id ON three (id);",
        _0003_three_down="DROP TABLE three;",
    )  # fmt: skip
    more = words(runner)
    first = job(runner, "migrate", *more)
    assert (first.reason, first.current) == (Reason.SUCCEEDED, "0003_three"), first.message
    assert first.database is not None
    expected = ("--expect-ledger", first.database.ledger)
    owners = admin.query(
        "SELECT DISTINCT schemaname, tableowner FROM pg_tables "
        "WHERE tablename IN ('two', 'three', 'migrations')"
    )
    assert sorted(owners) == [(LEDGER, runner.role), ("shop", runner.role)]
    for half in ("up", "down"):
        (folder / f"0003_three.{half}.sql").unlink()
    answered = job(runner, "migrate", *more, *expected)
    assert (answered.reason, answered.direction) == (Reason.BACKWARD, Direction.BACKWARD)
    assert answered.steps[0].losses == ("table shop.three is empty",)
    plan = ("--target", answered.target, "--expect-plan", answered.plan_digest)
    assert job(runner, "reserve", *plan, *more, *expected).reason is Reason.SUCCEEDED
    back = job(runner, "rollback", *plan, "--withdraw-intent", *more, *expected)
    assert (back.reason, back.current) == (Reason.SUCCEEDED, "0002_two"), back.message
    write(folder, _0003_three_up="CREATE TABLE three (id int);")
    assert job(runner, "migrate", *more, *expected).reason is Reason.PREVIOUSLY_ROLLED_BACK
    again = job(runner, "migrate", "--allow-withdrawn", *more, *expected)
    assert (again.reason, again.current) == (Reason.SUCCEEDED, "0003_three")
    assert job(runner, "release", *more, *expected).reason is Reason.SUCCEEDED
    assert job(runner, "inspect", *more, *expected).direction is Direction.NONE
