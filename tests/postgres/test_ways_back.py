"""Which way back runs, sentence by sentence: checked before anything runs, forgotten only when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from switchback.runner.policy import DownFrom
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.runner.operations.perform import Ending

APPLIED = ["0001_a", "0002_b", "0003_c"]
FORGET = frozenset({Risk.FORGET_MISSING})


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    made = Runner(database, folder)
    write(folder, "0001_a", "0002_b", "0003_c")
    assert made.up().result.reason is Reason.SUCCEEDED
    return made


def gone(runner: Runner, name: str, *halves: str) -> None:
    for half in halves or ("up", "down"):
        (runner.folder / f"{name}.{half}.sql").unlink()


def moved(runner: Runner, old: str, new: str) -> None:
    for half in ("up", "down"):
        (runner.folder / f"{old}.{half}.sql").rename(runner.folder / f"{new}.{half}.sql")


def nothing_stored(runner: Runner, *ids: str) -> None:
    """As for a format whose way back needs its file."""
    listed = ", ".join(f"'{one}'" for one in ids)
    runner.query(
        f"UPDATE switchback.migrations SET down_sql = NULL, down_kind = 'File' WHERE id IN ({listed})"
    )


def test_a_stored_way_back_that_was_edited_does_not_run(runner: Runner) -> None:
    runner.query("UPDATE switchback.migrations SET down_sql = down_sql || ' DROP TABLE t_0001_a;' "
                 "WHERE id = '0003_c'")  # fmt: skip
    assert runner.call("rollback", "--dry-run").returncode == 0, "the file's runs"
    write(runner.folder, _0003_c_down="DROP TABLE IF EXISTS t_0003_c")
    for words in (("--down-from", "ledger"), ()):
        if not words:
            gone(runner, "0003_c")
        done = runner.call("rollback", "--accept-data-loss", *words)
        assert done.returncode == 4, done.stdout
        assert "the down half of 0003_c that the ledger keeps is not the one that was stored" in done.stderr
        assert "its row was edited or damaged" in done.stderr
        assert "--down-from file" in done.stderr
    assert runner.applied == APPLIED


@pytest.mark.parametrize(
    "files",
    [
        {
            "00001_a.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE t ();\n"
            "-- +goose Down\nDROP TABLE t;\n",
        },
        {
            "meta/_journal.json": '{"entries": [{"idx": 0, "tag": "0000_a", "when": 1}]}',
            "0000_a.sql": "CREATE TABLE t ()",
            "0000_a.down.sql": "SELECT 1\n--> statement-breakpoint\nDROP TABLE t",
        },
        {
            "1_a.up.sql": "CREATE TABLE t ();",
            "1_a.down.sql": "\ufeffDROP TABLE t;\r\n-- switchback: no-transaction\r\n",
        },
    ],
    ids=["goose", "drizzle", "pairs"],
)
def test_a_stored_way_back_is_known_in_every_form(database: str, folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(text.encode())
    runner = Runner(database, folder)
    assert runner.up().result.reason is Reason.SUCCEEDED
    for name, text in files.items():
        (folder / name).write_bytes(text.replace("DROP TABLE", "DROP TABLE IF EXISTS").encode())
    done = runner.call("rollback", "--down-from", "ledger", "--accept-data-loss")
    assert done.returncode == 0, done.stderr
    assert "the down half that the ledger keeps runs" in done.stdout
    assert runner.applied == []


def test_what_a_terminal_would_obey_is_not_printed(runner: Runner) -> None:
    odd = "0004_\x1b]0;title\x07\x1b[31mred"
    runner.query("INSERT INTO switchback.migrations SELECT (jsonb_populate_record(m, jsonb_build_object("
                 f"'id', $${odd}$$, 'position', 4, 'directives', E'down=none be\\x1b[2Jcause'))).* "
                 "FROM switchback.migrations m WHERE id = '0003_c'")  # fmt: skip
    for words in ("plan --target 2", "rollback --dry-run", "rollback --steps 2 --accept-data-loss"):
        done = runner.call(*words.split())
        assert done.returncode in {0, 3}, done.stderr
        assert "0004_?]0;title??[31mred" in done.stdout
        assert "\x1b" not in done.stdout + done.stderr


def untouched(ending: Ending, runner: Runner, reason: Reason, code: int) -> str:
    assert (ending.result.reason, ending.result.exit_code) == (reason, code)
    assert runner.applied == APPLIED
    assert runner.tables == {"t_0001_a", "t_0002_b", "t_0003_c"}
    return ending.result.message


def test_each_kind_of_trouble_has_its_own_words_and_names_its_files(database: str, folder: Path) -> None:
    """One range with all of them; nothing runs, although the last migration could go."""
    runner = Runner(database, folder)
    write(folder, "0001_irreversible", "0002_none", "0003_missing", "0004_changed", "0005_fine")
    for name in ("0001_irreversible", "0002_none"):
        (folder / f"{name}.down.sql").unlink()
    path = folder / "0001_irreversible.up.sql"
    path.write_text(f"-- switchback: irreversible\n{path.read_text()}")
    assert runner.up().result.reason is Reason.SUCCEEDED
    nothing_stored(runner, "0003_missing")
    gone(runner, "0003_missing")
    (folder / "0004_changed.down.sql").write_text("SELECT 1, 2;")
    ending = runner.down(target="base")
    assert (ending.result.reason, ending.result.exit_code) == (Reason.IRREVERSIBLE, 5)
    for words in (
        "0001_irreversible is declared irreversible",
        "0002_none has no down half",
        "the file of 0003_missing is gone, and the ledger keeps no down half of it",
        "the down half of 0004_changed has changed since it was applied (then s1:",
    ):
        assert words in ending.text
    for words in ("Choose a target above", "Write the down half", "--forget-missing", "--down-from file"):
        assert words in ending.advice
    assert len(runner.applied) == 5
    assert runner.down().result.current == "0004_changed", "alone it goes"


@pytest.mark.parametrize("flag", ["force", "forget_missing"])
def test_forgetting_leaves_the_schema_and_says_so(runner: Runner, flag: str) -> None:
    nothing_stored(runner, "0003_c")
    gone(runner, "0003_c")
    untouched(runner.down(), runner, Reason.FILE_MISSING, 4)
    ending, words = runner.told("rollback", accept=FORGET, **{flag: True})
    assert ending.result.reason is Reason.SUCCEEDED
    assert "its file is gone and the ledger keeps no down half" in words.text.lower()
    assert "what it did to the schema stays" in words.text
    assert "t_0003_c" in runner.tables
    assert runner.query("SELECT kind FROM switchback.events ORDER BY seq DESC LIMIT 1") == [("Forgotten",)]


def test_forgetting_is_no_way_around_anything_else(runner: Runner) -> None:
    """`--force` has two meanings, and neither is this."""
    write(runner.folder, _0003_c_down="SELECT 1;")
    untouched(runner.down(force=True, accept=FORGET), runner, Reason.FILE_CHANGED, 4)
    runner.query("UPDATE switchback.migrations SET down_sql = NULL, down_kind = 'None', down_checksum = '' "
                 "WHERE id = '0003_c'")  # fmt: skip
    gone(runner, "0003_c", "down")
    untouched(runner.down(force=True, accept=FORGET), runner, Reason.NO_DOWN, 5)
    write(runner.folder, _0003_c_up="-- switchback: irreversible\nCREATE TABLE t_0003_c (id int);")
    untouched(runner.down(force=True, accept=FORGET), runner, Reason.IRREVERSIBLE, 5)


def test_a_deleted_down_half_counts_as_missing(runner: Runner) -> None:
    gone(runner, "0003_c", "down")
    nothing_stored(runner, "0003_c")
    message = untouched(runner.down(), runner, Reason.FILE_MISSING, 4)
    assert "the down half of 0003_c is gone" in message
    ending, words = runner.told("rollback", forget_missing=True, accept=FORGET)
    assert ending.result.reason is Reason.SUCCEEDED
    assert "Migrate would apply its file again." in words.text
    assert "t_0003_c" in runner.tables


def test_a_deleted_down_half_that_the_ledger_keeps_runs(runner: Runner) -> None:
    gone(runner, "0003_c", "down")
    ending, words = runner.told("rollback")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "the down half that the ledger keeps runs, because its file has no down half" in words.text
    assert "t_0003_c" not in runner.tables


def test_what_differs_is_said_as_far_as_it_is_known(runner: Runner) -> None:
    write(runner.folder, _0003_c_down="-- tidied up\nDROP TABLE t_0003_c;\n")
    message = untouched(runner.down(), runner, Reason.FILE_CHANGED, 4)
    assert "only comments or blanks differ" in message
    nothing_stored(runner, "0003_c")
    message = untouched(runner.down(down_from=DownFrom.LEDGER), runner, Reason.FILE_CHANGED, 4)
    assert "the ledger keeps none of it" in message


def test_a_changed_up_half_is_said_and_does_not_matter(runner: Runner) -> None:
    write(runner.folder, _0003_c_up="CREATE TABLE t_0003_c (id text);\n")
    ending, words = runner.told("rollback")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "0003_c: its up half has changed since it was applied; what was applied is undone." in words.text


@pytest.mark.parametrize("flag", ["force", "every"])
def test_more_steps_than_applied(runner: Runner, flag: str) -> None:
    message = untouched(runner.down(steps=4), runner, Reason.TOO_FEW_APPLIED, 11)
    assert "3 migrations are applied; 4 should be rolled back" in message
    assert runner.down(steps=4, **{flag: True}).result.current == "base"
    assert runner.applied == []


def test_each_flag_has_its_own_meaning(runner: Runner) -> None:
    """Who wants to forget does not roll back everything, and the other way round."""
    untouched(runner.down(steps=4, forget_missing=True, accept=FORGET), runner, Reason.TOO_FEW_APPLIED, 11)
    nothing_stored(runner, "0003_c")
    gone(runner, "0003_c")
    untouched(runner.down(steps=4, every=True, accept=FORGET), runner, Reason.FILE_MISSING, 4)


def test_a_renamed_file_is_undone_by_what_the_ledger_keeps(runner: Runner) -> None:
    moved(runner, "0003_c", "0003_books")
    ending, words = runner.told("rollback")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "the ledger keeps runs, because its file is now 0003_books" in words.text
    assert runner.tables == {"t_0001_a", "t_0002_b"}


def test_a_renamed_file_is_undone_by_its_own_way_back_when_it_is_the_same(runner: Runner) -> None:
    moved(runner, "0003_c", "0003_books")
    nothing_stored(runner, "0003_c")
    ending, words = runner.told("rollback")
    assert ending.result.reason is Reason.SUCCEEDED
    assert "the down half of 0003_books runs, because its file is now 0003_books" in words.text
    assert runner.applied == ["0001_a", "0002_b"]


def test_a_renamed_file_with_another_way_back_is_missing(runner: Runner) -> None:
    moved(runner, "0003_c", "0003_books")
    nothing_stored(runner, "0003_c")
    write(runner.folder, _0003_books_down="DROP TABLE t_0001_a;")
    message = untouched(runner.down(), runner, Reason.FILE_MISSING, 4)
    assert "the file of 0003_c is now 0003_books" in message


def test_in_reverse_order_of_application_and_not_of_files(database: str, folder: Path) -> None:
    """0002_b came late: it is the newest in the database."""
    runner = Runner(database, folder)
    write(folder, "0001_a", "0003_c")
    runner.up()
    write(folder, "0002_b")
    assert runner.call("migrate", "--allow-out-of-order").returncode == 0
    assert runner.down().result.steps[0].id == "0002_b"
    assert runner.applied == ["0001_a", "0003_c"]


def test_the_reason_is_kept(runner: Runner) -> None:
    assert runner.call("rollback", "--reason", "INC-4711 it's slow").returncode == 0
    assert runner.query(
        "SELECT kind, migration_id, reason FROM switchback.events ORDER BY seq DESC LIMIT 1"
    ) == [("RolledBack", "0003_c", "INC-4711 it's slow")]  # fmt: skip


def test_on_the_command_line(runner: Runner) -> None:
    for words in (("--all", "--target", "1"), ("--steps", "1", "--target", "1")):
        assert runner.call("rollback", *words).returncode == 2
    nothing_stored(runner, "0003_c")
    gone(runner, "0003_c")
    done = runner.call("rollback", "--forget-missing")
    assert (done.returncode, "what it did to the schema stays" in done.stdout) == (0, True)
    assert runner.call("rollback", "--steps", "5").returncode == 11
    done = runner.call("rollback", "--all")
    assert done.stdout.endswith("Rolled back 2 migrations; the database is at base.\n")
    assert runner.call("rollback", "--all").returncode == 0
    assert runner.call("migrate").returncode == 0
    done = runner.call("rollback", "--steps", "5", "--all")
    assert done.stdout.endswith("Rolled back 2 migrations; the database is at base.\n")
