"""What every provider that works by a Job has to do, for each one in the registry and each way of keeping."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from switchback.api.names import CONTAINER
from switchback.api.snapshots import Snapshot
from switchback.contract.points import Place
from switchback.snapshots.provider import (
    JobProvider,
    PodParts,
    Pruner,
    PruneRequest,
    SnapshotRequest,
    SnapshotSettings,
)
from switchback.snapshots.registry import PROVIDERS, entry_of

SETTINGS = SnapshotSettings("registry/switchback:1", {"18": "postgres:18"})
CREDENTIALS = {"secretRef": {"name": "bucket-keys"}}
WAYS: dict[str, dict[str, Any]] = {
    "pgDump on a claim": {"pgDump": {"persistentVolumeClaim": {"claimName": "backups"}}},
    "pgDump in a bucket": {"pgDump": {"s3": {"bucket": "backups", "credentialsFrom": CREDENTIALS}}},
    "job": {"job": {"image": "theirs:1", "command": ["/backup"]}},
    "job with a claim": {
        "job": {
            "image": "theirs:1",
            "command": ["/backup"],
            "persistentVolumeClaim": {"claimName": "backups"},
        }
    },
}
SECRET = {"secretKeyRef": {"name": "shop-db", "key": "url"}}
REQUEST = SnapshotRequest(
    name="pre-rollback-20260101T000000Z-shop-aa-bb",
    operation_id="aa-bb",
    namespace="shop",
    resource="shop",
    uid_hash="aa",
    database="shop",
    system_identifier="7",
    server_major=18,
    database_env=({"name": "DATABASE_URL", "valueFrom": SECRET},),
    uid="11111111-2222-3333-4444-555555555555",
)


def by_job() -> list[str]:
    return [name for name, way in WAYS.items() if entry_of(Snapshot.model_validate(way)) is not None]


def pod(way: str, request: SnapshotRequest = REQUEST) -> PodParts:
    snapshot = Snapshot.model_validate(WAYS[way])
    entry = entry_of(snapshot)
    assert entry is not None
    assert isinstance(entry.job, JobProvider)
    parts = entry.job.pod(snapshot, request, SETTINGS)
    assert isinstance(parts, PodParts), parts
    return parts


def containers(parts: PodParts) -> list[dict[str, Any]]:
    return [*parts.init_containers, *parts.containers]


def test_every_provider_by_job_is_here() -> None:
    chosen = {Snapshot.model_validate(way).chosen for way in WAYS.values()}
    assert chosen == {one.field for one in PROVIDERS.values() if one.capabilities.place is Place.JOB}
    assert by_job() == list(WAYS)


@pytest.mark.parametrize("way", WAYS)
def test_one_container_answers_and_nothing_runs_beside_it(way: str) -> None:
    parts = pod(way)
    assert [one["name"] for one in parts.containers] == [CONTAINER]
    assert parts.containers[0]["image"] == SETTINGS.image
    assert parts.containers[0]["terminationMessagePolicy"] == "File"
    assert "--result-file" in parts.containers[0]["args"]


@pytest.mark.parametrize("way", WAYS)
def test_asking_again_describes_the_same_pod(way: str) -> None:
    assert pod(way) == pod(way)


@pytest.mark.parametrize("way", WAYS)
def test_each_part_knows_which_restore_point_of_which_operation_it_works_on(way: str) -> None:
    other = replace(REQUEST, name="pre-rollback-20260101T000001Z-shop-aa-cc", operation_id="aa-cc")
    text, another = str(pod(way)), str(pod(way, other))
    for parts, request in ((text, REQUEST), (another, other)):
        assert request.name in parts
        assert f"'{request.operation_id}'" in parts


@pytest.mark.parametrize("way", WAYS)
def test_the_programs_of_a_foreign_image_get_no_secret_but_the_tenants_own_command_does(way: str) -> None:
    for one in containers(pod(way)):
        secrets = [variable for variable in one.get("env", []) if "valueFrom" in variable]
        if one["image"] == "postgres:18":
            assert secrets == [], one["name"]
    assert "DATABASE_URL" in str(containers(pod(way)))
    assert "shop-db" not in str([one.get("args", []) for one in containers(pod(way))])


@pytest.mark.parametrize("way", WAYS)
def test_what_says_that_it_lists_and_deletes_can(way: str) -> None:
    snapshot = Snapshot.model_validate(WAYS[way])
    entry = entry_of(snapshot)
    assert entry is not None
    can = entry.capabilities.lists and entry.capabilities.deletes
    assert isinstance(entry.job, Pruner) == can
    if isinstance(entry.job, Pruner):
        request = PruneRequest(
            "aa-bb", REQUEST.uid, "aa", 3, 604800, protect=("kept",), unfinished=("aa-xx",)
        )
        parts = entry.job.prune(snapshot, request, SETTINGS)
        assert isinstance(parts, PodParts)
        (one,) = parts.containers
        for word in (REQUEST.uid, "3", "604800", "kept", "aa-xx"):
            assert word in one["args"]
        assert "DATABASE_URL" not in str(one), "it needs no database"
