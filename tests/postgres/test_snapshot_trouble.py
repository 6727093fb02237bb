"""What goes wrong while a restore point is taken: told early, and never in the way of the next try."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason, Retry, meaning
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.names import Names
from switchback.snapshots import contents, estimate
from switchback.snapshots.folder import FolderStore
from switchback.snapshots.manifest import Requester
from switchback.snapshots.prepare import Order, prepare
from tests.postgres.servers import PASSWORD, embedded_18, running
from tests.postgres.snapshot_pod import FILL, NAME, Pod, as_root, opener, pod_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres.servers import Server


SWITCHBACK = Path(sys.executable).parent / "switchback"


@pytest.fixture
def filled(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(FILL.encode())
    return database


@pytest.fixture
def pod(server: Server, tmp_path: Path) -> Pod:
    return pod_for(server, tmp_path)


def failing(act: Callable[[], object]) -> RunnerError:
    with pytest.raises(RunnerError) as refusal:
        act()
    return refusal.value


def order(pod: Pod, **more: float) -> Order:
    requester = Requester("3f2a91c0-5b1e77", "shop", "shop", "3f2a91c0")
    return Order(pod.kept, pod.room, pod.work, NAME, 2, requester, Names(), **more)  # type: ignore[arg-type]


def test_what_cannot_end_in_time_is_refused_before_anything_starts(
    filled: str, pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "JOB_RATE", 100)
    found = prepare(order(pod, deadline_seconds=600), opener(filled))
    assert found.trouble is not None
    assert "10 minutes" in found.trouble.message
    assert "nothing to do" in pod.run("dump")
    pod.run("reread")
    error = failing(pod.seal)
    assert error.reason is Reason.SNAPSHOT_TOO_SLOW
    assert list(pod.root.iterdir()) == []


@pytest.mark.parametrize("locked", [False, True])
def test_the_sizes_are_those_of_tables_and_large_objects_without_indexes(
    filled: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    locked: bool,
) -> None:
    """Nobody is waited for: where a table cannot be measured, what is remembered of its size will do."""
    monkeypatch.setattr(estimate, "LOCK_WAIT", "50ms")
    with psycopg.connect(filled, autocommit=True) as connection, psycopg.connect(filled) as other:
        connection.execute(
            b"CREATE TABLE big AS SELECT repeat(md5(n::text), 4) a FROM generate_series(1, 20000) n"
        )
        connection.execute(b"CREATE INDEX ON big (a)")
        connection.execute(b"VACUUM ANALYZE")
        row = connection.execute("SELECT pg_table_size('big'), pg_database_size(current_database())")
        big, everything = row.fetchone() or (0, 0)
        if locked:
            other.execute("LOCK TABLE child IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        found = estimate.measure(connection)
        assert time.monotonic() - began < 2
    assert big * 0.9 < found.largest <= big
    assert big < found.tables < everything / 2


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


def test_what_cannot_fit_is_refused_before_anything_is_dumped(
    server: Server, filled: str, small_volume: Path, tmp_path: Path
) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(
            b"CREATE TABLE big AS SELECT repeat(md5(n::text), 4) a FROM generate_series(1, 100000) n"
        )
    pod = Pod(small_volume, tmp_path / "work", server.programs)
    pod.prepare(filled)
    assert "nothing to do" in pod.run("dump")
    pod.run("reread")
    error = failing(pod.seal)
    assert error.reason is Reason.SNAPSHOT_VOLUME_FULL
    assert "256.0 KiB of 256.0 KiB left" in error.message
    assert "Nothing was dumped" in error.message
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(b"DROP TABLE big")
    again = Pod(small_volume, tmp_path / "again", server.programs)
    assert again.take(filled).manifest.size > 0


def test_what_may_not_fit_is_tried_and_said(
    server: Server, filled: str, small_volume: Path, tmp_path: Path
) -> None:
    pod = Pod(small_volume, tmp_path / "work", server.programs)
    found = pod.prepare(filled)
    assert any("may not fit" in notice for notice in found.notices)
    pod.run("dump")
    pod.run("reread")
    assert pod.seal().manifest.size > 0


def test_the_server_restarts_while_it_is_dumped_and_the_next_try_works(tmp_path: Path) -> None:
    with running(embedded_18()) as server:
        name = server.create_database()
        url = server.url(name)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(FILL.encode())
        pod = pod_for(server, tmp_path)
        record = pod.prepare(url)
        with contextlib.suppress(psycopg.OperationalError), server.connect(name) as holder:
            holder.execute("BEGIN; LOCK TABLE child IN ACCESS EXCLUSIVE MODE")
            process = pod.client("dump")
            with server.connect(name) as watching:
                until = time.monotonic() + 30
                while not watching.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                    assert time.monotonic() < until
                    time.sleep(0.02)
            server.stop()
            server.start()
        process.communicate(timeout=60)
        assert (pod.root / record.partial).exists()
        pod.run("reread")
        error = failing(pod.seal)
        assert error.reason is Reason.CONNECTION_LOST
        assert meaning(error.reason).retry is Retry.COUNT
        assert FolderStore(pod.root).adopt(NAME) is None
        assert list(pod.root.iterdir()) == []
        made = pod_for(server, tmp_path).take(url)
        assert contents.verify(pod.root / NAME)[1] == made.digest


def test_a_missing_right_is_named_and_once_it_is_granted_the_next_try_works(
    server: Server, filled: str, pod: Pod
) -> None:
    login = f"dumper_{time.time_ns()}"
    with psycopg.connect(filled, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{PASSWORD}'".encode())
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {login}".encode())
        connection.execute(f"REVOKE SELECT ON child FROM {login}".encode())
        connection.execute(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {login}".encode())
        connection.execute(f"GRANT SELECT ON LARGE OBJECT 4711 TO {login}".encode())
        try:
            url = server.url(name, login)
            error = failing(lambda: pod.take(url))
            assert error.reason is Reason.PERMISSION_DENIED
            assert "child" in error.message
            assert list(pod.root.iterdir()) == []
            connection.execute(f"GRANT SELECT ON child TO {login}".encode())
            made = pod_for(server, pod.root.parent).take(url)
            assert not made.adopted
            assert contents.verify(pod.root / NAME)[1] == made.digest
        finally:
            connection.execute(f"DROP OWNED BY {login}; DROP ROLE {login}".encode())


def test_the_manifest_names_the_newest_event_and_the_operations_own_marker(
    server: Server, database: str, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (folder / "0001_a.up.sql").write_text("CREATE TABLE a (id int);")
    migrated = subprocess.run(
        [SWITCHBACK, "migrate", "--dir", folder, "--url", database],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert migrated.returncode == 0, migrated.stderr
    with psycopg.connect(database, autocommit=True) as connection:
        insert = (
            "INSERT INTO switchback.events (kind, operation_id, intent_digest, reason, details)"
            " VALUES (%s, %s, '', '', '')"
        )
        for kind, operation in (
            ("Marker", "99999999-000000"), ("Marker", "3f2a91c0-5b1e77"), ("Released", "99999999-000000"),
        ):  # fmt: skip
            connection.execute(insert.encode(), (kind, operation))
        seqs = [row[0] for row in connection.execute("SELECT seq FROM switchback.events ORDER BY seq")]
    made = pod_for(server, tmp_path_factory.mktemp("pod")).take(database)
    assert made.manifest.ledger is not None
    assert (made.manifest.ledger.event, made.manifest.ledger.marker) == (seqs[-1], seqs[-2])
