"""Restore points of a bucket become databases: on a laptop, and by the containers of the plugin's Job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.api.snapshots import S3
from switchback.contract.reasons import Reason
from switchback.contract.result import decode
from switchback.snapshots import pgrestore
from switchback.snapshots.layout import VOLUME_MOUNT, WORK_MOUNT
from tests.aws.server import KEY, KEY_ID, FakeAws
from tests.postgres.snapshot_pod import FILL, contents_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.contract.result import Result
    from tests.postgres.servers import Server

SWITCHBACK = str(Path(sys.executable).parent / "switchback")
PLACE = "s3://points/db/shop"
NAME = "first"
KEYS = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": KEY, "AWS_DEFAULT_REGION": "eu-central-1"}


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
def filled(database: str, aws: FakeAws, server: Server) -> str:
    """A database of which a restore point is in the bucket."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(FILL.encode())
    made = switchback(server, "snapshot", "create", "--to", PLACE, "--endpoint-url", aws.url, "--name", NAME,
                      url=database)  # fmt: skip
    assert made.returncode == 0, made.stderr
    return database


@pytest.fixture
def copy_name(server: Server) -> Iterator[str]:
    name = f"t_copy_{time.time_ns()}"
    yield name
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def switchback(server: Server, *words: str, url: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{server.programs}:{os.environ['PATH']}", "DATABASE_URL": url, **KEYS}
    return subprocess.run(
        [SWITCHBACK, *words], env=env, capture_output=True, text=True, timeout=120, check=False
    )


def databases(server: Server) -> set[str]:
    with server.connect() as connection:
        return {str(row[0]) for row in connection.execute("SELECT datname FROM pg_database").fetchall()}


def test_from_a_laptop(server: Server, aws: FakeAws, filled: str, copy_name: str, tmp_path: Path) -> None:
    words = ("restore", f"{PLACE}/{NAME}", "--endpoint-url", aws.url, "--database", copy_name, "--json")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = switchback(server, *words, "--scratch", str(scratch), url=server.url())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["restored"]["name"] == NAME
    assert contents_of(server.url(copy_name)) == contents_of(filled)
    assert list(scratch.iterdir()) == [], "what was downloaded is removed"


def test_nothing_is_downloaded_for_a_name_that_is_taken(server: Server, aws: FakeAws, filled: str) -> None:
    assert filled
    words = ("restore", f"{PLACE}/{NAME}", "--endpoint-url", aws.url, "--database", "postgres")
    done = switchback(server, *words, "--scratch", "/nonexistent", url=server.url())
    assert done.returncode == 11, done.stderr
    assert "Database postgres exists." in done.stderr


def test_what_is_not_in_the_bucket_is_named(
    server: Server, aws: FakeAws, filled: str, copy_name: str
) -> None:
    assert filled
    words = ("restore", f"{PLACE}/second", "--endpoint-url", aws.url, "--database", copy_name)
    done = switchback(server, *words, url=server.url())
    assert done.returncode == 8
    assert f"{PLACE}/second/manifest.json does not exist" in done.stderr
    assert "Traceback" not in done.stderr


class Pod:
    """The containers of `pgrestore.pod`, as processes: each has the variables that it is given."""

    def __init__(self, server: Server, aws: FakeAws, folder: Path, database: str) -> None:
        s3 = S3.model_validate({
            "bucket": "points", "prefix": "db/shop", "region": "eu-central-1", "endpointURL": aws.url,
            "credentialsFrom": {"secretRef": {"name": "keys"}},
        })  # fmt: skip
        url = {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}
        request = pgrestore.RestoreRequest(
            name=NAME, place=s3, database=database, operation_id="restore-1", image="us", client_image="them",
            database_env=(url,),
        )  # fmt: skip
        self.parts = pgrestore.pod(request)
        self.secrets = {**KEYS, "DATABASE_URL": server.url()}
        self.programs = server.programs
        self.places = {
            "/dev/termination-log": folder / "answer",
            WORK_MOUNT: folder / "work",
            VOLUME_MOUNT: folder / "room",
        }
        for place in (WORK_MOUNT, VOLUME_MOUNT):
            self.places[place].mkdir(mode=0o700)

    def run(self) -> Result:
        for container in (*self.parts.init_containers, *self.parts.containers):
            command = [*container.get("command", [SWITCHBACK]), *container.get("args", [])]
            done = subprocess.run(
                [self._here(word) for word in command], env=self._env(container),
                capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert container["name"] == "switchback" or done.returncode == 0, done.stderr
            assert KEY not in done.stdout + done.stderr
        return decode(self.places["/dev/termination-log"].read_text())

    def _env(self, container: dict[str, Any]) -> dict[str, str]:
        given = {}
        for variable in container["env"]:
            name = variable["name"]
            if "value" in variable:
                given[name] = self._here(variable["value"])
            elif name in self.secrets:
                given[name] = self.secrets[name]
        return {"PATH": f"{self.programs}:/usr/bin:/bin", **given}

    def _here(self, word: str) -> str:
        return str(self.places.get(word, word))


def test_by_the_containers_of_a_pod(
    server: Server, aws: FakeAws, filled: str, copy_name: str, tmp_path: Path
) -> None:
    pod = Pod(server, aws, tmp_path, copy_name)
    result = pod.run()
    assert result.reason is Reason.SUCCEEDED, result.message
    assert contents_of(server.url(copy_name)) == contents_of(filled)
    client = pod.parts.init_containers[1]
    (last,) = pod.parts.containers
    assert not any("valueFrom" in one for one in client["env"]), "the client image gets no Secret"
    assert not any(one["name"] in KEYS for one in last["env"]), "the bucket was read by then"


def test_a_bucket_that_cannot_be_reached_leaves_no_database(
    server: Server, aws: FakeAws, filled: str, copy_name: str, tmp_path: Path
) -> None:
    assert filled
    pod = Pod(server, aws, tmp_path, copy_name)
    pod.secrets["AWS_SECRET_ACCESS_KEY"] = ""
    result = pod.run()
    assert result.reason in {Reason.SNAPSHOT_STORE_REFUSED, Reason.SNAPSHOT_STORE_UNREACHABLE}, result.message
    assert copy_name not in databases(server)
