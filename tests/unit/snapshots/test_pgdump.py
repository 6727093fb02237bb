from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import pytest

from switchback.api.reasons import OperatorReason
from switchback.api.snapshots import Snapshot
from switchback.cli.snapshot import command
from switchback.snapshots.pgdump import PgDump
from switchback.snapshots.provider import PodParts, PruneRequest, Refusal, SnapshotRequest, SnapshotSettings
from switchback.snapshots.registry import PROVIDERS, entry_of

SETTINGS = SnapshotSettings(image="example/switchback:1", client_images={"18": "example/postgres:18"})
SECRET_ENV = {
    "name": "DATABASE_URL",
    "valueFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}},
}


def snapshot(**pg_dump: object) -> Snapshot:
    claim = {"persistentVolumeClaim": {"claimName": "backups"}}
    return Snapshot.model_validate({"pgDump": {**claim, **pg_dump}})


def request(major: int = 18) -> SnapshotRequest:
    return SnapshotRequest(
        name="pre-rollback-20260101T000000Z-shop-3f2a91c0-5b1e77",
        operation_id="3f2a91c0-5b1e77",
        namespace="shop",
        resource="shop",
        uid_hash="3f2a91c0",
        database="sh op",
        system_identifier="7400000000000000001",
        server_major=major,
        database_env=(SECRET_ENV,),
    )


def pod(chosen: Snapshot, wanted: SnapshotRequest | None = None) -> PodParts | Refusal:
    entry = entry_of(chosen)
    assert entry is not None
    assert entry.job is not None
    return entry.job.pod(chosen, wanted or request(), SETTINGS)


def parts(chosen: Snapshot | None = None) -> PodParts:
    answer = pod(chosen or snapshot())
    assert isinstance(answer, PodParts)
    return answer


def test_none_is_no_provider_and_every_provider_is_a_field_of_the_spec() -> None:
    assert entry_of(Snapshot.model_validate({"none": {"acknowledge": True}})) is None
    assert set(PROVIDERS) <= set(Snapshot.model_fields)


def test_the_client_image_is_chosen_by_the_servers_major() -> None:
    by_major = {c["name"]: c["image"] for c in (*parts().init_containers, *parts().containers)}
    assert by_major == {
        "prepare": "example/switchback:1",
        "dump": "example/postgres:18",
        "reread": "example/postgres:18",
        "switchback": "example/switchback:1",
    }


def test_the_specs_client_image_comes_before_the_operators() -> None:
    own = parts(snapshot(clientImages={"18": "mine/postgres:18"}))
    assert [c["image"] for c in own.init_containers[1:]] == ["mine/postgres:18"] * 2


def test_no_client_image_for_the_major_is_refused() -> None:
    refusal = pod(snapshot(clientImages={"18": "mine/postgres:18"}), request(major=15))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is OperatorReason.CLIENT_IMAGE_MISSING
    assert "PostgreSQL 15" in refusal.message


def test_only_the_first_container_gets_the_secret() -> None:
    described = parts()
    holders = [
        c["name"] for c in (*described.init_containers, *described.containers) if "shop-db" in json.dumps(c)
    ]
    assert holders == ["prepare"]


def test_the_connection_files_are_in_memory_and_the_claim_is_the_specs() -> None:
    volumes = {v["name"]: v for v in parts().volumes}
    assert volumes["switchback-secrets"]["emptyDir"]["medium"] == "Memory"
    assert volumes["switchback-snapshots"]["persistentVolumeClaim"] == {"claimName": "backups"}
    for container in (*parts().init_containers, *parts().containers):
        assert {m["name"] for m in container["volumeMounts"]} == set(volumes)


def test_the_pod_is_told_which_database_it_must_meet() -> None:
    args = parts().init_containers[0]["args"]
    assert args[args.index("--expect-database") + 1] == "sh op"
    assert args[args.index("--expect-system-identifier") + 1] == "7400000000000000001"
    assert args[args.index("--jobs") + 1] == "2"


@pytest.mark.parametrize("module", ["layout", "provider", "registry", "pgdump"])
def test_the_description_of_the_pod_loads_neither_psycopg_nor_click(module: str) -> None:
    loaded = "sorted(sys.modules.keys() & {'psycopg', 'click'})"
    code = f"import sys, switchback.snapshots.{module}; print({loaded})"
    seen = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert seen.stdout.strip() == "[]"


