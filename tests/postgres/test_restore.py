"""A restore point restored beside its original is the same database."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import clients, target
from switchback.snapshots.restore import Order, Restored, check, restore
from tests.postgres.snapshot_pod import FILL, NAME, Pod, contents_of, opener, pod_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres.servers import Server

SWITCHBACK = Path(sys.executable).parent / "switchback"


@pytest.fixture(autouse=True)
def programs_of_the_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH begins with the client programs of the server under test."""
    if "server" in request.fixturenames:
        server: Server = request.getfixturevalue("server")
        monkeypatch.setenv("PATH", f"{server.programs}:{os.environ['PATH']}")


@pytest.fixture
def filled(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(FILL.encode())
    return database


@pytest.fixture
def pod(server: Server, tmp_path: Path) -> Pod:
    return pod_for(server, tmp_path)


@pytest.fixture
def copy_name(server: Server) -> Iterator[str]:
    """Name of a database that is not there yet; dropped afterwards."""
    name = f"copy {time.time_ns()} ü\"x'"
    yield name
    with server.connect() as connection:
        quoted = '"' + name.replace('"', '""') + '"'
        connection.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)".encode())


def bring_back(pod: Pod, server: Server, name: str, *, owners: bool = True, jobs: int = 2) -> Restored:
    said: list[str] = []
    folder = pod.root / NAME
    known = check(folder, said.append)
    return restore(Order(folder, name, jobs, owners, "cli-test"), known, opener(server.url()), said.append)


def failing(act: Callable[[], object]) -> RunnerError:
    with pytest.raises(RunnerError) as refusal:
        act()
    return refusal.value


def databases(server: Server) -> set[str]:
    with server.connect() as connection:
        return {str(row[0]) for row in connection.execute("SELECT datname FROM pg_database").fetchall()}


