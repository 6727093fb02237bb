"""The operator dies at any request: before it is sent, after it was carried out, after its answer.

Whoever comes after it knows nothing but what is stored. The end must be the same: one Job of each step. The
story is that of `tests/crash`, all the way up and back behind a snapshot, with one death in each telling.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.status import Status
from switchback.contract.reasons import Reason
from switchback.contract.result import Snapshot
from switchback.contract.words import Direction, Operation
from switchback.controller.decide import decide
from switchback.controller.desk import Desk
from switchback.controller.events import Recorder
from switchback.controller.metrics import Metrics
from switchback.controller.queue import Key, Queue
from switchback.controller.sources import SourceMemory
from switchback.controller.worker import Worker
from switchback.snapshots.provider import Tools
from tests.crash.chance import CAMPAIGN, SEED
from tests.crash.kills import Counting, Killing, Point, every_point
from tests.crash.proxy import Moment
from tests.crash.request import parse
from tests.crash.request import stage_of as stage
from tests.unit.controller.build import SETTINGS, ended_pod, resource, result
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal

if TYPE_CHECKING:
    from aiohttp import web

    from switchback.contract.result import Result
    from switchback.controller.kube.client import Client

pytestmark = pytest.mark.timeout(3600 if CAMPAIGN else 300)

KEY = Key("shop", "shop")
PLACE = ("databasemigrations", "shop", "shop")
LOOKS = 120
READS = 15
"""How many deaths at a request that only reads are tried, unless all are."""

SNAPSHOT = {"pgDump": {"persistentVolumeClaim": {"claimName": "backups"}}}
STEPS = ["migrate-1", "migrate-1", "reserve-2", "snapshot-3", "rollback-4"]


class Server:
    """The fake API server with an operator that dies at the points of a fault."""

    def __init__(self, api: FakeAPI, fault: Counting) -> None:
        self.api, self.fault = api, fault
        self.dead = False
        self.created: list[str] = []
        self._stage = ""
        api.fault = self

    async def __call__(self, seen: Seen) -> web.StreamResponse | None:
        if self.dead:
            return refusal(500, "Dead", "nothing is sent any more")
        if "/events" in seen.path:
            return None
        request = parse(seen.method, seen.path, seen.query, self._stage)
        moment = self.fault.kills(request)
        if moment is Moment.BEFORE_SEND:
            self.dead = True
            return refusal(500, "Dead", "never sent")
        answer = await self.api._answer(seen)  # noqa: SLF001 - carried out, whatever comes of the answer
        if request.what == "create jobs" and answer.status == 201:
            self.created.append(seen.body["metadata"]["name"])
        self._stage = stage(self.api.objects[PLACE])
        self.dead = moment is not None
        return refusal(500, "Dead", "answer lost") if moment is Moment.AFTER_SEND else answer


@dataclass(frozen=True)
class End:
    """What is the same in every telling."""

    jobs: tuple[str, ...]
    conditions: dict[str, str]
    history: tuple[tuple[str, ...], ...]
    snapshots: tuple[str, ...]
    metadata: dict[str, Any]
    in_flight: str
    reserved: str


def worker(client: Client) -> tuple[Worker, Queue]:
    """A new process: nothing is left of the last one's memory."""
    metrics = Metrics()
    queue = Queue(metrics)
    recorder = Recorder(client, "test")
    return (
        Worker(
            client,
            queue,
            SETTINGS,
            decide,
            SourceMemory(),
            metrics,
            recorder,
            Desk(Tools(client)),
            lambda: True,
        ),
        queue,
    )


def answer(step: Operation, operation: str, target: str) -> Result:
    """What the run of this step says in the end."""
    back: dict[str, Any] = {"direction": Direction.BACKWARD, "plan_digest": "p1:x"}
    told: dict[str, Any] = {"operation": step, "operation_id": operation}
    match step:
        case Operation.MIGRATE if target == "0001":
            said = result(Reason.BACKWARD, exit_code=12, **back, **told)
        case Operation.MIGRATE:
            said = result(direction=Direction.FORWARD, **told)
        case Operation.RESERVE:
            said = result(reserved_seconds=2100, **back, **told)
        case Operation.SNAPSHOT:
            said = result(snapshot=Snapshot("s", "f1:0", 1, "2026-01-01T12:00:00Z"), **told)
        case _:
            said = replace(result(**back, **told), current="0001")
    return replace(said, target="0001") if target == "0001" else said


async def play_the_cluster(api: FakeAPI) -> None:
    """Every Job gets a pod that has ended with the answer of its step, and is complete."""
    for (kind, _, name), job in list(api.objects.items()):
        if kind != "jobs" or ("pods", "shop", name) in api.objects:
            continue
        labels = job["metadata"]["labels"]
        target = api.objects[PLACE]["spec"]["target"]
        said = answer(Operation(labels["switchback.dev/step"]), labels["switchback.dev/operation"], target)
        pod = ended_pod(said, job_uid=job["metadata"]["uid"], name=name)
        pod["metadata"]["labels"] = labels
        await api.put("pods", pod)
        done = {"conditions": [{"type": "Complete", "status": "True"}]}
        await api.put("jobs", {**job, "status": done})


