"""What of spec.cutover cannot be changed while a switch is under way, on a real API server.

The way back needs the Service, the key and the slots as they were. Everything else stays free: an edit of
activeSlot is what undoes a switch.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.base import timestamp
from switchback.api.status import CutoverPhase, CutoverState, Status, TrafficState
from tests.e2e.everything import MOMENT
from tests.e2e.test_api import Kubectl
from tests.e2e.trial import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.handle import Cluster

pytestmark = pytest.mark.cluster

Body = dict[str, Any]

GROUP = "frozen.switchback.dev"
RESOURCE = f"databasemigrations.{GROUP}"
SHOP = f"{RESOURCE}/shop"
WORDS = "serviceName, selectorKey and slots stay as they are while a switch is under way"

FROZEN = (CutoverPhase.SWITCHING, CutoverPhase.SWITCHED, CutoverPhase.SOAKING, CutoverPhase.RESTORING)
FREE = tuple(phase for phase in CutoverPhase if phase not in FROZEN)

CUTOVER: Body = {
    "serviceName": "shop-web",
    "slots": [{"name": name, "workloadRef": {"name": f"shop-{name}"}} for name in ("blue", "green")],
    "activeSlot": "green",
}


@pytest.fixture(scope="module")
def kind(bare_cluster: Cluster) -> Iterator[None]:
    with served(bare_cluster, RESOURCE):
        yield


@pytest.fixture
def kubectl(bare_cluster: Cluster, kind: None, namespace: str) -> Kubectl:
    return Kubectl(bare_cluster.kubeconfig, namespace)


def resource(**cutover: object) -> Body:
    metadata = {"name": "shop"}
    spec = {"cutover": {**copy.deepcopy(CUTOVER), **cutover}}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "DatabaseMigration",
        "metadata": metadata,
        "spec": spec,
    }


APPLY = ("apply",)
ON_SERVER = ("apply", "--server-side", "--force-conflicts")


def under_way(kubectl: Kubectl, phase: CutoverPhase, how: tuple[str, ...] = APPLY) -> Body:
    """A resource whose switch is in this phase, made in this way; the status is the operator's."""
    kubectl(*how, "-f", "-", body=resource())
    cutover = CutoverState(
        id="1",
        from_="blue",
        to="green",
        from_selector={},
        to_selector={},
        phase=phase,
        start_time=timestamp(MOMENT),
    )
    status = Status(
        observed_generation=1, traffic=TrafficState(live_slot="blue", selector={}, cutover=cutover)
    )
    body = {key: value for key, value in resource().items() if key != "spec"} | {"status": status.to_json()}
    argv = ("apply", "--server-side", "--subresource=status", "--field-manager=switchback", "-f", "-")
    stored = kubectl.json(*argv, body=body)
    assert stored["status"]["traffic"]["cutover"]["phase"] == phase
    return stored


def renamed() -> list[Body]:
    """Slots that are others, one in each way."""
    slots: list[Body] = CUTOVER["slots"]
    return [
        resource(slots=[slots[0], {"name": "green", "workloadRef": {"name": "shop-green-2"}}]),
        resource(
            slots=[slots[0], {**slots[1], "workloadRef": {"kind": "StatefulSet", "name": "shop-green"}}]
        ),
        resource(slots=[{**slots[0], "name": "indigo"}, slots[1]]),
    ]


OTHER = [resource(serviceName="shop-api"), resource(selectorKey="colour"), *renamed()]


WITHOUT: Body = {
    "target": "latest",
    "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}},
    "source": {"configMapRefs": [{"name": "shop-migrations"}]},
}
WITHOUT_CUTOVER: Body = {**resource(), "spec": WITHOUT}


CHANGES = [*OTHER, WITHOUT_CUTOVER]


@pytest.mark.parametrize(
    ("phase", "change"),
    [*((FROZEN[0], change) for change in CHANGES), *((phase, CHANGES[0]) for phase in FROZEN[1:])],
)
@pytest.mark.parametrize("how", [APPLY, ON_SERVER])
def test_what_the_way_back_needs_is_refused(
    kubectl: Kubectl, phase: CutoverPhase, change: Body, how: tuple[str, ...]
) -> None:
    before = under_way(kubectl, phase, how)
    for again in (how, ("replace",)):
        said = kubectl.refused(*again, "-f", "-", body=change)
        assert WORDS in said
        assert "change activeSlot to undo it" in said
    assert kubectl.json("get", SHOP)["spec"] == before["spec"]


@pytest.mark.parametrize("phase", FROZEN)
def test_everything_else_stays_free(kubectl: Kubectl, phase: CutoverPhase) -> None:
    under_way(kubectl, phase)
    kubectl("apply", "-f", "-", body=resource(activeSlot="blue"))
    kubectl("apply", "-f", "-", body=resource(activeSlot="green", soakPeriodSeconds=0, allowNoReturn=True))
    kubectl("patch", SHOP, "--type=merge", "--patch", '{"spec": {"suspend": true}}')
    kubectl("annotate", SHOP, "switchback.dev/abort=1/1")
    kubectl("apply", "-f", "-", body=resource(slots=CUTOVER["slots"][::-1]))
    assert kubectl.json("get", SHOP)["status"]["traffic"]["cutover"]["phase"] == phase
    kubectl("delete", SHOP)


@pytest.mark.parametrize("phase", FREE)
def test_before_and_after_a_switch_all_of_it_may_change(kubectl: Kubectl, phase: CutoverPhase) -> None:
    under_way(kubectl, phase)
    for change in OTHER if phase is CutoverPhase.COMPLETED else OTHER[:1]:
        kubectl("apply", "--dry-run=server", "-f", "-", body=change)


def test_the_operator_may_tell_the_end_of_a_switch(kubectl: Kubectl) -> None:
    """The rule is about the spec: a status with another phase, or without a switch, is no change of it."""
    under_way(kubectl, CutoverPhase.SOAKING)
    under_way(kubectl, CutoverPhase.COMPLETED)
    kubectl("apply", "-f", "-", body=resource(serviceName="shop-api"))
