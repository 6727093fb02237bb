"""Stored SQL runs with the rights of whoever rolls back: whoever could have put it there is found."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.servers import Server

EVIL, GROUP, OWNER = "r_pytest_evil", "r_pytest_group", "r_pytest_owner"


@pytest.fixture
def admin(database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A superuser, beside a role with no rights, a group and an owner of the ledger."""
    with psycopg.connect(database, autocommit=True) as connection:
        for name in (EVIL, GROUP, OWNER):
            with contextlib.suppress(psycopg.errors.UndefinedObject):
                connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())
        name = connection.info.dbname
        connection.execute(
            f"CREATE ROLE {EVIL} LOGIN NOINHERIT; CREATE ROLE {GROUP}; CREATE ROLE {OWNER}; "
            f'GRANT ALL ON SCHEMA public TO {OWNER}; GRANT CREATE ON DATABASE "{name}" TO {OWNER}'.encode()
        )
        try:
            yield connection
        finally:
            for name in (EVIL, GROUP, OWNER):
                connection.execute(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}".encode())


@pytest.fixture
def runner(database: str, folder: Path, admin: psycopg.Connection[tuple[object, ...]]) -> Runner:
    """With one migration applied by the owner, whose down half is in the ledger alone."""
    assert admin is not None
    made = Runner(database, folder, role=OWNER)
    write(folder, "0001_a")
    assert made.up().result.reason is Reason.SUCCEEDED
    (folder / "0001_a.down.sql").unlink()
    return made


MEMBER = f"GRANT {GROUP} TO {EVIL}"
MINE = f"GRANT ALL ON SCHEMA switchback TO {OWNER}"
WAYS = {
    "pg_write_all_data": (f"GRANT pg_write_all_data TO {EVIL}", "pg_write_all_data"),
    "a group of it": (f"GRANT pg_write_all_data TO {GROUP}; {MEMBER}", "pg_write_all_data"),
    "a group with a right": (f"GRANT UPDATE ON switchback.migrations TO {GROUP}; {MEMBER}", GROUP),
    "a group with a column": (
        f"GRANT UPDATE (down_sql) ON switchback.migrations TO {GROUP}; {MEMBER}",
        GROUP,
    ),
    "one of the server's groups": (
        f"GRANT UPDATE ON switchback.migrations TO pg_monitor; GRANT pg_monitor TO {EVIL}",
        "pg_monitor",
    ),
    "the owner of the schema": (f"ALTER SCHEMA switchback OWNER TO {GROUP}; {MINE}; {MEMBER}", GROUP),
}


@pytest.mark.parametrize("way", WAYS)
def test_who_can_become_a_role_that_writes_is_found(
    runner: Runner, admin: psycopg.Connection[tuple[object, ...]], way: str
) -> None:
    """Rights that a role does not inherit are one SET ROLE away."""
    grants, through = WAYS[way]
    admin.execute(grants.encode())
    ending = runner.down()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.LEDGER_WRITABLE_BY_OTHERS, 11)
    assert EVIL in ending.result.message
    assert through in ending.result.message + ending.advice
    assert runner.applied == ["0001_a"]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_advised_ends_it(
    runner: Runner, admin: psycopg.Connection[tuple[object, ...]], way: str
) -> None:
    admin.execute(WAYS[way][0].encode())
    told = runner.down().advice
    advised = [part.strip(" .") for part in told.partition(": ")[2].split(";")]
    assert advised, told
    for statement in advised:
        admin.execute(statement.encode())
    ending = runner.down()
    assert ending.result.reason is Reason.SUCCEEDED, (told, ending.text)


def test_a_membership_that_is_not_inherited(
    pg18: Server, folder: Path, runner: Runner, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    assert folder == runner.folder
    if str(pg18.port) not in runner.url:
        pytest.skip("grants have had no options before PostgreSQL 16")
    admin.execute(f"ALTER ROLE {EVIL} INHERIT; GRANT pg_write_all_data TO {EVIL} WITH INHERIT FALSE".encode())
    assert EVIL in runner.down().result.message


def test_who_is_a_member_of_the_owner_is_the_owner(
    runner: Runner, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    admin.execute(f"GRANT {OWNER} TO {EVIL}; GRANT pg_write_all_data TO {EVIL}".encode())
    assert runner.down().result.reason is Reason.SUCCEEDED


def test_a_schema_whose_name_needs_quotes(
    database: str, folder: Path, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    made = Runner(database, folder, schema="my-ledger")
    write(folder, "0001_a")
    made.up()
    (folder / "0001_a.down.sql").unlink()
    admin.execute(f'GRANT UPDATE ON "my-ledger".migrations TO {EVIL}'.encode())
    ending = made.down()
    assert f'REVOKE ALL ON ALL TABLES IN SCHEMA "my-ledger" FROM {EVIL}' in ending.advice
