"""The operator dies at its writes: before they are sent, after, and after the answer. The end is the same."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.crash.operator_process import OperatorProcess
from tests.crash.proxy import Moment, Proxy
from tests.crash.story import Story

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.backends.base import Volume
    from tests.cluster.handle import Cluster

    Choose = Callable[[int], Moment | None]

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]

SECONDS = 150.0
SEED = int(os.environ.get("SWITCHBACK_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


@pytest.fixture(scope="module")
def quiet_cluster(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with the chart's operator asleep: the one under test must be the only one."""
    deployment = ("deployment/switchback", "-n", "switchback-system")
    cluster.kubectl("scale", *deployment, "--replicas=0")
    cluster.kubectl(
        "wait", "pod", "-n", "switchback-system", "--all", "--for=delete", "--timeout=60s", timeout=70
    )
    yield cluster
    cluster.kubectl("scale", *deployment, "--replicas=1")
    cluster.kubectl("rollout", "status", *deployment, "--timeout=60s", timeout=70)


def always(moment: Moment) -> Choose:
    """Die at every write. Each life gets one write further, because what was sent has happened."""
    return lambda _: moment


def every_other() -> Choose:
    """Die before every other write: what was not sent is sent by the next life."""
    return lambda number: Moment.BEFORE_SEND if number % 2 else None


def at_random() -> Choose:
    """Die, or not, in any way. The seed is printed; SWITCHBACK_SEED repeats it."""
    print(f"SWITCHBACK_SEED={SEED}")
    chance = random.Random(SEED)  # noqa: S311 - repeatable, no secret
    return lambda _: chance.choice([None, None, *Moment])


STORIES = {
    "before send": every_other(),
    "after send": always(Moment.AFTER_SEND),
    "after reply": always(Moment.AFTER_REPLY),
    "at random": at_random(),
}


@pytest.mark.parametrize("way", STORIES)
def test_the_end_is_the_same_whenever_the_operator_dies(
    way: str, quiet_cluster: Cluster, namespace: str, volume: Callable[[str], Volume], tmp_path: Path
) -> None:
    story = Story(quiet_cluster, namespace, volume("64Mi"))
    story.prepare()
    mark = quiet_cluster.audit_mark()
    log = tmp_path / "operator.log"
    with Proxy(quiet_cluster.kubeconfig, STORIES[way]) as proxy:
        kubeconfig = proxy.write_kubeconfig(tmp_path / "kubeconfig")
        with OperatorProcess(namespace, kubeconfig, log, quiet_cluster.images.switchback) as operator:
            proxy.kill = operator.kill
            try:
                story.ask("latest")
                assert story.finished(SECONDS)["Ready"] == "True/Succeeded"
                story.ask("0001")
                assert story.finished(SECONDS)["Ready"] == "True/Succeeded"
            finally:
                print(f"killed {len(proxy.killed_at)} times in {operator.starts} lives")
                print("\n".join(f"  {kill}" for kill in proxy.killed_at))
                print(log.read_text()[-4000:])
    assert len(proxy.killed_at) >= 8, "the operator has to die often for this to say anything"
    _the_end(story, quiet_cluster, mark)


def _the_end(story: Story, cluster: Cluster, mark: int) -> None:
    events = story.sql(
        "SELECT kind || ':' || migration_id FROM switchback.events WHERE migration_id IS NOT NULL"
    )
    counted = Counter(event.split("_")[0] for event in events)
    assert set(counted.values()) == {1}, f"something ran twice: {events}"
    assert story.sql("SELECT id FROM switchback.migrations") == ["0001_books"]
    assert story.steps() == ["migrate", "migrate", "reserve", "snapshot", "rollback"]
    taken = [
        event for event in cluster.audit(since=mark, verb="create", resource="jobs") if event.code == 201
    ]
    ours = [event for event in taken if event.namespace == story.namespace]
    assert len(ours) == 5, "one Job of each kind was created, once"
    folder = story.volume.files
    assert folder is not None, "this test reads the volume on the node"
    snapshots = [path.name for path in folder.iterdir() if path.name.startswith("pre-rollback-")]
    assert len(snapshots) == 1
    manifest = json.loads((folder / snapshots[0] / "manifest.json").read_text())
    assert manifest["files"]
