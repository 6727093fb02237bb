"""Backward: consent, then the restore point, and only then the rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import judge
from tests.e2e.shop import BOOKS, FIRST, INDEX, SECOND, SHOP, THIRD, pair
from tests.e2e.states import condition, is_true, operation, reason
from tests.e2e.support import ALLOW_LOSS, KEY, NO_SNAPSHOT, Migration, World, pg_dump

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database

pytestmark = pytest.mark.cluster


def at_latest(world: World, database: Database, **spec: Any) -> tuple[Migration, dict[str, object]]:
    """A shop that went to the second version and then to the last; and what the second one looked like."""
    shop = world.migration(database, SHOP, target=SECOND, **spec)
    shop.succeeded()
    before = database.contents()
    shop.edit(target="latest")
    shop.succeeded()
    assert database.contents() != before
    return shop, before


def test_the_restore_point_stands_before_the_rollback_begins(world: World, database: Database) -> None:
    volume = world.claim()
    shop, before = at_latest(world, database, rollback=ALLOW_LOSS, snapshot=pg_dump())

    shop.edit(target=SECOND, reason="INC-4711")
    done = shop.succeeded()

    judge.restore_point_before_rollback(world, volume)
    assert judge.reservations_kept(database) == 1
    assert database.contents() == before
    assert database.applied() == [FIRST, SECOND]
    assert is_true(done, "SnapshotReady")
    assert [
        row[0]
        for row in database.sql("SELECT DISTINCT reason FROM switchback.events WHERE kind = 'RolledBack'")
    ] == ["INC-4711"]


def by_annotation(shop: Migration, token: str) -> Object:
    return shop.annotate(approve=token)


def by_commit(shop: Migration, token: str) -> Object:
    return shop.edit(approval={"approvedPlan": token})


@pytest.mark.parametrize("approve", [by_annotation, by_commit])
def test_a_loss_waits_for_its_token(
    world: World, database: Database, approve: Callable[[Migration, str], Object]
) -> None:
    volume = world.claim()
    shop, before = at_latest(world, database, snapshot=pg_dump())
    latest = database.contents()

    shop.edit(target=SECOND)
    asked = shop.until("asks for approval", lambda state: reason(state, "Ready") == "AwaitingApproval")
    approval = asked["status"]["approval"]
    assert "DataLoss" in approval["risks"]
    assert reason(asked, "Approved") == "AwaitingApproval"
    assert approval["token"] in condition(asked, "Approved")["message"]

    approve(shop, "0123456789abcdef")
    shop.edit(reason="is anybody there?")
    still = shop.seen()
    assert reason(still, "Ready") == "AwaitingApproval"
    assert reason(still, "Approved") == "TokenMismatch"
    assert set(world.steps()) <= {"migrate", "inspect"}
    assert database.contents() == latest
    assert database.reserved_by() is None

    approve(shop, approval["token"])
    done = shop.succeeded()

    assert is_true(done, "Approved")
    judge.restore_point_before_rollback(world, volume)
    assert database.contents() == before


def test_without_a_snapshot_there_is_no_way_back(world: World, database: Database) -> None:
    shop, _ = at_latest(world, database, rollback=ALLOW_LOSS)
    latest, events = database.contents(), database.events()

    shop.edit(target=SECOND)
    stalled = shop.stalled("SnapshotRequired")

    assert database.contents() == latest
    assert database.events() == events
    assert set(world.steps()) == {"migrate"}

    shop.edit(snapshot=NO_SNAPSHOT)
    shop.succeeded(after=operation(stalled)["id"])

    assert database.applied() == [FIRST, SECOND]
    assert "snapshot" not in world.steps()


def test_an_acknowledged_rollback_takes_no_snapshot(world: World, database: Database) -> None:
    shop, before = at_latest(world, database, rollback=ALLOW_LOSS, snapshot=NO_SNAPSHOT)

    shop.edit(target=SECOND)
    shop.succeeded()

    assert database.contents() == before
    assert world.steps().count("rollback") == 1
    assert "snapshot" not in world.steps()
    assert judge.reservations_kept(database) == 1


def test_a_denied_rollback_changes_nothing(world: World, database: Database) -> None:
    rollback = {"policy": "Deny", **ALLOW_LOSS}
    shop, _ = at_latest(world, database, rollback=rollback, snapshot=NO_SNAPSHOT)
    latest, events = database.contents(), database.events()

    shop.edit(target="base")
    shop.stalled("RollbackDenied")

    assert database.contents() == latest
    assert database.events() == events
    assert database.applied() == [FIRST, SECOND, THIRD]
    assert set(world.steps()) == {"migrate"}


def test_back_to_nothing_and_forth_again(world: World, database: Database) -> None:
    """`base` leaves no table; what comes after starts afresh."""
    shop = world.migration(database, BOOKS | INDEX, rollback=ALLOW_LOSS, snapshot=NO_SNAPSHOT)
    shop.succeeded()
    before = database.contents()

    shop.edit(target="base")
    shop.succeeded()
    assert database.contents()["rows"] == {}
    assert database.applied() == []

    shop.edit(target="latest")
    shop.succeeded()
    assert database.contents() == before


def test_whatever_people_and_databases_write(world: World, database: Database) -> None:
    """Characters beyond U+FFFF, in a reason and a table's name."""
    world.claim()
    strange = pair(
        "0002_strange", 'CREATE TABLE "😀" (a int); INSERT INTO "😀" VALUES (1);', 'DROP TABLE "😀";'
    )
    shop = world.migration(database, BOOKS | strange, snapshot=pg_dump(), reason="release 🚀")
    shop.succeeded()

    shop.edit(target=FIRST, reason="INC-4711 💣")
    asked = shop.until("asks", lambda state: reason(state, "Ready") == "AwaitingApproval")
    assert "😀" in condition(asked, "Ready")["message"]
    shop.annotate(approve=asked["status"]["approval"]["token"])

    done = shop.succeeded()
    assert database.applied() == [FIRST]
    assert done["status"]["approval"]["approvedBy"] == world.kube.username
    assert done["status"]["history"][-1]["requestedBecause"] == "INC-4711 💣"


def test_a_consent_for_one_database_is_none_for_another(
    world: World, database: Database, new_database: Callable[[], Database]
) -> None:
    twin = new_database()
    migrated = world.migration(twin, SHOP, name="twin")
    migrated.succeeded()
    kept = twin.contents()
    shop, _ = at_latest(world, database, snapshot=pg_dump())

    shop.edit(target=SECOND)
    asked = shop.until("asks", lambda state: reason(state, "Ready") == "AwaitingApproval")
    token = asked["status"]["approval"]["token"]
    world.claim()
    world.secret("shop-db", **{KEY: twin.url})
    shop.annotate(approve=token)

    shop.stalled("DatabaseChanged")
    assert twin.contents() == kept
    assert twin.applied() == [FIRST, SECOND, THIRD]
