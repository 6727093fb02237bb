"""A snapshot that cannot succeed: no rollback, nothing changed, the reason told, the database free again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.shop import BOOKS, FIRST, FOURTH, INDEX, SECOND, STOCK
from tests.e2e.states import condition
from tests.e2e.support import pg_dump

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

BALLAST = "INSERT INTO books SELECT n, md5(n::text), md5((-n)::text) FROM generate_series(10, 30000) n"


@dataclass
class Trouble:
    """One way in which no restore point comes about, and the word for it."""

    reason: str
    arrange: Callable[[World, Database], Object]


def claim_missing(world: World, database: Database) -> Object:
    return pg_dump(deadlineSeconds=5)


def volume_full(world: World, database: Database) -> Object:
    world.claim("256Ki")
    database.sql(BALLAST)
    return pg_dump()


def client_too_old(world: World, database: Database) -> Object:
    world.claim()
    return pg_dump(clientImages={"18": world.cluster.images.postgres["15"]})


TROUBLES = {
    "claim missing": Trouble("VolumeClaimMissing", claim_missing),
    "volume full": Trouble("SnapshotVolumeFull", volume_full),
    "client too old": Trouble("SnapshotClientTooOld", client_too_old),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_no_restore_point_no_rollback(world: World, database: Database, trouble: Trouble) -> None:
    shop = world.migration(database, BOOKS | INDEX)
    shop.succeeded()
    snapshot: dict[str, Any] = trouble.arrange(world, database)
    before = database.contents()

    shop.edit(target=FIRST, snapshot=snapshot)
    stalled = shop.stalled(trouble.reason)

    ready = condition(stalled, "SnapshotReady")
    assert (ready["status"], ready["reason"]) == ("False", trouble.reason)
    assert database.contents() == before
    assert database.applied() == [FIRST, SECOND]
    world.recorder.wait("the reservation is given back", lambda: database.reserved_by() is None, seconds=20)

    other = world.migration(database, BOOKS | INDEX | STOCK, name="other")
    other.succeeded()

    assert database.applied() == [FIRST, SECOND, FOURTH]
    assert [one.name for one in world.jobs_created() if one.name.startswith("other-")] == [
        one.name for one in world.jobs_created("migrate") if one.name.startswith("other-")
    ][:1]
    assert "rollback" not in world.steps()
