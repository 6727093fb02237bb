"""The fake AWS as a process of its own, and its control surface over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import BotoCoreError

from tests.aws.remote import Refusal, remote
from tests.aws.server import FakeAws, environment
from tests.cluster.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

ASK = """
import boto3, sys
rds = boto3.client("rds")
rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier=sys.argv[1])
print(rds.describe_db_snapshots(DBSnapshotIdentifier=sys.argv[1])["DBSnapshots"][0]["Status"])
"""


@pytest.fixture
def url() -> Iterator[str]:
    argv = [sys.executable, "-m", "tests.aws"]
    with subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_another_process_is_told_over_http_what_a_test_is_told_in_its_own(url: str) -> None:
    aws = remote(url)
    made = aws.make_instance("shop", address="10.0.0.7")
    aws.settings(snapshot_seconds=100)
    aws.fault("CreateDBSnapshot", error="Throttling", times=2)
    client = subprocess.run(
        [sys.executable, "-c", ASK, "before"],
        env=os.environ | environment(url),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert client.stdout == "creating\n"
    assert aws.counts()["CreateDBSnapshot"] == 3
    assert [call["code"] for call in aws.calls("CreateDBSnapshot")] == ["Throttling", "Throttling", ""]
    assert aws.faults()[0]["met"] == 2
    aws.advance(101)
    (found,) = [one for one in aws.snapshots() if one["type"] == "manual"]
    assert (found["name"], found["status"]) == ("before", "available")
    assert aws.source("shop") == {**made, "cluster": False, "status": "available"}
    with pytest.raises(Refusal, match="no snapshot in eu-central-1 is called 'nobody'"):
        aws.lose_snapshot("nobody")
    aws.reset()
    assert aws.snapshots() == []
    assert aws.counts() == {}


def test_what_is_not_of_the_surface_is_not_there(aws: FakeAws) -> None:
    aws.make_instance("shop")
    other = remote(aws.url)
    with pytest.raises(Refusal, match="there is no POST '_world' here"):
        other._ask("_world", {})  # type: ignore[attr-defined]  # noqa: SLF001  # as somebody might
    with pytest.raises(Refusal, match="there is no POST 'environment' here"):
        other.environment()  # type: ignore[attr-defined]  # of the object in the process only
    assert other.source("shop")["status"] == "available"
    assert aws.counts() == {}


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "tests.aws", "--port", port],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_each_begins_empty_and_nobody_answers_when_it_has_ended() -> None:
    with FakeAws() as first:
        first.make_instance("shop")
        left = first.rds()
        assert len(left.describe_db_instances()["DBInstances"]) == 1
    with pytest.raises(BotoCoreError):
        left.describe_db_instances()
    with FakeAws() as second:
        assert second.rds().describe_db_instances()["DBInstances"] == []
