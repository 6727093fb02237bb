"""The operator dies at every write it makes, before it is sent, after it was carried out, after its answer.

Whoever comes after it knows nothing but what is stored. The end must be the same: one Job of each step.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.status import Status
from switchback.contract.reasons import Reason
from switchback.contract.words import Direction, Operation
from switchback.controller.decide import decide
from switchback.controller.events import Recorder
from switchback.controller.metrics import Metrics
from switchback.controller.queue import Key, Queue
from switchback.controller.sources import SourceMemory
from switchback.controller.worker import Worker
from tests.unit.controller.build import SETTINGS, ended_pod, resource, result
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal

if TYPE_CHECKING:
    from aiohttp import web

    from switchback.controller.kube.client import Client

KEY = Key("shop", "shop")
LOOKS = 80
WRITES = 10
"""Of one rollback: for each of three Jobs its intent, the Job and its UID, and the end."""

ANSWERS: dict[str, dict[str, Any]] = {
    "migrate": {
        "reason": Reason.BACKWARD,
        "direction": Direction.BACKWARD,
        "plan_digest": "p1:x",
        "exit_code": 12,
    },
    "reserve": {"reason": Reason.SUCCEEDED, "plan_digest": "p1:x", "reserved_seconds": 2100},
    "rollback": {"reason": Reason.SUCCEEDED, "direction": Direction.BACKWARD},
}


class Death:
    """Kills the operator at its n-th write."""

    def __init__(self, api: FakeAPI, number: int, moment: str) -> None:
        self.api, self.number, self.moment = api, number, moment
        self.count = 0
        self.died = False
        api.fault = self

    async def __call__(self, seen: Seen) -> web.StreamResponse | None:
        if seen.method == "GET" or "/events" in seen.path:
            return None
        self.count += 1
        if self.count != self.number:
            return None
        self.died = True
        if self.moment == "before it is sent":
            return refusal(500, "Dead", "never sent")
        answer = await self.api._answer(seen)  # noqa: SLF001 - carried out, whatever comes of the answer
        return answer if self.moment == "after its answer" else refusal(500, "Dead", "answer lost")


def worker(client: Client) -> tuple[Worker, Queue]:
    """A new process: nothing is left of the last one's memory."""
    metrics = Metrics()
    queue = Queue(metrics)
    recorder = Recorder(client, "test")
    return (
        Worker(client, queue, SETTINGS, decide, SourceMemory(), metrics, recorder, lambda: True),
        queue,
    )


async def play_the_cluster(api: FakeAPI) -> None:
    """Every Job gets a pod that has ended with the answer of its step."""
    for (kind, _, name), job in list(api.objects.items()):
        if kind != "jobs" or ("pods", "shop", name) in api.objects:
            continue
        labels = job["metadata"]["labels"]
        step = labels["switchback.dev/step"]
        answer = ANSWERS.get(step, {"reason": Reason.SUCCEEDED})
        said = result(operation=Operation(step), operation_id=labels["switchback.dev/operation"], **answer)
        pod = ended_pod(said, job_uid=job["metadata"]["uid"], name=name)
        pod["metadata"]["labels"] = labels
        await api.put("pods", pod)


async def live(api: FakeAPI, client: Client, death: Death) -> Status:
    """Looks, and new processes where one has died, until the resource is finished."""
    process, queue = worker(client)
    for look in range(LOOKS):
        queue.add(KEY)
        async with asyncio.timeout(10):
            assert await queue.get() == KEY
            await process._take(KEY)  # noqa: SLF001 - one look at a time
            queue.done(KEY)
        if death.died:
            death.died = False
            process, queue = worker(client)
        if look % 4 == 3:
            await play_the_cluster(api)
        status = Status.model_validate(api.objects["databasemigrations", "shop", "shop"]["status"])
        if any(one.type == "Finished" and one.status == "True" for one in status.conditions):
            return status
    raise AssertionError("never finished")


@pytest.mark.asyncio
@pytest.mark.parametrize("moment", ["before it is sent", "after it is carried out", "after its answer"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
async def test_a_death_at_any_write_leads_to_the_same_end(
    api: FakeAPI, client: Client, number: int, moment: str
) -> None:
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"1.up.sql": "SELECT 1"}})
    await api.put("databasemigrations", resource(target="0003", snapshot={"none": {"acknowledge": True}}))
    death = Death(api, number, moment)
    status = await live(api, client, death)
    assert death.count >= number, "there was such a write"
    steps = [key[2].rsplit("-", 2)[1] for key in api.objects if key[0] == "jobs"]
    assert sorted(steps) == ["migrate", "reserve", "rollback"]
    assert [(entry.outcome, entry.direction) for entry in status.history] == [("Succeeded", "Backward")]
    assert {one.type: one.status for one in status.conditions}["Ready"] == "True"
