"""The example of a command of one's own: a base backup, its report, and a server that comes up from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.snapshots import report
from tests.postgres.servers import PASSWORD, SUPERUSER, Server, account

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.contract.result import Snapshot

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "snapshot-job" / "basebackup.sh"
NAME = "pre-rollback-20260101T000000Z-shop-3f2a91c0-5b1e77"


class Command:
    """The script as its container runs it, with its volumes in folders."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.volume, self.result = server, folder / "volume", folder / "result.json"
        self.volume.mkdir()
        self.text = SCRIPT.read_text().replace("/snapshots/", f"{self.volume}/")

    def run(self, **database: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", self.text],
            env={
                "PATH": f"{self.server.programs}:/usr/bin:/bin",
                "SWITCHBACK_SNAPSHOT_NAME": NAME,
                "SWITCHBACK_RESULT": str(self.result),
                **database,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd="/",
        )

    def accepted(self) -> Snapshot:
        return report.read(self.result, NAME, datetime.now(UTC) - timedelta(seconds=60), str)


def by_url(server: Server, password: str = PASSWORD) -> dict[str, str]:
    return {"DATABASE_URL": server.url(password=password)}


def by_parts(server: Server, password: str = PASSWORD) -> dict[str, str]:
    return {
        "PGHOST": server.host,
        "PGPORT": str(server.port),
        "PGUSER": SUPERUSER,
        "PGDATABASE": "postgres",
        "PGPASSWORD": password,
    }


@pytest.mark.parametrize("how", [by_url, by_parts])
def test_a_server_comes_up_from_what_it_took(
    server: Server, database: str, tmp_path: Path, how: Callable[[Server], dict[str, str]]
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE books AS SELECT n AS id FROM generate_series(1, 1000) n")
        name = connection.info.dbname
    command = Command(server, tmp_path)
    done = command.run(**how(server))
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    taken = command.accepted()
    assert taken.path == NAME
    assert taken.size > 10_000_000
    assert taken.digest.startswith("sha256:")
    assert [path.name for path in command.volume.iterdir()] == [NAME]

    copy = Server(server.programs)
    try:
        shutil.copytree(command.volume / NAME, copy.data)
        owner = account()
        for path in (copy.data, *copy.data.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        copy.start()
        with copy.connect(name) as connection:
            assert connection.execute("SELECT count(*) FROM books").fetchone() == (1000,)
    finally:
        copy.remove()


def test_a_second_try_takes_it_anew(server: Server, tmp_path: Path) -> None:
    command = Command(server, tmp_path)
    (command.volume / NAME).mkdir()
    (command.volume / f"{NAME}.partial").mkdir()
    (command.volume / f"{NAME}.partial" / "half").touch()
    assert command.run(**by_parts(server)).returncode == 0
    assert command.accepted()
    assert [path.name for path in command.volume.iterdir()] == [NAME]


def test_whatever_fails_leaves_no_report(server: Server, tmp_path: Path) -> None:
    command = Command(server, tmp_path)
    done = command.run(**by_parts(server, "wrong-canary"))
    assert done.returncode != 0
    assert "password authentication failed" in done.stderr.splitlines()[-1]
    assert "canary" not in done.stdout + done.stderr
    assert not command.result.exists()
    assert list(command.volume.iterdir()) == []


def test_the_report_is_of_the_documented_form(server: Server, tmp_path: Path) -> None:
    command = Command(server, tmp_path)
    assert command.run(**by_parts(server)).returncode == 0
    told = json.loads(command.result.read_text())
    assert set(told) == {"version", "id", "path", "sizeBytes", "restorePointTime", "digest"}
