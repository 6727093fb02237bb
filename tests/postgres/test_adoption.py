"""Beginning with the history of another tool: golang-migrate's table, as that tool leaves it."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction
from switchback.runner.policy import Policy
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

ADOPT = ("--adoption-policy", "IfNoLedger")
TABLE = "CREATE TABLE {schema}.schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """golang-migrate has applied 0001_a and 0002_b; 0003_c is new."""
    write(folder, "0001_a", "0002_b", "0003_c")
    made = Runner(database, folder)
    made.query("CREATE TABLE t_0001_a (id int PRIMARY KEY); CREATE TABLE t_0002_b (id int PRIMARY KEY)")
    mark(made, 2)
    return made


def mark(runner: Runner, version: int | None, *, dirty: bool = False, schema: str = "public") -> None:
    """The table as golang-migrate leaves it."""
    runner.query(f"DROP TABLE IF EXISTS {schema}.schema_migrations; {TABLE.format(schema=schema)}")
    if version is not None:
        runner.query(f"INSERT INTO {schema}.schema_migrations VALUES ({version}, {dirty})")


def ledgers(runner: Runner) -> list[tuple[object, ...]]:
    return runner.query("SELECT nspname FROM pg_namespace WHERE nspname = 'switchback'")


def test_the_first_migrate_takes_it_over(runner: Runner) -> None:
    ending = job(runner, "migrate", "--intent-digest", "i1:x", "--reason", "INC-1", *ADOPT)
    assert (ending.reason, ending.current, ending.pending) == (Reason.SUCCEEDED, "0003_c", 0)
    assert "golang-migrate" in ending.message
    assert "public.schema_migrations" in ending.message
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]
    assert runner.query(
        "SELECT id, position, down_kind, down_sql, statements_done, statements_total, operation_id, "
        "intent_digest, reason FROM switchback.migrations WHERE id = '0002_b'"
    ) == [("0002_b", 2, "SQL", "DROP TABLE t_0002_b;\n", 1, 1, "aa-1", "i1:x", "INC-1")]
    events = runner.query("SELECT kind, migration_id, details FROM switchback.events ORDER BY seq")
    assert [(kind, what) for kind, what, _ in events] == [
        ("Created", None), ("Adopted", "0001_a"), ("Adopted", "0002_b"), ("Applied", "0003_c"),
    ]  # fmt: skip
    assert "version 2" in events[1][2]
    assert runner.query("SELECT * FROM schema_migrations") == [(2, False)], "the other tool's table stays"
    assert job(runner, "migrate", *ADOPT).reason is Reason.UP_TO_DATE
    assert "3 applied, 0 pending." in runner.call("status", "--check").stdout


def test_what_was_taken_over_is_rolled_back_like_anything_else(runner: Runner) -> None:
    job(runner, "migrate", *ADOPT)
    for half in ("up", "down"):
        (runner.folder / f"0002_b.{half}.sql").unlink()
    done = runner.call("rollback", "--target", "base")
    assert done.returncode == 0, done.stderr
    assert runner.tables == {"schema_migrations"}


def test_nothing_pending_is_taken_over_too(runner: Runner) -> None:
    runner.query("CREATE TABLE t_0003_c (id int)")
    mark(runner, 3)
    ending = job(runner, "migrate", *ADOPT)
    assert (ending.reason, ending.current) == (Reason.SUCCEEDED, "0003_c")
    assert ending.database is not None
    assert ending.database.ledger
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]


def test_looking_shows_what_would_be_and_writes_nothing(runner: Runner) -> None:
    inspected = job(runner, "inspect", *ADOPT)
    assert (inspected.reason, inspected.direction) == (Reason.SUCCEEDED, Direction.FORWARD)
    assert (inspected.current, inspected.pending) == ("0002_b", 1)
    assert [step.id for step in inspected.steps] == ["0003_c"]
    back = job(runner, "inspect", "--target", "base", *ADOPT)
    assert [step.id for step in back.steps] == ["0002_b", "0001_a"]
    status = runner.call("status", "--adopt")
    assert "2 applied, 1 pending." in status.stdout
    assert "golang-migrate" in status.stdout
    plan = runner.call("plan", "--adopt")
    assert "0003_c.up.sql" in plan.stdout
    assert "0001_a.up.sql" not in plan.stdout
    for command in ("status", "plan"):
        data = json.loads(runner.call(command, "--adopt", "--json").stdout)
        assert data["adopts"] == "golang-migrate (public.schema_migrations, version 2)"
        assert data["current"] == "0002_b"
    dry = runner.call("migrate", "--adopt", "--dry-run")
    assert (dry.returncode, "nothing was changed" in dry.stdout) == (0, True)
    assert ledgers(runner) == []
    job(runner, "migrate", "--target", "2", *ADOPT)
    assert job(runner, "inspect").plan_digest == inspected.plan_digest, "what was planned is what runs"


def test_a_rollback_may_come_first(runner: Runner) -> None:
    answered = job(runner, "migrate", "--target", "1", *ADOPT)
    assert (answered.reason, answered.current) == (Reason.BACKWARD, "0002_b")
    assert ledgers(runner) == []
    words = ("--target", "1", "--expect-plan", answered.plan_digest, *ADOPT)
    assert job(runner, "reserve", *words).reason is Reason.SUCCEEDED
    done = job(runner, "rollback", *words)
    assert (done.reason, done.current) == (Reason.SUCCEEDED, "0001_a")
    assert runner.tables == {"schema_migrations", "t_0001_a"}


def test_a_rollback_on_a_laptop_may_come_first(runner: Runner) -> None:
    done = runner.call("rollback", "--adopt")
    assert done.returncode == 0, done.stderr
    assert runner.applied == ["0001_a"]
    assert runner.tables == {"schema_migrations", "t_0001_a"}


def test_never_names_what_was_found_and_how_to_take_it_over(runner: Runner) -> None:
    for operation in ("migrate", "inspect"):
        ending = job(runner, operation)
        assert (ending.reason, ending.exit_code) == (Reason.BASELINE_REQUIRED, 11)
        assert "public.schema_migrations of golang-migrate" in ending.message
    told = runner.call("migrate").stderr
    assert "--adopt" in told
    assert "spec.source.adoptionPolicy" in told
    assert ledgers(runner) == []
    ending, words = runner.told("migrate", allow_non_empty=True, dry_run=True)
    assert ending.result.reason is Reason.SUCCEEDED
    assert "schema_migrations" in words.text, "whoever begins anew all the same is told"


def test_an_empty_history_is_one(runner: Runner) -> None:
    """golang-migrate leaves no row after its last `down`."""
    runner.query("DROP TABLE t_0001_a, t_0002_b")
    mark(runner, None)
    ending = job(runner, "migrate", *ADOPT)
    assert (ending.reason, ending.current) == (Reason.SUCCEEDED, "0003_c")
    kinds = runner.query("SELECT kind FROM switchback.events ORDER BY seq")
    assert kinds == [("Created",), ("Applied",), ("Applied",), ("Applied",)]


@pytest.mark.parametrize(
    ("arrange", "words"),
    [
        ("UPDATE schema_migrations SET dirty = true", ["version 2", "dirty", "public.schema_migrations"]),
        ("UPDATE schema_migrations SET version = 7", ["version 7", "0003_c", "public.schema_migrations"]),
        ("UPDATE schema_migrations SET version = -1", ["version -1", "public.schema_migrations"]),
        ("INSERT INTO schema_migrations VALUES (1, false)", ["several rows", "public.schema_migrations"]),
    ],
    ids=["dirty", "unknown", "nil", "two"],
)
def test_what_does_not_fit_is_refused(runner: Runner, arrange: str, words: list[str]) -> None:
    runner.query(arrange)
    for operation in ("migrate", "inspect"):
        ending = job(runner, operation, *ADOPT)
        assert (ending.reason, ending.exit_code) == (Reason.ADOPTION_REFUSED, 11)
        assert all(word in ending.message for word in words), ending.message
    done = runner.call("plan", "--adopt")
    assert (done.returncode, "golang-migrate" in done.stderr) == (11, True)
    assert ledgers(runner) == []
    assert "t_0003_c" not in runner.tables


def test_several_histories_are_refused_and_a_search_path_decides(runner: Runner) -> None:
    runner.query("CREATE SCHEMA shop")
    mark(runner, 1, schema="shop")
    both = ("--search-path", "shop", "--search-path", "public")
    ending = job(runner, "migrate", *ADOPT, *both)
    assert ending.reason is Reason.ADOPTION_REFUSED
    assert "public.schema_migrations" in ending.message
    assert "shop.schema_migrations" in ending.message
    assert ledgers(runner) == []
    assert job(runner, "inspect", *ADOPT).current == "0002_b", "another application's is none of ours"
    assert job(runner, "inspect", *ADOPT, "--search-path", "shop").current == "0001_a"


def test_a_history_outside_the_search_path_is_named(runner: Runner) -> None:
    runner.query("CREATE SCHEMA shop; ALTER TABLE schema_migrations SET SCHEMA shop")
    for policy in (ADOPT, ()):
        ending = job(runner, "migrate", *policy)
        assert ending.reason is Reason.BASELINE_REQUIRED
        assert "shop.schema_migrations" in ending.message
    assert "--search-path shop" in runner.call("migrate").stderr


def test_a_table_of_that_name_by_somebody_else_is_no_history(runner: Runner) -> None:
    """Ecto's, here."""
    columns = "version bigint PRIMARY KEY, inserted_at timestamp(0)"
    runner.query(f"DROP TABLE schema_migrations; CREATE TABLE schema_migrations ({columns})")
    ending = job(runner, "migrate", *ADOPT)
    assert ending.reason is Reason.BASELINE_REQUIRED
    assert "golang-migrate" not in ending.message