def schema_of(server: Server, url: str) -> list[str]:
    """The schema as pg_dump writes it."""
    text = subprocess.run(
        [server.programs / "pg_dump", "--schema-only", "--no-publications", "--dbname", url],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def test_the_copy_equals_the_original(server: Server, filled: str, pod: Pod, copy_name: str) -> None:
    pod.take(filled)
    made = bring_back(pod, server, copy_name)
    copy = server.url(copy_name)
    assert contents_of(copy) == contents_of(filled)
    assert schema_of(server, copy) == schema_of(server, filled)
    assert (made.tables, made.rows) == (2, 3500)
    with psycopg.connect(copy) as connection:
        assert connection.execute("SELECT count(*) FROM pg_publication").fetchone() == (0,)
        assert connection.execute("SELECT nextval('counter'), twice(21)").fetchone() == (43, 42)


def test_what_was_written_after_the_restore_point_stays_in_the_original_alone(
    server: Server, filled: str, pod: Pod, copy_name: str
) -> None:
    before = contents_of(filled)
    pod.take(filled)
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute('DROP TABLE child; INSERT INTO "odd ""table"" ä" (mood) VALUES (\'sad\')')
    changed = contents_of(filled)
    bring_back(pod, server, copy_name)
    assert contents_of(server.url(copy_name)) == before
    assert contents_of(filled) == changed


def test_a_database_that_exists_is_never_touched(server: Server, filled: str, pod: Pod) -> None:
    pod.take(filled)
    before = contents_of(filled)
    name = psycopg.conninfo.conninfo_to_dict(filled)["dbname"]
    error = failing(lambda: bring_back(pod, server, str(name)))
    assert error.reason is Reason.RESTORE_TARGET_EXISTS
    assert contents_of(filled) == before


def test_a_damaged_restore_point_is_refused_before_anything_is_made(
    server: Server, filled: str, pod: Pod, copy_name: str
) -> None:
    pod.take(filled)
    largest = max((pod.root / NAME).glob("*.dat.gz"), key=lambda path: path.stat().st_size)
    raw = bytearray(largest.read_bytes())
    raw[-1] ^= 1
    largest.write_bytes(raw)
    assert failing(lambda: bring_back(pod, server, copy_name)).reason is Reason.SNAPSHOT_UNREADABLE
    assert copy_name not in databases(server)


def test_what_fails_half_way_leaves_no_database(
    server: Server, filled: str, pod: Pod, copy_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod.take(filled)
    run = clients.run

    def broken(command: list[str], *rest: Any, **more: Any) -> int:
        shutil.rmtree(pod.root / NAME)  # after it was verified and the database was made
        return run(command, *rest, **more)

    monkeypatch.setattr(clients, "run", broken)
    error = failing(lambda: bring_back(pod, server, copy_name))
    assert error.reason is Reason.RESTORE_FAILED
    assert "was dropped" in error.message
    assert copy_name not in databases(server)


@contextlib.contextmanager
def role(server: Server, name: str) -> Iterator[None]:
    with server.connect() as connection:
        connection.execute(f'CREATE ROLE "{name}"'.encode())
        try:
            yield
        finally:
            for (database,) in connection.execute(
                "SELECT datname FROM pg_database WHERE datallowconn AND datname LIKE 't\\_%'"
            ).fetchall():
                with server.connect(str(database)) as inside:
                    inside.execute(f'DROP OWNED BY "{name}" CASCADE'.encode())
            connection.execute(f'DROP ROLE IF EXISTS "{name}"'.encode())


def test_missing_roles_are_named_and_can_be_done_without(
    server: Server, filled: str, pod: Pod, copy_name: str
) -> None:
    owner, reader = (f"{word} {time.time_ns()}" for word in ("owner", "reader"))
    with (
        role(server, owner),
        role(server, reader),
        psycopg.connect(filled, autocommit=True) as connection,
    ):
        connection.execute(f'ALTER TABLE child OWNER TO "{owner}"'.encode())
        connection.execute(f'GRANT SELECT ON moods TO "{reader}"'.encode())
        taken = pod.take(filled)
    assert {owner, reader, "postgres"} == set(taken.manifest.properties.roles)
    error = failing(lambda: bring_back(pod, server, copy_name))
    assert error.reason is Reason.RESTORE_FAILED
    assert owner in error.message
    assert reader in error.message
    assert "--no-owner" in error.advice
    assert copy_name not in databases(server)
    bring_back(pod, server, copy_name, owners=False)
    with psycopg.connect(server.url(copy_name)) as connection:
        row = connection.execute(
            "SELECT relowner::regrole::text, relacl FROM pg_class WHERE relname = 'child'"
        )
        assert row.fetchone() == ("postgres", None)


def test_settings_and_rights_of_the_database_come_along(
    server: Server, filled: str, pod: Pod, copy_name: str
) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        name = connection.info.dbname
        for change in (
            f'ALTER DATABASE "{name}" SET search_path = "$user", \'odd, schema\', public',
            f"ALTER DATABASE \"{name}\" SET app.flag = 'it''s'",
            f'ALTER DATABASE "{name}" SET default_transaction_read_only = on',
            f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC',
        ):
            connection.execute(change.encode())
    made = pod.take(filled)
    assert len(made.manifest.properties.settings) == 3
    restored = bring_back(pod, server, copy_name)
    assert not [notice for notice in restored.notices if "was not set" in notice]
    query = """SELECT (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid AND setrole = 0),
      has_database_privilege('pg_monitor', d.oid, 'CONNECT'),
      has_database_privilege('pg_monitor', d.oid, 'TEMP')
      FROM pg_database d WHERE datname = %s"""
    with server.connect() as connection:
        original = connection.execute(query.encode(), (name,)).fetchone()
        assert original is not None
        assert original[1:] == (False, True)
        assert connection.execute(query.encode(), (copy_name,)).fetchone() == original


LOCALES = {
    15: "ENCODING 'LATIN1' LOCALE_PROVIDER icu ICU_LOCALE 'de' LC_COLLATE 'C' LC_CTYPE 'C'",
    18: "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'",
}


@pytest.mark.parametrize("locale", ["ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'", "provider"])
def test_encoding_and_locale_are_the_originals(server: Server, pod: Pod, copy_name: str, locale: str) -> None:
    name = f"t_locale_{time.time_ns()}"
    with server.connect() as connection:
        chosen = LOCALES[connection.info.server_version // 10000] if locale == "provider" else locale
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 {chosen}".encode())
        pod.take(server.url(name))
        bring_back(pod, server, copy_name)
        rows = connection.execute(
            "SELECT encoding, datlocprovider, datcollate, datctype, to_jsonb(d) ->> 'datlocale',"
            " to_jsonb(d) ->> 'daticulocale' FROM pg_database d WHERE datname IN (%s, %s)",
            (name, copy_name),
        ).fetchall()
        connection.execute(f"DROP DATABASE {name}".encode())
    assert len(rows) == 2
    assert rows[0] == rows[1]


def test_a_dump_of_a_newer_server_is_not_restored_into_an_older_one(
    pg15: Server, pg18: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = pg18.create_database()
    pod = pod_for(pg18, tmp_path)
    pod.take(pg18.url(name))
    pg18.drop_database(name)
    monkeypatch.setenv("PATH", f"{pg18.programs}:{os.environ['PATH']}")
    error = failing(lambda: bring_back(pod, pg15, "older"))
    assert error.reason is Reason.RESTORE_FAILED
    assert "PostgreSQL 15" in error.message
    assert "older" not in databases(pg15)


def test_a_dump_of_an_older_server_is_restored_into_a_newer_one(
    pg15: Server, pg18: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = pg15.create_database()
    with psycopg.connect(pg15.url(name), autocommit=True) as connection:
        connection.execute(FILL.encode())
    pod = pod_for(pg15, tmp_path)
    pod.take(pg15.url(name))
    monkeypatch.setenv("PATH", f"{pg15.programs}:{os.environ['PATH']}")
    copy = f"t_upgraded_{time.time_ns()}"
    bring_back(pod, pg18, copy)
    assert contents_of(pg18.url(copy)) == contents_of(pg15.url(name))
    pg18.drop_database(copy)
    pg15.drop_database(name)


class Ended(BaseException):
    """What a signal raises, or what stands for the end of the process."""


class Ending:
    """A connection over which somebody ends the run right after its nth statement has been carried out."""

    def __init__(self, connection: Any, after: int) -> None:
        self._connection, self._left = connection, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, *words: Any) -> Any:
        done = self._connection.execute(*words)
        self._left -= 1
        if self._left == 0:
            raise Ended
        return done


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_database_under_the_new_name_says_that_it_is_unfinished_whenever_the_run_ends(
    server: Server, filled: str, pod: Pod, monkeypatch: pytest.MonkeyPatch, after: int, *, killed: bool
) -> None:
    made = pod.take(filled)
    name = f"copy_{time.time_ns()}"
    if killed:
        monkeypatch.setattr(target, "drop", lambda *_: "")
    with server.connect() as connection:
        with pytest.raises(Ended):
            target.create(Ending(connection, after), name, made.manifest, owners=True)
        monkeypatch.undo()
        comment = target.exists(connection, name)
        assert (comment is None) is (after < 3)
        assert comment is None or target.is_unfinished(comment)
        left = [one for one in databases(server) if one.startswith("switchback_restore_")]
        assert bool(left) is (killed and after < 3)
        for one in (name, *left):
            target.drop(connection, one)


def test_who_is_slower_to_make_a_database_of_a_name_leaves_the_others_alone(
    server: Server, filled: str, pod: Pod
) -> None:
    made = pod.take(filled)
    name = f"copy_{time.time_ns()}"
    with server.connect() as connection:
        target.create(connection, name, made.manifest, owners=True)
        before = databases(server)
        error = failing(lambda: target.create(connection, name, made.manifest, owners=True))
        assert error.reason is Reason.RESTORE_TARGET_EXISTS
        assert databases(server) == before
        target.drop(connection, name)