async def live(api: FakeAPI, client: Client, server: Server) -> Status:
    """Looks, and new processes where one has died, until nothing is left to do."""
    process, queue = worker(client)
    for look in range(LOOKS):
        if server.dead:
            server.dead = False
            process, queue = worker(client)
        queue.add(KEY)
        async with asyncio.timeout(10):
            assert await queue.get() == KEY
            await process._take(KEY)  # noqa: SLF001 - one look at a time
            queue.done(KEY)
        if look % 4 == 3:
            await play_the_cluster(api)
        status = Status.model_validate(api.objects[PLACE]["status"])
        over = {one.type: one.status for one in status.conditions}.get("Finished") == "True"
        seen = status.observed_generation == api.objects[PLACE]["metadata"]["generation"]
        jobs = [key for key in api.objects if key[0] == "jobs"]
        held = api.objects[PLACE]["metadata"].get("finalizers")
        if over and seen and not server.dead and not held and len(jobs) <= 3:
            return status
    raise AssertionError(f"never at rest: {api.objects[PLACE]}")


async def tell(api: FakeAPI, client: Client, fault: Counting) -> End:
    """All the way up, and back again."""
    api.objects.clear()
    server = Server(api, fault)
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"1.up.sql": "SELECT 1"}})
    wish = {"snapshot": SNAPSHOT, "rollback": {"dataLossPolicy": "Allow"}, "jobHistoryLimit": 3}
    await api.put("databasemigrations", resource(**wish))
    await live(api, client, server)
    known = api.objects[PLACE]
    edited = resource(**wish, target="0001")
    edited["metadata"] = {**known["metadata"], "generation": 2}
    await api.put("databasemigrations", {**edited, "status": known["status"]})
    status = await live(api, client, server)
    assert len(set(server.created)) == len(server.created), f"a Job was created twice: {server.created}"
    assert status.operation is not None
    metadata = api.objects[PLACE]["metadata"]
    return End(
        jobs=tuple("-".join(name.split("-")[-2:]) for name in server.created),
        conditions={one.type: f"{one.status}/{one.reason}" for one in status.conditions},
        history=tuple((str(one.direction), one.outcome, one.from_, one.to) for one in status.history),
        snapshots=tuple(str(one.phase) for one in status.snapshots),
        metadata={key: metadata.get(key) for key in ("finalizers", "annotations")},
        in_flight=status.operation.job_name,
        reserved=status.operation.reserved_until,
    )


def chosen(fault: Counting) -> list[Point]:
    """Every write at every moment, and some reads; or everything."""
    points = every_point(fault.places)
    if CAMPAIGN:
        return points
    print(f"SWITCHBACK_SEED={SEED}")
    reads = [one for one in points if one.place.what.startswith(("get", "list"))]
    writes = [one for one in points if one not in reads]
    return writes + random.Random(SEED).sample(reads, READS)  # noqa: S311 - repeatable, no secret


@pytest.mark.asyncio
async def test_a_death_at_any_request_leads_to_the_same_end(api: FakeAPI, client: Client) -> None:
    counting = Counting()
    good = await tell(api, client, counting)
    assert good.jobs == tuple(STEPS)
    assert [entry[:2] for entry in good.history] == [("Forward", "Succeeded"), ("Backward", "Succeeded")]
    assert good.conditions["Ready"] == "True/Succeeded"
    assert good.snapshots == ("Ready",)
    assert not good.in_flight
    assert not good.reserved
    assert not good.metadata["finalizers"]
    assert good.metadata["annotations"] is None
    points = chosen(counting)
    assert {one.place.what for one in points} >= {
        *("create jobs", "delete jobs", "patch databasemigrations", "patch databasemigrations/status"),
    }
    print(f"{len(counting.places)} requests, {len(points)} of their moments")
    for point in points:
        fault = Killing([point])
        assert await tell(api, client, fault) == good, f"after a death {point}"
        assert fault.met == [point]


@pytest.mark.asyncio
async def test_the_finalizer_is_there_before_the_first_job_and_goes_last(
    api: FakeAPI, client: Client
) -> None:
    counting = Counting()
    await tell(api, client, counting)
    writes = [one for one in counting.places if one.what.split()[0] in {"create", "patch", "delete"}]
    for target in ("latest", "0001"):
        own = [one for one in writes if one.stage.startswith(target)]
        kinds = [one.what for one in own]
        first_job = kinds.index("create jobs")
        assert kinds.index("patch databasemigrations") < first_job, "before the first Job"
        off = len(kinds) - 1 - kinds[::-1].index("patch databasemigrations")
        assert off > max(index for index, kind in enumerate(kinds) if kind == "create jobs")
