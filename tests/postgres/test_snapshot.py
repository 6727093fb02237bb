"""Restore points of real databases: taken, refused, damaged, taken again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.names import Names
from switchback.snapshots import contents, libpq, manifest
from switchback.snapshots.layout import MANIFEST
from switchback.snapshots.prepare import Order, prepare
from tests.postgres.servers import DEBIAN_15
from tests.postgres.snapshot_pod import FILL, NAME, Pod, as_root, opener, pod_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from switchback.snapshots.seal import Sealed
    from tests.postgres.servers import Server


@pytest.fixture
def filled(database: str) -> str:
    """URL of a database with a bit of everything in it."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(FILL.encode())
    return database


@pytest.fixture
def pod(server: Server, tmp_path: Path) -> Pod:
    return pod_for(server, tmp_path)


@pytest.fixture
def sealed(pod: Pod, filled: str) -> Sealed:
    return pod.take(filled)


def failing(act: Callable[[], object]) -> RunnerError:
    with pytest.raises(RunnerError) as refusal:
        act()
    return refusal.value


def folders(pod: Pod) -> list[str]:
    return sorted(path.name for path in pod.root.iterdir())


def test_a_restore_point_says_what_it_is_of(server: Server, filled: str, pod: Pod) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        before = connection.execute("SELECT clock_timestamp()").fetchone()
        made = pod.take(filled)
        row = connection.execute(
            "SELECT %s < %s::timestamptz AND %s::timestamptz < clock_timestamp(), system_identifier::text,"
            " current_database(), current_setting('server_version_num')::int FROM pg_control_system()",
            (before and before[0], made.manifest.restore_point, made.manifest.restore_point),
        ).fetchone()
    assert row is not None
    inside, system, database, version = row
    assert inside
    manifest = made.manifest
    assert (manifest.origin.database, manifest.origin.system_identifier) == (database, system)
    assert manifest.origin.server_version == version
    assert manifest.client_major == version // 10000
    assert manifest.origin.tables == 2
    assert manifest.requester.namespace == "shop"
    assert manifest.writers_fenced is False
    assert contents.verify(pod.root / NAME) == (manifest, made.digest)
    assert folders(pod) == [NAME]


