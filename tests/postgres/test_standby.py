"""A streaming standby: told as one, passed over among several hosts, gone on with once it is the primary."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.postgres.running import Runner, write
from tests.postgres.servers import DEBIAN_15, PASSWORD, SUPERUSER, Server, embedded_18, running
from tests.postgres.test_crash import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["18", "15"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Server]]:
    """A primary, and a standby that follows it."""
    programs = DEBIAN_15 if request.param == "15" else embedded_18()
    if not (programs / "pg_basebackup").exists():
        pytest.skip(f"there is no pg_basebackup of PostgreSQL {request.param}")
    with running(programs) as primary:
        where = psycopg.conninfo.make_conninfo(
            host=primary.host, port=primary.port, user=SUPERUSER, password=PASSWORD
        )
        standby = Server(programs, {"primary_conninfo": where})
        try:
            subprocess.run(
                [programs / "pg_basebackup", "-D", standby.data, "-R", "-c", "fast", "-d", where],
                check=True, capture_output=True, timeout=60,
            )  # fmt: skip
            for path in (standby.data, *standby.data.rglob("*")):
                shutil.chown(path, standby.folder.owner(), standby.folder.group())
            standby.start()
            yield primary, standby
        finally:
            standby.remove()


def hosts(url: str, *servers: Server) -> str:
    """The address with several hosts in order."""
    listed = ",".join(f"{server.host}:{server.port}" for server in servers)
    return url.replace(f"{servers[0].host}:{servers[0].port}", listed)


def test_a_standby(pair: tuple[Server, Server], folder: Path) -> None:
    primary, standby = pair
    write(folder, "0001_a")
    name = primary.create_database()
    until(lambda: standby.connect().execute(f"SELECT FROM pg_database WHERE datname = '{name}'").rowcount)
    for command in ("migrate", "rollback", "status"):
        done = Runner(standby.url(name), folder).call(command, "--dir", str(folder))
        assert done.returncode == 7, done.stdout
        assert f"The server at 127.0.0.1:{standby.port} is a standby" in done.stderr
        assert "Use the address of the primary" in done.stderr
    both = Runner(hosts(standby.url(name), standby, primary), folder)
    assert both.call("migrate", "--dir", str(folder)).returncode == 0
    assert Runner(primary.url(name), folder).applied == ["0001_a"]

    # The primary goes down in the middle of a run, and the standby takes its place.
    write(folder, "0003_c", _0002_b_up="CREATE TABLE b (id int);\nSELECT pg_sleep(60);")
    process = both.start("migrate", "--dir", str(folder))
    busy = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    until(lambda: primary.connect().execute(busy).rowcount)
    primary.stop()
    standby.connect().execute("SELECT pg_promote()")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 7, out + err
    assert "it was rolled back" in err
    write(folder, _0002_b_up="CREATE TABLE b (id int);")
    assert both.call("migrate", "--dir", str(folder)).returncode == 0
    promoted = Runner(standby.url(name), folder)
    assert promoted.applied == ["0001_a", "0002_b", "0003_c"]
    assert promoted.tables == {"t_0001_a", "b", "t_0003_c"}