BUCKET = {"bucket": "shop-points", "prefix": "db/shop"}


def in_bucket(**s3: object) -> PodParts:
    chosen = Snapshot.model_validate({"pgDump": {"s3": {**BUCKET, **s3}}})
    return parts(chosen)


def test_for_a_bucket_the_dump_is_made_in_the_pods_own_storage_at_the_same_place() -> None:
    volumes = {v["name"]: v for v in in_bucket().volumes}
    assert volumes["switchback-snapshots"] == {"name": "switchback-snapshots", "emptyDir": {}}
    of_claim = [c["volumeMounts"] for c in (*parts().init_containers, *parts().containers)]
    assert of_claim == [c["volumeMounts"] for c in (*in_bucket().init_containers, *in_bucket().containers)]


def test_our_containers_are_told_the_bucket_and_the_client_image_is_not() -> None:
    described = in_bucket(
        region="eu-central-1", endpointURL="https://minio.storage:9000", kmsKeyID="alias/points"
    )
    place = [
        "--to", "s3://shop-points/db/shop", "--region", "eu-central-1",
        "--endpoint-url", "https://minio.storage:9000", "--kms-key-id", "alias/points",
        "--scratch", "/snapshots",
    ]  # fmt: skip
    for container in (described.init_containers[0], described.containers[0]):
        assert container["args"][2 : 2 + len(place)] == place
    assert "shop-points" not in json.dumps(described.init_containers[1:])
    assert in_bucket(prefix="").containers[0]["args"][3] == "s3://shop-points"


def test_the_keys_reach_our_containers_alone_and_only_from_the_secret() -> None:
    described = in_bucket(credentialsFrom={"secretRef": {"name": "shop-keys"}})
    everyone = [*described.init_containers, *described.containers]
    assert [c["name"] for c in everyone if "shop-keys" in json.dumps(c)] == ["prepare", "switchback"]
    env = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in described.containers[0]["env"]}
    assert env == {
        "AWS_ACCESS_KEY_ID": {"name": "shop-keys", "key": "AWS_ACCESS_KEY_ID"},
        "AWS_SECRET_ACCESS_KEY": {"name": "shop-keys", "key": "AWS_SECRET_ACCESS_KEY"},
        "AWS_SESSION_TOKEN": {"name": "shop-keys", "key": "AWS_SESSION_TOKEN", "optional": True},
    }
    assert "env" not in in_bucket().containers[0]


def test_the_pod_is_told_how_long_it_has_and_for_whom_it_works() -> None:
    args = parts().init_containers[0]["args"]
    said = dict(pairwise(args))
    assert said["--deadline-seconds"] == "1800"
    assert said["--purpose"] == "pre-rollback"
    assert "--writers-fenced" not in args


@pytest.mark.parametrize("bucket", [False, True])
def test_pruning_needs_neither_the_database_nor_a_client_image(*, bucket: bool) -> None:
    chosen = snapshot()
    if bucket:
        keys = {"credentialsFrom": {"secretRef": {"name": "shop-keys"}}}
        chosen = Snapshot.model_validate({"pgDump": {"s3": {**BUCKET, **keys}}})
    wanted = PruneRequest(
        "3f2a91c0-5b1e77", "u-1", "3f2a91c0", 3, 604800, ("a", "b"), ("op-1",), dry_run=True
    )
    described = PgDump().prune(chosen, wanted, SETTINGS)
    assert isinstance(described, PodParts)
    assert described.init_containers == ()
    (container,) = described.containers
    said = container["args"]
    assert said[:2] == ["snapshot", "prune"]
    assert said[said.index("--uid") + 1] == "u-1"
    assert [word for flag, word in pairwise(said) if flag == "--protect"] == ["a", "b"]
    assert "--dry-run" in said
    assert [v["name"] for v in described.volumes] == ([] if bucket else ["switchback-snapshots"])
    assert [one["name"] for one in container["env"]] == (
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] if bucket else []
    )
    parsed = command.commands["prune"].make_context("prune", said[2:])
    assert parsed.params["unfinished"] == ("op-1",)
