"""The desk: what a provider answers, how often it is asked, and how long a look may take."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.policies import BeforeMigratePolicy
from switchback.api.status import OperationState, SnapshotPhase, SnapshotState, Status
from switchback.contract.points import (
    Capabilities,
    ErrorClass,
    Failure,
    Finding,
    Level,
    Listing,
    Observation,
    Owned,
    Ownership,
    Phase,
    Place,
    Scope,
    Verification,
)
from switchback.contract.words import Direction
from switchback.controller import desk as desk_module
from switchback.controller.decide import decide
from switchback.controller.decision import Act, DeleteSnapshot
from switchback.controller.desk import Desk
from switchback.controller.events import Recorder
from switchback.controller.metrics import Metrics
from switchback.controller.queue import Key, Queue
from switchback.controller.sources import SourceMemory
from switchback.controller.worker import Worker
from switchback.snapshots.provider import Tools
from tests.property.test_decide import SPEC
from tests.property.world import UID, World
from tests.unit.controller.build import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchback.contract.points import Intent
    from switchback.controller.observed import Observed

KEY = Key("shop", "shop")
NAME = "pre-rollback-20260101T000000Z-shop-1"
DENIED = Failure(ErrorClass.NEEDS_HUMAN, "SnapshotAccessDenied", "rds:DeleteDBSnapshot is not allowed")
FULL = Failure(ErrorClass.NEEDS_HUMAN, "SnapshotQuotaExceeded", "100 of 100 snapshots are there.")


@dataclass
class Provider:
    """Answers what it is told to, after as long as it is told to, and counts."""

    shows: Observation = field(default_factory=lambda: Observation(NAME, Phase.ABSENT))
    asked: Observation = field(default_factory=lambda: Observation(NAME, Phase.CREATING, provider_id="arn"))
    deletes: Observation | None = None
    points: tuple[Owned, ...] = ()
    seconds: float = 0.0
    calls: list[str] = field(default_factory=list)
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(Place.OPERATOR, Scope.INSTANCE))

    async def _call(self, what: str) -> None:
        self.calls.append(what)
        await asyncio.sleep(self.seconds)

    async def preflight(self, intent: Intent) -> tuple[Finding, ...]:  # noqa: ARG002 - the protocol
        await self._call("preflight")
        return ()

    async def request(self, intent: Intent) -> Observation:  # noqa: ARG002 - the protocol
        await self._call("request")
        return self.asked

    async def observe(self, intents: Sequence[Intent]) -> Mapping[str, Observation]:  # noqa: ARG002 - the protocol
        await self._call("observe")
        return {NAME: self.shows}

    async def list_owned(self, ownership: Ownership) -> Listing:  # noqa: ARG002 - the protocol
        await self._call("list")
        return Listing(self.points, complete=True)

    async def verify(self, intent: Intent, level: Level) -> Verification:  # noqa: ARG002 - the protocol
        await self._call("verify")
        return Verification(level)

    async def delete(self, name: str, expect: Ownership) -> Observation:  # noqa: ARG002 - the protocol
        await self._call("delete")
        return self.deletes or Observation(name, Phase.DELETING)


def older(number: int) -> Owned:
    made = (datetime.now(UTC) - timedelta(days=30 + number)).isoformat()
    seen = Observation(f"older-{number}", Phase.AVAILABLE, source_id="db")
    return Owned(seen, Ownership(uid=UID, operation_id="aa-bb"), created=made)


def seen(**operation: Any) -> Observed:
    """A rollback whose restore point is named."""
    snapshot = {"rds": {"instance": "shop", "region": "eu-west-1"}, "retention": {"minimumCount": 1}}
    point = SnapshotState(name=NAME, operation_id="aa-cc", phase=SnapshotPhase.IN_PROGRESS)
    fields = {"plan_digest": "p1:1", "snapshot_name": NAME, **operation}
    state = OperationState(id="aa-cc", direction=Direction.BACKWARD, **fields)
    world = World(spec={**SPEC, "snapshot": snapshot}, status=Status(operation=state, snapshots=(point,)))
    return replace(world.observed(), now=datetime.now(UTC))


def ahead(*, always: bool) -> Observed:
    """A migration that is planned, behind a restore point or not."""
    world = seen(snapshot_name="")
    operation, spec = world.status.operation, world.spec
    assert operation is not None
    assert spec is not None
    assert spec.snapshot is not None
    policy = BeforeMigratePolicy.ALWAYS if always else BeforeMigratePolicy.NEVER
    snapshot = spec.snapshot.model_copy(update={"before_migrate_policy": policy})
    forward = operation.model_copy(update={"direction": Direction.FORWARD})
    return replace(
        world,
        spec=spec.model_copy(update={"snapshot": snapshot}),
        status=world.status.model_copy(update={"operation": forward}),
    )


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def desk(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Desk:
    there = Desk(Tools(client=None))
    monkeypatch.setattr(there, "_provider", lambda _world: provider)
    return there


def test_what_was_just_asked_for_and_is_not_shown_yet_is_not_asked_for_again_and_again(
    desk: Desk, provider: Provider
) -> None:
    async def story() -> Observation | None:
        await desk.look(KEY, seen())
        await desk.request(KEY, seen(), NAME)
        return (await desk.look(KEY, seen())).point

    point = asyncio.run(story())
    assert point is not None
    assert (point.phase, point.provider_id) == (Phase.CREATING, "arn")
    assert point.retry_after > 0


def test_whoever_brings_about_many_looks_does_not_bring_about_as_many_calls(
    desk: Desk, provider: Provider
) -> None:
    provider.shows = Observation(NAME, Phase.CREATING)

    async def story() -> None:
        for _ in range(20):
            point = (await desk.look(KEY, seen())).point
            assert point is not None
            assert point.phase is Phase.CREATING
        assert provider.calls == ["observe"]
        await desk.request(KEY, seen(), NAME)
        await desk.look(KEY, seen())
        assert provider.calls[-1] == "observe"
        await desk.look(KEY, replace(seen(), generation=2))
        assert provider.calls[-2:] == ["observe", "observe"]

    asyncio.run(story())


def test_a_look_and_its_request_together_take_less_than_a_look_may(
    desk: Desk, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "CALL_SECONDS", 0.2)
    monkeypatch.setattr(desk_module, "TOGETHER_SECONDS", 0.25)
    provider.seconds = 1.0

    async def story() -> Observation:
        await desk.look(KEY, seen())
        return await desk.request(KEY, seen(), NAME)

    begun = time.monotonic()
    answer = asyncio.run(story())
    assert time.monotonic() - begun < 0.4
    assert answer.failure is not None
    assert answer.failure.kind is ErrorClass.RETRY
    assert "request" not in provider.calls, "there was no time left for it"


def test_seconds_of_one_look_do_not_count_for_the_next(
    desk: Desk, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "TOGETHER_SECONDS", 0.2)
    provider.seconds = 0.05

    async def story() -> Observation:
        for _ in range(5):
            await desk.look(KEY, seen())
        return await desk.request(KEY, seen(), NAME)

    assert asyncio.run(story()).failure is None


def test_what_cannot_be_deleted_is_not_tried_in_a_circle(desk: Desk, provider: Provider) -> None:
    provider.points = (older(2), older(1))
    provider.deletes = Observation("older-2", Phase.UNKNOWN, failure=DENIED)
    world = seen(pruning=True)
    ended = Status.model_validate({"history": [{"operationID": "aa-cc", "outcome": "Succeeded"}]})
    world = replace(world, status=world.status.model_copy(update={"history": ended.history}))

    async def story() -> Listing | None:
        assert (await desk.look(KEY, world)).listing is not None
        answer = await desk.delete(KEY, world, "older-2")
        assert answer.failure is DENIED
        return (await desk.look(KEY, world)).listing

    listing = asyncio.run(story())
    assert listing is not None
    assert not listing.complete
    assert listing.failure is DENIED


def test_room_that_could_not_be_made_is_not_said_to_be_made(desk: Desk, provider: Provider) -> None:
    provider.points = (older(2), older(1))
    provider.asked = Observation(NAME, Phase.ABSENT, failure=FULL)
    provider.deletes = Observation("older-2", Phase.UNKNOWN, failure=DENIED)
    answer = asyncio.run(desk.request(KEY, seen(), NAME))
    assert "delete" in provider.calls
    assert answer.failure is not None
    assert answer.failure.kind is ErrorClass.NEEDS_HUMAN
    assert "was deleted" not in answer.failure.message
    assert DENIED.message in answer.failure.message


def test_room_is_made_where_it_can_be(desk: Desk, provider: Provider) -> None:
    provider.points = (older(2), older(1))
    provider.asked = Observation(NAME, Phase.ABSENT, failure=FULL)
    answer = asyncio.run(desk.request(KEY, seen(), NAME))
    assert answer.failure is not None
    assert answer.failure.kind is ErrorClass.RETRY
    assert "older-2 was deleted to make room" in answer.failure.message


def test_nothing_is_asked_before_a_migration_that_wants_no_restore_point(
    desk: Desk, provider: Provider
) -> None:
    world = ahead(always=False)
    asyncio.run(desk.look(KEY, world))
    assert provider.calls == []


def test_before_a_rollback_is_planned_further_it_is_looked_whether_it_can_be_kept(
    desk: Desk, provider: Provider
) -> None:
    asyncio.run(desk.look(KEY, seen(snapshot_name="")))
    assert provider.calls == ["preflight"]


def test_a_refusal_is_not_remembered_once_somebody_has_edited_the_spec_or_asked_to_try_again(
    desk: Desk, provider: Provider
) -> None:
    provider.asked = Observation(NAME, Phase.ABSENT, failure=DENIED)

    async def story(after: Observed) -> Observation | None:
        await desk.request(KEY, seen(), NAME)
        known = (await desk.look(KEY, seen())).point
        assert known is not None
        assert known.failure is DENIED
        return (await desk.look(KEY, after)).point

    for after in (replace(seen(), generation=2), seen(retry="aa-cc/1")):
        point = asyncio.run(story(after))
        assert point is not None
        assert point.failure is None


def test_before_writers_are_kept_out_for_a_migration_it_is_looked_whether_it_can_be_kept(
    desk: Desk, provider: Provider
) -> None:
    world = ahead(always=True)
    asyncio.run(desk.look(KEY, world))
    assert provider.calls == ["preflight"]


@pytest.mark.parametrize(("denied", "known", "told"), [(False, False, 1), (False, True, 0), (True, False, 0)])
def test_an_event_tells_of_each_deletion_once(
    provider: Provider, *, denied: bool, known: bool, told: int
) -> None:
    """Of what the status knows its next change tells."""
    provider.points = (older(1),)
    provider.deletes = Observation("older-1", Phase.UNKNOWN, failure=DENIED) if denied else None
    desk = Desk(Tools(client=None))
    desk._provider = lambda _world: provider  # type: ignore[method-assign, assignment] # noqa: SLF001
    world = seen()
    entry = SnapshotState(name="older-1", phase=SnapshotPhase.READY)
    if known:
        world = replace(world, status=world.status.model_copy(update={"snapshots": (entry,)}))
    recorder, metrics = Recorder(None, "test"), Metrics()  # type: ignore[arg-type]
    worker = Worker(
        client=None,  # type: ignore[arg-type]
        queue=Queue(metrics),
        settings=SETTINGS,
        decide=decide,
        sources=SourceMemory(),
        metrics=metrics,
        recorder=recorder,
        desk=desk,
        leads=lambda: True,
    )
    asyncio.run(worker._act(KEY, world, Act(DeleteSnapshot("older-1", "old"))))  # noqa: SLF001
    assert recorder.waiting == told
