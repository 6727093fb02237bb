"""One way up and down that is disturbed at every point: what may be so afterwards, and what must be.

The statements count themselves in a table `log` that no migration makes or drops, so that one that ran twice
is seen. What the schema has to look like at each state of the ledger is found out by running the statements
by hand, without a runner.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import psycopg

from tests.crash.chance import CAMPAIGN, SEED
from tests.postgres.proxy import Point

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from pathlib import Path

    from tests.postgres.forked import Ended, Fork
    from tests.postgres.proxy import Pair, Proxy
    from tests.postgres.running import Runner

Way = tuple[Callable[["Pair", "Ground"], None], set[int]]
"""What is done to a run, and the exit codes that it may have then."""

FLAGS: dict[str, tuple[str, ...]] = {
    "statement timeout": ("--statement-timeout", "100ms", "--lock-timeout", "9s")
}
"""What a run is called with besides, by the name of the way in which it is disturbed."""

AFTER_WORK_AND_OBSERVER = 2
CLIENTS_WORDS, SERVERS_WORDS = 20, 70
"""About so many messages it takes to connect anew, take the lock and ask the ledger."""

MARK = "-- switchback: no-transaction\n"
Row = tuple[str, int, int, int | None]
Ledger = tuple[Row, ...]
"""Each row's id, statements done, statements in all, statements of its way back that are done."""

BASE: Row = ("0000_base", 1, 1, None)
UNDONE, PARTLY, UNKNOWN = 8, 9, 13
"""Exit codes: rolled back to the last good migration, failed part-way, outcome unknown."""

_SCHEMA = """
SELECT c.relkind::text || ' ' || c.relname::text || ' ' || coalesce((
  SELECT string_agg(a.attname::text || ' ' || format_type(a.atttypid, a.atttypmod), ',' ORDER BY a.attnum)
  FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '')
FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND coalesce(i.indisvalid, true)
UNION ALL SELECT 'f ' || proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'c ' || conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'log ' || who || ' ' || count(*) FROM log GROUP BY who
ORDER BY 1
"""
_LEDGER = (
    "SELECT id, statements_done, statements_total, down_done FROM switchback.migrations ORDER BY position"
)
_OURS = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name LIKE 'switchback%'"
)


def log(who: str) -> str:
    return f"INSERT INTO log VALUES ('{who}')"


@dataclass(frozen=True)
class Step:
    """One migration, statement by statement."""

    id: str
    up: tuple[str, ...]
    down: tuple[str, ...]
    stepwise: bool = False

    def write(self, folder: Path) -> None:
        mark = MARK if self.stepwise else ""
        for half, statements in (("up", self.up), ("down", self.down)):
            (folder / f"{self.id}.{half}.sql").write_text(mark + "".join(f"{one};\n" for one in statements))


SLOW = "SELECT pg_sleep(0.04)"
"""What is done then meets the server at work, not when it is done with all of the string."""

BATCH = (
    Step("0001_a", ("CREATE TABLE a (id int PRIMARY KEY)", log("up 1")), (log("down 1"), "DROP TABLE a")),
    Step(
        "0002_b",
        (
            log("up 2"),
            SLOW,
            "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$",
            "ALTER TABLE a ADD COLUMN v int DEFAULT f()",
        ),
        ("ALTER TABLE a DROP COLUMN v", SLOW, "DROP FUNCTION f()", log("down 2")),
    ),
    Step("0003_c", ("CREATE TABLE c AS SELECT 1 AS n", log("up 3")), ("DROP TABLE c", log("down 3"))),
)
STEPS = (
    Step(
        "0001_a",
        ("CREATE TABLE a (id int PRIMARY KEY)", log("up 1"), SLOW, "ALTER TABLE a ADD COLUMN v int"),
        (log("down 1"), "ALTER TABLE a DROP COLUMN v", SLOW, log("down 2"), "DROP TABLE a"),
        stepwise=True,
    ),
)
INDEX = (
    Step("0001_a", ("CREATE TABLE a (id int, v int)", log("up 1")), ("DROP TABLE a", log("down 1"))),
    Step(
        "0002_b",
        (
            "CREATE INDEX CONCURRENTLY a_id ON a (id)",
            log("up 2"),
            "CREATE UNIQUE INDEX CONCURRENTLY a_v ON a (v)",
        ),
        ("DROP INDEX CONCURRENTLY a_v", log("down 2"), "DROP INDEX CONCURRENTLY a_id"),
        stepwise=True,
    ),
    Step("0003_c", ("CREATE TABLE c (id int)", log("up 3")), ("DROP TABLE c", log("down 3"))),
)
SCENARIOS = {"batch": BATCH, "steps": STEPS, "index": INDEX}


