"""The way to the database, and whom one meets there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from urllib.parse import quote

from tests.postgres.pgbouncer import pooled
from tests.postgres.running import PROGRAM, Runner
from tests.postgres.servers import DEBIAN_15, PASSWORD, Server, running
from tests.trouble.stage import Stage

SECRET = "s3cret"
_SLEEPING = (
    "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' "
    "AND pid <> pg_backend_pid() AND datname = current_database()"
)


def url_unset(stage: Stage) -> None:
    """There is no address."""
    stage.shop()
    stage.shell("switchback migrate", url=None)


def url_wrong(stage: Stage) -> None:
    """What is there is no address of PostgreSQL."""
    stage.shop()
    stage.shell("switchback migrate", url=f"{stage.server.host}:{stage.server.port}/shop")
    stage.shell("switchback migrate", url=f"mysql://shop:{SECRET}@127.0.0.1:3306/shop")
    stage.shell("switchback migrate", url=f"jdbc:postgresql://127.0.0.1:{stage.server.port}/shop?user=shop")


def unknown_host(stage: Stage) -> None:
    """The name of the host is not known."""
    stage.shop()
    stage.shell("switchback migrate", url=f"postgresql://shop:{SECRET}@db.shop.invalid:5432/shop")


def refused(stage: Stage) -> None:
    """Nobody listens there."""
    stage.shop()
    stage.shell("switchback migrate", url=f"postgresql://shop:{SECRET}@127.0.0.1:1/shop")


def password(stage: Stage) -> None:
    """The password is another."""
    stage.shop()
    stage.shell("switchback migrate", url=stage.url.replace(quote(PASSWORD, safe=""), "guessed"))


def no_database(stage: Stage) -> None:
    """There is no such database."""
    stage.shop()
    stage.shell("switchback migrate", url=stage.server.url("shopp"))


def no_tls(stage: Stage) -> None:
    """The server has no certificate, and the address asks for it."""
    stage.shop()
    stage.shell("switchback migrate", url=f"{stage.url}?sslmode=require")


def no_right(stage: Stage) -> None:
    """The user may log in and nothing else."""
    stage.shop()
    create = "CREATE ROLE shop LOGIN PASSWORD 's3cret'"
    stage.sql(f"DO $$ BEGIN {create}; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    stage.shell("switchback migrate", url=stage.server.url(stage.database, "shop", SECRET))


def lock_held(stage: Stage) -> None:
    """Another run is at work."""
    stage.shop()
    stage.quietly("switchback migrate")
    stage.write(_0004_slow_up="SELECT pg_sleep(60);\n")
    other = subprocess.Popen(
        [PROGRAM, "migrate"], cwd=stage.place, env=os.environ | {"DATABASE_URL": stage.url},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _until(stage, f"SELECT 1 {_SLEEPING}")
        stage.shell("switchback migrate --advisory-lock-timeout 1s")
    finally:
        other.terminate()
        other.wait(30)


def objects_locked(stage: Stage) -> None:
    """Somebody reads the table in a long transaction. Eleven tries take minutes; the page says eleven."""
    stage.shop()
    stage.alike = {"of 3 in": "of 11 in", "in 3 tries": "in 11 tries"}
    stage.quietly("switchback migrate --target 0002")
    with stage.held("SELECT count(*) FROM customers"):
        stage.shell(
            "switchback migrate",
            limits={"lock_timeout_ms": 1500, "first_pause": 0.01, "longest_pause": 0.02, "retries": 2},
            only=lambda lines: [lines[0], "…", *lines[2:]],
        )


def reserved(stage: Stage) -> None:
    """An operator is about to roll back."""
    stage.shop()
    stage.quietly("switchback migrate --target 0002")
    runner = Runner(stage.url, stage.place / "migrations")
    digest = runner.run("inspect", target="0001_customers", by="7c1f20de-1").result.plan_digest
    assert runner.run("reserve", target="0001_customers", by="7c1f20de-1", expect_plan=digest).error is None
    stage.shell("switchback migrate")


def lost(stage: Stage) -> None:
    """The server ends the session in the midst of a file."""
    stage.shop()
    stage.write(_0003_mail_up="ALTER TABLE customers ADD COLUMN mail text;\nSELECT pg_sleep(60);\n")
    stage.quietly("switchback migrate --target 0002")
    done = _meanwhile(stage, f"SELECT pg_terminate_backend(pid) {_SLEEPING}")
    stage.shell("switchback migrate")
    done.wait(30)


def outcome_unknown(stage: Stage) -> None:
    """The server is gone in the midst of a file, and does not come back in time."""
    with running(stage.server.programs) as server:
        own = Stage(server, server.create_database(), stage.place)
        own.shop()
        own.write(_0003_mail_up="ALTER TABLE customers ADD COLUMN mail text;\nSELECT pg_sleep(60);\n")
        own.quietly("switchback migrate --target 0002")
        assert server.process is not None
        stopper = _meanwhile(own, f"SELECT 1 {_SLEEPING}", f"os.kill({server.process.pid}, signal.SIGQUIT)")
        own.shell("switchback migrate", limits={"settle": 2})
        stopper.wait(30)
        stage.lines, stage.code = own.lines, own.code


def pooler(stage: Stage) -> None:
    """A pooler stands before the server."""
    stage.shop()
    with pooled(stage.server, "transaction") as port:
        stage.alike = {str(port): "6432"}
        stage.shell("switchback migrate", url=stage.url.replace(f":{stage.server.port}/", f":{port}/"))


def standby(stage: Stage) -> None:
    """The server is a copy that only reads."""
    from tests.postgres.test_connect import conninfo, copy  # noqa: PLC0415 - only here

    with running(DEBIAN_15) as primary:
        other = Server(DEBIAN_15, {"primary_conninfo": conninfo(primary)})
        try:
            copy(primary, other)
            other.start()
            own = Stage(other, "postgres", stage.place, alike={"/postgres": "/shop"})
            own.shop()
            own.shell("switchback migrate")
            stage.lines, stage.code = own.lines, own.code
        finally:
            other.remove()


def _until(stage: Stage, query: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with stage.server.connect(stage.database) as connection:
            if connection.execute(query.encode()).fetchall():
                return
        time.sleep(0.05)
    raise TimeoutError(query)


def _meanwhile(stage: Stage, query: str, then: str = "pass") -> subprocess.Popen[bytes]:
    """Ask until the answer is a row, in a process of its own: this one runs the program."""
    program = (
        "import os, signal, sys, time, psycopg\nconnection = psycopg.connect(sys.argv[1], autocommit=True)\n"
        "for _ in range(600):\n    time.sleep(0.05)\n"
        "    if connection.execute(sys.argv[2]).fetchall():\n"
        f"            {then}\n            break\n"
    )
    return subprocess.Popen([sys.executable, "-c", program, stage.url, query])


SCENES = (
    url_unset, url_wrong, unknown_host, refused, password, no_database, no_tls, no_right, lock_held,
    objects_locked, reserved, lost, outcome_unknown, pooler, standby,
)  # fmt: skip
