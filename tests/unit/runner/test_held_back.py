"""Which pending files wait because of a contract file, and where the run then goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from switchback.migrations.halves import Sql
from switchback.runner.compare import compare
from switchback.runner.goal import goal
from switchback.runner.policy import Ahead, Policy
from tests.unit.runner.worlds import ids, row, world

if TYPE_CHECKING:
    from switchback.runner.compare import Comparison
    from switchback.runner.ledger.model import Row

HOLD = Policy(hold_contract=True)
LATE = Policy(out_of_order=True, hold_contract=True)
KEEP = Policy(Ahead.KEEP, hold_contract=True)
BACK = Policy(Ahead.ROLLBACK, hold_contract=True)


def with_contract(
    files: list[int], applied: list[int], *contract: int, rows: tuple[Row, ...] = ()
) -> Comparison:
    plain = world(files, applied)
    migrations = tuple(
        replace(one, up=Sql.of(one.up.path, f"-- switchback: phase=contract\n{one.up.text}"))
        if int(one.id[:4]) in contract
        else one
        for one in plain.source.migrations
    )
    source = replace(plain.source, migrations=migrations)
    return compare(source, replace(plain.ledger, rows=(*plain.ledger.rows, *rows)))


@pytest.mark.parametrize(
    ("files", "applied", "contract", "wish", "what"),
    [
        # in order: up to the last one before it
        ([1, 2, 3, 4], [1], [3], ("latest", HOLD), ([2], [3, 4], "0002_m")),
        ([1, 2, 3, 4], [1], [3], ("3", HOLD), ([2], [3], "0002_m")),
        ([1, 2, 3, 4], [1], [3], ("2", HOLD), ([2], [], "0002_m")),
        ([1, 2, 3, 4], [1, 2], [3], ("latest", HOLD), ([], [3, 4], "0002_m")),
        ([1, 2], [], [1], ("latest", HOLD), ([], [1, 2], "base")),
        # the first of several
        ([1, 2, 3, 4], [], [2, 4], ("latest", HOLD), ([1], [2, 3, 4], "0001_m")),
        ([1, 2, 3, 4], [1, 2], [2, 4], ("latest", HOLD), ([3], [4], "0003_m")),
        # no contract file waits
        ([1, 2, 3], [1, 2], [2], ("latest", HOLD), ([3], [], "0003_m")),
        ([1, 2, 3], [1, 2, 3], [2], ("latest", HOLD), ([], [], "0003_m")),
        # out of order
        ([1, 2, 3, 4, 5], [1, 3], [4], ("latest", LATE), ([2], [4, 5], "0003_m")),
        ([1, 2, 3, 4], [1, 3], [2], ("latest", LATE), ([], [2, 4], "0003_m")),
        ([1, 2, 3, 4, 5], [1, 5], [3], ("latest", LATE), ([2], [3, 4], "0005_m")),
        # the database is ahead of the files
        ([1, 2, 4, 5], [1, 2, 3], [5], ("latest", KEEP), ([4], [5], "0004_m")),
        ([1, 2, 4, 5], [1, 2, 3], [4], ("latest", KEEP), ([], [4, 5], "0003_m")),
    ],
)
def test_what_waits(
    files: list[int],
    applied: list[int],
    contract: list[int],
    wish: tuple[str, Policy],
    what: tuple[list[int], list[int], str],
) -> None:
    found = goal(with_contract(files, applied, *contract), *wish)
    assert (ids(found.ahead), ids(found.held), found.target) == what
    assert found.beyond == ()


@pytest.mark.parametrize(
    ("target", "policy", "beyond"), [("1", HOLD, [2, 3]), ("base", HOLD, [1, 2, 3]), ("latest", BACK, [3])]
)
def test_a_way_back_passes_contract_files(target: str, policy: Policy, beyond: list[int]) -> None:
    found = goal(with_contract([1, 2], [1, 2, 3], 2), target, policy)
    assert (ids(found.beyond), found.held) == (beyond, ())


def test_without_the_policy_nothing_waits() -> None:
    found = goal(with_contract([1, 2, 3], [1], 2), "latest")
    assert (ids(found.ahead), found.held, found.target) == ([2, 3], (), "0003_m")


def test_one_that_has_run_in_part_waits_with_all_after_it() -> None:
    begun = row(2, 2, statements_done=1, statements_total=2)
    comparison = with_contract([1, 2, 3], [1], 2, rows=(begun,))
    half = comparison.source.migrations[1]
    text = f"-- switchback: no-transaction\n{half.up.text}"
    changed = tuple(
        replace(one, up=Sql.of(one.up.path, text)) if one is half else one
        for one in comparison.source.migrations
    )
    comparison = compare(replace(comparison.source, migrations=changed), comparison.ledger)
    assert ids(comparison.resumable) == [2]
    found = goal(comparison, "latest", HOLD)
    assert (found.ahead, ids(found.held)) == ((), [2, 3])
    assert ids(goal(comparison, "latest").ahead) == [2, 3]
