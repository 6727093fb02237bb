"""Alembic's table: the head alone, a hash that names no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.adoption.wish import Wish
from tests.postgres.histories import ALEMBIC, has_ledger, make, take
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """Files that were written anew, and Alembic at one of its revisions."""
    write(folder, "0001_a", "0002_b", "0003_c")
    made = Runner(database, folder)
    make(made, ALEMBIC, "alembic_version")
    made.query("INSERT INTO alembic_version VALUES ('7d931c011b49')")
    return made


def test_a_revision_that_names_no_file_is_refused_with_the_ways_out(runner: Runner) -> None:
    taken = take(runner)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "public.alembic_version of Alembic is at revision 7d931c011b49" in taken.message
    assert "the files go from 0001_a to 0003_c" in taken.message
    assert "--target ID" in taken.advice
    assert not has_ledger(runner)


def test_a_target_says_which_file_it_is(runner: Runner) -> None:
    runner.query("CREATE TABLE t_0001_a (id int); CREATE TABLE t_0002_b (id int)")
    taken = take(runner, Wish(target="0002_b"))
    assert (taken.reason, taken.applied) == (Reason.SUCCEEDED, ["0001_a", "0002_b"])
    assert "Alembic (public.alembic_version, revision 7d931c011b49, taken for 0002_b)" in taken.message
    details = runner.query("SELECT DISTINCT details FROM switchback.events WHERE kind = 'Adopted'")
    assert details == [("Alembic (public.alembic_version, revision 7d931c011b49, taken for 0002_b)",)]
    assert runner.up().result.current == "0003_c"


def test_a_map_is_right_in_every_database(runner: Runner) -> None:
    wish = Wish(mapping=(("1975ea83b712", "0001_a"), ("7d931c011b49", "0002_b")))
    assert take(runner, wish, dry_run=True).applied == ["0001_a", "0002_b"]
    runner.query("UPDATE alembic_version SET version_num = '1975ea83b712'")
    assert take(runner, wish, dry_run=True).applied == ["0001_a"]
    runner.query("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    assert take(runner, wish).reason is Reason.ADOPTION_REFUSED


def test_a_revision_that_was_kept_as_the_id_is_known(runner: Runner) -> None:
    runner.query("UPDATE alembic_version SET version_num = '0002_b'")
    assert take(runner).applied == ["0001_a", "0002_b"]


def test_several_heads_are_refused(runner: Runner) -> None:
    runner.query("INSERT INTO alembic_version VALUES ('0002_b')")
    for wish in (Wish(), Wish(mapping=(("7d931c011b49", "0001_a"),))):
        taken = take(runner, wish)
        assert taken.reason is Reason.ADOPTION_REFUSED
        assert "several heads, 0002_b, 7d931c011b49" in taken.message
        assert "alembic merge heads" in taken.advice
    assert "several heads" in take(runner, Wish(target="0003_c")).warnings


def test_no_row_is_an_empty_history(runner: Runner) -> None:
    runner.query("DELETE FROM alembic_version")
    assert (take(runner).reason, runner.applied) == (Reason.SUCCEEDED, [])
