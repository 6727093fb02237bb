"""Status is no memory that anything depends on: wiped or recreated, nothing runs twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash.chance import CAMPAIGN
from tests.e2e.shop import BOOKS, FIRST, INDEX, SECOND
from tests.e2e.states import operation
from tests.e2e.support import ALLOW_LOSS, NO_SNAPSHOT, pg_dump

if TYPE_CHECKING:
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import Migration, World

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("target", [FIRST, "latest"], ids=["after a rollback", "after a migration"])
def test_a_wiped_status_repeats_nothing(world: World, database: Database, target: str) -> None:
    shop = world.migration(database, BOOKS | INDEX, snapshot=NO_SNAPSHOT)
    shop.succeeded()
    shop.edit(target=target)
    shop.succeeded()
    before, events = database.contents(), database.events()

    shop.wipe_status()
    found = shop.succeeded()

    assert database.events() == events
    assert database.contents() == before
    assert found["status"]["schema"]["current"] == (FIRST if target == FIRST else SECOND)


def test_a_recreated_resource_repeats_nothing(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS | INDEX, snapshot=NO_SNAPSHOT)
    shop.succeeded()
    before, events = database.contents(), database.events()

    shop.delete()
    world.recorder.wait("its Jobs are gone", lambda: not world.jobs(), seconds=20)
    again = world.migration(database, BOOKS | INDEX, snapshot=NO_SNAPSHOT)
    again.succeeded()

    assert database.events() == events
    assert database.contents() == before
    again.edit(target=FIRST)  # the new resource can do what the old one could
    again.succeeded()
    assert database.applied() == [FIRST]


def test_a_status_wiped_in_flight_repeats_nothing(world: World, database: Database) -> None:
    slow = {**BOOKS, **INDEX, "0009_slow.up.sql": "SELECT pg_sleep(4);", "0009_slow.down.sql": "SELECT 1;"}
    shop = world.migration(database, slow)
    shop.running("migrate")
    world.recorder.wait(
        "the slow file runs",
        lambda: database.sql(
            f"SELECT pid FROM pg_stat_activity WHERE datname = '{database.name}' AND wait_event = 'PgSleep'"
        ),
        seconds=20,
    )

    shop.wipe_status()
    shop.succeeded()

    kinds = [(event.kind, event.migration) for event in database.events() if event.migration]
    assert kinds == [("Applied", FIRST), ("Applied", SECOND), ("Applied", "0009_slow")]


def test_a_restored_backup_of_the_cluster_repeats_nothing(world: World, database: Database) -> None:
    """The cluster's store is restored to any moment of an operation; the database has gone on since."""
    world.claim()
    shop = world.migration(database, BOOKS | INDEX, rollback=ALLOW_LOSS, snapshot=pg_dump())
    shop.succeeded()
    restored_to_each(shop, moments(shop))

    shop.edit(target=FIRST)
    shop.succeeded()
    assert database.applied() == [FIRST]
    restored_to_each(shop, moments(shop))

    shop.edit(target="latest")
    shop.succeeded()
    assert database.applied() == [FIRST, SECOND]


def moments(shop: Migration) -> list[Object]:
    """One status for each step of the operation, and the last; in campaigns also those without a Job yet."""
    found = {}
    for state in shop.states():
        now = operation(state)
        if now.get("jobName") and (CAMPAIGN or now.get("jobUID")):
            found[now["step"], bool(now.get("jobUID"))] = state["status"]
    return [*found.values(), shop.now()["status"]]


def restored_to_each(shop: Migration, statuses: list[Object]) -> None:
    before, changes = shop.database.contents(), changed(shop.database)
    assert len(statuses) >= 2
    for status in statuses:
        for job in shop.world.jobs():
            shop.world.kube.delete("Job", shop.world.namespace, job["metadata"]["name"])
        shop.put_status(status)
        shop.succeeded()
        assert shop.database.contents() == before, status
        assert changed(shop.database) == changes, status
        assert not shop.database.reserved_by(), status
        shop.until("nothing is in flight", lambda now: not now["metadata"].get("finalizers"))


def changed(database: Database) -> list[tuple[str, str | None]]:
    """What was done to the schema, by the ledger."""
    return [(event.kind, event.migration) for event in database.events() if event.migration]
