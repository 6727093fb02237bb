"""Restore points before migrations, behind a fence, and what becomes of older ones: by a dump on a volume."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from switchback.snapshots.layout import MANIFEST
from tests.e2e import judge
from tests.e2e.shop import FIRST, SECOND, SHOP, STOCK
from tests.e2e.states import is_true, operation, reason
from tests.e2e.support import ALLOW_LOSS, pg_dump

if TYPE_CHECKING:
    from tests.cluster.backends.base import Volume
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

LOG = (
    "CREATE TABLE fence_log (at timestamptz DEFAULT clock_timestamp(), word text);"
    "GRANT ALL ON fence_log TO PUBLIC"
)


def kept(volume: Volume) -> list[str]:
    assert volume.files is not None
    return sorted(path.parent.name for path in volume.files.glob(f"*/{MANIFEST}"))


def fence(world: World, *, fails: str = "") -> Object:
    """A command that writes down in the database what it was asked for, and may fail at one of the words."""
    script = (
        f'psql -qv ON_ERROR_STOP=1 "$DATABASE_URL" -c "INSERT INTO fence_log (word) '
        f"VALUES ('$SWITCHBACK_FENCE')\"; test \"$SWITCHBACK_FENCE\" != '{fails}'"
    )
    image = world.cluster.images.postgres["18"]
    return {"image": image, "command": ["/bin/sh", "-c", script], "deadlineSeconds": 60}


def words(database: Database) -> list[str]:
    return [row[0] for row in database.sql("SELECT word FROM fence_log ORDER BY at")]


def test_a_migration_begins_when_its_restore_point_is_sealed(world: World, database: Database) -> None:
    volume = world.claim()
    snapshot = {**pg_dump(), "beforeMigratePolicy": "Always"}
    shop = world.migration(database, SHOP, target=SECOND, snapshot=snapshot)
    shop.succeeded()
    assert world.steps() == ["inspect", "snapshot", "migrate"], "there is no ledger yet to reserve in"

    shop.edit(target="latest")
    done = shop.succeeded()

    assert world.steps()[3:] == ["inspect", "reserve", "snapshot", "migrate"]
    first, second = done["status"]["snapshots"]
    assert second["name"].startswith("pre-migration-")
    assert (second["purpose"], second["phase"]) == ("pre-migration", "Ready")
    assert second["schemaVersion"] == SECOND
    assert second["transactionsSince"] == 0
    assert second["marker"]["transaction"].isdigit()
    assert is_true(done, "SnapshotReady")
    assert kept(volume) == sorted([first["name"], second["name"]])
    sealed = judge.first_end(world, world.jobs_created("snapshot")[1].name)
    asked = world.jobs_created("migrate")[1]
    assert datetime.fromisoformat(ended(sealed)) <= datetime.fromisoformat(asked.received)
    assert judge.reservations_kept(database) == 1


def ended(pod: Object) -> str:
    (one,) = pod["status"]["containerStatuses"]
    return str(one["state"]["terminated"]["finishedAt"])


@pytest.mark.parametrize("policy", ["Abort", "Continue"])
def test_when_it_cannot_be_had(world: World, database: Database, policy: str) -> None:
    world.claim("1Mi")
    snapshot = {**pg_dump(), "beforeMigratePolicy": "Always", "migrateFailurePolicy": policy}
    big = {"0000_big.up.sql": "CREATE TABLE big AS SELECT random() x, gen_random_uuid() y "
           "FROM generate_series(1, 60000);"}  # fmt: skip
    shop = world.migration(database, big, snapshot={"none": {"acknowledge": True}})
    first = operation(shop.succeeded())["id"]
    shop.edit(snapshot={**snapshot, "none": None})
    world.files("shop-files", big | SHOP)
    if policy == "Abort":
        failed = shop.stalled("SnapshotVolumeFull", after=first)
        assert "migrate" not in world.steps()[1:]
        assert reason(failed, "SnapshotReady") == "SnapshotVolumeFull"
        return
    done = shop.succeeded(after=first)
    assert database.applied()[-1] == "0003_names"
    assert reason(done, "SnapshotReady") == "SnapshotContinuedWithout"
    assert done["status"]["operation"]["snapshotWaived"] == "SnapshotVolumeFull"


def test_writers_are_kept_out_from_before_the_dump_until_after_the_rollback(
    world: World, database: Database
) -> None:
    world.claim()
    snapshot = {**pg_dump(), "fence": fence(world)}
    shop = world.migration(
        database, SHOP, snapshot=snapshot, rollback=ALLOW_LOSS, source=allowing("shop-files")
    )
    shop.succeeded()
    database.sql(LOG)
    shop.edit(target=FIRST)
    done = shop.succeeded()
    assert world.steps()[1:] == ["migrate", "reserve", "fence", "snapshot", "rollback", "unfence"]
    assert words(database) == ["raise", "lower"]
    (point,) = done["status"]["snapshots"]
    assert point["writersFenced"] is True
    assert "Writers were kept out" in message(done, "SnapshotReady")
    assert "fence" not in done["status"]["operation"]


def test_a_fence_that_fails_to_go_up_is_lowered_and_nothing_is_rolled_back(
    world: World, database: Database
) -> None:
    world.claim()
    snapshot = {**pg_dump(), "fence": fence(world, fails="raise")}
    shop = world.migration(
        database,
        SHOP,
        snapshot=snapshot,
        rollback=ALLOW_LOSS,
        execution={"backoffLimit": 0},
        source=allowing("shop-files"),
    )
    shop.succeeded()
    database.sql(LOG)
    shop.edit(target=FIRST)
    shop.stalled("FenceCommandFailed")
    shop.until(
        "lowers the fence",
        lambda state: is_true(state, "Stalled") and "fence" not in state["status"]["operation"],
    )
    assert words(database) == ["raise", "lower"]
    assert "rollback" not in world.steps()


def test_older_ones_go_when_the_operation_has_ended(world: World, database: Database) -> None:
    volume = world.claim()
    snapshot = {**pg_dump(), "retention": {"minimumCount": 1, "minimumAgeSeconds": 0}}
    shop = world.migration(database, SHOP | STOCK, snapshot=snapshot, rollback=ALLOW_LOSS)
    shop.succeeded()
    shop.edit(target=SECOND)
    shop.succeeded()
    (first,) = kept(volume)
    shop.edit(target=FIRST)
    done = shop.succeeded()
    tidied = shop.until(
        "looks at older restore points", lambda state: "deleted" in state["status"].get("retention", {})
    )
    assert world.steps()[-1] == "prune"
    assert tidied["status"]["retention"]["deleted"] == [first]
    assert kept(volume) == [done["status"]["snapshots"][-1]["name"]]
    assert [one["name"] for one in tidied["status"]["snapshots"]] == kept(volume)


def allowing(name: str) -> Any:
    return {"configMapRefs": [{"name": name}]}


def message(state: Object, kind: str) -> str:
    return next(str(one["message"]) for one in state["status"]["conditions"] if one["type"] == kind)
