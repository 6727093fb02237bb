"""Restore points by a command of one's own: the example with pg_basebackup, and how commands fail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.e2e import judge
from tests.e2e.shop import BOOKS, FIRST, INDEX, SECOND, SHOP
from tests.e2e.states import condition, is_true, reason
from tests.e2e.support import ALLOW_LOSS, CLAIM

if TYPE_CHECKING:
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import Migration, World

pytestmark = pytest.mark.cluster

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "snapshot-job"
SCRIPT = (EXAMPLE / "basebackup.sh").read_text()
MAP = "shop-basebackup"
FROM_ANYWHERE = "host replication all all scram-sha-256"

GOOD = """
printf '{"version": 1, "id": "%s", "path": "elsewhere/7", "sizeBytes": 7, "restorePointTime": "%s"}' \
  "$SWITCHBACK_SNAPSHOT_NAME" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$SWITCHBACK_RESULT"
"""


def example(world: World) -> Object:
    """The snapshot and the jobTemplate of the example, with the images and the claim of the test bed."""
    spec = yaml.safe_load((EXAMPLE / "migration.yaml").read_text())["spec"]
    job = spec["snapshot"]["job"] | {
        "image": world.cluster.images.postgres["18"],
        "persistentVolumeClaim": {"claimName": CLAIM},
    }
    return {"snapshot": {"job": job, "deadlineSeconds": 120}, "jobTemplate": spec["jobTemplate"]}


def commanded(world: World, script: str, **spec: Any) -> Object:
    """The same with another script, and without a claim."""
    world.files(MAP, {"basebackup.sh": script})
    told = example(world)
    del told["snapshot"]["job"]["persistentVolumeClaim"]
    return {**told, **spec}


def may_replicate(database: Database) -> None:
    """What the example wants of a server: the right, and a line in pg_hba.conf."""
    database.sql(f"ALTER ROLE {database.name} REPLICATION")
    rows = database.sql("SELECT count(*) FROM pg_hba_file_rules WHERE 'replication' = ANY (database) AND "
                        "address = 'all'")  # fmt: skip
    if rows == [(0,)]:
        database.sql(f"COPY (SELECT '{FROM_ANYWHERE}') TO PROGRAM 'cat >> \"$PGDATA/pg_hba.conf\"'")
        database.sql("SELECT pg_reload_conf()")


def snapshot_of(state: Object) -> Object:
    found: Object = state["status"]["snapshots"][-1]
    return found


def test_a_base_backup_stands_before_the_rollback_begins(world: World, database: Database) -> None:
    volume = world.claim("1Gi")
    may_replicate(database)
    world.files(MAP, {"basebackup.sh": SCRIPT})
    shop = world.migration(database, SHOP, target=SECOND, rollback=ALLOW_LOSS, **example(world))
    shop.succeeded()
    before = database.contents()
    shop.edit(target="latest")
    shop.succeeded()

    shop.edit(target=SECOND)
    done = shop.succeeded()

    (snapshot,), (rollback,) = world.jobs_created("snapshot"), world.jobs_created("rollback")
    ended = judge.first_end(world, snapshot.name)
    (theirs,) = ended["status"]["initContainerStatuses"]
    assert (theirs["name"], theirs["state"]["terminated"]["exitCode"]) == ("snapshot", 0)
    asked = datetime.fromisoformat(rollback.received)
    assert datetime.fromisoformat(theirs["state"]["terminated"]["finishedAt"]) <= asked
    assert database.contents() == before
    assert database.applied() == [FIRST, SECOND]
    assert judge.reservations_kept(database) == 1
    assert is_true(done, "SnapshotReady")
    point = snapshot_of(done)
    assert datetime.fromisoformat(point["restorePointTime"]) <= asked
    assert (point["phase"], point["path"]) == ("Ready", point["name"])
    if volume.files is None:
        return  # out of this machine's sight
    manifest = (volume.files / point["path"] / "backup_manifest").read_bytes()
    assert point["digest"] == f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    assert [path.name for path in volume.files.iterdir()] == [point["name"]]


@dataclass
class Trouble:
    """One way in which a command gives no restore point, and what is said about it."""

    script: str
    says: list[str]
    hides: list[str] = field(default_factory=list)


TROUBLES = {
    "it fails": Trouble(
        'echo begun; echo "no room in s3://backup:canary@store/$SWITCHBACK_PURPOSE" >&2; exit 7',
        ["spec.snapshot.job ended with code 7", "no room in s3://***@store/"],
        ["canary"],
    ),
    "it says nothing": Trouble("exit 3", ["ended with code 3 and said nothing"]),
    "no report": Trouble("exit 0", ["left no report", "SWITCHBACK_RESULT"]),
    "junk": Trouble('echo done >"$SWITCHBACK_RESULT"', ["is not JSON"]),
    "of another name": Trouble(
        GOOD.replace('"$SWITCHBACK_SNAPSHOT_NAME"', "nightly-1"), ["is of nightly-1, and pre-rollback-"]
    ),
    "of an earlier time": Trouble(
        GOOD.replace('"$(date -u +%Y-%m-%dT%H:%M:%SZ)"', "2026-01-01T00:00:00Z"), ["its pod began at"]
    ),
}


def fails(world: World, database: Database, trouble: Trouble, **spec: Any) -> Migration:
    shop = world.migration(database, BOOKS | INDEX, **commanded(world, trouble.script, **spec))
    shop.succeeded()
    shop.edit(target=FIRST)
    return shop


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_without_a_restore_point_there_is_no_rollback(
    world: World, database: Database, trouble: Trouble
) -> None:
    shop = fails(world, database, trouble, execution={"backoffLimit": 0})
    stalled = shop.stalled("SnapshotCommandFailed")

    message = condition(stalled, "Stalled")["message"]
    assert [part for part in trouble.says if part not in message] == [], message
    assert [part for part in trouble.hides if part in str(stalled["status"])] == []
    assert database.applied() == [FIRST, SECOND]
    assert "rollback" not in world.steps()
    assert snapshot_of(stalled)["phase"] == "Failed"
    world.recorder.wait("the reservation is given back", lambda: database.reserved_by() is None, seconds=20)


@pytest.mark.parametrize(
    "trouble", [TROUBLES["it fails"], TROUBLES["no report"]], ids=["it fails", "no report"]
)
def test_the_next_attempt_of_a_mended_command_succeeds(
    world: World, database: Database, trouble: Trouble
) -> None:
    shop = fails(world, database, trouble)
    waiting = shop.until(
        "waits to try again", lambda state: reason(state, "Reconciling") == "SnapshotCommandFailed"
    )
    assert trouble.says[0] in condition(waiting, "Reconciling")["message"]
    assert "rollback" not in world.steps()

    world.files(MAP, {"basebackup.sh": GOOD})
    done = shop.finished(seconds=120)

    assert is_true(done, "Ready"), condition(done, "Ready")
    assert database.applied() == [FIRST]
    assert world.steps().count("rollback") == 1
    point = snapshot_of(done)
    assert (point["phase"], point["path"], point["sizeBytes"]) == ("Ready", "elsewhere/7", 7)


def test_a_report_does_not_carry_the_password(world: World, database: Database) -> None:
    leaking = GOOD.replace("elsewhere/7", "at %s").replace('"$(date', '"$DATABASE_URL" "$(date')
    shop = fails(world, database, Trouble(leaking, []))
    done = shop.succeeded()
    assert snapshot_of(done)["path"].startswith("at postgresql://***")
    assert database.password not in str(done)
