"""A restore point restored beside its original is the same database."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import clients
from switchback.snapshots.restore import Order, Restored, check, restore
from tests.postgres.snapshot_pod import FILL, NAME, Pod, opener, pod_for

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


TABLES = """SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1"""


def contents_of(url: str) -> dict[str, Any]:
    """Row count and checksum of each table, values of sequences, large objects."""
    found: dict[str, Any] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for (table,) in connection.execute(TABLES.encode()).fetchall():
            query = f"SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {table} t"
            found[table] = connection.execute(query.encode()).fetchone()
        sequences = connection.execute(
            "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
        ).fetchall()
        large = connection.execute("SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata").fetchall()
    return {"tables": found, "sequences": sequences, "large objects": large}


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


MIGRATIONS = {
    "0001_a.up.sql": "CREATE TABLE a (id int);",
    "0001_a.down.sql": "DROP TABLE a;",
    "0002_b.up.sql": "CREATE TABLE b (id int);",
    "0002_b.down.sql": "DROP TABLE b;",
}


def switchback(*words: str | Path, url: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SWITCHBACK, *words], env={**os.environ, "DATABASE_URL": url, **env},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_copys_ledger_is_its_own_and_nobody_has_reserved_it(
    server: Server, database: str, folder: Path, pod: Pod, copy_name: str
) -> None:
    for name, text in MIGRATIONS.items():
        (folder / name).write_text(text)
    assert switchback("migrate", "--dir", folder, "--target", "0001", url=database).returncode == 0
    reserve = ("run", "--operation", "inspect", "--operation-id", "3f2a91c0-5b1e77", "--target", "base")
    reserved = switchback(
        *reserve, "--dir", folder, "--reserve-unless-risky", "--accept", "DataLoss", url=database
    )
    assert reserved.returncode == 0, reserved.stderr
    assert switchback("migrate", "--dir", folder, url=database).returncode == 6
    made = pod.take(database)
    assert made.manifest.ledger is not None
    assert (made.manifest.ledger.current, made.manifest.ledger.applied) == ("0001_a", 1)
    restored = bring_back(pod, server, copy_name)
    assert any("now belongs to" in notice for notice in restored.notices)
    copy = server.url(copy_name)
    status = switchback("status", "--check", "--dir", folder, url=copy)
    assert status.returncode == 3, status.stderr
    assert switchback("migrate", "--dir", folder, url=copy).returncode == 0
    back = switchback(
        "rollback", "--dir", folder, "--target", "base", "--accept-data-loss", "--yes", url=copy
    )
    assert back.returncode == 0, back.stderr
    # The original is as it was, reservation included.
    assert switchback("migrate", "--dir", folder, url=database).returncode == 6
    with psycopg.connect(copy) as connection:
        row = connection.execute("SELECT details FROM switchback.events WHERE kind = 'Restored'").fetchone()
    assert row is not None
    assert NAME in row[0]


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


def test_interrupted_the_half_restored_database_is_dropped(
    server: Server, filled: str, pod: Pod, copy_name: str
) -> None:
    pod.take(filled)
    words = ("restore", pod.root / NAME, "--database", copy_name)
    process = subprocess.Popen(
        [SWITCHBACK, *words], env={**os.environ, "DATABASE_URL": server.url()},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    wait_for(lambda: copy_name in databases(server))
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert copy_name not in databases(server)


def wait_for(is_so: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not is_so():
        assert time.monotonic() < deadline
        pause.wait(0.02)


def test_from_the_command_line_create_verify_list_and_restore(
    server: Server, filled: str, tmp_path: Path, copy_name: str
) -> None:
    root = tmp_path / "points"
    created = switchback("snapshot", "create", "--to", root, "--name", "first", "--json", url=filled)
    assert created.returncode == 0, created.stderr
    result = json.loads(created.stdout)
    assert result["snapshot"]["path"] == "first"
    digest = result["snapshot"]["digest"]
    verified = switchback("snapshot", "verify", root / "first", "--digest", digest, url="")
    assert verified.returncode == 0, verified.stderr
    wrong = switchback("snapshot", "verify", root / "first", "--digest", "sha256:0", url="")
    assert wrong.returncode == 8
    listed = json.loads(switchback("snapshot", "list", root, "--json", url="").stdout)
    assert [(line["name"], line["state"]) for line in listed] == [("first", "Sealed")]
    again = switchback("snapshot", "create", "--to", root, "--name", "first", url=filled)
    assert again.returncode == 0
    assert "was there already" in again.stdout
    restored = switchback(
        "restore", root / "first", "--url", server.url(), "--database", copy_name, "--json", url=""
    )
    assert restored.returncode == 0, restored.stderr
    told = json.loads(restored.stdout)["restored"]
    assert (told["tables"], told["estimated_rows"]) == (2, 3500)
    assert told["restore_point"] == result["snapshot"]["restore_point"]
    assert contents_of(server.url(copy_name)) == contents_of(filled)
    twice = switchback("restore", root / "first", "--url", server.url(), "--database", copy_name, url="")
    assert twice.returncode == 11
    assert "exists" in twice.stderr


def test_what_can_be_refused_at_once_is_refused_before_the_files_are_read(
    server: Server, filled: str, pod: Pod
) -> None:
    pod.take(filled)
    folder = pod.root / NAME
    restoring = ("restore", folder, "--database", "postgres")
    wrong = switchback(*restoring, url=server.url(password="wrong"))
    taken = switchback(*restoring, url=server.url())
    assert (wrong.returncode, taken.returncode) == (7, 11)
    assert "verifying" not in wrong.stdout + taken.stdout


def test_a_folder_that_cannot_be_made_is_told_without_a_traceback(filled: str, tmp_path: Path) -> None:
    done = switchback("snapshot", "create", "--to", tmp_path / "no" / "where", url=filled)
    assert done.returncode == 8
    assert "could not be made" in done.stderr
    part = switchback(
        "snapshot", "prepare", "--to", tmp_path, "--work", tmp_path / "no", "--name", "x",
        "--operation-id", "y", url=filled,
    )  # fmt: skip
    assert part.returncode == 8
    assert "cannot be written" in part.stderr
    assert "Traceback" not in done.stderr + part.stderr
