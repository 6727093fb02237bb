"""`kubectl switchback restore` on a real cluster: from a restore point to a copy, and to its use."""

from __future__ import annotations

import secrets
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from switchback.api import names
from tests.cluster.run import wait_for
from tests.e2e.plugin_bed import Plugin
from tests.e2e.shop import SECOND, SHOP, THIRD
from tests.e2e.support import ALLOW_LOSS, KEY, Migration, World, pg_dump

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.backends.base import Volume
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database

pytestmark = pytest.mark.cluster

SECONDS = 120.0


@pytest.fixture
def plugin(world: World) -> Plugin:
    return Plugin(world.cluster.kubeconfig, world.namespace)


@pytest.fixture
def copy(database: Database) -> Iterator[Database]:
    """A database that is not there yet; dropped afterwards."""
    made = type(database)(database.server, f"copy_{secrets.token_hex(4)}", database.password)
    yield made
    if made._connection is not None:  # noqa: SLF001 - our own
        made._connection.close()  # noqa: SLF001 - our own
    with database.server.connect() as connection:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        connection.execute(drop.format(sql.Identifier(made.name)))


@pytest.fixture
def points(world: World) -> Volume:
    """The claim that the restore points lie on."""
    return world.claim()


@pytest.fixture
def rolled_back(world: World, database: Database, points: Volume) -> tuple[Migration, dict[str, object]]:
    """A shop that has gone back from the third version to the second, and what the third looked like."""
    assert points.name
    shop = world.migration(database, SHOP, rollback=ALLOW_LOSS, snapshot=pg_dump())
    shop.succeeded()
    before = database.contents()
    shop.edit(target=SECOND)
    shop.succeeded()
    assert database.contents() != before
    return shop, before


def exists(database: Database) -> bool:
    with database.server.connect() as connection:
        row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database.name,)).fetchone()
    return row is not None


def may_create(database: Database, *, yes: bool) -> None:
    with database.server.connect() as connection:
        word = sql.SQL("CREATEDB" if yes else "NOCREATEDB")
        connection.execute(sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(database.name), word))


def point(shop: Migration) -> Object:
    found: Object = shop.now()["status"]["snapshots"][-1]
    return found


def own_jobs(world: World) -> list[Object]:
    return [
        one for one in world.jobs() if one["metadata"]["labels"].get("switchback.dev/made-for") == "restore"
    ]


def test_a_copy_with_what_the_rollback_has_destroyed_and_a_switch_to_it(
    plugin: Plugin,
    world: World,
    database: Database,
    copy: Database,
    rolled_back: tuple[Migration, dict[str, object]],
) -> None:
    shop, before = rolled_back
    after = database.contents()
    may_create(database, yes=True)
    steps, state = world.steps(), shop.now()

    code, told = plugin.json("restore", "shop", "--snapshot", point(shop)["name"], "--to", copy.name)

    assert code == 0, told
    assert told["reason"] == "Restored"
    assert told["restored"]["ledger"]["current"] == THIRD
    assert told["restored"]["ledger"]["version"] is True
    assert told["restored"]["ledger"]["marker"] is True
    assert copy.contents() == before
    assert database.contents() == after
    (job,) = own_jobs(world)
    assert job["metadata"]["name"] == told["job"]
    assert "ownerReferences" not in job["metadata"]
    # The operator takes none of it for its own.
    assert [step for step in world.steps() if step] == [step for step in steps if step]
    assert shop.now()["status"] == state["status"]
    assert f"Secret shop-db, key {KEY}, to {copy.name}" in told["cutOver"]
    assert f"set spec.target to {THIRD}" in told["cutOver"]

    url = database.url.removesuffix(f"/{database.name}") + f"/{copy.name}"
    world.secret("shop-db", **{KEY: url})
    shop.edit(target=THIRD)
    there = shop.succeeded()
    assert there["status"]["schema"]["database"]["name"] == copy.name
    look = plugin(*told["look"].removeprefix("kubectl switchback ").split()[:2])
    assert look.returncode == 0, look.stderr
    assert f"is at {THIRD}" in look.stdout

    world.secret("shop-db", **{KEY: database.url})
    shop.edit(target=SECOND)
    back = shop.succeeded()
    assert back["status"]["schema"]["database"]["name"] == database.name
    assert database.contents() == after


