"""What the bench writes for an operation that never ran is what the operator would have left."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api import names
from switchback.contract.words import Direction, Operation
from switchback.controller.decide import decide
from switchback.controller.decision import Settle
from switchback.controller.desk import Desk
from switchback.controller.events import Recorder
from switchback.controller.metrics import Metrics
from switchback.controller.observe import observe
from switchback.controller.queue import Key, Queue
from switchback.controller.sources import SourceMemory
from switchback.controller.worker import Worker
from switchback.snapshots.provider import Tools
from tests.bench.stamp import NOBODY, Learned, Stamp, StrangeError
from tests.unit.controller.build import SETTINGS, ended_pod, resource, result

if TYPE_CHECKING:
    from switchback.controller.kube.client import Client
    from tests.unit.controller.fakes.api import FakeAPI

pytestmark = pytest.mark.asyncio

KEY = Key("shop", "shop")
FILES = {"0001.up.sql": "SELECT 1", "0001.down.sql": "SELECT 1"}
OTHER_FILES = {"0001.up.sql": "SELECT 2", "0001.down.sql": "SELECT 1"}

Object = dict[str, Any]


def the(api: FakeAPI, kind: str) -> Object:
    return next(one for (plural, _, _), one in api.objects.items() if plural == kind)


async def played(api: FakeAPI, client: Client) -> Learned:
    """A real operation, by the operator's own code, up to its end."""
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": FILES})
    await api.put("databasemigrations", resource())
    queue = Queue(Metrics())
    worker = Worker(
        client,
        queue,
        SETTINGS,
        decide,
        SourceMemory(),
        Metrics(),
        Recorder(client, "test"),
        Desk(Tools(client)),
        lambda: True,
    )
    for look in range(12):
        await worker.reconcile(KEY)
        if look == 5:
            job = the(api, "jobs")
            labels = job["metadata"]["labels"]
            said = result(direction=Direction.FORWARD, operation_id=labels[names.LABEL_OPERATION])
            pod = ended_pod(said, job_uid=job["metadata"]["uid"], name=f"{job['metadata']['name']}-x1y2z")
            pod["metadata"]["labels"] = {
                **labels,
                "controller-uid": job["metadata"]["uid"],
                "batch.kubernetes.io/job-name": job["metadata"]["name"],
            }
            pod["spec"] = {"nodeName": "node-1"}
            await api.put("pods", pod)
            job = copy.deepcopy(job)
            job["spec"]["selector"] = {"matchLabels": {"controller-uid": job["metadata"]["uid"]}}
            job["spec"]["template"]["metadata"]["labels"] |= {"controller-uid": job["metadata"]["uid"]}
            done = {"conditions": [{"type": "Complete", "status": "True"}]}
            await api.put("jobs", {**job, "status": done})
    left = [copy.deepcopy(the(api, kind)) for kind in ("databasemigrations", "jobs", "pods")]
    assert left[0]["status"]["history"][0]["outcome"] == "Succeeded"
    assert not left[0]["metadata"].get("finalizers")
    return Learned(left[0], FILES, left[1], left[2])


async def another(api: FakeAPI) -> Object:
    """A resource that is new, and reads other files."""
    made = resource()
    made["metadata"] = {"name": "cart", "namespace": "shop", "uid": "another-uid", "generation": 1}
    made["spec"]["source"] = {"configMapRefs": [{"name": "cart-migrations"}]}
    await api.put("configmaps", {"metadata": {"name": "cart-migrations"}, "data": OTHER_FILES})
    return await api.put("databasemigrations", made)


@pytest.mark.parametrize("with_job", [True, False])
async def test_the_operator_has_nothing_to_do(api: FakeAPI, client: Client, *, with_job: bool) -> None:
    learned = await played(api, client)
    api.objects.clear()
    made = await another(api)
    stamp = Stamp(learned, copy.deepcopy(made), OTHER_FILES)
    await api.put("databasemigrations", {**made, "status": stamp.status()})
    if with_job:
        job = await api.put("jobs", {**stamp.job(), "status": stamp.job_status()})
        await api.put("pods", {**stamp.pod(job), "status": stamp.pod_status()})

    world = await observe(client, Key("shop", "cart"), SETTINGS, SourceMemory())

    assert world is not None
    assert len(world.jobs) == (1 if with_job else 0)
    assert all(one.result is not None and one.step is Operation.MIGRATE for one in world.jobs)
    decision = decide(world)
    assert isinstance(decision, Settle)
    assert decision.status.to_json() == world.status.to_json()


async def test_nothing_of_the_learned_resource_is_left(api: FakeAPI, client: Client) -> None:
    learned = await played(api, client)
    made = await another(api)
    stamp = Stamp(learned, made, OTHER_FILES)
    job = stamp.job()
    job["metadata"]["uid"] = "job-uid"
    text = str([stamp.status(), job, stamp.job_status(), stamp.pod(job), stamp.pod_status()])

    for word in (*learned.words(), learned.resource["metadata"]["uid"], learned.job["metadata"]["uid"]):
        assert word not in text, word
    operation = names.operation_id("another-uid", made["metadata"]["resourceVersion"])
    assert stamp.status()["operation"]["id"] == operation
    assert job["metadata"]["name"] == f"cart-{operation}-migrate-1"
    assert job["metadata"]["ownerReferences"][0]["uid"] == "another-uid"


async def test_nobody_runs_what_is_copied(api: FakeAPI, client: Client) -> None:
    learned = await played(api, client)
    stamp = Stamp(learned, await another(api), OTHER_FILES)
    job = stamp.job()
    job["metadata"]["uid"] = "job-uid"
    pod = stamp.pod(job)
    assert job["spec"]["managedBy"] == NOBODY
    assert "selector" not in job["spec"]
    assert pod["spec"]["schedulerName"] == NOBODY
    assert "nodeName" not in pod["spec"]
    assert pod["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] == "job-uid"


async def test_a_status_that_is_not_what_its_spec_asks_for_is_refused(api: FakeAPI, client: Client) -> None:
    learned = await played(api, client)
    stamp = Stamp(Learned(learned.resource, OTHER_FILES, learned.job, learned.pod), await another(api), FILES)
    with pytest.raises(StrangeError, match="shop/shop was to reach"):
        stamp.status()
