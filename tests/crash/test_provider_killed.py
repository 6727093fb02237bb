"""The operator dies at the calls to a snapshot provider: one restore point all the same, adopted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from tests.aws.server import FakeAws
from tests.crash.chance import CAMPAIGN
from tests.crash.proxy import Fault, Moment
from tests.crash.story import NAME, SECONDS
from tests.e2e.csi_server import start_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.csi import Csi
    from tests.crash.conftest import Tell
    from tests.crash.operator_process import OperatorProcess
    from tests.crash.request import Request
    from tests.crash.story import Story

VOLUME = {"volumeSnapshot": {"persistentVolumeClaim": {"claimName": "data"}}}
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

ALLOW = json.dumps([{"namespaces": ["*"], "instances": ["*"]}])
RDS = {"rds": {"instance": NAME, "region": "eu-central-1"}}
SNAPSHOT_SECONDS = 1.0
ROUNDS = 3 if CAMPAIGN else 1


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with FakeAws() as fake:
        yield fake


def at_latest(story: Story, aws: FakeAws) -> None:
    """The way up, and the instance that the database is said to run on."""
    server = story.kube.get("Pod", story.database.server.namespace, story.database.server.name)
    aws.make_instance(NAME, address=server["status"]["podIP"], port=5432)
    aws.settings(snapshot_seconds=SNAPSHOT_SECONDS)
    story.ask("latest", snapshot=RDS)
    assert story.finished(SECONDS)["Ready"] == "True/Succeeded"
    story.at_rest(SECONDS)


def rolled_back(story: Story, aws: FakeAws) -> dict[str, Any]:
    """The end of the story: one restore point, verified, of the right operation, before one rollback."""
    story.ask("0001", snapshot=RDS)
    ready = story.finished(SECONDS)["Ready"]
    assert ready == "True/Succeeded", story.resource()["status"]
    story.at_rest(SECONDS)
    assert story.created()[1:] == ["migrate-1", "reserve-2", "rollback-3"]
    (taken,) = (one for one in aws.snapshots() if one["type"] == "manual")
    (point,) = story.resource()["status"]["snapshots"]
    assert (point["phase"], point["verified"]) == ("Ready", "Metadata")
    assert point["providerID"].endswith(taken["name"])
    assert story.database.applied() == ["0001_books"]
    return dict(point)


def test_without_a_fault_the_parts_and_the_calls_are_few(
    new_story: Callable[[], Story], telling: Tell, aws: FakeAws
) -> None:
    story = new_story()
    with telling(story, Fault(), SWITCHBACK_RDS_ALLOW=ALLOW, **aws.environment()):
        at_latest(story, aws)
        point = rolled_back(story, aws)
    calls = aws.counts()
    print(f"calls: {calls}; parts: {point['parts']}")
    assert calls["CreateDBSnapshot"] == 1
    assert sum(calls.values()) <= 12
    assert sum(point["parts"].values()) <= 20


def test_one_restore_point_wherever_the_operator_dies(
    new_story: Callable[[], Story], telling: Tell, aws: FakeAws
) -> None:
    story, deaths = new_story(), list[str]()

    def killing(operator: OperatorProcess, what: str) -> Callable[[object], None]:
        def kill(_: object) -> None:
            deaths.append(what)
            operator.kill()

        return kill

    with telling(story, Fault(), SWITCHBACK_RDS_ALLOW=ALLOW, **aws.environment()) as (_, operator):
        at_latest(story, aws)
        for action in ("DescribeDBInstances", "CreateDBSnapshot", "DescribeDBSnapshots"):
            for _ in range(ROUNDS):
                # Each call goes to the first rule that is not used up.
                aws.fault(action, before=killing(operator, f"before {action}"), drop="before")
                aws.fault(action, after=killing(operator, f"after {action}"), drop="after")
        rolled_back(story, aws)
    print(f"died {', '.join(deaths)}")
    assert {"before CreateDBSnapshot", "after CreateDBSnapshot"} <= set(deaths)
    assert len(set(deaths)) == 6
    assert operator.starts == len(deaths) + 1


class AtSnapshots(Fault):
    """The operator dies at the first requests of each kind for VolumeSnapshots, at these moments."""

    def __init__(self, moments: tuple[Moment, ...]) -> None:
        self.armed = False
        self._moments = moments
        self.deaths: list[tuple[str, Moment]] = []

    @override
    def kills(self, request: Request) -> Moment | None:
        if not self.armed or not request.resource.startswith("volumesnapshot"):
            return None
        due = [moment for moment in self._moments if (request.what, moment) not in self.deaths]
        if not due:
            return None
        self.deaths.append((request.what, due[0]))
        return due[0]


@pytest.mark.parametrize("moments", [(Moment.BEFORE_SEND, Moment.AFTER_SEND), (Moment.AFTER_REPLY,)])
def test_one_volume_snapshot_wherever_the_operator_dies(
    new_story: Callable[[], Story], telling: Tell, csi: Csi, moments: tuple[Moment, ...]
) -> None:
    story, fault = new_story(), AtSnapshots(moments)
    claim = csi.claim(story.namespace, "data")
    start_server(story.cluster, claim, "db")
    address = story.kube.get("Pod", story.namespace, "db")["status"]["podIP"]
    url = {"url": f"postgresql://postgres@{address}:5432/postgres"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": url}
    story.cluster.apply(secret, namespace=story.namespace)
    snapshot = {"volumeSnapshot": {**VOLUME["volumeSnapshot"], "className": csi.retain}}
    with telling(story, fault) as (_, operator):
        story.ask("latest", snapshot=snapshot)
        assert story.finished(SECONDS)["Ready"] == "True/Succeeded"
        story.at_rest(SECONDS)
        fault.armed = True
        csi.fault(claim, ready_after=2)
        story.ask("0001", snapshot=snapshot)
        ready = story.finished(SECONDS)["Ready"]
        assert ready == "True/Succeeded", story.resource()["status"]
        story.at_rest(SECONDS)
        assert operator.starts == len(fault.deaths) + 1
    print(f"died {', '.join(f'{moment.value} {what}' for what, moment in fault.deaths)}")
    assert {moment for what, moment in fault.deaths if what == "create volumesnapshots"} == set(moments)
    assert story.created()[1:] == ["migrate-1", "reserve-2", "rollback-3"]
    (taken,) = story.cluster.kubectl("get", "volumesnapshot", "-n", story.namespace, json=True)["items"]
    (point,) = story.resource()["status"]["snapshots"]
    assert (point["phase"], point["verified"]) == ("Ready", "Metadata")
    assert point["name"].lower() == taken["metadata"]["name"]
    assert len(csi.stored(claim)) == 1