def test_what_is_committed_before_the_restore_point_is_in_the_dump(filled: str, pod: Pod) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("INSERT INTO child VALUES (9001, NULL)")
        pod.prepare(filled)
        connection.execute("INSERT INTO child VALUES (9002, NULL)")
        pod.run("dump")
        connection.execute("INSERT INTO child VALUES (9003, NULL)")
        pod.run("reread")
        pod.seal()
    program = pod.clients / "pg_restore"
    text = subprocess.run(
        [program, "--data-only", "--table=child", "--file=-", pod.root / NAME],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert "\n9001\t" in text
    assert "\n9003\t" not in text


@pytest.mark.parametrize("damage", ["flip", "cut", "missing", "extra"])
def test_every_kind_of_damage_is_found(sealed: Sealed, pod: Pod, damage: str) -> None:
    folder = pod.root / NAME
    largest = max(folder.glob("*.dat.gz"), key=lambda path: path.stat().st_size)
    raw = bytearray(largest.read_bytes())
    if damage == "flip":
        raw[len(raw) // 2] ^= 1
        largest.write_bytes(raw)
    elif damage == "cut":
        os.truncate(largest, len(raw) - 1)
    elif damage == "missing":
        largest.unlink()
    else:
        (folder / "9999.dat.gz").write_bytes(raw)
    error = failing(lambda: contents.verify(folder))
    assert error.reason is Reason.SNAPSHOT_UNREADABLE
    assert ("9999.dat.gz" if damage == "extra" else largest.name) in error.message
    assert sealed.manifest.size > 0


def test_a_dump_that_cannot_be_read_back_is_no_restore_point(filled: str, pod: Pod) -> None:
    record = pod.prepare(filled)
    pod.run("dump")
    largest = max((pod.root / record.partial).glob("*.dat.gz"), key=lambda path: path.stat().st_size)
    raw = bytearray(largest.read_bytes())
    raw[len(raw) // 2] ^= 1
    largest.write_bytes(raw)
    pod.run("reread")
    error = failing(pod.seal)
    assert error.reason is Reason.SNAPSHOT_UNREADABLE
    assert folders(pod) == []


def test_asked_again_the_restore_point_is_adopted(server: Server, sealed: Sealed, pod: Pod) -> None:
    again = pod_for(server, pod.root.parent)
    # The database need not even be reachable: the work is done.
    record = again.prepare("postgresql://nobody@127.0.0.1:1/none")
    assert record.adopted
    assert "nothing to do" in again.run("dump")
    again.run("reread")
    found = again.seal()
    assert found.adopted
    assert (found.manifest, found.digest) == (sealed.manifest, sealed.digest)


def test_a_restore_point_of_another_database_is_not_adopted(server: Server, sealed: Sealed, pod: Pod) -> None:
    again = pod_for(server, pod.root.parent)
    again.prepare("postgresql://nobody@127.0.0.1:1/none", database="other")
    error = failing(again.seal)
    assert error.reason is Reason.DATABASE_CHANGED
    assert folders(pod) == [NAME]
    assert contents.verify(pod.root / NAME)[1] == sealed.digest


def test_a_damaged_one_of_that_name_is_set_aside_and_made_anew(
    server: Server, filled: str, sealed: Sealed, pod: Pod
) -> None:
    os.truncate(pod.root / NAME / "toc.dat", 10)
    again = pod_for(server, pod.root.parent)
    made = again.take(filled)
    assert not made.adopted
    assert contents.verify(pod.root / NAME)[1] == made.digest != sealed.digest
    assert [name.endswith(".damaged") for name in folders(pod)] == [False, True]
    assert any(".damaged" in notice for notice in made.notices)


@pytest.mark.parametrize("wrong", [{"database": "other"}, {"system": "1"}])
def test_another_database_than_the_inspected_one_is_refused(
    filled: str, pod: Pod, wrong: dict[str, str]
) -> None:
    pod.prepare(filled, **wrong)
    assert "nothing to do" in pod.run("dump")
    pod.run("reread")
    assert failing(pod.seal).reason is Reason.DATABASE_CHANGED
    assert folders(pod) == []


@pytest.mark.skipif(not (DEBIAN_15 / "pg_dump").exists(), reason="needs the client programs of 15")
def test_a_client_of_an_older_major_does_not_dump(pg18: Server, tmp_path: Path) -> None:
    name = pg18.create_database()
    pod = pod_for(pg18, tmp_path, DEBIAN_15)
    error = failing(lambda: pod.take(pg18.url(name)))
    pg18.drop_database(name)
    assert error.reason is Reason.SNAPSHOT_CLIENT_TOO_OLD
    assert "15." in error.message
    assert folders(pod) == []


def test_a_client_of_a_newer_major_does_not_dump(pg15: Server, pg18: Server, tmp_path: Path) -> None:
    name = pg15.create_database()
    pod = pod_for(pg15, tmp_path, pg18.programs)
    error = failing(lambda: pod.take(pg15.url(name)))
    pg15.drop_database(name)
    assert error.reason is Reason.SNAPSHOT_CLIENT_TOO_NEW
    assert folders(pod) == []


def test_a_client_image_without_the_programs_is_named(filled: str, pod: Pod, tmp_path: Path) -> None:
    pod.clients = tmp_path
    pod.prepare(filled)
    # A PATH with a shell's tools and no client program.
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("cat", "sed", "rm", "mkfifo", "tee"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    pod.environment = {"PATH": str(tools)}
    pod.run("dump")
    pod.run("reread")
    error = failing(pod.seal)
    assert error.reason is Reason.SNAPSHOT_FAILED
    assert "client image has no pg_dump" in error.message


def test_a_password_that_changed_in_between_is_told(filled: str, pod: Pod) -> None:
    pod.prepare(filled)
    libpq.write_private(pod.work / "pgpass", "*:*:*:*:wrong\n")
    pod.run("dump")
    pod.run("reread")
    error = failing(pod.seal)
    assert error.reason is Reason.AUTHENTICATION_FAILED
    assert folders(pod) == []


def test_a_table_that_is_being_altered_fails_the_dump_in_time(
    filled: str, pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("switchback.snapshots.prepare.LOCK_WAIT_MS", 200)
    with psycopg.connect(filled) as connection:
        connection.execute("LOCK TABLE child IN ACCESS EXCLUSIVE MODE")
        error = failing(lambda: pod.take(filled))
    assert error.reason is Reason.OBJECTS_LOCKED
    assert folders(pod) == []


def test_a_table_that_may_not_be_read_is_named(server: Server, filled: str, pod: Pod) -> None:
    user = f"weak_{time.time_ns()}"
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'x'".encode())
        try:
            name = connection.info.dbname
            error = failing(lambda: pod.take(server.url(name, user, "x")))
        finally:
            connection.execute(f"DROP ROLE {user}".encode())
    assert error.reason is Reason.PERMISSION_DENIED
    assert "permission denied" in error.message


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if not as_root():
        pytest.skip("mounting needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True, timeout=30)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True, timeout=30)


def test_a_full_volume_is_told_and_freed(
    server: Server, filled: str, small_volume: Path, tmp_path: Path
) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE noise AS SELECT string_agg(md5(random()::text), '') AS text"
            " FROM generate_series(1, 40000) n GROUP BY n % 100"
        )
    pod = Pod(small_volume, tmp_path / "work", server.programs)
    error = failing(lambda: pod.take(filled))
    assert error.reason is Reason.SNAPSHOT_VOLUME_FULL
    assert "256.0 KiB" in error.message
    assert "The incomplete dump was removed." in error.message
    assert folders(pod) == []


def test_a_volume_that_is_full_from_the_start_is_told(
    server: Server, filled: str, small_volume: Path, tmp_path: Path
) -> None:
    pod = Pod(small_volume, tmp_path / "work", server.programs)
    subprocess.run(["dd", "if=/dev/zero", f"of={small_volume}/other"], check=False, timeout=30)
    error = failing(lambda: pod.take(filled))
    assert error.reason is Reason.SNAPSHOT_VOLUME_FULL
    assert folders(pod) == ["other"]


def test_killed_half_way_the_next_try_of_the_same_name_works(server: Server, filled: str, pod: Pod) -> None:
    record = pod.prepare(filled)
    with psycopg.connect(filled) as connection:
        connection.execute("LOCK TABLE child IN ACCESS EXCLUSIVE MODE")
        process = pod.client("dump")  # hangs at the lock
        wait_until(connection, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
        subprocess.run(["pkill", "-KILL", "-P", str(process.pid)], check=False, timeout=30)
        process.kill()
        process.wait(30)
    assert folders(pod) == [record.partial]
    again = pod_for(server, pod.root.parent)
    made = again.take(filled)
    assert folders(pod) == [NAME]
    assert contents.verify(pod.root / NAME)[1] == made.digest
    assert any(record.partial in notice for notice in made.notices)


SHELLS = [shell for shell in (("dash",), ("bash", "--posix"), ("busybox", "sh")) if shutil.which(shell[0])]


@pytest.mark.parametrize("shell", SHELLS, ids="-".join)
def test_any_posix_shell_will_do(filled: str, pod: Pod, shell: tuple[str, ...]) -> None:
    pod.shell = shell
    assert pod.take(filled).manifest.size > 0


@pytest.mark.parametrize("shell", SHELLS, ids="-".join)
def test_a_pod_that_is_told_to_stop_ends_pg_dump_first(
    server: Server, filled: str, pod: Pod, shell: tuple[str, ...]
) -> None:
    pod.shell = shell
    pod.prepare(filled)
    with psycopg.connect(filled) as connection, server.connect() as watching:
        connection.execute("LOCK TABLE child IN ACCESS EXCLUSIVE MODE")
        process = pod.client("dump")
        wait_until(watching, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        wait_until(watching, "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name ~ 'snapshot'")
    pod.run("reread")
    assert failing(pod.seal).reason is Reason.SNAPSHOT_FAILED
    assert folders(pod) == []


def wait_until(connection: psycopg.Connection[tuple[object, ...]], query: str) -> None:
    deadline = time.monotonic() + 30
    while connection.execute(query.encode()).fetchone() != (True,):
        assert time.monotonic() < deadline, query
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("operation", "purpose", "uid"),
    [("3f2a91c0-aaaaaa", "", ""), ("", "pre-migration", ""), ("", "", "another")],
)
def test_a_restore_point_of_another_operation_is_not_adopted(
    sealed: Sealed, pod: Pod, operation: str, purpose: str, uid: str
) -> None:
    """What stands in the way is somebody's: it is neither taken for ours nor touched."""
    known, path = sealed.manifest, pod.root / NAME / MANIFEST
    ours = replace(known.requester, purpose="pre-rollback", uid="this")
    theirs = replace(
        ours,
        operation_id=operation or ours.operation_id,
        purpose=purpose or ours.purpose,
        uid=uid or ours.uid,
    )
    path.write_bytes(manifest.encode(replace(known, requester=theirs)))
    before = path.read_bytes()
    order = Order(pod.kept, pod.room, pod.work, NAME, 2, ours, Names())
    record = prepare(order, opener("postgresql://nobody@127.0.0.1:1/none"))
    assert record.trouble is not None
    assert "is there already" in record.trouble.message
    assert path.read_bytes() == before
