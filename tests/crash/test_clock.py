"""The operator's clock is an hour wrong: nothing ends early, and nothing hangs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.crash.ending import ending
from tests.crash.proxy import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.conftest import Plain, Tell
    from tests.crash.ending import Ending
    from tests.crash.story import Story

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

HOUR = 3600
SECONDS = 100.0
MANUAL = {"approval": {"migratePolicy": "Manual", "rollbackPolicy": "Manual", "timeoutSeconds": 1800}}
"""Both ways wait for a person, who has less time than the clock is wrong."""

SHORT = {"deadlineSeconds": 600}


def approve(story: Story, ahead: int) -> None:
    """Waits to be asked, looks at the deadline, and says yes."""
    awaited = "Unknown/AwaitingApproval"
    story.until(lambda: story.conditions().get("Ready") == awaited, SECONDS, "question")
    approval = story.resource()["status"]["approval"]
    deadline = datetime.fromisoformat(approval["deadlineTime"])
    left = deadline - datetime.now(UTC) - timedelta(seconds=ahead)
    assert timedelta(seconds=1700) < left <= timedelta(seconds=1800), (
        "the person's time, by the operator's clock"
    )
    story.annotate(approve=approval["token"], approved_by=story.kube.username)


def tell(story: Story, telling: Tell, ahead: int) -> tuple[Ending, float]:
    """All the way up and back with this error of the clock: the end, and how long it took."""
    begun = time.monotonic()
    snapshot = {"pgDump": {"persistentVolumeClaim": {"claimName": "backups"}, "jobs": 1}, **SHORT}
    with telling(story, Fault(), TEST_CLOCK_AHEAD_SECONDS=str(ahead)) as (_, operator):
        for target in ("latest", "0001"):
            story.ask(target, snapshot=snapshot, **MANUAL)
            approve(story, ahead)
            assert story.finished(SECONDS)["Ready"] == "True/Succeeded"
            story.at_rest(SECONDS)
        assert operator.starts == 1
    return ending(story), time.monotonic() - begun


def test_an_hour_more_or_less_changes_nothing(
    plain: Plain, new_story: Callable[[], Story], telling: Tell
) -> None:
    clocks = (0, HOUR, -HOUR)
    with ThreadPoolExecutor(len(clocks)) as pool:
        told = list(pool.map(lambda ahead: tell(new_story(), telling, ahead), clocks))
    (right, usual), *wrong = told
    assert right.ledger == plain.end.ledger
    assert right.jobs == ["inspect-1", "migrate-2", "inspect-1", "reserve-2", "snapshot-3", "rollback-4"]
    for end, seconds in wrong:
        assert end == right
        assert seconds < usual * 2 + 10, "it has waited for its own clock"
