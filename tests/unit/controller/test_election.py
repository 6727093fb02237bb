from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from switchback.controller import election as module
from switchback.controller.election import Candidate, Elector, LeadershipLostError, Record
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from switchback.controller.kube.client import Client

KEY = ("leases", "system", "switchback")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proportions of the real numbers, twenty times as fast."""
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.75)
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.5)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.1)


def elector(client: Client, name: str) -> Elector:
    return Elector(client, Candidate(name), "system", "switchback")


def refusing(code: int) -> Callable[[Seen], Awaitable[web.Response]]:
    async def fault(_seen: Seen) -> web.Response:
        return refusal(code, "Trouble", "no")

    return fault


async def within(seconds: float, work: Awaitable[None]) -> None:
    async with asyncio.timeout(seconds):
        await work


@pytest.mark.asyncio
async def test_the_first_one_creates_the_lease_and_leads(api: FakeAPI, client: Client) -> None:
    first = elector(client, "a")
    await within(5, first.win())
    assert first.leads()
    spec = api.objects[KEY]["spec"]
    assert spec["holderIdentity"] == "a"
    assert spec["leaseTransitions"] == 1


@pytest.mark.asyncio
async def test_the_second_one_waits_while_the_first_renews(client: Client) -> None:
    first, second = elector(client, "a"), elector(client, "b")
    await within(5, first.win())
    keeping = asyncio.create_task(first.keep())
    with pytest.raises(TimeoutError):
        await within(2.0, second.win())
    assert not second.leads()
    assert not keeping.done()
    keeping.cancel()


@pytest.mark.asyncio
async def test_the_second_one_takes_over_when_the_first_has_vanished(api: FakeAPI, client: Client) -> None:
    await within(5, elector(client, "a").win())
    second = elector(client, "b")
    await within(5, second.win())
    assert api.objects[KEY]["spec"]["holderIdentity"] == "b"
    assert api.objects[KEY]["spec"]["leaseTransitions"] == 2


@pytest.mark.asyncio
async def test_a_lease_that_was_given_back_is_taken_at_once(api: FakeAPI, client: Client) -> None:
    first = elector(client, "a")
    await within(5, first.win())
    await first.release()
    assert not first.leads()
    assert api.objects[KEY]["spec"]["holderIdentity"] == ""
    second = elector(client, "b")
    started = asyncio.get_running_loop().time()
    await within(5, second.win())
    assert asyncio.get_running_loop().time() - started < 0.5


@pytest.mark.parametrize("code", [500, 403, 429])
@pytest.mark.asyncio
async def test_leadership_is_lost_when_renewing_fails_for_too_long(
    api: FakeAPI, client: Client, code: int
) -> None:
    first = elector(client, "a")
    await within(5, first.win())
    api.fault = refusing(code)
    with pytest.raises(LeadershipLostError, match="system/switchback"):
        await within(5, first.keep())
    assert not first.leads()


@pytest.mark.asyncio
async def test_a_short_trouble_is_survived(api: FakeAPI, client: Client) -> None:
    first = elector(client, "a")
    await within(5, first.win())
    keeping = asyncio.create_task(first.keep())
    api.fault = refusing(500)
    await asyncio.sleep(0.2)
    api.fault = None
    await asyncio.sleep(0.8)
    assert not keeping.done()
    assert first.leads()
    keeping.cancel()


@pytest.mark.asyncio
async def test_leadership_is_lost_as_soon_as_somebody_else_is_seen_to_hold_it(
    api: FakeAPI, client: Client
) -> None:
    first = elector(client, "a")
    await within(5, first.win())
    body = api.objects[KEY]
    await api.put("leases", {**body, "spec": {**body["spec"], "holderIdentity": "thief"}})
    started = asyncio.get_running_loop().time()
    with pytest.raises(LeadershipLostError):
        await within(5, first.keep())
    assert asyncio.get_running_loop().time() - started < 0.45, "well before the renewal's deadline"


@pytest.mark.asyncio
async def test_a_lease_that_is_deleted_is_written_anew_by_its_holder(api: FakeAPI, client: Client) -> None:
    first = elector(client, "a")
    await within(5, first.win())
    keeping = asyncio.create_task(first.keep())
    await api.drop("leases", "switchback", "system")
    await api.until(lambda: KEY in api.objects)
    await asyncio.sleep(0.6)
    assert not keeping.done()
    assert first.leads()
    assert api.objects[KEY]["spec"]["holderIdentity"] == "a"
    keeping.cancel()


@pytest.mark.asyncio
async def test_leadership_is_lost_when_the_lease_is_deleted_and_somebody_else_was_faster(
    api: FakeAPI, client: Client
) -> None:
    first = elector(client, "a")
    await within(5, first.win())
    await api.drop("leases", "switchback", "system")
    await within(5, elector(client, "b").win())
    await first._try_once()  # noqa: SLF001 - one renewal, so that no clock plays a part
    assert not first.leads(), "at once, and not only when its time is up"
    with pytest.raises(LeadershipLostError):
        await within(5, first.keep())
    assert api.objects[KEY]["spec"]["holderIdentity"] == "b"


@pytest.mark.asyncio
async def test_an_answer_that_was_lost_does_not_cost_the_lease(api: FakeAPI, client: Client) -> None:
    """The renewal was stored, its answer never came: the next look shows our own name."""
    first = elector(client, "a")
    await within(5, first.win())

    async def fault(seen: Seen) -> None:
        if seen.method == "PUT":
            api.fault = None
            await api.put("leases", {**seen.body, "metadata": {**api.objects[KEY]["metadata"]}})
            await asyncio.sleep(1)

    api.fault = fault
    keeping = asyncio.create_task(first.keep())
    await asyncio.sleep(1.2)
    assert not keeping.done()
    assert first.leads()
    keeping.cancel()


@pytest.mark.asyncio
async def test_two_who_write_at_once_cannot_both_win(api: FakeAPI, client: Client) -> None:
    both = [elector(client, "a"), elector(client, "b")]
    tries = [asyncio.create_task(one.win()) for one in both]
    await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
    assert [one.leads() for one in both].count(True) == 1
    for one in tries:
        one.cancel()
    assert api.objects[KEY]["spec"]["holderIdentity"] in {"a", "b"}


@pytest.mark.asyncio
async def test_a_lease_is_given_back_although_a_renewal_was_under_way(api: FakeAPI, client: Client) -> None:
    """Whoever is asked to stop lets go of a renewal: it is stored, and its answer is never read."""
    first = elector(client, "a")
    await within(5, first.win())
    await api.put("leases", api.objects[KEY])
    assert await first.release()
    assert api.objects[KEY]["spec"]["holderIdentity"] == ""


@pytest.mark.asyncio
async def test_a_lease_that_somebody_else_has_taken_is_not_given_back(api: FakeAPI, client: Client) -> None:
    first = elector(client, "a")
    await within(5, first.win())
    theirs = {**api.objects[KEY]["spec"], "holderIdentity": "b"}
    await api.put("leases", {**api.objects[KEY], "spec": theirs})
    assert not await first.release()
    assert api.objects[KEY]["spec"]["holderIdentity"] == "b"


@pytest.mark.asyncio
async def test_releasing_what_is_not_ours_does_nothing(api: FakeAPI, client: Client) -> None:
    await within(5, elector(client, "a").win())
    before = len(api.requests)
    await elector(client, "b").release()
    assert len(api.requests) == before


def test_a_candidate_measures_from_when_it_saw_a_change() -> None:
    candidate = Candidate("b")
    candidate.saw(Record("a", "1", 0.75), 100.0)
    assert not candidate.may_take(100.4)
    candidate.saw(Record("a", "1", 0.75), 100.6)
    assert candidate.may_take(100.8), "seeing the same again is no renewal"
    candidate.saw(Record("a", "2", 0.75), 100.8)
    assert not candidate.may_take(101.5)
    assert candidate.may_take(101.6)


def test_a_longer_lease_of_an_older_release_is_respected() -> None:
    candidate = Candidate("b")
    candidate.saw(Record("a", "1", seconds=60.0), 0.0)
    assert not candidate.may_take(59.0)
    assert candidate.may_take(60.0)
