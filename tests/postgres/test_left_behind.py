"""What a file leaves in its session reaches neither the files after it nor our own statements."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.runner import bundle
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    return Runner(database, folder)


def test_how_strings_are_read(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent is taken apart before any of it runs, so a reset in it comes too late."""
    monkeypatch.setattr(bundle, "BATCH_FILES", 1)
    write(
        runner.folder,
        _0001_a_up="SET standard_conforming_strings = off;",
        _0002_b_up="CREATE TABLE b (t text DEFAULT 'a\\');",
    )
    ending = runner.up()
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert runner.query("INSERT INTO b DEFAULT VALUES RETURNING t") == [("a\\",)]


def test_how_strings_are_read_when_a_file_is_tried_again(runner: Runner) -> None:
    write(runner.folder, "0001_a")
    assert runner.up().result.reason is Reason.SUCCEEDED
    write(
        runner.folder,
        _0002_b_up="SET standard_conforming_strings = off;",
        _0003_c_up="-- switchback: lock-timeout=100ms\nALTER TABLE t_0001_a ADD t text DEFAULT 'a\\';",
    )
    with psycopg.connect(runner.url) as other:
        other.execute("LOCK TABLE t_0001_a")
        free = threading.Timer(0.4, other.rollback)
        free.start()
        ending, words = runner.with_limits(retries=20).told(Operation.MIGRATE)
        free.join()
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert "waits for locks" in words.text


def test_the_reservation_ends_with_its_rollback(runner: Runner) -> None:
    write(
        runner.folder, "0001_a", _0001_a_down="DROP TABLE t_0001_a; SET default_transaction_read_only = on;"
    )
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert runner.run(Operation.RESERVE, target="base", by="aa-1").result.reason is Reason.SUCCEEDED
    ending = runner.down(target="base", by="aa-1", own_reservation=True)
    assert ending.result.reason is Reason.SUCCEEDED
    assert runner.query("SELECT reserved_by FROM switchback.meta") == [(None,)]


def test_temporary_tables(runner: Runner) -> None:
    """They would hide the real ones from the files after them, in one run and not in two."""
    runner.query("CREATE TABLE books (n int); INSERT INTO books VALUES (1)")
    write(
        runner.folder,
        _0001_a_up="CREATE TEMP TABLE books AS SELECT 7 AS n; CREATE TEMP SEQUENCE s;",
        _0002_b_up="UPDATE books SET n = n + 1;",
        _0003_c_up="CREATE TEMP TABLE books (n int);",
        _0004_d_up="-- switchback: no-transaction\nUPDATE books SET n = n + 1;",
        _0005_e_up="-- switchback: no-transaction\nCREATE TEMP TABLE books AS SELECT 7 AS n;\n"
        "UPDATE books SET n = n + 1;\nINSERT INTO public.books SELECT n FROM books;",
        _0006_f_up="UPDATE books SET n = n + 1;",
        _0007_g_up="-- switchback: no-transaction\nCREATE TEMP TABLE books AS SELECT 7 AS n;\n"
        "VACUUM public.books;",
        _0008_h_up="-- switchback: no-transaction\nUPDATE books SET n = n + 1;",
    )
    ending = runner.up(allow_non_empty=True)
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert sorted(runner.query("SELECT n FROM books")) == [(5,), (10,)]


def test_a_temporary_table_of_a_file_that_is_tried_again(runner: Runner) -> None:
    """What was rolled back with the file comes back with nothing."""
    write(runner.folder, "0001_a")
    assert runner.up().result.reason is Reason.SUCCEEDED
    write(
        runner.folder,
        _0002_b_up="CREATE TEMP TABLE t (id int);",
        _0003_c_up="-- switchback: lock-timeout=100ms\nCREATE TEMP TABLE t (id int);\n"
        "ALTER TABLE t_0001_a ADD t text;",
    )
    with psycopg.connect(runner.url) as other:
        other.execute("LOCK TABLE t_0001_a")
        free = threading.Timer(0.4, other.rollback)
        free.start()
        ending, words = runner.with_limits(retries=20).told(Operation.MIGRATE)
        free.join()
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert "waits for locks" in words.text
