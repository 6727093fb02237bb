from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from switchback.api import names
from switchback.api.status import Status
from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.controller import worker as module
from switchback.controller.decide import decide
from switchback.controller.decision import Act, CreateJob, Decision, Hold, Settle, Wait, WriteIntent
from switchback.controller.desk import Desk
from switchback.controller.events import Recorder
from switchback.controller.metrics import Metrics
from switchback.controller.queue import Key, Queue
from switchback.controller.sources import SourceMemory
from switchback.controller.worker import STEPS, Worker
from switchback.snapshots.provider import Tools
from tests.unit.controller.build import OPERATION, SETTINGS, ended_pod, resource, result, status
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiohttp import web

    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Observed

pytestmark = pytest.mark.asyncio

KEY = Key("shop", "shop")
JOB = f"shop-{OPERATION}-migrate-1"


@dataclass
class Shell:
    """A worker that decides what a test says, one look at a time."""

    client: Client
    decisions: list[Decision | Callable[[Observed], Decision]] = field(default_factory=list)
    seen: list[Observed] = field(default_factory=list)
    leads: bool = True

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        self.queue = Queue(self.metrics, spread=lambda: 0.5)
        self.worker = Worker(
            client=self.client,
            queue=self.queue,
            settings=SETTINGS,
            decide=self.decide,
            sources=SourceMemory(),
            metrics=self.metrics,
            recorder=Recorder(self.client, "test"),
            desk=Desk(Tools(self.client)),
            leads=lambda: self.leads,
        )

    def decide(self, world: Observed) -> Decision:
        self.seen.append(world)
        said = self.decisions.pop(0)
        return said if isinstance(said, WriteIntent | Act | Wait | Settle) else said(world)

    async def look(self) -> None:
        """Adds the key and lets one look happen."""
        self.queue.add(KEY)
        await self.next_look()

    async def next_look(self) -> None:
        """Lets the next queued look happen."""
        async with asyncio.timeout(10):
            assert await self.queue.get() == KEY
            await self.worker._take(KEY)  # noqa: SLF001 - one look, without the loop around it
            self.queue.done(KEY)

    def number(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def looked(self, word: str) -> float:
        return self.number("controller_runtime_reconcile_total", controller="databasemigration", result=word)


@pytest.fixture
def shell(client: Client) -> Shell:
    return Shell(client)


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """What is logged, with what is bound to the look."""
    with capture_logs(processors=[merge_contextvars]) as captured:
        yield captured


def stored(api: FakeAPI) -> Status:
    return Status.model_validate(api.objects["databasemigrations", "shop", "shop"].get("status", {}))


async def test_what_follows_from_an_intent_is_decided_in_the_same_look(api: FakeAPI, shell: Shell) -> None:
    await api.put("databasemigrations", resource())
    shell.decisions = [WriteIntent(status()), Act(Hold()), Settle(status())]
    await shell.look()
    assert stored(api) == status()
    assert [world.status for world in shell.seen[1:]] == [status(), status()], (
        "it goes on from what is stored"
    )
    assert shell.seen[2].finalizers == (names.FINALIZER,)
    versions = [int(world.resource_version) for world in shell.seen]
    assert versions == sorted(set(versions))
    assert len(api.made("GET", "databasemigrations")) == 1
    assert len(shell.queue) == 0


async def test_an_edit_between_two_steps_of_a_look_ends_it(api: FakeAPI, shell: Shell) -> None:
    await api.put("databasemigrations", resource())

    async def fault(seen: Seen) -> None:
        if seen.method == "PATCH" and "status" not in seen.path:
            api.fault = None
            live = api.objects["databasemigrations", "shop", "shop"]
            await api.put("databasemigrations", {**live, "spec": resource(target="0002")["spec"]})

    api.fault = fault
    shell.decisions = [WriteIntent(status()), Act(Hold()), Settle(status())]
    await shell.look()
    assert len(shell.seen) == 2
    await shell.next_look()
    assert shell.seen[2].spec is not None
    assert (shell.seen[2].spec.target, shell.seen[2].finalizers) == ("0002", ())


async def test_a_look_ends_also_where_one_step_follows_the_other(api: FakeAPI, shell: Shell) -> None:
    await api.put("databasemigrations", resource())
    steps = [WriteIntent(status(retries=number)) for number in range(1, STEPS + 2)]
    shell.decisions = [*steps, Settle(status())]
    await shell.look()
    assert len(shell.seen) == STEPS
    await shell.next_look()
    assert not shell.decisions


async def test_an_act_comes_after_its_intent_and_is_followed_by_a_look(api: FakeAPI, shell: Shell) -> None:
    await api.put("databasemigrations", resource())
    shell.decisions = [
        WriteIntent(status()),
        Act(CreateJob(JOB, Operation.MIGRATE, 1)),
        Settle(status()),
    ]
    await shell.look()
    assert ("jobs", "shop", JOB) in api.objects
    await shell.next_look()
    writes = [one.method for one in api.requests if one.method in {"PATCH", "POST"}]
    assert writes == ["PATCH", "POST"]
    assert shell.number("switchback_jobs_created_total", step="migrate") == 1


async def test_waiting_looks_again_when_the_time_has_come(api: FakeAPI, shell: Shell) -> None:
    await api.put("databasemigrations", resource())
    soon = datetime.now(UTC) + timedelta(seconds=0.1)
    shell.decisions = [Wait(Status(), soon), Settle(Status())]
    await shell.look()
    assert len(shell.queue) == 0
    await shell.next_look()
    assert shell.looked("requeue_after") == 1


async def test_waiting_for_a_moment_that_is_over_is_no_busy_loop(api: FakeAPI, shell: Shell) -> None:
    await api.put("databasemigrations", resource())
    shell.decisions = [Wait(Status(), datetime.now(UTC) - timedelta(seconds=5))]
    await shell.look()
    await asyncio.sleep(0.2)
    assert len(shell.queue) == 0


async def test_a_settled_resource_is_left_alone(api: FakeAPI, shell: Shell) -> None:
    await api.put("databasemigrations", resource())
    shell.decisions = [Settle(Status())]
    await shell.look()
    assert not api.made("PATCH", "")
    assert len(shell.queue) == 0


async def test_a_conflict_is_another_look_and_no_error(api: FakeAPI, shell: Shell) -> None:
    await api.put("databasemigrations", resource())

    async def fault(seen: Seen) -> None:
        if seen.method == "PATCH":
            api.fault = None
            await api.put("databasemigrations", resource(target="0002"))

    api.fault = fault
    shell.decisions = [Settle(status()), Settle(status())]
    await shell.look()
    await shell.next_look()
    assert shell.seen[1].spec is not None
    assert shell.seen[1].spec.target == "0002"
    assert (shell.looked("requeue"), shell.looked("error")) == (1, 0)
    assert stored(api) == status()


async def test_trouble_with_the_server_is_retried_with_back_off(
    api: FakeAPI, shell: Shell, lines: list[Any]
) -> None:
    await api.put("databasemigrations", resource())

    async def fault(_seen: Seen) -> web.Response:
        return refusal(500, "InternalError", "etcd leader changed")

    api.fault = fault
    shell.decisions = [Settle(Status())]
    await shell.look()
    await shell.next_look()
    api.fault = None
    await shell.next_look()
    assert shell.looked("error") == 2
    assert len(shell.seen) == 1
    told = [line for line in lines if "etcd leader changed" in line.get("error", "")]
    assert len(told) == 2, "once per failure"


async def test_a_defect_in_one_look_is_told_and_stops_nothing(
    api: FakeAPI, shell: Shell, lines: list[Any]
) -> None:
    def broken(_world: Observed) -> Decision:
        raise ZeroDivisionError("oops")

    await api.put("databasemigrations", resource())
    shell.decisions = [broken, Settle(Status())]
    await shell.look()
    await shell.next_look()
    assert shell.looked("error") == 1
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert line["error"] == "ZeroDivisionError: oops"
    assert line["where"].startswith("test_worker.py:")
    assert (line["namespace"], line["name"]) == ("shop", "shop")
    assert "exc_info" not in line


async def test_a_look_that_hangs_is_given_up(
    api: FakeAPI, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.1)

    async def fault(_seen: Seen) -> None:
        await asyncio.sleep(30)

    api.fault = fault
    await shell.look()
    assert shell.looked("error") == 1


async def test_a_resource_that_is_gone_is_forgotten(shell: Shell) -> None:
    await shell.look()
    assert shell.seen == []
    assert shell.looked("success") == 1


async def test_a_refused_job_is_told_to_the_next_look(api: FakeAPI, shell: Shell) -> None:
    await api.put("databasemigrations", resource())

    async def fault(seen: Seen) -> web.Response | None:
        return refusal(403, "Forbidden", "exceeded quota") if seen.method == "POST" else None

    api.fault = fault
    shell.decisions = [
        WriteIntent(status()),
        Act(CreateJob(JOB, Operation.MIGRATE, 1)),
        Settle(status(Operation.INSPECT)),
        Settle(status(Operation.INSPECT)),
    ]
    for look in (shell.look, shell.next_look, shell.look):
        await look()
    told = [world.refused for world in shell.seen]
    assert told[:2] == [None, None]
    assert told[2] is not None
    assert told[2].reason == "JobRefused"
    assert told[2].at is not None, "it is known when, so that it is not asked for again at once"
    assert "exceeded quota" in told[2].message
    assert told[3] is None, "another Job is named by now"


@pytest.mark.parametrize(("code", "told"), [(500, True), (503, True), (429, False)])
async def test_a_server_that_cannot_take_a_job_is_told_to_the_next_look(
    code: int, *, told: bool, api: FakeAPI, shell: Shell
) -> None:
    await api.put("databasemigrations", resource())

    async def fault(seen: Seen) -> web.Response | None:
        return refusal(code, "InternalError", "failed calling webhook") if seen.method == "POST" else None

    api.fault = fault
    shell.decisions = [
        WriteIntent(status()),
        Act(CreateJob(JOB, Operation.MIGRATE, 1)),
        Act(CreateJob(JOB, Operation.MIGRATE, 1)),
        Settle(status()),
    ]
    await shell.look()
    api.fault = None
    await shell.next_look()
    assert shell.looked("error") == 1
    refused = shell.seen[2].refused
    assert (refused is not None) == told
    assert refused is None or (refused.passing and "failed calling webhook" in refused.message)
    await shell.next_look()
    assert shell.seen[3].refused is None, "it was taken by now"


async def test_a_process_that_no_longer_leads_does_nothing(api: FakeAPI, shell: Shell) -> None:
    await api.put("databasemigrations", resource())
    shell.leads = False
    shell.decisions = [Settle(status())]
    await shell.look()
    assert not api.made("PATCH", "")


async def test_closing_the_queue_ends_the_workers(shell: Shell) -> None:
    running = asyncio.create_task(shell.worker.run())
    await asyncio.sleep(0)
    shell.queue.close()
    async with asyncio.timeout(5):
        await running


async def test_the_end_of_an_operation_is_counted_once(api: FakeAPI, shell: Shell) -> None:
    await api.put("databasemigrations", resource())
    entry: dict[str, Any] = {
        "operationID": OPERATION,
        "direction": "Forward",
        "outcome": "Succeeded",
        "reason": "Succeeded",
        "startTime": "2026-01-01T12:00:00Z",
        "completionTime": "2026-01-01T12:00:07Z",
    }
    ended = Status.model_validate({"history": [entry]})
    shell.decisions = [Settle(ended), Settle(ended)]
    await shell.look()
    await shell.look()
    labels = {"direction": "Forward", "outcome": "Succeeded"}
    assert shell.number("switchback_operations_total", **labels) == 1
    assert shell.number("switchback_operation_seconds_sum", **labels) == 7


async def test_the_real_core_reaches_the_target_over_the_wire(api: FakeAPI, shell: Shell) -> None:
    """Watch, queue, observe, decide, act, status: one migration, with the true `decide`."""
    shell.decisions = [decide] * 20
    await api.put("databasemigrations", resource())
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"1.up.sql": "SELECT 1"}})
    for _ in range(6):
        await shell.look()
    ((_, _, name),) = [key for key in api.objects if key[0] == "jobs"]
    live = api.objects["jobs", "shop", name]
    assert stored(api).operation is not None
    operation = live["metadata"]["labels"]["switchback.dev/operation"]
    said = result(Reason.SUCCEEDED, operation_id=operation)
    pod = ended_pod(said, job_uid=live["metadata"]["uid"])
    pod["metadata"]["labels"] = live["spec"]["template"]["metadata"]["labels"]
    await api.put("pods", pod)
    for _ in range(4):
        await shell.look()
    finished = {one.type: one.status for one in stored(api).conditions}
    assert (finished["Finished"], finished["Ready"], finished["Stalled"]) == ("True", "True", "False")
    assert len([key for key in api.objects if key[0] == "jobs"]) == 1
    before = len(api.made("PATCH", ""))
    await shell.look()
    assert len(api.made("PATCH", "")) == before, "nothing is left to say"
