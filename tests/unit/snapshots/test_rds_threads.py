"""Calls that hang: they take no thread from others, and are not tried again when nobody waits any more."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from switchback.aws import client as client_module
from switchback.aws import sdk
from switchback.aws.caller import Caller
from switchback.aws.client import Aws, Trouble
from tests.unit.snapshots.rds_rig import REGION, RDSRig, fake, rig

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

__all__ = ["fake", "rig"]

ELSEWHERE = "eu-west-1"


@pytest.mark.asyncio
async def test_a_region_that_does_not_answer_holds_up_no_other(
    rig: RDSRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when only the own region has a way out, and somebody names another."""
    over, call = threading.Event(), sdk.call

    def stuck(client: Any, *more: Any, **others: Any) -> Any:
        if client.meta.region_name == ELSEWHERE:
            over.wait(20)
        return call(client, *more, **others)

    monkeypatch.setattr(sdk, "call", stuck)
    aws = Aws(attempts=1, threads=2, patience=5.0)
    hung = [asyncio.create_task(aws.ask(Caller(ELSEWHERE), "DescribeDBInstances")) for _ in range(6)]
    await asyncio.sleep(0.5)
    begun = time.monotonic()
    try:
        answer = await aws.ask(Caller(REGION), "DescribeDBInstances")
        assert [one["DBInstanceIdentifier"] for one in answer["DBInstances"]] == ["shop-prod"]
        assert await aws.addresses("127.0.0.1") == {"127.0.0.1"}
        assert time.monotonic() - begun < 3
    finally:
        over.set()
        await asyncio.gather(*hung, return_exceptions=True)


@pytest.mark.asyncio
async def test_what_nobody_waits_for_is_not_tried_again(rig: RDSRig, fake: FakeAws) -> None:
    fake.fault("DescribeDBInstances", times=None, error="Throttling", delay=0.3)
    aws = Aws(attempts=50, patience=1.0)
    with pytest.raises(Trouble, match="no answer within 1 s"):
        await aws.ask(Caller(REGION), "DescribeDBInstances")
    await asyncio.sleep(0.5)
    before = fake.counts()["DescribeDBInstances"]
    await asyncio.sleep(8)
    assert fake.counts()["DescribeDBInstances"] <= before + 1


@pytest.mark.asyncio
async def test_regions_without_end_take_no_threads_without_end(
    rig: RDSRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk, "call", lambda *_arguments: {})
    aws = Aws(attempts=1)
    for number in range(client_module.MOST_REGIONS + 5):
        await aws.ask(Caller(f"eu-west-{number + 1}"), "DescribeDBInstances")
    assert len(aws._regions) <= client_module.MOST_REGIONS  # noqa: SLF001
