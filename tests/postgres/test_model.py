"""Random commands, edits of files and crashes against a model: ledger and schema never disagree.

The seed is printed; SWITCHBACK_SEED repeats it. With SWITCHBACK_CAMPAIGN=1 it runs for long.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from switchback.contract.reasons import Reason, meaning
from tests.crash.chance import CAMPAIGN, SEED
from tests.postgres.model import Content, Row, Run, Sight, State, twice, under_way
from tests.postgres.proxy import Point, Proxy
from tests.postgres.running import Runner
from tests.postgres.trials import AFTER_WORK_AND_OBSERVER, CLIENTS_WORDS, SERVERS_WORDS, _told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.postgres.forked import Ended, Fork
    from tests.postgres.proxy import Pair
    from tests.postgres.servers import Server

EXAMPLES, STEPS = (300, 60) if CAMPAIGN else (6, 20)

CONTENTS = st.builds(
    Content,
    uid=st.just(0),
    parts=st.text("TTTLLIICX", min_size=1, max_size=3),
    stepwise=st.booleans(),
    has_down=st.sampled_from([True, True, True, False]),
)
PLACES = st.integers(0, 30)
CRASHES = st.sampled_from(["kill", "terminate", "cut"])
_LEDGER = (
    "SELECT id, statements_done, statements_total, down_done FROM switchback.migrations ORDER BY position"
)
_MADE = """
SELECT relname::text FROM pg_class LEFT JOIN pg_index ON indexrelid = pg_class.oid
WHERE relnamespace = 'public'::regnamespace AND relname <> 'log' AND coalesce(indisvalid, true)
UNION ALL SELECT attname::text FROM pg_attribute
WHERE attrelid = 'log'::regclass AND attnum > 1 AND NOT attisdropped
"""
_OURS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'switchback%'"


class Machine(RuleBasedStateMachine):
    """One database, one folder, and what the model thinks of both."""

    server: ClassVar[Server]
    forks: ClassVar[Fork]
    folder: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.name = self.server.create_database()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.runner = Runner(self.server.url(self.name), self.folder)
        self.proxy = Proxy(self.server.port).__enter__()
        self.admin = psycopg.connect(self.runner.url, autocommit=True)
        self.admin.execute("CREATE TABLE log (who text)")
        self.state, self.files = State(), dict[str, Content]()
        self.uids = 0
        self.add(Content(0, "TL", stepwise=False, has_down=True))

    def teardown(self) -> None:  # type: ignore[explicit-override] # typing.override needs Python 3.12
        self.proxy.__exit__()
        self.admin.close()
        self.server.drop_database(self.name)

    @property
    def sight(self) -> Sight:
        return Sight(self.state, self.files)

    # Files

    def put(self, name: str, content: Content) -> None:
        if not content.uid:
            self.uids += 1
            content = replace(content, uid=self.uids)
        self.files[name] = content
        self.unlink(name)
        for half, text in zip(("up", "down"), content.texts, strict=True):
            if text is not None:
                (self.folder / f"{name}.{half}.sql").write_text(text)

    def unlink(self, name: str) -> None:
        for half in ("up", "down"):
            (self.folder / f"{name}.{half}.sql").unlink(missing_ok=True)

    def nth(self, place: int) -> str:
        return sorted(self.files)[place % len(self.files)]

    @rule(content=CONTENTS)
    def add(self, content: Content) -> None:
        last = max([*self.files, *(row.id for row in self.state.rows)], default="0000")
        self.put(f"{int(last[:4]) + 10:04}_a", content)

    @rule(content=CONTENTS, place=PLACES)
    def add_in_between(self, content: Content, place: int) -> None:
        number = int(self.nth(place)[:4]) - 1 - place % 3
        taken = {int(name[:4]) for name in [*self.files, *(row.id for row in self.state.rows)]}
        if number > 0 and number not in taken:
            self.put(f"{number:04}_a", content)

    @rule(place=PLACES)
    def mend(self, place: int) -> None:
        broken = [name for name, content in sorted(self.files.items()) if "X" in content.parts]
        if broken:
            name = broken[place % len(broken)]
            content = self.files[name]
            self.put(name, replace(content, parts=content.parts.replace("X", "L")))

    @rule(place=PLACES)
    def comment(self, place: int) -> None:
        name = self.nth(place)
        self.put(name, replace(self.files[name], comments=self.files[name].comments + 1))

    @rule(content=CONTENTS, place=PLACES)
    def rewrite(self, content: Content, place: int) -> None:
        self.put(self.nth(place), content)

    @rule(place=PLACES)
    def restore_what_was_applied(self, place: int) -> None:
        if self.state.rows:
            row = self.state.rows[place % len(self.state.rows)]
            if row.id in self.files or row.id[:4] not in {name[:4] for name in self.files}:
                self.put(row.id, row.content)

    @rule(place=PLACES)
    def delete(self, place: int) -> None:
        if len(self.files) > 1:
            name = self.nth(place)
            del self.files[name]
            self.unlink(name)

    @rule(place=PLACES)
    def rename(self, place: int) -> None:
        name = self.nth(place)
        new = name[:-1] + chr(ord(name[-1]) + 1)
        if new not in self.files and self.state.row(new) is None and not name.endswith("z"):
            self.unlink(name)
            self.put(new, self.files.pop(name))

    @precondition(lambda self: self.sight.renamed)
    @rule()
    def rename_the_row(self) -> None:
        old, new = min(self.sight.renamed.items())
        ended = self.call("repair", "--rename", old, new)
        row = self.state.row(old)
        assert row is not None
        if row.is_partial:
            return self.expect(ended, Run((self.state,), frozenset({Reason.FAILED_PARTLY})))
        rows = tuple(replace(one, id=new) if one.id == old else one for one in self.state.rows)
        return self.expect(ended, Run((replace(self.state, rows=rows),), frozenset({Reason.SUCCEEDED})))

    @precondition(lambda self: self.sight.pending)
    @rule(place=PLACES)
    def mark(self, place: int) -> None:
        name = self.sight.pending[place % len(self.sight.pending)]
        content = self.files[name]
        run = Run((self.state,), frozenset({Reason.BASELINE_REQUIRED}))
        if self.has_ledger():
            after = self.state.with_row(Row(name, content, len(content.parts)))
            run = Run((after,), frozenset({Reason.SUCCEEDED}))
        self.expect(self.call("repair", "--mark", name), run)

    @precondition(lambda self: self.state.rows)
    @rule(place=PLACES)
    def unmark(self, place: int) -> None:
        name = self.state.rows[place % len(self.state.rows)].id
        after = self.state.without_row(name)
        self.expect(self.call("repair", "--unmark", name), Run((after,), frozenset({Reason.SUCCEEDED})))

    # Commands

    def call(self, *words: str, url: str = "", begun: Callable[[int], None] | None = None) -> Ended:
        environment = {**self.runner.environment(), "DATABASE_URL": url or self.runner.url}
        more = ["--allow-non-empty"] if words[0] == "migrate" else []
        more += ["--accept-data-loss", "--yes"] if words[0] in {"rollback", "redo", "reset"} else []
        return self.forks.run(
            [*words, *more, "--json", "--dir", str(self.folder)], environment, self.folder.parent, begun
        )

    def expect(self, ended: Ended, run: Run) -> None:
        """The run ended as the model says, where the model says."""
        told = _told(ended)
        assert Reason(told["reason"]) in run.ends, f"not {set(run.ends)}: {ended.said}"
        assert ended.code == int(meaning(Reason(told["reason"])).exit_code)
        self.state = run.states[-1]

    @invariant()
    def ledger_and_schema_agree(self) -> None:
        assert self.ledger() == self.state.key
        assert self.catalogue() == self.state.tables
        lines = self.admin.execute("SELECT who || ' ' || count(*) FROM log GROUP BY who").fetchall()
        assert sorted(row[0] for row in lines) == twice(self.state)

    def catalogue(self) -> frozenset[str]:
        """Tables, valid indexes and columns, as far as migrations make them."""
        return frozenset(row[0] for row in self.admin.execute(_MADE.encode()).fetchall())

    def ledger(self) -> tuple[tuple[object, ...], ...]:
        return tuple(self.admin.execute(_LEDGER).fetchall()) if self.has_ledger() else ()

    def has_ledger(self) -> bool:
        row = self.admin.execute("SELECT to_regclass('switchback.migrations') IS NOT NULL").fetchone()
        return row == (True,)

    @rule()
    def migrate(self) -> None:
        sight = self.sight
        run = sight.migrate([*sight.resumable, *sight.pending], latest=True)
        self.expect(self.call("migrate"), run)

    @rule(steps=st.integers(1, 3))
    def migrate_steps(self, steps: int) -> None:
        sight = self.sight
        run = sight.migrate([*sight.resumable, *sight.pending][:steps], latest=False)
        self.expect(self.call("migrate", "--steps", str(steps)), run)

    @precondition(lambda self: self.sight.is_clean and self.sight.pending)
    @rule(place=PLACES)
    def migrate_to(self, place: int) -> None:
        pending = self.sight.pending
        target = pending[place % len(pending)]
        run = self.sight.migrate([name for name in pending if name <= target], latest=False)
        self.expect(self.call("migrate", "--target", target), run)

    @rule(steps=st.integers(1, 3), from_ledger=st.booleans())
    def rollback(self, steps: int, *, from_ledger: bool) -> None:
        words = ("rollback", "--steps", str(steps), "--down-from", "ledger" if from_ledger else "auto")
        self.expect(self.call(*words), self.back(steps, from_ledger=from_ledger))

    def back(self, steps: int, *, from_ledger: bool) -> Run:
        rows = self.state.rows
        if steps > len(rows):
            return Run((self.state,), frozenset({Reason.TOO_FEW_APPLIED}))
        return self.sight.rollback(rows[len(rows) - steps :], from_ledger=from_ledger)

    @precondition(lambda self: self.sight.is_clean and len(self.state.rows) > 1)
    @rule(place=PLACES)
    def rollback_to(self, place: int) -> None:
        rows = self.state.rows[:-1]
        at = place % len(rows)
        run = self.sight.rollback(self.state.rows[at + 1 :], from_ledger=False)
        self.expect(self.call("rollback", "--target", rows[at].id), run)

    @precondition(lambda self: self.sight.is_clean and self.state.rows)
    @rule(all_of_it=st.booleans())
    def again(self, *, all_of_it: bool) -> None:
        """`redo` and `reset`."""
        rows = self.state.rows if all_of_it else self.state.rows[-1:]
        run = self.sight.rollback(rows, from_ledger=False)
        if run.ends == {Reason.SUCCEEDED}:
            after = Sight(run.states[-1], self.files)
            run = after.migrate(after.pending if all_of_it else [rows[0].id], latest=all_of_it)
        self.expect(self.call("reset" if all_of_it else "redo"), run)

    # Crashes

    @rule(
        how=CRASHES, message=st.integers(0, 220), client=st.sampled_from([False, False, False, True]),
        steps=st.sampled_from([0, 0, 1, 2, 3]), again=st.integers(0, 3 * SERVERS_WORDS),
    )  # fmt: skip
    def crash(self, how: str, message: int, client: bool, steps: int, again: int) -> None:  # noqa: FBT001 - a rule
        """Once; and where the run has connected anew, a second time, or too late."""
        sight = self.sight
        if steps:
            words: Sequence[str] = ("rollback", "--steps", str(steps))
            run = self.back(steps, from_ledger=False)
        else:
            words = ("migrate",)
            run = sight.migrate([*sight.resumable, *sight.pending], latest=True)
        words_of_both = CLIENTS_WORDS if client else SERVERS_WORDS
        self.proxy.arm(
            Point(0, client, message % 30 if client else message),
            self.act(how),
            Point(AFTER_WORK_AND_OBSERVER, client, again % words_of_both) if again < words_of_both else None,
        )
        ended = self.call(*words, url=self.proxy.url(self.runner.url))
        if not self.proxy.reached.is_set():
            self.expect(ended, run)
            return
        self.proxy.over.wait(20)
        self.proxy.disconnect()
        while self.admin.execute(f"SELECT pid {_OURS}".encode()).fetchall():
            time.sleep(0.02)
        told = _told(ended)
        assert told.get("reason") != "Bug", ended.said
        assert ended.code in {0, 7, 9, -signal.SIGKILL} | {
            int(meaning(reason).exit_code) for reason in run.ends
        }, ended.said
        ledger = self.ledger()
        passed = [state for state in (*run.begun, *run.states) if state.key == ledger]
        assert passed, f"{ledger} is none of {[state.key for state in run.states]}: {ended.said}"
        before, self.state = self.state, passed[-1]
        if ended.code == 0:
            assert self.state == run.states[-1], ended.said
        elif under_way(self.state):
            self.finish(steps and max(1, steps - len(before.rows) + len(self.state.rows)))

    def finish(self, steps: int) -> None:
        """Go on where a statement that runs alone was under way: a run has to find out whether it is done."""
        changes = under_way(self.state)
        done = self.state.after_all(changes)
        assert self.catalogue() in {self.state.tables, (done or self.state).tables}
        sight = self.sight
        if steps:
            self.expect(self.call("rollback", "--steps", str(steps)), self.back(steps, from_ledger=False))
        else:
            self.expect(self.call("migrate"), sight.migrate([*sight.resumable, *sight.pending], latest=True))

    def act(self, how: str) -> Callable[[Pair], None]:
        def done(pair: Pair) -> None:
            if how == "kill":
                os.kill(self.forks.pid, signal.SIGKILL)
            elif how == "cut":
                pair.cut()
            else:
                self.admin.execute(f"SELECT pg_terminate_backend(pid) {_OURS}".encode())

        return done


@pytest.mark.timeout(7200 if CAMPAIGN else 300)
def test_ledger_and_schema_never_disagree(server: Server, forks: Fork, folder: Path) -> None:
    print(f"SWITCHBACK_SEED={SEED}")
    run_state_machine_as_test(
        seed(SEED)(type("Here", (Machine,), {"server": server, "forks": forks, "folder": folder})),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink) if CAMPAIGN else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
