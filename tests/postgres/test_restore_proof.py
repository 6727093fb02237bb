"""A restored copy is complete up to the marker, has the recorded ledger, and acts on nothing but itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.snapshots import contents, manifest
from switchback.snapshots.layout import MANIFEST
from tests.postgres.snapshot_pod import NAME, Pod, pod_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from tests.postgres.servers import Server

SWITCHBACK = Path(sys.executable).parent / "switchback"
FILES = {
    "0001_a.up.sql": "CREATE TABLE a (id int);",
    "0001_a.down.sql": "DROP TABLE a;",
    "0002_written.up.sql": "CREATE TABLE written (writer int, number int, PRIMARY KEY (writer, number));",
    "0002_written.down.sql": "DROP TABLE written;",
}


def switchback(*words: str | Path, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SWITCHBACK, *words], env={**os.environ, "DATABASE_URL": url},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def programs_of_the_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{server.programs}:{os.environ['PATH']}")


@pytest.fixture
def migrated(database: str, folder: Path) -> str:
    """A database with two migrations applied."""
    for name, text in FILES.items():
        (folder / name).write_text(text)
    done = switchback("migrate", "--dir", folder, url=database)
    assert done.returncode == 0, done.stderr
    return database


@pytest.fixture
def pod(server: Server, tmp_path: Path) -> Pod:
    return pod_for(server, tmp_path)


@pytest.fixture
def copy_name(server: Server) -> Iterator[str]:
    name = f"copy_{time.time_ns()}"
    yield name
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


@dataclass
class Writers:
    """Clients that insert ever higher numbers, one per transaction, and know what was committed."""

    url: str
    count: int = 4
    committed: dict[int, int] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(self.count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _write(self, writer: int) -> None:
        number = 0
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self._over.is_set():
                number += 1
                connection.execute("INSERT INTO written VALUES (%s, %s)", (writer, number))
                self.committed[writer] = number

    def reached(self, number: int) -> None:
        deadline = time.monotonic() + 30
        while len(self.committed) < self.count or min(self.committed.values()) < number:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_under_load_the_copy_holds_the_marker_and_everything_committed_before_it(
    server: Server, migrated: str, pod: Pod, copy_name: str
) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection, Writers(migrated) as writers:
        writers.reached(100)
        before = dict(writers.committed)
        row = connection.execute(
            "INSERT INTO switchback.events (kind, operation_id, intent_digest, reason)"
            " VALUES ('Marker', '3f2a91c0-5b1e77', '', '') RETURNING seq"
        ).fetchone()
        assert row is not None
        pod.take(migrated)
        writers.reached(max(writers.committed.values()) + 20)
        after = dict(writers.committed)
    done = switchback(
        "restore", pod.root / NAME, "--database", copy_name, "--yes", "--json", url=server.url()
    )
    assert done.returncode == 0, done.stderr
    ledger = json.loads(done.stdout)["restored"]["ledger"]
    assert ledger == {"current": "0002_written", "applied": 2, "version": True, "marker": True}
    with psycopg.connect(server.url(copy_name)) as copy:
        marker = copy.execute("SELECT kind FROM switchback.events WHERE seq = %s", (row[0],)).fetchone()
        assert marker == ("Marker",)
        found: dict[int, int] = dict(
            copy.execute("SELECT writer, max(number) FROM written GROUP BY 1").fetchall()
        )
        gaps = copy.execute("SELECT writer FROM written GROUP BY 1 HAVING count(*) <> max(number)").fetchall()
    assert gaps == [], "every transaction before the last one that is there is there, too"
    assert all(found[writer] >= before[writer] for writer in before)
    assert all(found[writer] < after[writer] for writer in after), "what came later is not in it"


def change(pod: Pod, **ledger: object) -> None:
    """Let the manifest say something else of the ledger."""
    path = pod.root / NAME / MANIFEST
    known, _ = contents.read(pod.root / NAME)
    assert known.ledger is not None
    path.write_bytes(manifest.encode(replace(known, ledger=replace(known.ledger, **ledger))))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ({"applied": 3, "current": "0003_c"}, "at 0002_written with 2 applied instead of 0003_c with 3"),
        ({"schema": "other"}, "has no ledger in schema other"),
        ({"marker": 4711}, "lacks event 4711, written right before the dump"),
        ({"event": 4711}, "lacks event 4711, written right before the dump"),
        ({"marker": 1}, "event 1 of its ledger is"),
    ],
)
def test_another_ledger_than_the_recorded_one_keeps_the_copy_as_unfinished(  # noqa: PLR0917 - fixtures
    server: Server, migrated: str, pod: Pod, copy_name: str, says: dict[str, object], told: str
) -> None:
    pod.take(migrated)
    change(pod, **says)
    words = ("restore", pod.root / NAME, "--database", copy_name, "--yes")
    done = switchback(*words, "--json", url=server.url())
    assert done.returncode == 8, done.stderr
    assert json.loads(done.stdout)["reason"] == "RestoreFailed"
    assert told in done.stderr
    assert "Do not switch to it." in done.stderr
    with server.connect() as connection:
        row = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (copy_name,)
        ).fetchone()
    assert row == (f"Unfinished restore by switchback from {NAME}",)
    again = switchback(*words, url=server.url())
    assert again.returncode == 11
    assert "Unfinished restore" in again.stderr
    assert "DROP DATABASE" in again.stderr


def test_what_acts_beyond_the_copy_is_left_out_and_listed(
    server: Server, migrated: str, pod: Pod, copy_name: str
) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection:
        for statement in (
            'CREATE SCHEMA "PUBLICATION"; CREATE TABLE "PUBLICATION"."EVENT TRIGGER" (id int PRIMARY KEY)',
            'CREATE PUBLICATION "every thing" FOR TABLE a; CREATE PUBLICATION s FOR TABLES IN SCHEMA public',
            "COMMENT ON PUBLICATION s IS 'x'",
            "CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION seen()",
            "COMMENT ON EVENT TRIGGER audit IS 'y'",
            "CREATE SUBSCRIPTION feed CONNECTION 'host=nowhere' PUBLICATION p WITH (connect=false)",
        ):
            connection.execute(statement.encode())
        pod.take(migrated)
        restored = switchback(
            "restore", pod.root / NAME, "--database", copy_name, "--yes", "--json", url=server.url()
        )
        connection.execute("ALTER SUBSCRIPTION feed SET (slot_name = NONE); DROP SUBSCRIPTION feed")
    assert restored.returncode == 0, restored.stderr
    left_out = json.loads(restored.stdout)["restored"]["leftOut"]
    assert sorted((one["kind"], one["name"]) for one in left_out) == [
        ("event trigger", "audit"),
        ("publication", "every thing"),
        ("publication", "s"),
        ("subscription", "feed"),
    ]
    with psycopg.connect(server.url(copy_name)) as copy:
        for catalogue in ("pg_publication", "pg_subscription", "pg_event_trigger"):
            assert copy.execute(f"SELECT count(*) FROM {catalogue}".encode()).fetchone() == (0,)
        assert copy.execute("SELECT to_regproc('seen')::text").fetchone() == ("seen",)
        assert copy.execute("""SELECT to_regclass('"PUBLICATION"."EVENT TRIGGER"') IS NULL""").fetchone() == (
            False,
        )


def test_for_people_it_says_what_to_do_next(server: Server, migrated: str, pod: Pod, copy_name: str) -> None:
    pod.take(migrated)
    done = switchback("restore", pod.root / NAME, "--database", copy_name, "--yes", url=server.url())
    assert done.returncode == 0, done.stderr
    assert "The ledger in the copy is what the manifest says: 2 applied, current 0002_written." in done.stdout
    lines = done.stdout.splitlines()
    assert lines[-2].startswith("To cut over: ")
    assert f"to {copy_name} and spec.target to 0002_written" in lines[-2]
    assert "kubectl switchback inspect shop -n shop" in lines[-2]
    assert lines[-1].startswith("To go back: the same edit with ")


def test_a_digest_that_is_not_its_own_is_refused_first(
    server: Server, migrated: str, pod: Pod, copy_name: str
) -> None:
    made = pod.take(migrated)
    words = ("restore", pod.root / NAME, "--database", copy_name, "--yes", "--digest")
    other = switchback(*words, "sha256:0", url=server.url())
    assert other.returncode == 8
    assert "has the digest" in other.stderr
    assert "verifying" not in other.stdout + other.stderr
    assert switchback(*words, made.digest, url=server.url()).returncode == 0
