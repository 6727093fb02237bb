"""Ledgers of other releases: within a major version both ways, of a newer major version for reading only."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.operations import amend, anew, baseline, protect, repair
from tests.postgres.acting import act
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from switchback.runner.operations.base import Answer, Facts, Request
    from switchback.runner.session import Session
    from tests.postgres.acting import Action

FROZEN = Path(__file__).parent / "fixtures" / "ledger-1.0.sql"
SHAPE = (
    "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull "
    "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
    "WHERE c.relnamespace = 'switchback'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 "
    "ORDER BY 1, a.attnum"
)
BIND = (
    "UPDATE switchback.meta SET system_identifier = (SELECT system_identifier FROM pg_control_system()), "
    "database_name = current_database(), "
    "database_oid = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
NEWER = (
    "UPDATE switchback.meta SET minor = 7;"
    "ALTER TABLE switchback.migrations ADD COLUMN host text NOT NULL DEFAULT 'unknown';"
    "ALTER TABLE switchback.events ADD COLUMN host text NOT NULL DEFAULT 'unknown', ADD COLUMN extra jsonb;"
    "ALTER TABLE switchback.meta ADD COLUMN frozen_until timestamptz;"
    "CREATE TABLE switchback.notes (id int PRIMARY KEY);"
    "UPDATE switchback.migrations SET host = 'there';"
    "INSERT INTO switchback.events (kind, migration_id, operation_id, intent_digest, reason, host) "
    "VALUES ('Praised', '0001_a', 'cli-next', '', 'well done', 'there');"
    "UPDATE switchback.meta SET revision = revision + 1"
)


@pytest.fixture
def frozen(database: str, folder: Path) -> Runner:
    """As release 0.1 left it: 0001_a is applied."""
    write(folder, "0001_a", "0002_b", "0003_c")
    runner = Runner(database, folder)
    runner.query(FROZEN.read_text())
    runner.query(BIND)
    return runner


def kinds(runner: Runner) -> list[str]:
    return [str(row[0]) for row in runner.query("SELECT kind FROM switchback.events ORDER BY seq")]


def again(session: Session, request: Request, facts: Facts, *, what: str) -> Answer:
    run = anew.reset if what == "reset" else anew.redo
    return run(session, request, facts, lambda plan, _: frozenset(plan.risks))


def live(runner: Runner) -> None:
    """Everything that a ledger is used for, from 0001_a on."""
    assert runner.run("inspect").result.current == "0001_a"
    assert runner.up(target="0002_b").result.current == "0002_b"
    assert act(runner, amend.mark, target="0003_c").result.reason is Reason.SUCCEEDED
    assert act(runner, amend.unmark, target="0003_c").result.reason is Reason.SUCCEEDED
    for half in ("up", "down"):
        (runner.folder / f"0002_b.{half}.sql").rename(runner.folder / f"0002_x.{half}.sql")
    assert act(runner, partial(amend.rename, new="0002_x"), target="0002_b").result.exit_code == 0
    (runner.folder / "0001_a.up.sql").write_text("CREATE TABLE t_0001_a (id int PRIMARY KEY); -- old\n")
    assert act(runner, amend.accept, target="0001_a").result.reason is Reason.SUCCEEDED
    assert act(runner, partial(again, what="redo")).result.current == "0002_x"
    assert runner.run("reserve", by="aa-1", target="0001_a").result.reason is Reason.SUCCEEDED
    assert runner.up().result.reason is Reason.RESERVED
    assert act(runner, repair.release).result.reason is Reason.SUCCEEDED
    assert act(runner, protect.on).result.reason is Reason.SUCCEEDED
    assert act(runner, protect.off).result.reason is Reason.SUCCEEDED
    assert runner.up().result.current == "0003_c"
    assert json.loads(runner.call("history", "--json", "0001_a").stdout)["events"][-1]["kind"] == "Applied"
    assert runner.down(target="base").result.current == "base"


def test_a_frozen_ledger_is_read_and_written(frozen: Runner) -> None:
    before = frozen.query(SHAPE)
    live(frozen)
    assert frozen.query(SHAPE) == before, "this release needs no other tables than it froze"
    assert frozen.query("SELECT major, minor FROM switchback.meta") == [(1, 0)]
    assert kinds(frozen)[:3] == ["Created", "Applied", "Applied"]
    assert kinds(frozen)[-1] == "RolledBack"


def test_a_newer_minor_version_is_read_and_written(frozen: Runner) -> None:
    frozen.query(NEWER)
    before = frozen.query(SHAPE)
    live(frozen)
    assert frozen.query(SHAPE) == before
    assert frozen.query("SELECT major, minor FROM switchback.meta") == [(1, 7)], "it is not taken back"
    assert frozen.query("SELECT DISTINCT host FROM switchback.events WHERE operation_id = 'cli-test'") == [
        ("unknown",)
    ]
    assert "Praised" in kinds(frozen)


def test_what_a_newer_release_has_written_stays(frozen: Runner) -> None:
    frozen.query(NEWER)
    assert frozen.up().result.reason is Reason.SUCCEEDED
    assert act(frozen, amend.accept, target="0001_a").result.exit_code == 0
    assert frozen.query("SELECT id, host FROM switchback.migrations ORDER BY position") == [
        ("0001_a", "there"), ("0002_b", "unknown"), ("0003_c", "unknown"),
    ]  # fmt: skip


WRITING: dict[str, tuple[Action, dict[str, str]]] = {
    "mark": (amend.mark, {"target": "0002_b"}),
    "unmark": (amend.unmark, {"target": "0001_a"}),
    "rename": (partial(amend.rename, new="0002_b"), {"target": "0001_a"}),
    "accept": (amend.accept, {"target": "0001_a"}),
    "rebind": (repair.rebind, {}),
    "release": (repair.release, {}),
    "baseline": (baseline.run, {"target": "0001_a"}),
    "protect": (protect.on, {}),
    "unprotect": (protect.off, {}),
    "reset": (partial(again, what="reset"), {}),
    "redo": (partial(again, what="redo"), {}),
}


@pytest.mark.parametrize("name", WRITING)
def test_a_newer_major_version_is_not_written(frozen: Runner, name: str) -> None:
    frozen.query("UPDATE switchback.meta SET major = 2, minor = 0")
    action, wishes = WRITING[name]
    before = frozen.query("SELECT m.*, n.* FROM switchback.meta m, switchback.migrations n"), kinds(frozen)
    ending = act(frozen, action, **wishes)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.LEDGER_NEWER, 11)
    assert "version 2.0; this release writes version 1" in ending.result.message
    after = frozen.query("SELECT m.*, n.* FROM switchback.meta m, switchback.migrations n"), kinds(frozen)
    assert after == before


def test_a_newer_major_version_is_read(frozen: Runner) -> None:
    frozen.query("UPDATE switchback.meta SET major = 2, minor = 0")
    status = frozen.call("status")
    assert (status.returncode, "1 applied, 2 pending." in status.stdout) == (0, True)
    history = frozen.call("history")
    assert (history.returncode, "Applied" in history.stdout) == (0, True)
