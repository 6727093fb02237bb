"""The judges say no when they have to: a story that cannot fail proves nothing. Needs no cluster."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import pytest

from switchback.snapshots.layout import MANIFEST
from tests.e2e import judge
from tests.e2e.postgres import Event
from tests.e2e.test_secrecy import CANARY, spellings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.postgres import Database
    from tests.e2e.support import World

NOW = datetime.now(UTC).replace(microsecond=0)


def ledger(*lines: str) -> Database:
    """A ledger with events such as `a-1 Reserved`."""
    parts = [line.split() for line in lines]
    events = [Event(number, NOW, kind, None, who) for number, (who, kind) in enumerate(parts)]
    return cast("Database", SimpleNamespace(events=lambda: events))


def test_a_reservation_that_was_kept() -> None:
    told = ledger(
        "b-1 Applied",
        "a-1 Reserved",
        "a-1 RolledBack",
        "a-2 Released",
        "b-1 Applied",
        "b-2 Reserved",
        "b-2 Released",
    )
    assert judge.reservations_kept(told) == 2


@pytest.mark.parametrize(
    "lines",
    [("a-1 Reserved", "b-1 Applied", "a-1 Released"), ("a-1 Reserved", "b-1 Reserved"), ("a-1 Reserved",)],
    ids=["another ran", "another reserved", "never released"],
)
def test_a_reservation_that_was_not(lines: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError):
        judge.reservations_kept(ledger(*lines))


def story(**wrong: Any) -> World:
    """A snapshot pod that ended at 20 and a rollback Job that was stored at 30, unless told otherwise."""
    told: dict[str, Any] = {
        "code": 0,
        "ended": 20,
        "finished": NOW,
        "asked": NOW + timedelta(seconds=1),
    } | wrong
    terminated = {"terminated": {"exitCode": told["code"], "finishedAt": told["finished"].isoformat()}}
    pod = {
        "metadata": {"labels": {"job-name": "s"}, "resourceVersion": str(told["ended"])},
        "status": {
            "initContainerStatuses": [{"name": "dump", "state": terminated}],
            "containerStatuses": [{"name": "switchback", "state": terminated}],
        },
    }
    rollback = SimpleNamespace(
        name="r", received=told["asked"].isoformat(), response={"metadata": {"resourceVersion": "30"}}
    )
    jobs = {"snapshot": [SimpleNamespace(name="s")], "rollback": [rollback]}
    return cast(
        "World",
        SimpleNamespace(
            namespace="n",
            jobs_created=jobs.__getitem__,
            recorder=SimpleNamespace(states=lambda *_: [pod]),
        ),
    )


def sealed(tmp_path: Path) -> Any:
    (tmp_path / "point").mkdir()
    (tmp_path / "point" / MANIFEST).touch()
    return SimpleNamespace(files=tmp_path)


def test_a_restore_point_in_time(tmp_path: Path) -> None:
    volume = sealed(tmp_path)
    judge.restore_point_before_rollback(story(asked=datetime.now(UTC) + timedelta(seconds=1)), volume)


@pytest.mark.parametrize(
    "wrong",
    [{"code": 1}, {"ended": 31}, {"finished": NOW + timedelta(hours=1)}, {"asked": NOW - timedelta(hours=1)}],
    ids=["failed", "stored later", "ended later", "asked before the manifest"],
)
def test_a_restore_point_too_late(tmp_path: Path, wrong: dict[str, Any]) -> None:
    later = {"asked": datetime.now(UTC) + timedelta(seconds=1)} | wrong
    volume = sealed(tmp_path)
    with pytest.raises(AssertionError):
        judge.restore_point_before_rollback(story(**later), volume)


@pytest.mark.parametrize("before", ["", "x", "postgresql://u:", "postgresql://user:"])
def test_a_password_is_found_in_every_dress(before: str) -> None:
    for dressed in (CANARY, quote(CANARY, safe=""), quote(CANARY)):
        text = (before + dressed + "@host/db").encode()
        for shown in (text, base64.b64encode(text), base64.urlsafe_b64encode(text)):
            assert any(form in shown for form in spellings(CANARY)), shown
    assert not any(form in b"Kanarie/Vogel and others" for form in spellings(CANARY))