def alone(statement: str) -> bool:
    return "CONCURRENTLY" in statement


@dataclass
class Ground:
    """A database with a ledger and the table `log`, at its first migration or at its last."""

    runner: Runner
    fork: Fork
    proxy: Proxy
    steps: tuple[Step, ...]
    at_head: bool = False
    states: dict[bool, dict[Ledger, list[list[str]]]] = field(default_factory=dict)
    admin: psycopg.Connection[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.admin = psycopg.connect(self.runner.url, autocommit=True)

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Rows of a query by a superuser, on a connection that stays as long as its server does."""
        try:
            cursor = self.admin.execute(text.encode())
        except psycopg.OperationalError:
            self.admin = psycopg.connect(self.runner.url, autocommit=True)
            cursor = self.admin.execute(text.encode())
        return cursor.fetchall() if cursor.description is not None else []

    def prepare(self) -> None:
        """The first migration, which is never disturbed, and what the others do by hand."""
        (self.runner.folder / "0000_base.up.sql").write_text("CREATE TABLE log (who text);\n")
        (self.runner.folder / "0000_base.down.sql").write_text("DROP TABLE log;\n")
        assert self.direct("migrate").code == 0
        for step in self.steps:
            step.write(self.runner.folder)
        self.states = {True: {(BASE,): [self.schema()]}, False: {}}
        rows = [BASE]
        for step in self.steps:
            total = len(step.up)
            self._by_hand(step, up=True, before=tuple(rows))
            rows.append((step.id, total, total, None))
        self.query("DELETE FROM log")
        self.states[False][tuple(rows)] = [self.schema()]
        for step in reversed(self.steps):
            rows.pop()
            self._by_hand(step, up=False, before=tuple(rows))
        self.query("DELETE FROM log")

    def _by_hand(self, step: Step, *, up: bool, before: Ledger) -> None:
        states, total = self.states[up], len(step.up)
        snapshots = [self.schema()]
        statements = step.up if up else step.down
        for statement in statements:
            self.query(statement)
            snapshots.append(self.schema())
        if step.stepwise:
            for index, snapshot in enumerate(snapshots[: len(statements) + (not up)]):
                row = (step.id, index, total, None) if up else (step.id, total, total, index)
                allowed = [snapshot]
                if index < len(statements) and alone(statements[index]):
                    allowed.append(snapshots[index + 1])
                states[(*before, row)] = allowed
        states[(*before, (step.id, total, total, None)) if up else before] = [snapshots[-1]]

    def direct(self, *words: str) -> Ended:
        return self._run(self.runner.url, words)

    def _run(self, url: str, words: Sequence[str], begun: Callable[[int], None] | None = None) -> Ended:
        environment = {**self.runner.environment(), "DATABASE_URL": url}
        return self.fork.run(
            [*words, "--dir", str(self.runner.folder)], environment, self.runner.folder.parent, begun
        )

    def words(self) -> list[str]:
        """What leads from here to the other end, as a Job calls it."""
        operation = "rollback" if self.at_head else "migrate"
        quick = ("--json", "--lock-timeout", "200ms")
        if self.at_head:
            return [operation, *quick, "--target", "0000_base", "--accept-data-loss", "--yes"]
        return [operation, *quick]

    def schema(self) -> list[str]:
        return [row[0] for row in self.query(_SCHEMA)]

    def ledger(self) -> Ledger:
        return tuple(self.query(_LEDGER))

    def undisturbed(self) -> list[Point]:
        """Go to the other end in peace. Gives every point on the way."""
        self.proxy.arm(None, None)
        ended = self._run(self.proxy.url(self.runner.url), self.words())
        assert ended.code == 0, ended.said
        found = self.proxy.points()
        self.at_head = not self.at_head
        self.query("DELETE FROM log")
        return found

    def disturbed(
        self,
        point: Point,
        act: Callable[[Pair, Ground], None],
        again: Point | None = None,
        flags: Sequence[str] = (),
    ) -> Ended | None:
        """Go to the other end with `act` on the way, look, arrive in a second run. None: not reached.

        `again`: where `act` comes once more, on a connection that was made anew. `flags`: of the first run.
        """
        up = not self.at_head
        events = self.query("SELECT max(seq) FROM switchback.events")[0][0]
        self.proxy.arm(point, lambda pair: act(pair, self), again)
        ended = self._run(self.proxy.url(self.runner.url), [*self.words(), *flags])
        reached = self.proxy.reached.is_set()
        if reached:
            assert self.proxy.over.wait(90)
        self.proxy.disconnect()
        self._settle()
        self._agree(up, ended)
        second = self.direct(*self.words())
        assert second.code == 0, f"the second run: {second.said}"
        self._arrived(up, events, ended)
        self.at_head = not self.at_head
        self.query("DELETE FROM log")
        return ended if reached else None

    def _settle(self) -> None:
        """Wait until no server process works any more: a client's end is noticed within a second."""
        deadline = time.monotonic() + 30
        while self.query(_OURS):
            assert time.monotonic() < deadline, "a server process outlives its client"
            time.sleep(0.02)

    def _agree(self, up: bool, ended: Ended) -> None:  # noqa: FBT001 - a direction
        """Ledger and schema say the same, and the run has said nothing else."""
        ledger, schema = self.ledger(), self.schema()
        allowed = self.states[up].get(ledger)
        assert allowed is not None, f"no state of a run: {ledger}"
        assert schema in allowed, f"at {ledger} the schema is {schema}, not {allowed}"
        goal = self.steps[-1].id if up else BASE[0]
        if ended.code == 0:
            assert ledger[-1][0] == goal, ended.said
            assert all(done == total and down is None for _, done, total, down in ledger), ledger
        if ended.code >= 0:
            self._is_true(up, ended, ledger)

    def _is_true(self, up: bool, ended: Ended, ledger: Ledger) -> None:  # noqa: FBT001 - a direction
        """What a run has said in the end is what the ledger says; of an unknown outcome nothing is said."""
        told = _told(ended)
        assert told.get("reason") != "Bug", ended.said
        assert told.get("exitCode") == ended.code, ended.said
        partial = [row for row in ledger if row[1] < row[2] or row[3] is not None]
        begun = [row for row in partial if (row[1] if up else row[3])]
        if ended.code == UNKNOWN:
            return
        if not told.get("current"):  # it never came to look
            assert not told.get("done"), ended.said
            assert ledger == self._start(up), f"nothing is said of {ledger}: {ended.said}"
            return
        good = [row[0] for row in ledger if row[1] == row[2]]
        assert told["current"] in {ledger[-1][0], good[-1]}, f"at {ledger}: {ended.said}"
        whole = len(ledger) - len(partial) - 1
        assert told["done"] == (whole if up else len(self.steps) + 1 - len(ledger)), f"{ledger}: {ended.said}"
        if ended.code == PARTLY:
            assert partial, f"at {ledger}: {ended.said}"
        if ended.code == UNDONE:
            assert not begun, f"at {ledger}: {ended.said}"
        if begun and ended.code in {7, PARTLY, 130, 143}:
            number = begun[0][1] if up else begun[0][3]
            assert str(number) in str(told["message"]), f"{number} statements are done: {ended.said}"
        if "rolled back" in str(told.get("message")) and up:
            assert not begun, ended.said

    def _start(self, up: bool) -> Ledger:  # noqa: FBT001 - a direction
        """The ledger before anything has run."""
        return next(iter(self.states[up]))

    def _arrived(self, up: bool, since: int, ended: Ended) -> None:  # noqa: FBT001 - a direction
        """The second run has reached the other end, and everything ran once."""
        ledger = self.ledger()
        steps = self.steps if up else ()
        assert ledger == (BASE, *((step.id, len(step.up), len(step.up), None) for step in steps)), ended.said
        assert self.schema() == self.states[up][ledger][0], ended.said
        kind = "Applied" if up else "RolledBack"
        found = self.query(
            f"SELECT migration_id FROM switchback.events WHERE seq > {since} AND kind = '{kind}' ORDER BY seq"
        )
        order = self.steps if up else self.steps[::-1]
        assert [row[0] for row in found] == [step.id for step in order], ended.said
        missing = self.query("SELECT id FROM switchback.migrations WHERE duration_ms IS NULL")
        assert missing == [], ended.said


def walk(
    ground: Ground, sample: int, ways: dict[str, Way], chance: random.Random, *, twice: bool = False
) -> dict[str, list[int]]:
    """Go up and down, each time disturbed in one of the ways. Gives the exit codes.

    At so many points by chance; in a campaign at each of so many, and at all of them when it is 0.

    Args:
        ground: at either end.
        sample: how many points.
        ways: by name.
        chance: decides.
        twice: whether the connection that works is disturbed, and then the one that is made in its place.
    """
    codes: dict[str, list[int]] = {name: [] for name in ways}
    plans = []
    for _ in ("up", "down"):
        points = [each for each in ground.undisturbed() if not (twice and each.connection)]
        plans.append(chosen(points, chance, sample))
    for pair in zip_longest(*plans):
        for point in pair:
            if point is None:  # one way is longer than the other
                ground.undisturbed()
                continue
            name = chance.choice(list(ways))
            act, expected = ways[name]
            again = anew(chance) if twice else None
            where = f"{'down' if ground.at_head else 'up'}, {name} {point}, {again}"
            try:
                ended = ground.disturbed(point, act, again, FLAGS.get(name, ()))
                assert ended is None or ended.code in expected, ended
                assert ended is None or "Traceback" not in ended.said
            except AssertionError as error:
                raise AssertionError(f"SWITCHBACK_SEED={SEED}, {where}: {error}") from error
            if ended is not None:
                codes[name].append(ended.code)
    return codes


def anew(chance: random.Random) -> Point:
    """A message on the connection that is made when the first one has broken; that may be one too many."""
    client = chance.random() < 0.5
    words = CLIENTS_WORDS if client else SERVERS_WORDS
    return Point(AFTER_WORK_AND_OBSERVER, client, chance.randrange(words))


def _told(ended: Ended) -> dict[str, Any]:
    """The JSON that a run has left among its words; nothing when it was killed."""
    at = ended.said.find("\n{\n")
    text = ended.said if ended.said.startswith("{") else ended.said[at + 1 :] if at >= 0 else ""
    if not text:
        return {}
    found: dict[str, Any] = json.JSONDecoder().raw_decode(text)[0]
    return found


def chosen(points: list[Point], chance: random.Random, number: int) -> list[Point]:
    """So many points by chance; in a campaign all of them, or each of so many. Some are inside a message."""
    if CAMPAIGN:
        return [
            Point(p.connection, p.client, p.message, inside)
            for at, p in enumerate(points)
            for inside in ((False, True) if at % 7 == 0 else (False,))
            if at % (number or 1) == 0
        ]
    found = chance.sample(points, min(number, len(points)))
    return [Point(p.connection, p.client, p.message, chance.random() < 0.2) for p in found]
