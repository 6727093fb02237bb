"""Modules in Python, disturbed at a message of their conversation: done or not done, and the ledger knows.

A random sample in the usual run, every message with SWITCHBACK_CAMPAIGN=1; SWITCHBACK_SEED repeats a sample.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.crash.chance import SEED
from tests.postgres.proxy import Proxy
from tests.postgres.running import Runner
from tests.postgres.test_interrupts import WAYS
from tests.postgres.trials import FLAGS, PARTLY, UNDONE, UNKNOWN, Ground, Row, _told, chosen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.postgres.forked import Ended, Fork
    from tests.postgres.proxy import Point
    from tests.postgres.servers import Server

SAMPLE = 8
DONE: list[Row] = [("0001_a", 1, 1, None), ("0002_b", 1, 1, None)]
ONCE = """
def up(connection):
    connection.execute("CREATE TABLE a (id int PRIMARY KEY)")
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO a VALUES (%s)", [(n,) for n in range(10)])
    with connection.transaction(), cursor.copy("COPY a FROM STDIN") as copy:
        for n in range(10, 20):
            copy.write_row((n,))
    connection.execute("INSERT INTO log VALUES ('up')")

def down(connection):
    with connection.cursor("far") as far:
        far.execute("SELECT id FROM a")
        assert len(far.fetchall()) == 20
    connection.execute("DROP TABLE a")
    connection.execute("INSERT INTO log VALUES ('down')")
"""
AGAIN = """
transactional = False

def up(connection):
    connection.execute("CREATE TABLE IF NOT EXISTS b (id int PRIMARY KEY)")
    for n in range(3):
        with connection.transaction():
            connection.execute("INSERT INTO b VALUES (%s) ON CONFLICT DO NOTHING", (n,))

def down(connection):
    connection.execute("CREATE TABLE IF NOT EXISTS b (id int)")
    connection.execute("DROP TABLE IF EXISTS b")
"""


@dataclass
class Trial:
    """A database at base or at head, which takes turns in going to the other."""

    ground: Ground
    at_head: bool = False

    def run(self, url: str, flags: Sequence[str] = ()) -> Ended:
        words = (
            ["rollback", "--target", "base", "--accept-data-loss", "--yes"] if self.at_head else ["migrate"]
        )
        runner = self.ground.runner
        environment = {**runner.environment(), "DATABASE_URL": url}
        folder = ["--dir", str(runner.folder), "--allow-non-empty"][: 2 if self.at_head else 3]
        return self.ground.fork.run([*words, "--json", *folder, *flags], environment, runner.folder.parent)

    def points(self) -> list[Point]:
        proxy = self.ground.proxy
        proxy.arm(None, None)
        ended = self.run(proxy.url(self.ground.runner.url))
        assert ended.code == 0, ended.said
        self.turn()
        return proxy.points()

    def turn(self) -> None:
        self.at_head = not self.at_head
        self.ground.query("DELETE FROM log")

    def disturb(self, point: Point, name: str) -> int:
        ground = self.ground
        act, codes = WAYS[name]
        ground.proxy.arm(point, lambda pair: act(pair, ground))
        ended = self.run(ground.proxy.url(ground.runner.url), FLAGS.get(name, ()))
        if ground.proxy.reached.is_set():
            assert ground.proxy.over.wait(90)
        ground.proxy.disconnect()
        ground._settle()  # noqa: SLF001 - waits until no server process is left
        assert ended.code in codes, ended.said
        assert "Traceback" not in ended.said
        assert "please report" not in ended.said
        self.look(ended)
        second = self.run(ground.runner.url)
        assert second.code == 0, f"{ended.said}\nthen {second.said}"
        assert self.applied() == ([] if self.at_head else DONE)
        assert self.tables() == ({"log"} if self.at_head else {"log", "a", "b"})
        assert self.log() == 1
        assert self.at_head or ground.query("SELECT count(*) FROM a, b") == [(60,)]
        self.turn()
        return ended.code

    def look(self, ended: Ended) -> None:
        """Ledger and schema say the same: of what runs in a transaction exactly."""
        rows, tables = self.applied(), self.tables()
        once = ("0001_a", 1, 1, None) in rows
        assert once is ("a" in tables)
        assert self.log() == (once is not self.at_head)
        assert {row[0] for row in rows} <= {"0001_a", "0002_b"}
        if ended.code == 0:
            assert rows == ([] if self.at_head else DONE)
        if ended.code >= 0:
            self.is_true(ended, rows)
        if ("0002_b", 1, 1, None) in rows and not self.at_head:
            assert self.ground.query("SELECT count(*) FROM b") == [(3,)]

    def is_true(self, ended: Ended, rows: list[Row]) -> None:
        """What the run has said in the end is what the ledger says."""
        told = _told(ended)
        assert told["exitCode"] == ended.code, ended.said
        if ended.code == UNKNOWN:
            return
        if not told.get("current"):  # it never came to look
            assert not told.get("done"), ended.said
            assert rows == (DONE if self.at_head else []), f"nothing is said of {rows}: {ended.said}"
            return
        ids = ["base", *(row[0] for row in rows)]
        whole = ["base", *(row[0] for row in rows if row in DONE)]
        assert told["current"] in {ids[-1], whole[-1]}, f"at {rows}: {ended.said}"
        assert told["done"] == (len(DONE) + 1 - len(ids) if self.at_head else len(whole) - 1), ended.said
        partial = [row for row in rows if row not in DONE]
        if ended.code == UNDONE:
            assert not partial, f"at {rows}: {ended.said}"
        if ended.code == PARTLY:
            assert partial, f"at {rows}: {ended.said}"

    def applied(self) -> list[Row]:
        if not self.ground.query("SELECT to_regclass('switchback.migrations') IS NOT NULL")[0][0]:
            return []
        columns = "id, statements_done, statements_total, down_done"
        return self.ground.query(f"SELECT {columns} FROM switchback.migrations ORDER BY position")

    def tables(self) -> set[str]:
        return {
            row[0] for row in self.ground.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }

    def log(self) -> int:
        count: int = self.ground.query("SELECT count(*) FROM log")[0][0]
        return count


@pytest.fixture
def trial(server: Server, database: str, folder: Path, forks: Fork) -> Iterator[Trial]:
    (folder / "0001_a.py").write_text(ONCE)
    (folder / "0002_b.py").write_text(AGAIN)
    with Proxy(server.port) as proxy:
        ground = Ground(Runner(database, folder), forks, proxy, ())
        ground.query("CREATE TABLE log (who text)")
        yield Trial(ground)
        ground.admin.close()


@pytest.mark.timeout(7200)
def test_disturbed_at_a_message(trial: Trial) -> None:
    chance = random.Random(SEED)  # noqa: S311 - repeatable
    print(f"SWITCHBACK_SEED={SEED}")
    plans = [chosen(trial.points(), chance, SAMPLE) for _ in ("up", "down")]
    counted: dict[tuple[str, int], int] = {}
    while any(plans):
        plan = plans[trial.at_head]
        if not plan:
            trial.points()
            continue
        point, name = plan.pop(), chance.choice(list(WAYS))
        where = f"SWITCHBACK_SEED={SEED}, {'down' if trial.at_head else 'up'}, {name} {point}"
        try:
            code = trial.disturb(point, name)
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from error
        counted[name, code] = counted.get((name, code), 0) + 1
    print(counted)
