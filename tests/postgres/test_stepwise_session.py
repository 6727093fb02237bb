"""What a file without a transaction sets for itself, and statements that end transactions of their own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

MARK = "-- switchback: no-transaction\n"


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a")
    made = Runner(database, folder)
    made.up()
    made.query("CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 100)")
    return made


def orders(runner: Runner, schema: str = "public") -> int:
    count: int = runner.query(f"SELECT count(*) FROM {schema}.orders")[0][0]
    return count


@pytest.mark.parametrize(
    "call",
    [
        "SELECT set_config('search_path', 'archive', false)",
        "select pg_catalog.set_config('search_path', -- as pg_dump writes it\n 'archive', FALSE)",
    ],
)
def test_set_config_holds_for_the_statements_after_it(runner: Runner, call: str) -> None:
    runner.query("CREATE SCHEMA archive; CREATE TABLE archive.orders AS SELECT * FROM orders")
    write(runner.folder, _0002_b_up=MARK + f"{call};\nDELETE FROM orders WHERE id > 10;")
    ending = runner.up()
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert (orders(runner), orders(runner, "archive")) == (100, 10)


@pytest.mark.parametrize(
    "call",
    [
        "SELECT set_config('search_path', 'ar' || 'chive', false)",
        "SELECT set_config(name, 'archive', false) FROM pg_settings WHERE name = 'search_path'",
        "WITH s AS (SELECT set_config('search_path', 'archive', is_local => false)) SELECT FROM s",
    ],
)
@pytest.mark.parametrize("half", ["up", "down"])
def test_a_set_config_that_cannot_be_sent_again_is_refused(runner: Runner, call: str, half: str) -> None:
    """It would be reset before the next statement, and a resumed run could not tell what it had set."""
    text = MARK + f"SELECT 1;\n{call};\nDELETE FROM orders WHERE id > 10;"
    files = {"_0003_c_up": "SELECT 1;", "_0003_c_down": "SELECT 1;", f"_0003_c_{half}": text}
    write(runner.folder, "0002_b", **files)
    ending = runner.up()
    if half == "down":
        assert ending.result.reason is Reason.SUCCEEDED
        ending = runner.down()
    assert ending.result.reason is Reason.SOURCE_INVALID
    assert f"0003_c.{half}.sql:3" in ending.text
    assert "SET" in (ending.advice or "")
    assert ("0002_b" in runner.applied) is (half == "down"), "refused before anything runs"
    assert orders(runner) == 100


def test_a_local_set_config_is_none_of_that(runner: Runner) -> None:
    write(
        runner.folder,
        _0002_b_up=MARK
        + "SELECT set_config('search_path', 'nowhere', true);\n"
        "DELETE FROM orders WHERE id > 10;\n"
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT set_config('a.b', $1, false) $$;".replace(
            "$1", "'x'"
        ),
    )
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert orders(runner) == 10


BATCHES = (
    "CREATE PROCEDURE clear(fails_at int) LANGUAGE plpgsql AS $$ BEGIN FOR n IN 1..10 LOOP "
    "DELETE FROM orders WHERE id <= n * 10; COMMIT; "
    "IF n = fails_at THEN RAISE EXCEPTION 'no further'; END IF; END LOOP; END $$"
)
BLOCK = "DO $$ BEGIN DELETE FROM orders WHERE id <= 50; COMMIT; DELETE FROM orders; COMMIT; END $$"


@pytest.mark.parametrize("statement", ["CALL clear(0)", BLOCK], ids=["procedure", "block"])
def test_statements_that_commit_by_themselves(runner: Runner, statement: str) -> None:
    runner.query(BATCHES)
    write(runner.folder, "0003_c", _0002_b_up=MARK + f"SELECT 1;\n{statement};\nSELECT 3;")
    ending = runner.up()
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert orders(runner) == 0
    assert runner.applied == ["0001_a", "0002_b", "0003_c"]


@pytest.mark.parametrize("first", ["", "SELECT 1;\n"], ids=["the first", "the second"])
def test_what_it_committed_before_it_failed_keeps_the_record(runner: Runner, first: str) -> None:
    runner.query(BATCHES)
    write(runner.folder, _0002_b_up=MARK + first + "CALL clear(3);\nSELECT 3;")
    ending = runner.up()
    assert (ending.result.reason, ending.result.exit_code) == (Reason.FAILED_PARTLY, 9)
    assert isinstance(ending.error, RunnerError)
    assert ending.error.line == 2 + bool(first)
    assert "0 statements" not in ending.text
    assert "part of it" in ending.text
    assert orders(runner) == 70
    assert runner.applied == ["0001_a", "0002_b"]
    write(runner.folder, _0002_b_up=MARK + first + "CALL clear(0);\nSELECT 3;")
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert orders(runner) == 0


def test_stopped_in_the_middle_it_begins_again(runner: Runner) -> None:
    """At least once: whoever writes such a procedure lets it go on from what it finds."""
    runner.query(
        "CREATE PROCEDURE slow() LANGUAGE plpgsql AS $$ BEGIN FOR n IN 1..10 LOOP "
        "DELETE FROM orders WHERE id <= n * 10; COMMIT; "
        "PERFORM pg_sleep(CASE WHEN n = 5 AND current_setting('application_name') LIKE '%cli-%' "
        "AND NOT EXISTS (SELECT FROM orders WHERE id = 1000) THEN 60 ELSE 0 END); END LOOP; END $$"
    )
    write(runner.folder, _0002_b_up=MARK + "CALL slow();")
    process = runner.start("migrate", "--dir", str(runner.folder))
    deadline = time.monotonic() + 15
    while orders(runner) > 50:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=15)
    assert process.returncode == 143
    assert runner.applied == ["0001_a", "0002_b"], "its record stays, for a part of it has taken effect"
    runner.query("INSERT INTO orders VALUES (1000)")
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert orders(runner) == 1


def test_in_a_transactional_file_the_advice_names_the_directive(runner: Runner) -> None:
    runner.query(BATCHES)
    write(runner.folder, _0002_b_up="CALL clear(0);")
    ending = runner.up()
    assert isinstance(ending.error, RunnerError)
    assert ending.error.sqlstate == "2D000"
    assert "no-transaction" in ending.error.advice
    assert orders(runner) == 100
