"""Events on a real API server: it takes them, counts them, and shows them beside their resource."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from switchback.controller.events import Happening, Recorder
from switchback.controller.kube.client import Client
from switchback.controller.kube.login import login
from switchback.controller.metrics import Metrics
from tests.unit.controller.build import UID, world

if TYPE_CHECKING:
    from tests.cluster.handle import Cluster

pytestmark = pytest.mark.cluster

SECONDS = 20.0


async def told(cluster: Cluster, namespace: str, happenings: list[Happening]) -> Metrics:
    """Records these happenings and returns once all of them have been sent."""
    metrics = Metrics()
    about = replace(world(), namespace=namespace)
    configuration = await login({"KUBECONFIG": str(cluster.kubeconfig)})
    async with Client(configuration) as client:
        recorder = Recorder(client, "operator-1", metrics=metrics)
        sending = asyncio.create_task(recorder.run())
        recorder.record(about, happenings)
        async with asyncio.timeout(SECONDS):
            while _sent(metrics) < len(happenings):  # noqa: ASYNC110 - best effort: the recorder tells nobody
                await asyncio.sleep(0.05)
        sending.cancel()
    return metrics


def _sent(metrics: Metrics) -> float:
    families = {family.name: family for family in metrics.registry.collect()}
    return sum(sample.value for sample in families["switchback_events"].samples)


def test_what_is_said_again_is_counted_and_shown_beside_the_resource(
    bare_cluster: Cluster, namespace: str
) -> None:
    again = Happening("Retrying", "nobody listens on shop-db:5432", warning=True)
    done = Happening("Succeeded", "The schema is at 0007: naïve ✓.", warning=False)
    asyncio.run(told(bare_cluster, namespace, [again, done, again, again]))
    found: list[dict[str, Any]] = bare_cluster.kubectl("get", "events", "-n", namespace, json=True)["items"]
    shown = {(one["type"], one["reason"], one["message"], one["count"]) for one in found}
    assert shown == {
        ("Warning", "Retrying", again.message, 3),
        ("Normal", "Succeeded", done.message, 1),
    }
    assert {one["involvedObject"]["uid"] for one in found} == {UID}
    assert "(x3 over" in bare_cluster.kubectl("events", "-n", namespace, "--types=Warning")
