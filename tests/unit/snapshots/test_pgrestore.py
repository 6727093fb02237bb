"""The pod of a restore: who gets which secret, and what is mounted how."""

from __future__ import annotations

from typing import Any

from switchback.api.snapshots import S3
from switchback.snapshots import pgrestore
from switchback.snapshots.pgrestore import RestoreRequest

URL = {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "shop-db", "key": "url"}}}
BUCKET = S3.model_validate(
    {"bucket": "points", "prefix": "db", "credentialsFrom": {"secretRef": {"name": "keys"}}}
)


def pod(place: str | S3, **more: Any) -> dict[str, dict[str, Any]]:
    request = RestoreRequest(
        name="first", place=place, database="shop_before", operation_id="restore-1", image="us",
        client_image="them", database_env=(URL,), **more,
    )  # fmt: skip
    parts = pgrestore.pod(request)
    return {one["name"]: one for one in (*parts.init_containers, *parts.containers)}


def test_three_containers_in_order() -> None:
    containers = pod("claim")
    assert list(containers) == ["prepare", "restore", "switchback"]
    assert [one["image"] for one in containers.values()] == ["us", "them", "us"]
    assert containers["switchback"]["terminationMessagePolicy"] == "File"


def test_the_client_image_gets_no_secret() -> None:
    for place in ("claim", BUCKET):
        containers = pod(place)
        assert URL in containers["prepare"]["env"]
        assert URL in containers["switchback"]["env"]
        assert not [one for one in containers["restore"]["env"] if "valueFrom" in one]


def test_keys_of_a_bucket_are_for_the_container_that_downloads() -> None:
    containers = pod(BUCKET)
    keys = {name for name, one in containers.items() if any(v["name"].startswith("AWS_") for v in one["env"])}
    assert keys == {"prepare"}
    assert "s3://points/db/first" in containers["prepare"]["args"]


def test_a_claim_is_mounted_to_be_read_only() -> None:
    for one in pod("claim").values():
        mount = next(mount for mount in one["volumeMounts"] if mount["mountPath"] == "/snapshots")
        assert mount["readOnly"] is True
    assert pgrestore.volume("claim")["persistentVolumeClaim"] == {"claimName": "claim", "readOnly": True}


def test_a_digest_and_owners_are_said_only_where_they_are_wished() -> None:
    plain = pod("claim")["prepare"]["args"]
    assert "--digest" not in plain
    assert "--no-owner" not in plain
    wished = pod("claim", digest="sha256:1", owners=False)
    for name in ("prepare", "switchback"):
        words = wished[name]["args"]
        assert words[words.index("--digest") + 1] == "sha256:1"
        assert "--no-owner" in words
