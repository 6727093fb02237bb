"""What the pages about restore points in a cluster tell people to type works on a real API server."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from switchback.contract.points import Phase
from switchback.snapshots import marks
from tests.cluster.paths import CHECKOUT
from tests.cluster.run import wait_for
from tests.cluster_snapshots.ground import intent, subject
from tests.cluster_snapshots.player import install
from tests.cluster_snapshots.volumes import spec
from tests.conformance.suite import made

if TYPE_CHECKING:
    from tests.cluster.csi import Csi
    from tests.cluster_snapshots.backups import BackupRig
    from tests.cluster_snapshots.ground import Ground
    from tests.cluster_snapshots.volumes import VolumeRig

pytestmark = pytest.mark.cluster

DOCS = CHECKOUT / "docs"
VOLUMES = DOCS / "runbooks" / "restore-volume-snapshot.md"
PAGES = [
    DOCS / "how-to" / "snapshots-of-volumes.md",
    DOCS / "how-to" / "snapshots-with-cloudnativepg.md",
    VOLUMES,
    DOCS / "runbooks" / "restore-cloudnativepg.md",
]
POINT = "pre-rollback-20260301t101500z-shop-3f2a91c0-5b1e77"


def manifests(page: Any) -> list[dict[str, Any]]:
    """The objects on a page, without our own kind, which other tests look at."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    found = [one for block in blocks for one in yaml.safe_load_all(block)]
    return [one for one in found if one["kind"] != "DatabaseMigration"]


def commands(page: Any, program: str) -> list[str]:
    """The commands on a page that begin like this, without the prompt."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith(f"$ {program}")]


def test_the_manifests_are_what_the_api_server_takes(ground: Ground, csi: Csi) -> None:
    assert csi.driver
    install(ground.cluster)
    count = 0
    for page in PAGES:
        for one in manifests(page):
            if "namespace" in one["metadata"]:
                one["metadata"]["namespace"] = ground.namespace
            text = json.dumps(one).replace('"namespace": "shop"', f'"namespace": "{ground.namespace}"')
            # Strict: a field that the kind does not have is an error.
            ground.cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", input=text)
            count += 1
    assert count == 7


@pytest.mark.asyncio
async def test_the_list_of_volume_snapshots(volume_rig: VolumeRig) -> None:
    found = await made(volume_rig, volume_rig.intent())
    for page in (PAGES[0], VOLUMES):
        (command,) = commands(page, "kubectl get volumesnapshots ")
        header, line = run(volume_rig.ground, command).splitlines()
        assert header.split() == ["NAME", "RESOURCE", "TAKEN", "READY", "SIZE", "VERSION"]
        assert line.split() == [
            marks.object_name(found.name),
            f"{volume_rig.ground.namespace}/shop",
            found.restore_point_time,
            "true",
            "1Gi",
            "20260301_vouchers",
        ]


@pytest.mark.asyncio
async def test_the_list_of_backups(backup_rig: BackupRig) -> None:
    found = await made(backup_rig, backup_rig.intent())
    for page in (PAGES[1], PAGES[3]):
        command = next(one for one in commands(page, "kubectl get backups") if "custom-columns" in one)
        header, line = run(backup_rig.ground, command).splitlines()
        assert header.split() == ["NAME", "RESOURCE", "PHASE", "STOPPED", "VERSION"]
        assert line.split()[0] == found.name.lower()
        assert line.split()[2:] == ["completed", found.capture_time, "20260301_vouchers"]
    (parts,) = [one for one in commands(PAGES[3], "kubectl get backups") if "elements" in one]
    told = run(backup_rig.ground, parts.replace(POINT, found.name.lower())).splitlines()
    assert [line.split() for line in told] == [
        ["PG_DATA", found.name.lower()],
        ["PG_WAL", f"{found.name.lower()}-wal"],
    ]


@pytest.mark.asyncio
async def test_a_server_is_brought_back_by_the_runbook(volume_rig: VolumeRig) -> None:
    rig = volume_rig
    csi, ground = rig.volumes.csi, rig.ground
    csi.claim(ground.namespace, "live")
    address = start(ground, "live-0", "live")
    sql(ground, "live-0", "CREATE DATABASE shop")
    sql(ground, "live-0", "CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id", "shop")

    provider = rig.made(spec("live"))
    wanted = intent(ground.namespace, subject(address))
    assert await provider.preflight(wanted) == ()
    await provider.request(wanted)
    rig.provider = provider
    found = await made(rig, wanted)
    assert found.phase is Phase.AVAILABLE
    sql(ground, "live-0", "DROP TABLE orders", "shop")

    # Nothing in the test bed makes volumes of a claim's dataSource: the driver's own way stands for it.
    csi.claim(ground.namespace, "shop-restored", snapshot=marks.object_name(wanted.name))
    (pod,) = [one for one in manifests(VOLUMES) if one["kind"] == "Pod"]
    pod["metadata"]["namespace"] = ground.namespace
    mine = {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532}
    pod["spec"]["securityContext"].update(mine)
    pod["spec"]["containers"][0]["image"] = ground.cluster.images.postgres["18"]
    ground.cluster.apply(pod)
    for command in commands(VOLUMES, "kubectl wait"):
        run(ground, command)

    def recovered() -> bool:
        (command,) = commands(VOLUMES, "kubectl logs")
        return "ready to accept connections" in run(ground, command)

    wait_for("the server to be back", recovered, timeout=60, pause=0.2)
    log = run(ground, commands(VOLUMES, "kubectl logs")[0])
    assert "database system was not properly shut down; automatic recovery in progress" in log
    (count,) = [one for one in commands(VOLUMES, "kubectl exec") if "count(*)" in one]
    assert "1000" in run(ground, count)
    (read,) = [one for one in commands(VOLUMES, "kubectl exec") if "pg_dumpall" in one]
    assert "all of it can be read" in run(ground, read)
    setting = sql(ground, "shop-restored", "SHOW archive_mode")
    assert setting == "off"


def run(ground: Ground, command: str) -> str:
    """Run a command of a page in our namespace."""
    program, *words = shlex.split(command)
    assert program == "kubectl"
    ours = [
        ground.namespace if before == "-n" else word
        for before, word in zip(["", *words], words, strict=False)
    ]
    return str(ground.cluster.kubectl(*ours, timeout=90))


def start(ground: Ground, name: str, claim: str) -> str:
    """Start a server on a claim as the runbook expects it, and return its address."""
    container = {
        "name": "main",
        "image": ground.cluster.images.postgres["18"],
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": "POSTGRES_HOST_AUTH_METHOD", "value": "trust"},
            {"name": "PGDATA", "value": "/var/lib/postgresql/data/pgdata"},
        ],
        "readinessProbe": {
            "exec": {"command": ["pg_isready", "-h", "127.0.0.1", "-U", "postgres"]},
            "periodSeconds": 1,
        },
        "volumeMounts": [{"name": "v0", "mountPath": "/var/lib/postgresql/data"}],
    }
    mine = {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532}
    return ground.pod(name, claim, containers=[container], securityContext=mine)


def sql(ground: Ground, pod: str, text: str, database: str = "postgres") -> str:
    words = ("exec", "-n", ground.namespace, pod, "--", "psql", "-h", "127.0.0.1", "-U", "postgres")
    return str(ground.cluster.kubectl(*words, "-d", database, "-Atc", text)).strip()
