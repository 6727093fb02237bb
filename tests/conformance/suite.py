"""The conformance suite. A provider's test module subclasses `Conformance` and gives it a fixture `rig`.

Everything here is behaviour that `switchback.snapshots.provider.CallProvider` promises.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Level, Phase
from switchback.snapshots.provider import CallProvider

if TYPE_CHECKING:
    from switchback.contract.points import Intent, Observation
    from tests.conformance.rig import Rig

SHORT = 5.0
"""Seconds for one method: whatever waits for an end takes longer."""


async def seen(rig: Rig, intent: Intent, *phases: Phase, seconds: float = 30) -> Observation:
    """The restore point once it is in one of these phases, by looking again and again."""
    deadline = time.monotonic() + seconds
    while True:
        found = (await rig.provider.observe([intent]))[intent.name]
        if found.phase in phases:
            return found
        assert time.monotonic() < deadline, f"{found} and not {phases} after {seconds} s"
        await asyncio.sleep(0.05)


async def made(rig: Rig, intent: Intent) -> Observation:
    """The restore point, taken and available."""
    await rig.provider.request(intent)
    return await seen(rig, intent, Phase.AVAILABLE)


class Conformance:
    """What every provider that works by calls has to do."""

    @pytest.mark.asyncio
    async def test_it_has_the_shape_of_a_provider(self, rig: Rig) -> None:
        assert isinstance(rig.provider, CallProvider)
        assert rig.provider.capabilities.lists
        assert rig.provider.capabilities.deletes

    @pytest.mark.asyncio
    async def test_nothing_stands_in_the_way_of_the_right_database(self, rig: Rig) -> None:
        assert [one for one in await rig.provider.preflight(rig.intent()) if not one.warning] == []

    @pytest.mark.asyncio
    async def test_another_database_is_refused_before_anything_is_asked_for(self, rig: Rig) -> None:
        if not rig.provider.capabilities.proves_source:
            pytest.skip("this provider cannot tell, and its documentation says so")
        findings = await rig.provider.preflight(rig.intent_of_other_database())
        assert [one.failure.reason for one in findings if not one.warning] == [
            OperatorReason.SNAPSHOT_SOURCE_MISMATCH
        ]
        assert findings[0].failure.kind is ErrorClass.TERMINAL
        assert await rig.count() == 0

    @pytest.mark.asyncio
    async def test_what_is_not_there_is_absent(self, rig: Rig) -> None:
        found = await rig.provider.observe([rig.intent()])
        assert found[rig.intent().name].phase is Phase.ABSENT
        assert found[rig.intent().name].failure is None

    @pytest.mark.asyncio
    async def test_a_restore_point_is_taken_and_says_whose_it_is(self, rig: Rig) -> None:
        intent = rig.intent()
        found = await made(rig, intent)
        assert found.ownership == intent.ownership
        assert found.provider_id
        assert found.source_id
        assert found.restore_point_time
        assert (await rig.provider.verify(intent, Level.METADATA)).failure is None

    @pytest.mark.asyncio
    async def test_asking_again_makes_no_second_one(self, rig: Rig) -> None:
        intent = rig.intent()
        first = await rig.provider.request(intent)
        second = await rig.provider.request(intent)
        third = await made(rig, intent)
        assert {first.failure, second.failure} == {None}
        assert first.provider_id in {"", third.provider_id}
        assert second.provider_id == third.provider_id
        assert await rig.count() == 1

    @pytest.mark.asyncio
    async def test_asking_at_the_same_time_makes_one(self, rig: Rig) -> None:
        intent = rig.intent()
        await asyncio.gather(*(rig.provider.request(intent) for _ in range(8)))
        assert (await made(rig, intent)).failure is None
        assert await rig.count() == 1

    @pytest.mark.asyncio
    async def test_an_answer_that_is_lost_makes_no_second_one(self, rig: Rig) -> None:
        intent = rig.intent()
        await rig.lose_next_answer()
        first = await rig.provider.request(intent)
        assert first.failure is None or first.failure.kind is ErrorClass.RETRY
        assert (await made(rig, intent)).failure is None
        assert await rig.count() == 1

    @pytest.mark.asyncio
    async def test_nothing_waits_for_its_end(self, rig: Rig) -> None:
        intent = rig.intent()
        await rig.slow()
        async with asyncio.timeout(SHORT):
            await rig.provider.request(intent)
        async with asyncio.timeout(SHORT):
            found = (await rig.provider.observe([intent]))[intent.name]
        assert found.phase in {Phase.PENDING, Phase.CREATING, Phase.CAPTURED}
        assert found.failure is None
        await rig.finish()
        await seen(rig, intent, Phase.AVAILABLE)

    @pytest.mark.asyncio
    async def test_a_failed_one_says_so(self, rig: Rig) -> None:
        intent = rig.intent()
        await rig.slow()
        await rig.provider.request(intent)
        await rig.fail()
        found = await seen(rig, intent, Phase.FAILED)
        assert found.failure is not None
        assert found.failure.kind is ErrorClass.TERMINAL
        assert found.failure.message

    @pytest.mark.asyncio
    async def test_one_that_somebody_deletes_is_absent(self, rig: Rig) -> None:
        intent = rig.intent()
        await made(rig, intent)
        await rig.vanish(intent.name)
        await seen(rig, intent, Phase.ABSENT, Phase.DELETING)
        await seen(rig, intent, Phase.ABSENT)

    @pytest.mark.asyncio
    async def test_what_is_not_ours_is_neither_adopted_nor_deleted(self, rig: Rig) -> None:
        intent = rig.intent()
        await rig.occupy(intent.name)
        asked = await rig.provider.request(intent)
        assert asked.failure is not None
        assert asked.failure.kind is ErrorClass.CONFLICT
        assert asked.failure.reason == OperatorReason.SNAPSHOT_NAME_CONFLICT
        found = (await rig.provider.observe([intent]))[intent.name]
        assert found.failure is not None
        assert found.failure.kind is ErrorClass.CONFLICT
        checked = await rig.provider.verify(intent, Level.METADATA)
        assert checked.failure is not None
        assert checked.failure.kind is ErrorClass.CONFLICT
        deleted = await rig.provider.delete(intent.name, intent.ownership)
        assert deleted.failure is not None
        assert deleted.failure.kind is ErrorClass.CONFLICT
        assert await rig.count() == 1

    @pytest.mark.asyncio
    async def test_an_interface_that_does_not_answer_is_asked_again_later(self, rig: Rig) -> None:
        intent = rig.intent()
        async with rig.unavailable():
            asked = await rig.provider.request(intent)
            found = (await rig.provider.observe([intent]))[intent.name]
            checked = await rig.provider.preflight(intent)
            listed = await rig.provider.list_owned(intent.ownership)
        for failure in (asked.failure, found.failure, listed.failure, checked[0].failure):
            assert failure is not None
            assert failure.kind is ErrorClass.RETRY
            assert failure.reason == OperatorReason.SNAPSHOT_PROVIDER_UNAVAILABLE
        assert not listed.complete, "nothing is deleted by such a listing"
        assert (await made(rig, intent)).failure is None

    @pytest.mark.asyncio
    async def test_a_missing_right_is_told_and_waited_for(self, rig: Rig) -> None:
        intent = rig.intent()
        async with rig.denied():
            asked = await rig.provider.request(intent)
            listed = await rig.provider.list_owned(intent.ownership)
        for failure in (asked.failure, listed.failure):
            assert failure is not None
            assert failure.kind is ErrorClass.NEEDS_HUMAN
            assert failure.reason == OperatorReason.SNAPSHOT_ACCESS_DENIED
        assert not listed.complete
        assert (await made(rig, intent)).failure is None

    @pytest.mark.asyncio
    async def test_many_are_looked_at_with_few_calls(self, rig: Rig) -> None:
        intents = [rig.intent(number) for number in range(1, 6)]
        await rig.slow()
        for intent in intents:
            await rig.provider.request(intent)
        before = rig.calls()
        found = await rig.provider.observe(intents)
        assert {found[intent.name].phase for intent in intents} <= {
            Phase.PENDING,
            Phase.CREATING,
            Phase.CAPTURED,
        }
        assert rig.calls() - before <= 2

    @pytest.mark.asyncio
    async def test_a_listing_holds_all_of_this_resource_and_none_of_others(self, rig: Rig) -> None:
        mine, theirs = [rig.intent(1), rig.intent(2)], rig.intent_of_other_resource()
        for intent in (*mine, theirs):
            await made(rig, intent)
        listed = await rig.provider.list_owned(mine[0].ownership)
        assert listed.complete
        assert {one.observation.name for one in listed.points} == {intent.name for intent in mine}
        assert all(one.created for one in listed.points)

    @pytest.mark.asyncio
    async def test_only_its_owner_deletes_it_and_twice_is_once(self, rig: Rig) -> None:
        intent, other = rig.intent(), rig.intent_of_other_resource()
        await made(rig, intent)
        refused = await rig.provider.delete(intent.name, other.ownership)
        assert refused.failure is not None
        assert refused.failure.kind is ErrorClass.CONFLICT
        assert await rig.count() == 1
        assert (await rig.provider.delete(intent.name, intent.ownership)).failure is None
        await seen(rig, intent, Phase.ABSENT)
        again = await rig.provider.delete(intent.name, intent.ownership)
        assert (again.phase, again.failure) == (Phase.ABSENT, None)
