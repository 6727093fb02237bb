"""`kubectl switchback snapshots` on a real cluster: what is kept, whose it is, what retention would do."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api import names
from switchback.contract.points import Intent, Ownership, Purpose, Subject
from switchback.snapshots import marks
from switchback.snapshots.layout import KEEP
from tests.cluster.csi import Csi
from tests.cluster.run import wait_for
from tests.e2e.plugin_bed import Plugin
from tests.e2e.shop import SECOND, SHOP, THIRD
from tests.e2e.states import operation
from tests.e2e.support import ALLOW_LOSS, CLAIM, NO_SNAPSHOT, Migration, World, pg_dump

if TYPE_CHECKING:
    from tests.cluster.backends.base import Volume
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database

pytestmark = pytest.mark.cluster

SNAPSHOT = {**pg_dump(), "retention": {"minimumCount": 5, "minimumAgeSeconds": 0}}


@pytest.fixture
def plugin(world: World) -> Plugin:
    return Plugin(world.cluster.kubeconfig, world.namespace)


@pytest.fixture
def points(world: World) -> Volume:
    """The claim that the restore points lie on."""
    made = world.claim()
    if made.files is None:
        pytest.skip("the volume is out of this machine's sight")
    return made


def back_and_forth(world: World, database: Database, times: int = 1, **spec: Any) -> Migration:
    """A shop that went back so many times; each has left a restore point."""
    shop = world.migration(database, SHOP, rollback=ALLOW_LOSS, snapshot=SNAPSHOT, **spec)
    state = shop.succeeded()
    for number in range(times):
        if number:
            shop.edit(target=THIRD)
            state = shop.succeeded(after=operation(state)["id"])
        shop.edit(target=SECOND)
        state = shop.succeeded(after=operation(state)["id"])
    return shop


def listed(plugin: Plugin, *words: str) -> list[Object]:
    code, told = plugin.json("snapshots", *words)
    assert code == 0, told
    items: list[Object] = told["items"]
    return items


def scans(world: World) -> list[Object]:
    return [one for one in world.jobs() if one["metadata"]["labels"].get("switchback.dev/made-for") == "scan"]


def test_dumps_in_the_status_and_where_they_are_kept(
    plugin: Plugin, world: World, database: Database, points: Volume
) -> None:
    shop = back_and_forth(world, database)
    state, steps = shop.now(), [step for step in world.steps() if step]
    (known,) = state["status"]["snapshots"]

    (line,) = listed(plugin, "shop")
    assert (line["name"], line["phase"], line["provider"]) == (known["name"], "Ready", "pgDump")
    assert line["digest"] == known["digest"]
    assert line["restorePointTime"] == known["restorePointTime"]
    assert (line["seenIn"], line["orphaned"], line["writersFenced"]) == (["status"], False, False)
    table = plugin("snapshots", "shop")
    head, row = (line.split() for line in table.stdout.splitlines())
    assert head[:3] == ["RESOURCE", "NAME", "PROVIDER"]
    assert row[:3] == ["✔", "shop", known["name"]]
    assert "--scan reads where the dumps are kept" in table.stderr
    assert known["digest"] in plugin("snapshots", "-o", "wide").stdout

    (line,) = listed(plugin, "shop", "--scan")
    assert line["seenIn"] == ["status", "volume"]
    assert line["schemaVersion"] == THIRD
    wait_for("the Job that has read is gone", lambda: scans(world) == [], timeout=30)

    assert points.files is not None
    folder = points.files / known["name"]
    (folder / KEEP).write_text("for the auditors")
    (line,) = listed(plugin, "shop", "--scan")
    assert line["protectedBy"] == "it has a keep mark"
    shutil.rmtree(folder)
    (line,) = listed(plugin, "shop", "--scan")
    assert line["phase"] == "Missing"
    assert listed(plugin, "shop")[0]["phase"] == "Ready", "the status alone cannot know"

    # Nobody was disturbed by any of this.
    assert shop.now()["status"] == state["status"]
    assert [step for step in world.steps() if step] == steps


def test_what_retention_would_delete(
    plugin: Plugin, world: World, database: Database, points: Volume
) -> None:
    shop = back_and_forth(world, database, times=2)
    first, second = (one["name"] for one in shop.now()["status"]["snapshots"])

    code, told = plugin.json("snapshots", "shop", "--prune-plan")
    assert (code, told["complete"]) == (0, True)
    assert [(one["name"], one["verdict"]) for one in told["plan"]] == [(first, "Keep"), (second, "Keep")]

    shop.edit(snapshot={"retention": {"minimumCount": 1, "minimumAgeSeconds": 0}})
    code, told = plugin.json("snapshots", "shop", "--prune-plan")
    assert [(one["name"], one["verdict"]) for one in told["plan"]] == [(first, "Delete"), (second, "Keep")]
    assert told["plan"][1]["reason"] == "it is the newest one"
    shown = plugin("snapshots", "shop", "--prune-plan")
    assert [line.split()[2] for line in shown.stdout.splitlines()[1:]] == ["delete", "keep"]
    assert "Nothing was deleted; 1 of 2 may go" in shown.stderr
    assert points.files is not None
    assert {first, second} <= {path.name for path in points.files.iterdir()}


def test_what_a_deleted_resource_has_left_is_orphaned(
    plugin: Plugin, world: World, database: Database, points: Volume
) -> None:
    assert points.name
    shop = back_and_forth(world, database)
    (known,) = shop.now()["status"]["snapshots"]
    shop.delete()
    assert listed(plugin) == []

    stock = world.migration(database, SHOP, name="stock", target=SECOND, snapshot=pg_dump())
    stock.succeeded()
    (line,) = listed(plugin, "--scan")
    assert (line["name"], line["resource"], line["orphaned"]) == (known["name"], "shop", True)
    assert "orphaned" in plugin("snapshots", "stock", "--scan").stdout
    _, told = plugin.json("snapshots", "stock", "--prune-plan")
    assert all(one["verdict"] == "Keep" for one in told["plan"]), "it is not stock's to delete"

    found = plugin(
        "restore", "stock", "--snapshot", known["name"], "--to", "copy", "--claim", CLAIM, "--dry-run"
    )
    assert found.returncode == 0, found.stderr


def test_a_volume_that_cannot_be_read_is_told(
    plugin: Plugin, world: World, database: Database, points: Volume
) -> None:
    assert points.name
    shop = world.migration(database, SHOP, snapshot=SNAPSHOT)
    shop.succeeded()
    code, told = plugin.json(
        "snapshots", "shop", "--scan", "--image", "localhost/none:nowhere", "--timeout", "8s"
    )
    assert code == 0
    assert told["items"] == []
    assert "where the dumps of shop are kept was not read: " in told["notes"][0]
    assert "localhost/none:nowhere" in told["notes"][0]
    wait_for("its Job is gone", lambda: scans(world) == [], timeout=30)


def marked(world: World, claim: str, name: str, uid: str, resource: str, **notes: str) -> None:
    """A VolumeSnapshot as the operator makes it."""
    ownership = Ownership(
        "one", uid, world.namespace, resource, Purpose.PRE_ROLLBACK, "3f2a91c0-5b1e77", 1, THIRD
    )
    intent = Intent(name, world.namespace, Subject("shop", "1"), ownership)
    world.cluster.apply(
        {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshot",
            "metadata": {
                "name": marks.object_name(name),
                "labels": marks.labels(ownership),
                "annotations": {**marks.annotate(intent, "claim-uid"), **notes},
            },
            "spec": {
                "volumeSnapshotClassName": Csi.retain,
                "source": {"persistentVolumeClaimName": claim},
            },
        },
        namespace=world.namespace,
    )


def test_volume_snapshots_of_this_resource_and_of_one_that_is_gone(
    plugin: Plugin, world: World, database: Database, csi: Csi
) -> None:
    shop = world.migration(database, SHOP, snapshot=NO_SNAPSHOT)
    shop.succeeded()
    claim = csi.claim(world.namespace)
    uid = shop.now()["metadata"]["uid"]
    marked(world, claim.name, "pre-rollback-20260301T101500Z-shop-a", uid, "shop", **{marks.KEEP: "audit"})
    marked(world, claim.name, "pre-rollback-20260301T101500Z-old-b", "another-uid", "old")

    def ready() -> bool:
        return [one["phase"] for one in listed(plugin)] == ["Ready", "Ready"]

    wait_for("both are ready", ready, timeout=60)
    old, own = listed(plugin)
    assert (old["resource"], old["orphaned"], old["name"]) == (
        "old",
        True,
        "pre-rollback-20260301T101500Z-old-b",
    )
    assert (own["resource"], own["orphaned"], own["protectedBy"]) == ("shop", False, "it has a keep mark")
    assert own["providerID"] == "pre-rollback-20260301t101500z-shop-a"
    assert [one["name"] for one in listed(plugin, "shop")] == [own["name"]]
    everywhere = plugin("snapshots", "-A").stdout
    assert f"{world.namespace} " in everywhere
    assert names.GROUP not in everywhere
