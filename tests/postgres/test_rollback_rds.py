"""A rollback by hand with a snapshot of Amazon RDS before it, in front of a fake AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.aws.server import FakeAws
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.servers import Server


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with FakeAws() as started:
        started.settings(snapshot_seconds=0.0, backing_up=False)
        yield started


@pytest.fixture
def runner(pg18: Server, folder: Path) -> Iterator[Runner]:
    """On one server only: what is asked of AWS does not depend on it."""
    write(folder, "0001_a", "0002_b")
    name = pg18.create_database()
    made = Runner(pg18.url(name), folder)
    assert made.up().result.exit_code == 0
    yield made
    pg18.drop_database(name)


def rollback(runner: Runner, aws: FakeAws, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return runner.call("rollback", *words, "--snapshot", "rds:shop", **{**aws.environment(), **more})


def manual(aws: FakeAws) -> list[str]:
    return [str(one["name"]) for one in aws.snapshots() if one["type"] == "manual"]


def test_the_snapshot_is_available_before_anything_is_undone(
    runner: Runner, aws: FakeAws, pg18: Server
) -> None:
    aws.make_instance("shop", address="127.0.0.1", port=pg18.port)
    done = rollback(runner, aws, "--json")
    assert done.returncode == 0, done.stderr
    (name,) = manual(aws)
    assert name.startswith("pre-rollback-")
    assert json.loads(done.stdout)["message"].endswith(f"Restore point: {name}.")
    assert f"The snapshot {name} is available." in done.stderr
    assert runner.applied == ["0001_a"]


def test_the_instance_of_another_database_is_refused(runner: Runner, aws: FakeAws, pg18: Server) -> None:
    aws.make_instance("shop", address="127.0.0.1", port=pg18.port + 1)
    done = rollback(runner, aws)
    assert done.returncode == 8
    assert "error: No restore point could be taken, so nothing was rolled back: " in done.stderr
    assert f"listens at 127.0.0.1:{pg18.port + 1}" in done.stderr
    assert "Traceback" not in done.stderr
    assert (manual(aws), runner.applied) == ([], ["0001_a", "0002_b"])


def test_a_snapshot_that_fails_leaves_everything_as_it_is(runner: Runner, aws: FakeAws, pg18: Server) -> None:
    aws.make_instance("shop", address="127.0.0.1", port=pg18.port)
    aws.settings(snapshot_outcome="failed")
    done = rollback(runner, aws)
    assert done.returncode == 8
    assert "so nothing was rolled back" in done.stderr
    assert runner.applied == ["0001_a", "0002_b"]


def test_without_a_region_nothing_is_asked(runner: Runner, aws: FakeAws) -> None:
    done = rollback(runner, aws, AWS_REGION="", AWS_DEFAULT_REGION="")
    assert (done.returncode, "The region of the instance is not known" in done.stderr) == (2, True)
    assert runner.applied == ["0001_a", "0002_b"]
