"""Two resources on one database, in two namespaces: one at a time, and both come to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e import judge
from tests.e2e.shop import BOOKS, FIRST, FOURTH, INDEX, SECOND, STOCK
from tests.e2e.states import is_true, operation, reason
from tests.e2e.support import pg_dump

if TYPE_CHECKING:
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster


def test_nobody_runs_while_another_holds_the_database(world: World, database: Database) -> None:
    other_world = world.elsewhere()
    first = world.migration(database, BOOKS | INDEX, name="first", snapshot=pg_dump())
    first.succeeded()
    second = other_world.migration(database, BOOKS | INDEX, name="second")
    settled = second.succeeded()

    first.edit(target=FIRST)
    first.running("snapshot")  # it waits for its claim, and holds the database meanwhile
    second.refile(BOOKS | INDEX | STOCK)
    waiting = second.until("waits", lambda state: reason(state, "Ready") == "WaitingForDatabase")
    assert reason(waiting, "SchemaReady") == "Reserved"
    assert database.applied() == [FIRST, SECOND]

    volume = world.claim()
    first.succeeded()
    second.succeeded(after=operation(settled)["id"])

    judge.restore_point_before_rollback(world, volume)
    assert judge.reservations_kept(database) == 1
    assert database.applied() == [FIRST, SECOND, FOURTH]
    assert other_world.steps().count("rollback") == 0


def test_two_that_start_at_once_both_end(world: World, database: Database) -> None:
    other_world = world.elsewhere()
    world.claim()
    first = world.migration(database, BOOKS | INDEX, name="first", snapshot=pg_dump())
    first.succeeded()
    second = other_world.migration(database, BOOKS | INDEX, name="second")
    settled = second.succeeded()

    first.edit(target=FIRST)
    second.refile(BOOKS | INDEX | STOCK)
    one = first.finished()
    two = second.finished(after=operation(settled)["id"])

    assert is_true(one, "Ready")
    assert is_true(two, "Ready")
    assert judge.reservations_kept(database) == 1
    # Whoever was last decides; half of a plan is no end.
    assert database.applied() in ([FIRST], [FIRST, SECOND, FOURTH])