def test_the_role_lacks_createdb_and_another_secret_has_it(
    plugin: Plugin,
    world: World,
    database: Database,
    copy: Database,
    rolled_back: tuple[Migration, dict[str, object]],
) -> None:
    _, before = rolled_back
    words = ("restore", "shop", "--snapshot", "latest", "--to", copy.name)
    done = plugin(*words)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "PermissionDenied" in done.stderr
    assert "permission denied to create database" in done.stderr
    assert "ALTER ROLE … CREATEDB" in done.stderr
    assert "--admin-secret NAME/KEY" in done.stderr
    assert not exists(copy)

    admin = f"postgresql://postgres:{database.server._password}@{database.server.host}:5432/postgres"  # noqa: SLF001
    world.secret("admin", url=admin)
    done = plugin(*words, "--admin-secret", "admin/url", "--follow")
    assert done.returncode == 0, done.stderr
    assert copy.contents() == before
    assert "prepare: verifying" in done.stderr
    assert "restore: restore: ended with 0" in done.stderr
    assert database.server._password not in done.stdout + done.stderr  # noqa: SLF001
    assert "  ledger     as recorded: 3 applied, at 0003_names, the marker is there" in done.stdout
    assert "  cut over   change the database in the URL of Secret shop-db" in done.stdout
    assert f"  go back    the same edit with {database.name}" in done.stdout

    taken = plugin(*words, "--admin-secret", "admin/url")
    assert taken.returncode == 11
    assert f"Database {copy.name} exists." in taken.stderr
    assert copy.contents() == before


def test_a_damaged_dump_is_not_restored(
    plugin: Plugin,
    database: Database,
    copy: Database,
    points: Volume,
    rolled_back: tuple[Migration, dict[str, object]],
) -> None:
    assert rolled_back
    if points.files is None:
        pytest.skip("the volume is out of this machine's sight")
    may_create(database, yes=True)
    largest = max(points.files.glob("*/*.dat.gz"), key=lambda path: path.stat().st_size)
    raw = bytearray(largest.read_bytes())
    raw[-1] ^= 1
    largest.write_bytes(raw)
    code, told = plugin.json("restore", "shop", "--snapshot", "latest", "--to", copy.name)
    assert (code, told["reason"]) == (8, "SnapshotUnreadable")
    assert largest.name in told["message"]
    assert not exists(copy)


def test_a_dry_run_shows_a_job_that_the_api_server_would_take(
    plugin: Plugin, world: World, copy: Database, rolled_back: tuple[Migration, dict[str, object]]
) -> None:
    shop, _ = rolled_back
    done = plugin("restore", "shop", "--snapshot", "latest", "--to", copy.name, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "Nothing was made" in done.stderr
    told = world.cluster.kubectl("create", "--dry-run=server", "-f", "-", input=done.stdout)
    assert "created (server dry run)" in told
    assert own_jobs(world) == []
    code, job = plugin.json("restore", "shop", "--snapshot", "latest", "--to", copy.name, "--dry-run")
    assert (code, job["kind"]) == (0, "Job")
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert not {names.LABEL_UID, names.LABEL_STEP} & labels.keys()
    assert labels[names.MANAGED_BY] != names.MANAGED_BY_VALUE
    pod = job["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["initContainers"]] == ["prepare", "restore"]
    assert not any("valueFrom" in one for one in pod["initContainers"][1]["env"]), (
        "no Secret for the client image"
    )
    assert point(shop)["digest"] in pod["initContainers"][0]["args"]


def test_what_is_not_there_is_named(
    plugin: Plugin, copy: Database, rolled_back: tuple[Migration, dict[str, object]]
) -> None:
    shop, _ = rolled_back
    done = plugin("restore", "shop", "--snapshot", "pre-rollback", "--to", copy.name)
    assert done.returncode == 2
    assert f"There is: {point(shop)['name']}." in done.stderr
    assert "--scan" in done.stderr
    place = ("-n", plugin.namespace)
    offered = plugin("__complete", "restore", "shop", *place, "--snapshot", "").stdout.splitlines()
    assert offered[:2] == [point(shop)["name"], "latest"]


def test_stopping_the_command_does_not_stop_the_restore(
    plugin: Plugin,
    world: World,
    database: Database,
    copy: Database,
    rolled_back: tuple[Migration, dict[str, object]],
) -> None:
    _, before = rolled_back
    may_create(database, yes=True)
    argv = plugin.argv("restore", "shop", "--snapshot", "latest", "--to", copy.name)
    with subprocess.Popen(
        argv,
        env=plugin.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for("the Job is there", lambda: bool(own_jobs(world)), timeout=30)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "goes on" in said
    assert "Traceback" not in said

    def complete() -> bool:
        return any(
            one.get("type") == "Complete" for one in own_jobs(world)[0]["status"].get("conditions", [])
        )

    wait_for("the restore has ended", complete, timeout=SECONDS)
    assert copy.contents() == before
