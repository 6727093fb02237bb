"""The containers of a restore pod, one after the other as processes of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.result import decode
from switchback.snapshots import layout
from tests.postgres.snapshot_pod import FILL, NAME, Pod, contents_of, pod_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.contract.result import Result
    from tests.postgres.servers import Server

SWITCHBACK = Path(sys.executable).parent / "switchback"
NEW = "t_restored"


@dataclass
class RestorePod:
    """`work` is the memory that the containers share; `url` reaches them from a Secret."""

    points: Path
    work: Path
    clients: Path
    url: str
    words: tuple[str, ...] = ()

    def part(self, name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `prepare` or `finish` to its end."""
        command = [
            *(SWITCHBACK, "restore", self.points / NAME, "--database", NEW, "--part", name),
            *("--work", self.work, "--operation-id", "restore-1", *self.words, *words),
        ]
        return subprocess.run(
            command, env={**os.environ, "DATABASE_URL": self.url},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def client(self) -> str:
        """Run the client image's container, which never fails."""
        done = subprocess.run(
            ["/bin/sh", "-c", layout.client_script(), "client.sh", "restore"],
            env={"PATH": f"{self.clients}:/usr/bin:/bin", "SWITCHBACK_WORK": str(self.work)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def run(self) -> tuple[Result, str]:
        """All containers in order: the result, and the log of the last one."""
        prepared = self.part("prepare")
        assert prepared.returncode == 0, prepared.stderr
        self.client()
        file = self.work / "result"
        finished = self.part("finish", "--result-file", file, "--json")
        result = decode(file.read_text())
        assert result.exit_code == finished.returncode
        return result, finished.stdout


@pytest.fixture
def filled(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(FILL.encode())
    return database


@pytest.fixture
def pod(server: Server, tmp_path: Path) -> Pod:
    return pod_for(server, tmp_path)


@pytest.fixture
def restoring(server: Server, filled: str, pod: Pod, tmp_path: Path) -> Iterator[RestorePod]:
    """A pod that restores what was taken of `filled` just now."""
    pod.take(filled)
    work = tmp_path / "restoring"
    work.mkdir(mode=0o700)
    yield RestorePod(pod.root, work, server.programs, filled)
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NEW} WITH (FORCE)".encode())


def comment(server: Server) -> str | None:
    """That of the new database; None: there is none."""
    with server.connect() as connection:
        row = connection.execute(
            "SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = %s",
            (NEW,),
        ).fetchone()
    return str(row[0]) if row is not None else None


def test_three_containers_make_the_same_database(server: Server, restoring: RestorePod) -> None:
    result, log = restoring.run()
    assert result.reason is Reason.SUCCEEDED, result.message
    assert contents_of(server.url(NEW)) == contents_of(restoring.url)
    told = json.loads(log.splitlines()[-1])["restored"]
    assert told["left_out"] == [{"kind": "publication", "name": "everything"}]
    assert (told["database"], told["tables"]) == (NEW, 2)
    assert (comment(server) or "").startswith(f"Restored by switchback from {NAME}")


def test_the_password_is_in_the_passfile_alone(server: Server, restoring: RestorePod) -> None:
    name, secret = f"t_role_{time.time_ns()}", "s:e\\cr#et"
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{secret}'".encode())
    restoring.url = server.url(user=name, password=secret)
    prepared = restoring.part("prepare")
    said = restoring.client()
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE {NEW}".encode())
        connection.execute(f"DROP ROLE {name}".encode())
    for path in restoring.work.iterdir():
        assert path.stat().st_mode & 0o077 == 0
        if path.is_file() and path.name != "pgpass":
            assert "cr#et" not in path.read_text()
    assert "restore: ended with 0" in said
    assert "cr#et" not in prepared.stdout + prepared.stderr + said


def test_what_the_client_cannot_do_leaves_no_database(server: Server, restoring: RestorePod) -> None:
    restoring.part("prepare")
    assert (comment(server) or "").startswith("Unfinished restore")
    for file in (restoring.points / NAME).glob("*.dat.gz"):
        file.unlink()
    restoring.client()
    finished = restoring.part("finish", "--result-file", restoring.work / "result")
    result = decode((restoring.work / "result").read_text())
    assert (finished.returncode, result.reason) == (8, Reason.RESTORE_FAILED)
    assert "pg_restore failed" in result.message
    assert "was dropped" in result.message
    assert comment(server) is None


def test_the_client_was_killed(server: Server, restoring: RestorePod) -> None:
    restoring.part("prepare")
    finished = restoring.part("finish")
    assert finished.returncode == 8, finished.stderr
    assert "ended before it could" in finished.stderr
    assert comment(server) is None


def test_a_role_that_may_not_create_databases_is_told_what_it_lacks(
    server: Server, restoring: RestorePod
) -> None:
    name = f"t_role_{time.time_ns()}"
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'".encode())
    try:
        restoring.url = server.url(user=name, password="x")
        restoring.words = ("--no-owner",)
        result, _ = restoring.run()
    finally:
        with server.connect() as connection:
            connection.execute(f"DROP ROLE {name}".encode())
    assert result.reason is Reason.PERMISSION_DENIED
    assert "permission denied to create database" in result.message
    assert comment(server) is None


def test_another_major_version_of_the_client_restores_nothing(
    restoring: RestorePod, server: Server, pg15: Server, pg18: Server
) -> None:
    restoring.clients = (pg15 if server is pg18 else pg18).programs
    result, _ = restoring.run()
    expected = Reason.SNAPSHOT_CLIENT_TOO_OLD if server is pg18 else Reason.SNAPSHOT_CLIENT_TOO_NEW
    assert result.reason is expected
    assert comment(server) is None


def test_what_somebody_else_has_made_is_never_dropped(server: Server, restoring: RestorePod) -> None:
    restoring.part("prepare")
    restoring.client()
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE {NEW}".encode())
        connection.execute(f"CREATE DATABASE {NEW}".encode())
    finished = restoring.part("finish")
    assert finished.returncode == 8
    assert "has replaced it" in finished.stderr
    assert comment(server) == ""


def test_the_parts_need_each_other(restoring: RestorePod) -> None:
    alone = restoring.part("finish")
    assert alone.returncode == 8
    assert "ended without telling how" in alone.stderr
    assert "Traceback" not in alone.stderr
    done = subprocess.run(
        [SWITCHBACK, "restore", restoring.points / NAME, "--database", NEW, "--part", "finish"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--part and --work go together." in done.stderr
