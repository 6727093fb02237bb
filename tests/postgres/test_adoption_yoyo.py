"""yoyo's table: ids that are names of files, which a conversion may have kept."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.adoption.wish import Wish
from tests.postgres.histories import YOYO, has_ledger, make, take
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    """Files that were converted to pairs, and an empty table of yoyo."""
    write(folder, "0001_a", "0002_b", "0003_c")
    made = Runner(database, folder)
    make(made, YOYO, "_yoyo_migration")
    return made


def record(runner: Runner, *ids: str) -> None:
    for place, name in enumerate(ids):
        runner.query(
            f"INSERT INTO _yoyo_migration VALUES ('{sha256(name.encode()).hexdigest()}', '{name}', "
            f"timestamp '2024-01-01' + interval '{place} days')"
        )


def test_ids_that_were_kept_say_it_all(runner: Runner) -> None:
    runner.query("CREATE TABLE t_0001_a (id int); CREATE TABLE t_0002_b (id int)")
    record(runner, "0001_a", "0002_b")
    taken = take(runner)
    assert (taken.reason, taken.applied) == (Reason.SUCCEEDED, ["0001_a", "0002_b"])
    assert "yoyo (public._yoyo_migration, at 0002_b)" in taken.message
    assert runner.up().result.current == "0003_c"
    assert runner.down(target="base").result.reason is Reason.SUCCEEDED
    assert runner.tables == {"books", "_yoyo_migration"}


def test_the_order_is_that_of_the_times(runner: Runner) -> None:
    record(runner, "0002_b", "0001_a")
    assert take(runner).applied == ["0002_b", "0001_a"]


def test_other_ids_are_refused_with_the_ways_out(runner: Runner) -> None:
    record(runner, "0001.first-table", "0002_b")
    taken = take(runner)
    assert taken.reason is Reason.ADOPTION_REFUSED
    assert "public._yoyo_migration of yoyo names 2 versions" in taken.message
    assert "no file has version 0001.first-table;" in taken.message
    assert "--target ID" in taken.advice
    assert "--map FILE" in taken.advice
    assert not has_ledger(runner)


def test_a_map_says_which_file_an_id_is(runner: Runner) -> None:
    record(runner, "0001.first-table", "0001b.helper", "0002_b")
    wish = Wish(mapping=(("0001.first-table", "0001_a"), ("0001b.helper", "-"), ("0009.later", "0003_c")))
    assert take(runner, wish).applied == ["0001_a", "0002_b"]
    assert runner.applied == ["0001_a", "0002_b"]


def test_a_map_may_let_several_ids_be_one_file(runner: Runner) -> None:
    record(runner, "a", "b", "c")
    wish = Wish(mapping=(("a", "0001_a"), ("b", "0001_a"), ("c", "0002_b")))
    assert take(runner, wish).applied == ["0001_a", "0002_b"]


def test_a_map_may_not_name_what_is_not_there(runner: Runner) -> None:
    record(runner, "a")
    taken = take(runner, Wish(mapping=(("a", "0001_x"),)))
    assert taken.reason is Reason.USAGE
    assert "0001_x" in taken.message


def test_a_target_says_up_to_where(runner: Runner) -> None:
    record(runner, "0001.first-table")
    taken = take(runner, Wish(target="2"))
    assert taken.applied == ["0001_a", "0002_b"]
    assert "Only --target says that 0001_a, 0002_b are applied." in taken.warnings
    assert "No file is version 0001.first-table." in taken.warnings
