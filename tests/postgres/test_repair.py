"""Rows of the ledger changed by hand: nothing of any file runs, and every change is an event."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.operations import amend, repair
from tests.postgres.acting import act, last_event, told
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

STEPWISE = "-- switchback: no-transaction\n"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """At 0002_b; 0003_c is pending."""
    write(folder, "0001_a", "0002_b", "0003_c")
    made = Runner(database, folder)
    assert made.up(target="0002_b").result.reason is Reason.SUCCEEDED
    return made


def row(runner: Runner, migration_id: str, columns: str) -> tuple[object, ...]:
    found = runner.query(f"SELECT {columns} FROM switchback.migrations WHERE id = '{migration_id}'")
    assert len(found) == 1
    return tuple(found[0])


def moved(runner: Runner, old: str, new: str) -> None:
    for half in ("up", "down"):
        (runner.folder / f"{old}.{half}.sql").rename(runner.folder / f"{new}.{half}.sql")


def half_applied(runner: Runner) -> None:
    """Two of the three statements of 0003_c have run."""
    text = f"{STEPWISE}CREATE TABLE one (id int);\nCREATE TABLE two (id int);\nSELECT nowhere;\n"
    write(runner.folder, _0003_c_up=text)
    assert runner.up().result.reason is Reason.FAILED_PARTLY
    assert row(runner, "0003_c", "statements_done, statements_total") == (2, 3)


def test_mark_counts_a_file_as_applied_and_runs_nothing(runner: Runner) -> None:
    ending = act(runner, amend.mark, target="3", reason="by hand", by="cli-me")
    assert (ending.result.reason, ending.result.current) == (Reason.SUCCEEDED, "0003_c")
    assert "nothing of it has run" in ending.result.message
    assert runner.tables == {"t_0001_a", "t_0002_b"}
    assert row(runner, "0003_c", "position, statements_done = statements_total, down_sql, applied_by") == (
        3, True, "DROP TABLE t_0003_c;\n", "postgres",
    )  # fmt: skip
    event = last_event(runner)
    assert (event["kind"], event["migration_id"], event["position"]) == ("Marked", "0003_c", 3)
    assert (event["done_by"], event["operation_id"], event["reason"]) == ("postgres", "cli-me", "by hand")
    assert runner.up().result.reason is Reason.UP_TO_DATE
    runner.query("CREATE TABLE t_0003_c (id int)")
    assert runner.down().result.current == "0002_b"
    assert runner.tables == {"t_0001_a", "t_0002_b"}


def test_an_empty_id_is_called_empty(runner: Runner) -> None:
    for option in ("--mark", "--unmark"):
        done = runner.call("repair", option, "")
        assert done.returncode in {2, 4}
        assert "Nothing" not in done.stderr
        assert "empty" in done.stderr


def test_mark_of_what_is_applied_does_nothing(runner: Runner) -> None:
    before = runner.query("SELECT revision FROM switchback.meta")
    assert act(runner, amend.mark, target="0002_b").result.reason is Reason.UP_TO_DATE
    (runner.folder / "0002_b.up.sql").write_text("SELECT 1;")
    ending, words = told(runner, amend.mark, target="0002_b")
    assert ending.result.reason is Reason.UP_TO_DATE
    assert "--accept-changed 0002_b" in words.text
    assert runner.query("SELECT revision FROM switchback.meta") == before


def test_mark_says_what_it_leaves_behind(runner: Runner) -> None:
    write(runner.folder, "0004_d")
    ending, words = told(runner, amend.mark, target="0004_d")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "0003_c comes before it and is not applied" in words.text
    assert runner.up().result.reason is Reason.OUT_OF_ORDER


def test_mark_of_a_half_applied_file_completes_it(runner: Runner) -> None:
    half_applied(runner)
    text = f"{STEPWISE}CREATE TABLE one (id int);\nCREATE TABLE two (id int);\nSELECT 1;\nSELECT 2;\n"
    (runner.folder / "0003_c.up.sql").write_text(text)
    ending = act(runner, amend.mark, target="0003_c")
    assert "2 of 3 statements had run" in ending.result.message
    assert row(runner, "0003_c", "position, statements_done, statements_total, down_done") == (3, 4, 4, None)
    assert last_event(runner)["details"] == "2 of 3 statements had run"
    assert runner.up().result.reason is Reason.UP_TO_DATE
    assert runner.call("status", "--check").returncode == 0


def test_mark_of_a_half_applied_row_without_a_file(runner: Runner) -> None:
    half_applied(runner)
    (runner.folder / "0003_c.up.sql").unlink()
    (runner.folder / "0003_c.down.sql").unlink()
    assert act(runner, amend.mark, target="0003_c").result.reason is Reason.SUCCEEDED
    assert row(runner, "0003_c", "statements_done, statements_total") == (3, 3)


def test_mark_and_unmark_of_a_half_rolled_back_row(runner: Runner) -> None:
    write(runner.folder, _0002_b_down=f"{STEPWISE}CREATE TABLE x (id int);\nSELECT nowhere;\n")
    assert act(runner, amend.accept, target="0002_b").result.reason is Reason.SUCCEEDED
    assert runner.down(accept=frozenset(runner.down(dry_run=True).result.risks)).result.exit_code == 9
    assert row(runner, "0002_b", "down_done") == (1,)
    ending, _ = told(runner, amend.unmark, target="0002_b", dry_run=True)
    assert ending.result.reason is Reason.SUCCEEDED
    ending = act(runner, amend.mark, target="0002_b")
    assert "its rollback had run 1" in ending.result.message
    assert row(runner, "0002_b", "down_done, statements_done = statements_total") == (None, True)


def test_unmark_forgets_the_row_and_leaves_the_schema(runner: Runner) -> None:
    ending, words = told(runner, amend.unmark, target="0002", reason="undone by hand")
    assert (ending.result.reason, ending.result.current) == (Reason.SUCCEEDED, "0001_a")
    assert "What it did to the schema stays as it is; migrate would apply its file." in ending.result.message
    assert "down half that the ledger has kept" in words.text
    assert runner.applied == ["0001_a"]
    assert "t_0002_b" in runner.tables
    event = last_event(runner)
    assert (event["kind"], event["migration_id"], event["reason"]) == ("Unmarked", "0002_b", "undone by hand")


def test_unmark_needs_no_files_and_names_what_came_later(runner: Runner) -> None:
    for half in ("up", "down"):
        for name in ("0001_a", "0002_b", "0003_c"):
            (runner.folder / f"{name}.{half}.sql").unlink()
    ending, words = told(runner, amend.unmark, target="0001_a")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "migrate would" not in ending.result.message
    assert "0002_b was applied after it" in words.text
    assert runner.applied == ["0002_b"]


def test_short_forms_need_no_files(runner: Runner) -> None:
    runner.folder.rename(runner.folder.with_name("elsewhere"))
    unknown = runner.call("repair", "--unmark", "7")
    assert unknown.returncode == 2
    assert "The ledger has no row 7: it is not applied." in unknown.stderr
    assert "See switchback history" in unknown.stderr, "status needs the files"
    runner.query("UPDATE switchback.migrations SET id = '2_a' WHERE id = '0001_a'")
    either = runner.call("repair", "--unmark", "2")
    assert (either.returncode, "2_a or 0002_b" in either.stderr) == (2, True)
    runner.query("UPDATE switchback.migrations SET id = '0001_a' WHERE id = '2_a'")
    done = runner.call("repair", "--unmark", "1")
    assert (done.returncode, done.stdout.startswith("Forgot 0001_a.")) == (0, True), done.stderr
    assert runner.applied == ["0002_b"]


def test_unmark_of_a_half_applied_row_removes_it(runner: Runner) -> None:
    half_applied(runner)
    assert act(runner, amend.unmark, target="0003_c").result.reason is Reason.SUCCEEDED
    assert runner.applied == ["0001_a", "0002_b"]
    assert last_event(runner)["details"] == "2 of 3 statements had run"
    write(runner.folder, _0003_c_up="CREATE TABLE three (id int);")
    assert runner.up().result.current == "0003_c"


def test_rename(runner: Runner) -> None:
    moved(runner, "0002_b", "0002_books")
    assert runner.up().result.reason is Reason.FILE_MISSING
    rename = partial(amend.rename, new="0002_books")
    ending = act(runner, rename, target="0002_b", reason="a better name")
    assert ending.result.reason is Reason.SUCCEEDED
    assert runner.applied == ["0001_a", "0002_books"]
    assert row(runner, "0002_books", "position, description, operation_id") == (2, "books", "cli-test")
    event = last_event(runner)
    assert (event["kind"], event["migration_id"], event["details"]) == ("Renamed", "0002_books", "0002_b")
    assert runner.up().result.current == "0003_c"
    assert runner.down(target="0001").result.current == "0001_a"
    assert runner.tables == {"t_0001_a"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CREATE TABLE t_0002_b (id int PRIMARY KEY); -- said more\n", Reason.SUCCEEDED),
        ("CREATE TABLE t_0002_b (id bigint PRIMARY KEY);\n", Reason.FILE_CHANGED),
    ],
    ids=["comments only", "another text"],
)
def test_a_row_takes_no_name_of_something_else(runner: Runner, text: str, reason: Reason) -> None:
    moved(runner, "0002_b", "0002_books")
    (runner.folder / "0002_books.up.sql").write_text(text)
    ending = act(runner, partial(amend.rename, new="0002_books"), target="0002_b")
    assert ending.result.reason is reason
    if reason is Reason.FILE_CHANGED:
        stored = str(row(runner, "0002_b", "up_checksum")[0])
        assert stored in ending.result.message
        assert "--unmark 0002_b, then --mark 0002_books" in ending.advice


def test_rename_is_refused_where_it_is_none(runner: Runner) -> None:
    assert act(runner, partial(amend.rename, new="0001_a"), target="0002_b").result.exit_code == 11
    write(runner.folder, "0009_i")
    (runner.folder / "0009_i.up.sql").write_text((runner.folder / "0002_b.up.sql").read_text())
    ending = act(runner, partial(amend.rename, new="0009_i"), target="0002_b")
    assert ending.result.reason is Reason.REPAIR_REFUSED
    assert "still there" in ending.result.message
    assert act(runner, partial(amend.rename, new="0002_b"), target="0002_b").result.exit_code == 0
    assert act(runner, partial(amend.rename, new="0009_i"), target="0077_x").result.exit_code == 2
    half_applied(runner)
    moved(runner, "0003_c", "0008_h")
    ending = act(runner, partial(amend.rename, new="0008_h"), target="0003_c")
    assert ending.result.reason is Reason.FAILED_PARTLY
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]


def test_a_renamed_file_is_not_marked(runner: Runner) -> None:
    moved(runner, "0002_b", "0002_books")
    ending = act(runner, amend.mark, target="0002_books")
    assert ending.result.reason is Reason.REPAIR_REFUSED
    assert "repair --rename 0002_b 0002_books" in ending.advice


def test_accept_a_changed_file(runner: Runner) -> None:
    then = str(row(runner, "0002_b", "up_checksum")[0])
    (runner.folder / "0002_b.up.sql").write_text("CREATE TABLE t_0002_b (id bigint PRIMARY KEY);\n")
    (runner.folder / "0002_b.down.sql").write_text("DROP TABLE IF EXISTS t_0002_b;\n")
    assert runner.up().result.reason is Reason.FILE_CHANGED
    shown = act(runner, amend.accept, target="0002_b", dry_run=True)
    assert then in shown.result.message
    assert "more than its layout differs" in shown.result.message
    assert runner.up().result.reason is Reason.FILE_CHANGED
    ending = act(runner, amend.accept, target="0002_b", reason="agreed")
    now, down, fingerprint = row(runner, "0002_b", "up_checksum, down_sql, fingerprint")
    assert str(now) != then
    assert str(now) in ending.result.message
    assert down == "DROP TABLE IF EXISTS t_0002_b;\n"
    assert str(fingerprint).startswith("t1:")
    assert last_event(runner)["kind"] == "Accepted"
    assert then[:15] in str(last_event(runner)["details"])
    assert then not in str(last_event(runner)["details"]), "a table has to be read at a glance"
    assert runner.up().result.current == "0003_c"
    assert act(runner, amend.accept, target="0002_b").result.reason is Reason.UP_TO_DATE


def test_accept_says_when_only_the_layout_differs(runner: Runner) -> None:
    (runner.folder / "0002_b.up.sql").write_text("CREATE TABLE t_0002_b\n  (id int PRIMARY KEY);\n")
    ending = act(runner, amend.accept, target="0002_b")
    assert "only comments or blanks differ; the down half is the same" in ending.result.message
    assert runner.call("status", "--check").returncode == 3, "nothing is left but the pending one"


def test_accept_is_refused_without_a_file_and_in_part(runner: Runner) -> None:
    half_applied(runner)
    (runner.folder / "0003_c.up.sql").write_text(f"{STEPWISE}CREATE TABLE one (id int);\n")
    assert act(runner, amend.accept, target="0003_c").result.reason is Reason.FAILED_PARTLY
    (runner.folder / "0002_b.up.sql").unlink()
    (runner.folder / "0002_b.down.sql").unlink()
    ending = act(runner, amend.accept, target="0002_b")
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FILE_MISSING, 4)


ACTIONS = {
    "mark": (amend.mark, "0003_c"),
    "unmark": (amend.unmark, "0002_b"),
    "accept": (amend.accept, "0002_b"),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_a_dry_run_and_a_reservation_change_nothing(runner: Runner, name: str) -> None:
    action, target = ACTIONS[name]
    (runner.folder / "0002_b.up.sql").write_text("CREATE TABLE t_0002_b\n  (id int PRIMARY KEY);\n")
    everything = (
        "SELECT m.*, (SELECT count(*) FROM switchback.events) FROM switchback.migrations m ORDER BY 2"
    )
    before = runner.query(everything)
    ending = act(runner, action, target=target, dry_run=True)
    assert ending.result.reason is Reason.SUCCEEDED
    assert ending.result.message.endswith("; nothing was changed.")
    assert runner.query(everything) == before
    assert runner.run("reserve", by="aa-1", target="0001").result.reason is Reason.SUCCEEDED
    ending = act(runner, action, target=target)
    assert (ending.result.reason, ending.result.exit_code) == (Reason.RESERVED, 6)
    assert act(runner, repair.release, dry_run=True).result.message.endswith("; nothing was changed.")
    assert act(runner, action, target=target).result.reason is Reason.RESERVED
    assert act(runner, repair.release).result.reason is Reason.SUCCEEDED
    assert act(runner, action, target=target).result.reason is Reason.SUCCEEDED


def test_under_the_lock_and_by_the_ledger_as_it_is_there(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody applies the very file between the look and the lock."""
    from switchback.runner.session import Session  # noqa: PLC0415 - patched here

    lock = Session.lock

    def slow(self: Session, ledger: object, seconds: float | None = None) -> object:
        monkeypatch.setattr(Session, "lock", lock)
        runner.up()
        return lock(self, ledger, seconds)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "lock", slow)
    assert act(runner, amend.mark, target="0003_c").result.reason is Reason.UP_TO_DATE
    assert runner.query("SELECT count(*) FROM switchback.events WHERE kind = 'Marked'") == [(0,)]


