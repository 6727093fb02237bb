"""What a switch has to prove before it counts: nobody's absence, and no half of a slot, is a proof."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.traffic import Owner, Port, Slot, Traffic
from switchback.controller.decision import Action, TellProbe
from tests.property.database import START
from tests.property.street import CUTOVER, KEY, Street
from tests.property.test_street_edges import message, passes
from tests.property.test_street_stories import SCHEMA, go, phase, reason, street

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from switchback.contract.traffic import Service

MINUTE = timedelta(minutes=1)
UDP = (Port("dns", "UDP", 53, "5353"),)


@dataclass
class Corner(Street):
    """A street where more may be otherwise."""

    ports: tuple[Port, ...] = (Port("http", "TCP", 80, "8080"),)
    named: frozenset[str] = frozenset()
    """Named ports of green's pods."""
    since: datetime = START
    """Since when green's pods are ready."""
    missing: bool = False
    """Whether the workload of green does not exist yet."""
    owners: tuple[Owner, ...] = ()
    mute: bool = False
    """Whether nobody may write a pod."""
    tried: list[datetime] = field(default_factory=list)

    @override
    def traffic(self) -> Traffic:
        seen = super().traffic()
        return replace(seen, slots=tuple(self._as_it_is(slot) for slot in seen.slots))

    def _as_it_is(self, slot: Slot) -> Slot:
        if slot.name != "green":
            return slot if slot.name != "blue" else replace(slot, ports=frozenset({"web/TCP"}))
        if self.missing:
            return Slot(slot.name, slot.kind, slot.workload)
        pods = tuple(replace(pod, ready_since=self.since if pod.ready else None) for pod in slot.pods)
        return replace(slot, ports=self.named, pods=pods)

    @override
    def _service(self) -> Service:
        return replace(super()._service(), ports=self.ports, owners=self.owners or super()._service().owners)

    @override
    def _may_go_forward(self, operation: Any) -> None:
        if self.ports != UDP:  # else there is nothing that a pod could check
            super()._may_go_forward(operation)

    @override
    def act(self, action: Action) -> None:
        if isinstance(action, TellProbe) and self.mute:
            self.tried.append(self.now)
            self.now += timedelta(seconds=6)  # so long it is left alone then
            return
        super().act(action)


def corner(automatic: str = "Never", *, percent: int = 100, checks: bool = True, **more: object) -> Corner:
    """Blue is live, green is wished for."""
    plain = street(automatic)
    world = Corner(spec=plain.spec, **more)  # type: ignore[arg-type] # fields of Corner
    world.spec["cutover"] = {**world.spec["cutover"], "minimumReadyPercent": percent}
    if not checks:
        world.spec["checks"] = []
    world.postgres.applied = list(plain.postgres.applied)
    return world


# --- a share of the pods -----------------------------------------------------------------------------------


def test_a_share_of_the_pods_that_is_enough_to_switch_is_enough_to_be_verified() -> None:
    world = corner(percent=50)
    world.sides["green"].ready = 1
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")


def test_less_than_that_share_is_not() -> None:
    world = corner(percent=50)
    world.sides["green"].desired = world.sides["blue"].desired = world.sides["blue"].ready = 4
    go(world, lambda: phase(world) == "Switched")
    world.sides["green"].ready = 1
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "RolledBack")


# --- what is known of a slot only when it is there ---------------------------------------------------------


@pytest.mark.parametrize("missing", [False, True])
def test_a_slot_without_the_port_of_the_service_gets_no_traffic_whenever_it_comes(missing: bool) -> None:  # noqa: FBT001 - pytest hands it over by name
    world = corner(ports=(Port("http", "TCP", 80, "web"),), missing=missing)
    if missing:
        go(world, lambda: phase(world) == "Preparing")
        passes(world, 5)
        assert "Deployment shop-green does not exist" in message(world)
        world.missing = False
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "PortUnknown")
    assert phase(world) in {"", "Cancelled"}


def test_a_tool_that_takes_the_selector_while_a_person_is_asked_is_named() -> None:
    world = corner()
    world.spec["approval"] = {"cutoverPolicy": "Manual"}
    go(world, lambda: bool(world.token))
    world.owners = (Owner("kustomize-controller", "Apply"),)
    world.annotations["switchback.dev/approve"] = world.token
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "SelectorOwnedByGitOps")


# --- the pod that checks has to know -----------------------------------------------------------------------


@pytest.mark.parametrize("automatic", ["Never", "Traffic"])
def test_a_pod_that_cannot_be_told_undoes_the_switch(automatic: str) -> None:
    world = corner(automatic, mute=True)
    go(world, lambda: phase(world) == "Soaking")
    begun = world.now
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "RolledBack")
    assert world.now - begun < 2 * MINUTE
    assert len(world.tried) > 5
    assert "could not be told" in message(world)


