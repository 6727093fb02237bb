from __future__ import annotations

import asyncio

import pytest

from switchback.controller.metrics import Metrics
from switchback.controller.queue import BACKOFF_LIMIT_SECONDS, Key, Queue

A, B = Key("shop", "a"), Key("shop", "b")


def queue() -> Queue:
    return Queue(Metrics(), spread=lambda: 0.5)


@pytest.mark.asyncio
async def test_ten_changes_at_once_are_one_look() -> None:
    q = queue()
    for _ in range(10):
        q.add(A)
    assert await q.get() == A
    assert q.take() is None


@pytest.mark.asyncio
async def test_a_change_during_a_look_asks_for_another_one_afterwards() -> None:
    q = queue()
    q.add(A)
    assert q.take() == A
    q.add(A)
    q.add(A)
    assert q.take() is None, "one worker per key"
    q.done(A)
    assert q.take() == A
    q.done(A)
    assert q.take() is None


@pytest.mark.asyncio
async def test_a_worker_that_waits_is_woken_by_a_delayed_key() -> None:
    q = queue()
    started = asyncio.get_running_loop().time()
    q.add_after(A, 0.05)
    async with asyncio.timeout(5):
        assert await q.get() == A
    assert asyncio.get_running_loop().time() - started >= 0.049


@pytest.mark.asyncio
async def test_of_two_delays_the_earlier_counts() -> None:
    q = queue()
    q.add_after(A, 30)
    q.add_after(A, 0.02)
    q.add_after(A, 60)
    async with asyncio.timeout(5):
        assert await q.get() == A


@pytest.mark.asyncio
async def test_a_look_drops_the_delayed_wish_it_makes_superfluous() -> None:
    q = queue()
    q.add_after(A, 0.02)
    q.add(A)
    assert q.take() == A
    q.done(A)
    await asyncio.sleep(0.05)
    assert q.take() is None


@pytest.mark.asyncio
async def test_back_off_doubles_up_to_its_limit_and_begins_anew_after_a_success() -> None:
    q = queue()
    waits = [q.retry(A) for _ in range(30)]
    assert waits[:4] == [0.005, 0.01, 0.02, 0.04]
    assert waits[-1] == BACKOFF_LIMIT_SECONDS
    assert q.retry(B) == 0.005, "each key has its own"
    q.forget(A)
    assert q.retry(A) == 0.005


@pytest.mark.asyncio
async def test_the_longest_waiting_comes_first() -> None:
    q = queue()
    q.add(B)
    q.add(A)
    assert [q.take(), q.take()] == [B, A]


@pytest.mark.asyncio
async def test_closing_releases_the_workers_and_takes_nothing_more() -> None:
    q = queue()
    waiting = [asyncio.create_task(q.get()) for _ in range(3)]
    await asyncio.sleep(0)
    q.close()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == [None, None, None]
    q.add(A)
    q.add_after(A, 0)
    assert len(q) == 0


@pytest.mark.asyncio
async def test_each_of_many_workers_gets_its_own_key() -> None:
    q = queue()
    waiting = [asyncio.create_task(q.get()) for _ in range(2)]
    await asyncio.sleep(0)
    q.add(A)
    q.add(B)
    async with asyncio.timeout(5):
        assert set(await asyncio.gather(*waiting)) == {A, B}


@pytest.mark.asyncio
async def test_its_numbers_carry_the_names_people_know() -> None:
    metrics = Metrics()
    q = Queue(metrics)
    q.add(A)
    q.add(B)
    q.take()
    q.retry(A)
    text = metrics.text().decode()
    assert 'workqueue_adds_total{name="databasemigration"} 2.0' in text
    assert 'workqueue_depth{name="databasemigration"} 1.0' in text
    assert 'workqueue_retries_total{name="databasemigration"} 1.0' in text