@pytest.mark.parametrize("name", ACTIONS)
def test_what_cannot_be_repaired(runner: Runner, name: str) -> None:
    action, _ = ACTIONS[name]
    assert act(runner, action, target="0099").result.reason is Reason.TARGET_UNKNOWN
    for word in ("latest", "base", ""):
        assert act(runner, action, target=word).result.exit_code == 2
    runner.query("UPDATE switchback.meta SET major = 2")
    assert act(runner, action, target="0002_b").result.reason is Reason.LEDGER_NEWER
    runner.query("UPDATE switchback.meta SET major = 1, database_name = 'other'")
    assert act(runner, action, target="0002_b").result.reason is Reason.DATABASE_CHANGED
    runner.query("DROP SCHEMA switchback CASCADE")
    ending = act(runner, action, target="0002_b")
    assert ending.result.reason is Reason.BASELINE_REQUIRED
    assert "switchback baseline --target" in ending.advice


def test_exactly_one_action(runner: Runner) -> None:
    assert runner.call("repair").returncode == 2
    assert runner.call("repair", "--mark", "3", "--unmark", "2").returncode == 2
    done = runner.call("repair", "--mark", "3", "--reason", "INC-1")
    assert (done.returncode, done.stdout) == (0, "0003_c counts as applied; nothing of it has run.\n")
    moved(runner, "0003_c", "0003_d")
    done = runner.call("repair", "--rename", "0003_c", "0003_d", "--dry-run")
    assert done.stdout == "Would give the row of 0003_c the id 0003_d; nothing was changed.\n"
    assert runner.call("repair", "--rename", "0003_c", "0003_d").returncode == 0
    assert runner.call("repair", "--accept-changed", "1").returncode == 0
    assert runner.call("repair", "--unmark", "0003").returncode == 0
    assert runner.applied == ["0001_a", "0002_b"]
