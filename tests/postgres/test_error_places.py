"""Every error of a file names file, line and statement, wherever it is and whatever came before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from switchback.runner.bundle import BATCH_FILES
from switchback.runner.errors import RunnerError
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.runner.operations.perform import Ending


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def place(ending: Ending) -> tuple[str, str | None]:
    assert isinstance(ending.error, RunnerError), ending.text
    return ending.error.place, ending.error.sqlstate


BODY = "SELECT 1;\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETRUN 1;\nEND $$;"
CHECK = "CREATE TABLE c (n int);\nINSERT INTO c VALUES (1);\n\nALTER TABLE c\n  ADD CHECK (n > 1);\nSELECT 1;"
FULL = (
    "SET temp_file_limit = '100kB'; SET work_mem = '64kB';\n"
    "CREATE TABLE big AS\nSELECT n FROM generate_series(1, 100000) n ORDER BY n % 7, n;"
)
RULES = (
    "CREATE TABLE r (n int);\nCREATE RULE one AS ON INSERT TO r DO ALSO SELECT 1 AS a;\n"
    "CREATE RULE two AS ON INSERT TO r DO ALSO SELECT 2 AS b;\nINSERT INTO r VALUES (1);\n"
    "INSERT INTO r VALUES (2) RETURNING n;\nSELECT 1 / (n - 2) FROM r;\nSELECT 1;"
)


@pytest.mark.parametrize(
    "case",
    [
        (BODY, 4, "42601", "CREATE FUNCTION"),
        ("SELECT 1; SELECT nope; SELECT 2;", 1, "42703", "SELECT nope"),
        ("SELECT 1; SELECT 1/0; SELECT 2;", 1, "22012", "SELECT 1/0"),
        (CHECK, 4, "23514", "ALTER TABLE"),
        (FULL, 2, "53400", "CREATE TABLE big"),
        (RULES, 6, "22012", "SELECT 1 / (n - 2)"),
        ("SELECT 1;\nSELECT '€' ||\n  nope;", 3, "42703", "SELECT '€'"),
        ("CREATE TABLE d (n int);\nCOPY d FROM STDOUT;\nSELECT 1;", 2, "57014", "COPY d"),
        ("SELECT 1;\nCREATE TABLE e (n int", 2, "42601", "CREATE TABLE e"),
    ],
    ids=[
        "in a body", "second of a line", "second of a line, no position", "check", "out of room",
        "several results of one statement", "beyond ASCII", "copy from the client", "at its end",
    ],
)  # fmt: skip
@pytest.mark.parametrize("half", ["up", "down"])
def test_place_and_statement(runner: Runner, half: str, case: tuple[str, int, str, str]) -> None:
    text, line, sqlstate, statement = case
    files = {"_0002_b_up": "SELECT 1;", "_0002_b_down": "SELECT 1;", f"_0002_b_{half}": text}
    write(runner.folder, "0001_a", "0003_c", **files)
    ending = runner.up()
    if half == "down":
        assert ending.result.reason is Reason.SUCCEEDED
        ending = runner.down(target="base", accept=frozenset(Risk))
    assert place(ending) == (f"0002_b.{half}.sql:{line}", sqlstate)
    assert ending.result.exit_code == 8
    assert isinstance(ending.error, RunnerError)
    assert (ending.error.statement or "").strip().startswith(statement)
    assert runner.applied == (["0001_a"] if half == "up" else ["0001_a", "0002_b"])


def test_what_is_copied_to_the_client_is_nobodys(runner: Runner) -> None:
    """The server takes STDIN for STDOUT; what it sends is taken, and the run goes on."""
    write(
        runner.folder, "0002_b",
        _0001_a_up="CREATE TABLE a AS SELECT n, repeat('x', 100) t FROM generate_series(1, 20000) n;\n"
        "COPY a TO STDIN;\nDELETE FROM a;",
    )  # fmt: skip
    ending = runner.up()
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert runner.query("SELECT count(*) FROM a") == [(0,)]


@pytest.mark.parametrize(
    "text", ["SELECT 1;\nSELECT 1/0;", "SELECT 1;\nSELEC 2;"], ids=["runs", "cannot be read"]
)
@pytest.mark.parametrize("number", [1, BATCH_FILES, BATCH_FILES + 1, 2 * BATCH_FILES])
def test_at_the_borders_of_a_batch(runner: Runner, number: int, text: str) -> None:
    ids = [f"{n:04}_x" for n in range(1, 2 * BATCH_FILES + 2)]
    for one in ids:
        (runner.folder / f"{one}.up.sql").write_text(f"CREATE TABLE t_{one} ();\n")
    (runner.folder / f"{ids[number - 1]}.up.sql").write_text(text)
    ending = runner.up()
    assert place(ending)[0] == f"{ids[number - 1]}.up.sql:2"
    assert runner.applied == ids[: number - 1]
    assert len(runner.tables) == number - 1
    (runner.folder / f"{ids[number - 1]}.up.sql").write_text("SELECT 1;")
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert runner.applied == ids
