"""Restore points of a real server in a bucket: the containers of the Job, and the commands of a laptop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.api.snapshots import Snapshot
from switchback.contract.reasons import Reason
from switchback.contract.result import CORE_BYTES, Result, decode
from switchback.snapshots.pgdump import PgDump
from switchback.snapshots.provider import PodParts, SnapshotRequest, SnapshotSettings
from tests.aws.server import KEY, KEY_ID, FakeAws
from tests.postgres.servers import PASSWORD
from tests.postgres.snapshot_pod import FILL, NAME, contents_of, pod_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.servers import Server

SWITCHBACK = str(Path(sys.executable).parent / "switchback")
PLACE = "s3://points/db/shop"


@pytest.fixture
def server(pg18: Server) -> Server:
    """One major will do: what a bucket is told does not depend on it."""
    return pg18


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with FakeAws() as fake:
        fake.make_bucket("points")
        yield fake


@pytest.fixture
def name(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(FILL.encode())
        return connection.info.dbname


class Job:
    """Runs the containers that the provider describes: keys only for those that are given the Secret."""

    def __init__(self, server: Server, folder: Path, database: str, aws: FakeAws, **s3: object) -> None:
        folder.mkdir()
        self.pod = pod_for(server, folder)
        self.server, self.database, self.aws = server, database, aws
        self.said, self.answer = "", folder / "termination-log"
        self.answer.touch()
        with server.connect() as connection:
            row = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
            major = connection.info.server_version // 10000
        assert row is not None
        where = {
            "bucket": "points", "prefix": "db/shop", "region": "eu-central-1", "endpointURL": aws.url,
            "credentialsFrom": {"secretRef": {"name": "keys"}}, **s3,
        }  # fmt: skip
        request = SnapshotRequest(
            name=NAME, operation_id="3f2a91c0-5b1e77", namespace="shop", resource="shop", uid_hash="3f2a91c0",
            database=database, system_identifier=str(row[0]), server_major=major, database_env=(),
        )  # fmt: skip
        chosen = Snapshot.model_validate({"pgDump": {"s3": where}})
        parts = PgDump().pod(chosen, request, SnapshotSettings("us", {"15": "them", "18": "them"}))
        assert isinstance(parts, PodParts)
        self.containers = [*parts.init_containers, *parts.containers]

    def run(self) -> Result:
        code = 0
        for container in self.containers:
            process = self.start(container)
            said, _ = process.communicate(timeout=120)
            self.said, code = self.said + said, process.returncode
            assert container["name"] == "switchback" or code == 0, said
        result = decode(self.answer.read_text())
        assert code == result.exit_code
        return result

    def start(self, container: dict[str, Any]) -> subprocess.Popen[str]:
        command = [self._here(word) for word in container.get("command", [SWITCHBACK])]
        return subprocess.Popen(
            [*command, *(self._here(word) for word in container.get("args", []))],
            env={"PATH": f"{self.pod.clients}:/usr/bin:/bin", **self._env(container)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def _env(self, container: dict[str, Any]) -> dict[str, str]:
        secret = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": KEY}
        env = {}
        for variable in container.get("env", []):
            if "value" in variable:
                env[variable["name"]] = self._here(variable["value"])
            elif variable["name"] in secret:
                env[variable["name"]] = secret[variable["name"]]
        if str(container["name"]) == "prepare":
            env["DATABASE_URL"] = self.server.url(self.database)
        return env

    def _here(self, word: str) -> str:
        for there, here in (
            ("/dev/termination-log", self.answer),
            ("/switchback/secrets", self.pod.work),
            ("/snapshots", self.pod.root),
        ):
            word = str(here) if word == there else word
        return word


def test_the_job_dumps_uploads_and_leaves_nothing_behind_in_the_pod(
    server: Server, name: str, tmp_path: Path, aws: FakeAws
) -> None:
    job = Job(server, tmp_path / "first", name, aws)
    result = job.run()
    assert result.reason is Reason.SUCCEEDED, job.said
    assert result.snapshot is not None
    assert result.snapshot.path == NAME
    assert len(job.answer.read_bytes()) <= CORE_BYTES
    assert list(job.pod.root.iterdir()) == []
    keys = {one["Key"] for one in aws.s3().list_objects_v2(Bucket="points")["Contents"]}
    assert f"db/shop/{NAME}/manifest.json" in keys
    assert all(key.startswith(f"db/shop/{NAME}/") for key in keys)
    puts = len(aws.calls("PutObject"))
    again = Job(server, tmp_path / "second", name, aws)
    adopted = again.run()
    assert adopted.snapshot == replace(result.snapshot, verify_seconds=0)
    assert "was there already" in adopted.message
    assert len(aws.calls("PutObject")) == puts


def test_keys_and_password_are_in_no_file_no_log_and_no_object(
    server: Server, name: str, tmp_path: Path, aws: FakeAws
) -> None:
    job = Job(server, tmp_path / "pod", name, aws)
    assert job.run().reason is Reason.SUCCEEDED
    files = {path: path.read_bytes() for path in job.pod.work.rglob("*") if path.is_file()}
    stored = [
        aws.s3().get_object(Bucket="points", Key=one["Key"])["Body"].read()
        for one in aws.s3().list_objects_v2(Bucket="points")["Contents"]
    ]
    for secret in (KEY, KEY_ID, PASSWORD):
        raw = secret.encode()
        assert raw not in job.said.encode() + job.answer.read_bytes()
        assert not [content for content in stored if raw in content]
        assert {path.name for path, content in files.items() if raw in content} <= {"pgpass"}
    assert {path.name for path, content in files.items() if KEY.encode() in content} == set()


def test_a_bucket_that_refuses_is_told_and_the_next_attempt_works(
    server: Server, name: str, tmp_path: Path, aws: FakeAws
) -> None:
    aws.fault("PutObject", times=None, error="AccessDenied", status=403)
    job = Job(server, tmp_path / "first", name, aws)
    result = job.run()
    assert result.reason is Reason.SNAPSHOT_STORE_REFUSED
    assert result.snapshot is None
    assert f"s3://points/db/shop/{NAME}/" in result.message
    assert "AccessDenied" in result.message
    assert list(job.pod.root.iterdir()) == []
    aws.heal()
    assert "Contents" not in aws.s3().list_objects_v2(Bucket="points")
    assert Job(server, tmp_path / "second", name, aws).run().reason is Reason.SUCCEEDED


def test_a_pod_that_is_told_to_stop_removes_what_it_has_uploaded(
    server: Server, name: str, tmp_path: Path, aws: FakeAws
) -> None:
    job = Job(server, tmp_path / "pod", name, aws)
    for container in job.containers[:-1]:
        assert job.start(container).wait(60) == 0
    begun = threading.Event()
    aws.fault("PutObject", times=None, skip=3, delay=0.3, before=lambda _: begun.set())
    process = job.start(job.containers[-1])
    assert begun.wait(60)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert decode(job.answer.read_text()).reason is Reason.INTERRUPTED
    assert "Contents" not in aws.s3().list_objects_v2(Bucket="points")
    assert list(job.pod.root.iterdir()) == []


def test_a_bucket_that_is_not_there_is_told_before_anything_is_dumped(
    server: Server, name: str, tmp_path: Path, aws: FakeAws
) -> None:
    job = Job(server, tmp_path / "pod", name, aws, bucket="nowhere")
    result = job.run()
    assert result.reason is Reason.SNAPSHOT_STORE_REFUSED
    assert "NoSuchBucket" in result.message
    assert "dump: nothing to do" in job.said


def test_a_service_that_cannot_be_reached_is_told_before_anything_is_dumped(
    server: Server, name: str, tmp_path: Path, aws: FakeAws
) -> None:
    job = Job(server, tmp_path / "pod", name, aws, endpointURL="http://127.0.0.1:1")
    result = job.run()
    assert result.reason is Reason.SNAPSHOT_STORE_UNREACHABLE
    assert "127.0.0.1:1" in result.message
    assert "dump: nothing to do" in job.said


def test_a_bucket_that_demands_a_key_gets_it(server: Server, name: str, tmp_path: Path, aws: FakeAws) -> None:
    aws.make_bucket("sealed", needs_encryption="aws:kms")
    refused = Job(server, tmp_path / "first", name, aws, bucket="sealed").run()
    assert refused.reason is Reason.SNAPSHOT_STORE_REFUSED
    job = Job(server, tmp_path / "second", name, aws, bucket="sealed", kmsKeyID="alias/points")
    assert job.run().reason is Reason.SUCCEEDED, job.said


def test_from_a_laptop_create_verify_list_prune_and_restore(
    server: Server, name: str, tmp_path: Path, aws: FakeAws
) -> None:
    copy = f"{name}_copy"
    place = ("--endpoint-url", aws.url, "--region", "eu-central-1")

    def switchback(*words: str) -> subprocess.CompletedProcess[str]:
        keys = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": KEY}
        path = {"PATH": f"{server.programs}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
        return subprocess.run(
            [SWITCHBACK, *words], env={**path, **keys}, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip

    made = switchback(
        "snapshot", "create", "--to", PLACE, *place, "--name", "first", "--url", server.url(name), "--json"
    )
    assert made.returncode == 0, made.stderr
    digest = json.loads(made.stdout)["snapshot"]["digest"]
    verified = switchback("snapshot", "verify", f"{PLACE}/first", *place, "--digest", digest)
    assert verified.returncode == 0, verified.stderr
    listed = switchback("snapshot", "list", PLACE, *place)
    assert "first  Sealed" in listed.stdout, listed.stderr
    pruned = switchback("snapshot", "prune", "--to", PLACE, *place, "--uid", "u-1")
    assert "Deleted 0." in pruned.stdout, pruned.stderr
    try:
        restored = switchback("restore", f"{PLACE}/first", *place, "--url", server.url(), "--database", copy)
        assert restored.returncode == 0, restored.stderr
        assert contents_of(server.url(copy)) == contents_of(server.url(name))
    finally:
        server.drop_database(copy)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("switchback-")]
    missing = switchback("snapshot", "verify", f"{PLACE}/second", *place)
    assert missing.returncode == 8
    assert f"{PLACE}/second/manifest.json does not exist" in missing.stderr