def test_a_ledger_that_is_there_counts_alone(runner: Runner) -> None:
    job(runner, "migrate", "--target", "2", *ADOPT)
    mark(runner, 7, dirty=True)
    assert job(runner, "migrate", *ADOPT).reason is Reason.SUCCEEDED


def test_the_other_tool_at_work_is_noticed(runner: Runner) -> None:
    """It holds its table while it writes there, as TRUNCATE does."""
    with psycopg.connect(runner.url) as other:
        other.execute(b"TRUNCATE schema_migrations")
        other.execute(b"INSERT INTO schema_migrations VALUES (2, false)")
        ending = runner.up(policy=Policy(adopt=True))
    assert (ending.result.reason, ending.result.exit_code) == (Reason.OBJECTS_LOCKED, 6)
    assert "golang-migrate is at work" in ending.result.message
    assert ledgers(runner) == []


def test_a_history_that_moves_on_meanwhile(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    from switchback.runner.session import Session  # noqa: PLC0415 - only this test looks inside

    ensure = Session.ensure

    def late(self: Session, ledger: object) -> object:
        runner.query("UPDATE schema_migrations SET version = 3, dirty = true")
        return ensure(self, ledger)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "ensure", late)
    ending = runner.up(policy=Policy(adopt=True))
    assert (ending.result.reason, ending.result.exit_code) == (Reason.PLAN_MOVED, 12)
    assert ledgers(runner) == []
    assert "t_0003_c" not in runner.tables