def test_a_pod_that_is_told_late_because_nobody_worked_watches_a_whole_soak() -> None:
    world = corner(mute=True)
    go(world, lambda: phase(world) == "Soaking")
    world.now += 10 * MINUTE
    world.mute = False
    begun = world.now
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")
    assert world.now - begun > MINUTE


def test_another_pod_has_its_own_time_to_be_told() -> None:
    world = corner(mute=True)
    go(world, lambda: phase(world) == "Soaking")
    world.now += 10 * MINUTE
    world.settle_slices()
    passes(world, 3)
    world.mute = False
    go(world, lambda: any(job.told for job in world.jobs.values()))
    world.vanish(next(name for name, job in world.jobs.items() if job.told))
    world.strays.clear()
    passes(world, 1)
    world.now += timedelta(seconds=100)
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")


def test_checks_that_never_heard_of_the_switch_have_not_verified_it() -> None:
    """The pod has waited long enough, and nobody has told it: with `Never` as well, green may be dead."""
    world = corner("Never", mute=True)
    go(world, lambda: phase(world) == "Soaking")
    world.now += 30 * MINUTE
    world.run(next(name for name in world.jobs if "-c-check-" in name), Reason.CHECKS_INCONCLUSIVE)
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "RolledBack")


# --- a soak without a pod ----------------------------------------------------------------------------------


def test_a_soak_that_no_pod_can_watch_is_what_the_kubelets_say() -> None:
    world = corner(checks=False, ports=UDP)
    go(world, lambda: phase(world) == "Soaking")
    begun = world.now
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")
    assert world.now - begun >= MINUTE
    assert not [name for name in world.jobs if "-c-check-" in name]


def test_pods_that_came_back_while_nobody_looked_begin_the_soak_anew() -> None:
    world = corner(checks=False, ports=UDP)
    go(world, lambda: phase(world) == "Soaking")
    world.now += 5 * MINUTE
    world.since = world.now - timedelta(seconds=10)
    begun = world.now
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")
    assert world.now - begun >= timedelta(seconds=50) + timedelta(seconds=30)  # soak, and drain


def test_a_long_soak_without_a_pod_is_not_written_at_each_look() -> None:
    world = corner(checks=False, ports=UDP)
    world.spec["cutover"] = {**world.spec["cutover"], "soakPeriodSeconds": 3600}
    go(world, lambda: phase(world) == "Soaking")
    passes(world, 1)
    before = world.resource_version
    passes(world, 50)
    assert (phase(world), world.resource_version) == ("Soaking", before)


@pytest.mark.parametrize("ports", [UDP, (Port("http", "TCP", 80, "8080"),)])
def test_a_soak_does_not_end_well_with_half_of_the_pods(ports: tuple[Port, ...]) -> None:
    world = corner(checks=False, ports=ports)
    go(world, lambda: phase(world) == "Soaking")
    world.sides["green"].ready = 1
    for _ in range(40):
        for name, job in list(world.jobs.items()):
            if job.told:
                world.run(name)
        passes(world, 1)
    assert (phase(world), world.selector[KEY]) == ("Soaking", "green")
    assert "1 of 2 ready pods of green" in message(world)
    world.sides["green"].ready = 2
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")


def test_half_of_the_pods_for_ever_ends_with_the_operation() -> None:
    world = corner(checks=False, ports=UDP)
    world.spec["operationDeadlineSeconds"] = 300
    go(world, lambda: phase(world) == "Soaking")
    world.sides["green"].ready = 1
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "RolledBack")


def test_on_the_way_back_by_a_wish_there_is_no_soak() -> None:
    world = corner(checks=False, ports=UDP)
    go(world)
    world.since = world.now
    world.spec = {**world.spec, "target": "0001", "cutover": {**CUTOVER, "activeSlot": "blue"}}
    world.generation += 1
    go(world)
    assert (world.selector[KEY], reason(world), world.spec["source"]) == (
        "blue",
        "Succeeded",
        SCHEMA["source"],
    )


def test_a_pod_that_is_lost_before_the_switch_is_verified_takes_nothing_from_its_deadline() -> None:
    """One node takes the pod that checks and one of two green ones: half of the pods verify nothing."""
    world = corner()
    go(world, lambda: phase(world) == "Switched")
    world.sides["green"].ready = 1
    (probe,) = [name for name in world.jobs if "-c-check-" in name]
    world.vanish(probe)
    world.strays.clear()
    begun = world.now
    while phase(world) == "Switched" and world.now - begun < timedelta(hours=1):
        world.settle_slices()
        world.tick(world.reconcile())
    assert world.now - begun < 3 * MINUTE
    go(world)
    assert world.selector[KEY] == "blue"
