"""What a command of the tenant's may report of a restore point."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchback.contract.reasons import Reason
from switchback.contract.result import Snapshot
from switchback.runner.errors import RunnerError
from switchback.runner.redact import Redactor
from switchback.snapshots import report

if TYPE_CHECKING:
    from pathlib import Path

NAME = "pre-rollback-20260101T000000Z-shop-3f2a91c0-5b1e77"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
BEGUN = NOW - timedelta(minutes=10)
GOOD: dict[str, Any] = {
    "version": 1,
    "id": NAME,
    "path": f"/snapshots/{NAME}",
    "sizeBytes": 4711,
    "restorePointTime": "2026-01-01T11:55:00.987Z",
    "digest": "sha256:cafe",
}


def read(folder: Path, text: str | bytes | None = None, clean: Any = str, /, **changed: Any) -> Snapshot:
    """The snapshot; `changed` replaces fields, None leaves one out."""
    if text is None:
        text = json.dumps({key: value for key, value in (GOOD | changed).items() if value is not None})
    file = folder / "result.json"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return report.read(file, NAME, BEGUN, clean, NOW)


def refused(folder: Path, text: str | bytes | None = None, /, **changed: Any) -> str:
    with pytest.raises(RunnerError) as caught:
        read(folder, text, str, **changed)
    assert caught.value.reason is Reason.SNAPSHOT_COMMAND_FAILED
    return caught.value.message


def test_a_good_report_is_a_restore_point(tmp_path: Path) -> None:
    expected = Snapshot(f"/snapshots/{NAME}", "sha256:cafe", 4711, "2026-01-01T11:55:00Z")
    assert read(tmp_path) == expected
    assert read(tmp_path, tomorrow={"a": 1}, digest=None).digest == ""
    assert (
        read(tmp_path, restorePointTime="2026-01-01T13:55:00+02:00").restore_point == "2026-01-01T11:55:00Z"
    )
    assert read(tmp_path, "\ufeff" + json.dumps(GOOD)) == expected


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"version": 2}, "version 2"),
        ({"version": None}, "version null"),
        ({"version": True}, "version true"),
        ({"version": "1"}, 'version "1"'),
        ({"id": None}, "no id"),
        ({"id": "pre-rollback-of-yesterday"}, "is of pre-rollback-of-yesterday"),
        ({"id": 7}, "no text as id"),
        ({"path": ""}, "no text as path"),
        ({"path": "a\nb"}, "control characters in its path"),
        ({"path": "x" * 513}, "more than 512 bytes"),
        ({"path": "ä" * 300}, "more than 512 bytes"),
        ({"sizeBytes": None}, "no sizeBytes"),
        ({"sizeBytes": "12"}, "no whole number"),
        ({"sizeBytes": True}, "no whole number"),
        ({"sizeBytes": 1.5}, "no whole number"),
        ({"sizeBytes": -1}, "no whole number"),
        ({"sizeBytes": 2**63}, "no whole number"),
        ({"digest": "cafe"}, "sha256:"),
        ({"digest": "sha256:" + "a" * 130}, "more than 128 bytes"),
        ({"restorePointTime": None}, "no restorePointTime"),
        ({"restorePointTime": "yesterday"}, "not written as"),
        ({"restorePointTime": "2026-01-01T11:55:00"}, "not written as"),
        ({"restorePointTime": "2026-13-01T11:55:00Z"}, "not written as"),
        ({"restorePointTime": 1767265000}, "no text as restorePointTime"),
        ({"restorePointTime": "2026-01-01T11:48:59Z"}, "its pod began at 2026-01-01T11:50:00Z"),
        ({"restorePointTime": "2026-01-01T12:01:01Z"}, "in the future"),
    ],
)
def test_what_is_wrong_with_it_is_told(tmp_path: Path, changed: dict[str, Any], word: str) -> None:
    given = {key: value for key, value in (GOOD | changed).items() if value is not None}
    assert word in refused(tmp_path, json.dumps(given))


@pytest.mark.parametrize("time", ["2026-01-01T11:49:00Z", "2026-01-01T12:01:00Z"])
def test_clocks_may_differ_by_a_minute(tmp_path: Path, time: str) -> None:
    assert read(tmp_path, restorePointTime=time).restore_point == time


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("done!", "is not JSON (line 1, column 1)"),
        ('{"version": 1,', "is not JSON"),
        ("[" * 60000, "is not JSON"),
        ("1" * 6000, "is not JSON"),
        ("[]", "no object"),
        ("null", "no object"),
        (b"\xff\xfe", "not UTF-8"),
        ('{"a": "' + "x" * 65536 + '"}', "longer than 65536 bytes"),
    ],
)
def test_junk_is_refused(tmp_path: Path, text: str | bytes, word: str) -> None:
    assert word in refused(tmp_path, text)


def test_no_report_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(RunnerError) as caught:
        report.read(tmp_path / "result.json", NAME, BEGUN, str, NOW)
    assert caught.value.reason is Reason.SNAPSHOT_COMMAND_FAILED
    assert caught.value.message == "The command ended with 0 and left no report."
    assert "SWITCHBACK_RESULT" in (caught.value.advice or "")


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_only_a_file_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "result.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        (tmp_path / "other").write_text(json.dumps(GOOD))
        path.symlink_to(tmp_path / "other")
    with pytest.raises(RunnerError) as caught:
        report.read(path, NAME, BEGUN, str, NOW)
    assert caught.value.reason is Reason.SNAPSHOT_COMMAND_FAILED


def test_no_password_goes_on_its_way(tmp_path: Path) -> None:
    clean = Redactor(["hunter2-canary"]).clean
    told = read(tmp_path, None, clean, path="s3://bucket/hunter2-canary/x")
    assert told.path == "s3://bucket/***/x"
    assert read(tmp_path, path="https://me:other-canary@store/x").path == "https://***@store/x"
    assert read(tmp_path, None, clean, digest="sha256:hunter2-canary").digest == "sha256:***"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists), st.data())
def test_whatever_stands_in_a_field_it_is_refused_or_bounded(tmp_path: Path, value: Any, data: Any) -> None:
    field = data.draw(st.sampled_from(sorted(GOOD)))
    try:
        found = read(tmp_path, json.dumps(GOOD | {field: value}))
    except RunnerError as error:
        assert error.reason is Reason.SNAPSHOT_COMMAND_FAILED  # noqa: PT017 - either is fine
    else:
        assert len(found.path.encode()) <= 512
