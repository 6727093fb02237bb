"""`switchback snapshot accept` as the last container of a Job calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.result import CORE_BYTES, Result, Snapshot, decode
from switchback.contract.words import Operation
from switchback.snapshots.job import BEGIN_FILE, RESULT_FILE
from tests.unit.snapshots.test_job import fence, pod

SWITCHBACK = str(Path(sys.executable).parent / "switchback")
NAME = "pre-rollback-20260101T000000Z-shop-3f2a91c0-5b1e77"
PASSWORD = "canary/hunter2"
URL = f"postgresql://shop:{PASSWORD.replace('/', '%2F')}@db/shop"


class Pod:
    """Runs the container `switchback` that a provider describes, with its mounts in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.report, self.begin, self.answer = (folder / name for name in ("report", "begin", "answer"))
        self.begin.touch()
        self.said = ""

    def run(self, container: dict[str, Any], **env: str) -> Result:
        places = {RESULT_FILE: self.report, BEGIN_FILE: self.begin, "/dev/termination-log": self.answer}
        words = [str(places.get(word, word)) for word in container["args"]]
        done = subprocess.run(
            [SWITCHBACK, *words],
            env={"PATH": "/usr/bin:/bin", **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        self.said = done.stdout
        assert PASSWORD not in done.stdout + self.answer.read_text()
        assert "Traceback" not in done.stdout
        result = decode(self.answer.read_text())
        assert result.exit_code == done.returncode
        assert len(self.answer.read_bytes()) <= CORE_BYTES
        return result

    def reported(self, **changed: Any) -> Result:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        good = {
            "version": 1,
            "id": NAME,
            "path": f"/snapshots/{NAME}",
            "sizeBytes": 2048,
            "restorePointTime": now,
            "digest": "sha256:cafe",
        }
        self.report.write_text(json.dumps(good | changed))
        return self.run(pod().containers[0], DATABASE_URL=URL)


def test_a_report_becomes_the_result(tmp_path: Path) -> None:
    job = Pod(tmp_path)
    result = job.reported()
    assert (result.operation, result.reason) == (Operation.SNAPSHOT, Reason.SUCCEEDED)
    assert result.operation_id == "3f2a91c0-5b1e77"
    assert isinstance(result.snapshot, Snapshot)
    assert (result.snapshot.path, result.snapshot.size) == (f"/snapshots/{NAME}", 2048)
    assert result.snapshot.digest == "sha256:cafe"
    assert "so the command says" in result.message
    assert result.database is None


def test_what_is_wrong_is_told_with_what_to_do(tmp_path: Path) -> None:
    job = Pod(tmp_path)
    result = job.reported(id="yesterdays")
    assert (result.reason, result.exit_code) == (Reason.SNAPSHOT_COMMAND_FAILED, 8)
    assert result.snapshot is None
    assert f"is of yesterdays, and {NAME} was asked for" in result.message
    assert "SWITCHBACK_RESULT" in result.message


def test_a_restore_point_that_is_older_than_the_pod_is_none(tmp_path: Path) -> None:
    job = Pod(tmp_path)
    assert "its pod began at" in job.reported(restorePointTime="2026-01-01T00:00:00Z").message
    os.utime(job.begin, (0, 0))
    assert job.reported(restorePointTime="2026-01-01T00:00:00Z").reason is Reason.SUCCEEDED


def test_no_report_is_no_restore_point(tmp_path: Path) -> None:
    result = Pod(tmp_path).run(pod().containers[0], DATABASE_URL=URL)
    assert (result.reason, result.snapshot) == (Reason.SNAPSHOT_COMMAND_FAILED, None)
    assert "left no report" in result.message


@pytest.mark.parametrize("field", ["path", "id", "restorePointTime"])
def test_the_databases_password_goes_nowhere(tmp_path: Path, field: str) -> None:
    result = Pod(tmp_path).reported(**{field: f"at {PASSWORD} {URL}"})
    if field == "path":
        assert result.snapshot is not None
        assert result.snapshot.path.startswith("at *** postgresql://***")


@pytest.mark.parametrize(("raising", "operation"), [(True, Operation.FENCE), (False, Operation.UNFENCE)])
def test_a_fence_is_answered_for(tmp_path: Path, raising: bool, operation: Operation) -> None:  # noqa: FBT001
    result = Pod(tmp_path).run(fence(raising=raising).containers[0])
    assert (result.operation, result.reason) == (operation, Reason.SUCCEEDED)
    assert result.operation_id == "3f2a91c0-5b1e77"


def test_words_that_make_no_sense_leave_a_result_too(tmp_path: Path) -> None:
    container = {"args": ["snapshot", "accept", "--operation-id", "a-b", "--name", "x",
                          "--result-file", "/dev/termination-log"]}  # fmt: skip
    result = Pod(tmp_path).run(container)
    assert (result.operation, result.reason, result.exit_code) == (Operation.SNAPSHOT, Reason.USAGE, 2)
    container["args"] += ["--fence", "lower", "--bad"]
    (tmp_path / "answer").unlink()
    assert Pod(tmp_path).run(container).operation is Operation.UNFENCE
