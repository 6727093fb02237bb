"""`switchback snapshot` and `switchback restore` as people call them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.postgres.snapshot_pod import FILL, NAME, Pod, contents_of, pod_for

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


def databases(server: Server) -> set[str]:
    with server.connect() as connection:
        return {str(row[0]) for row in connection.execute("SELECT datname FROM pg_database").fetchall()}


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
    words = ("restore", pod.root / NAME, "--database", copy_name)
    restored = switchback(*words, url=server.url())
    assert "now belongs to" in restored.stdout
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
    assert again.returncode == 2
    assert (
        f"first is there already: it holds what was committed before {result['snapshot']['restorePoint']}"
        in again.stderr
    )
    restored = switchback(
        "restore", root / "first", "--url", server.url(), "--database", copy_name, "--json", url=""
    )
    assert restored.returncode == 0, restored.stderr
    told = json.loads(restored.stdout)["restored"]
    assert (told["tables"], told["estimatedRows"]) == (2, 3500)
    assert told["restorePoint"] == result["snapshot"]["restorePoint"]
    assert contents_of(server.url(copy_name)) == contents_of(filled)
    twice = switchback("restore", root / "first", "--url", server.url(), "--database", copy_name, url="")
    assert twice.returncode == 11
    assert "exists" in twice.stderr


def test_a_folder_that_has_the_name_is_left_as_it_is(filled: str, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "precious").touch()
    done = switchback("snapshot", "create", "--to", tmp_path, "--name", "letters", url=filled)
    assert done.returncode == 2
    assert f"{tmp_path}/letters is there already. Nothing was dumped." in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["letters", "precious"]


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
    assert "pod" not in done.stderr
    part = switchback(
        "snapshot", "prepare", "--to", tmp_path, "--work", tmp_path / "no", "--name", "x",
        "--operation-id", "y", url=filled,
    )  # fmt: skip
    assert part.returncode == 8
    assert "cannot be written" in part.stderr
    assert "Traceback" not in done.stderr + part.stderr