def test_two_at_once_take_it_over_once(runner: Runner) -> None:
    endings = []
    patient = runner.with_limits(advisory=20)

    def work() -> None:
        endings.append(patient.up(policy=Policy(adopt=True)).result)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {ending.current for ending in endings} == {"0003_c"}
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]
    assert runner.query("SELECT count(*) FROM switchback.events WHERE kind = 'Adopted'") == [(2,)]


def test_a_failure_after_it_keeps_what_was_taken_over(runner: Runner) -> None:
    write(runner.folder, _0003_c_up="CREATE TABLE x (id int);\nSELECT 1/0;")
    ending = job(runner, "migrate", *ADOPT)
    assert (ending.reason, ending.current) == (Reason.SQL_FAILED, "0002_b")
    assert runner.applied == ["0001_a", "0002_b"]


def test_files_that_could_not_run_here_have_run_there(runner: Runner) -> None:
    """golang-migrate has run it; only a rollback would have to understand its down half."""
    write(
        runner.folder,
        _0001_a_up="BEGIN;\nCREATE TABLE t_0001_a (id int);\nCOMMIT;\nBEGIN;\nSELECT 1;\nCOMMIT;",
    )
    assert job(runner, "migrate", *ADOPT).reason is Reason.SUCCEEDED
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]
    assert job(runner, "migrate").reason is Reason.UP_TO_DATE
    assert runner.call("status", "--check").returncode == 0
