"""The pretended Service and slots: healthy, as the files have them, completed by what the cluster shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from switchback.api.cutover import Cutover
from switchback.explain import rail
from switchback.traffic.guards import guards

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CUTOVER = Cutover.model_validate(
    {
        "serviceName": "web",
        "slots": [{"name": name, "workloadRef": {"name": f"web-{name}"}} for name in ("blue", "green")],
        "activeSlot": "green",
    }
)
SERVICE: dict[str, Any] = {
    "metadata": {"name": "web", "annotations": {"a": "b"}},
    "spec": {"selector": {"tier": "front"}, "ports": [{"port": 80, "targetPort": "http"}]},
}


def deployment(side: str, **labels: str) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"tier": "front", "slot": side, **labels}},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
    }
    return {"metadata": {"name": f"web-{side}"}, "spec": {"replicas": 3, "template": template}}


def failing(beside: rail.Beside) -> list[str]:
    traffic = rail.pretended(CUTOVER, beside, NOW)
    return [guard.reason for guard in guards(CUTOVER, traffic, "blue", "green") if not guard.passed]


def test_what_nobody_knows_is_well() -> None:
    traffic = rail.pretended(CUTOVER, rail.Beside(), NOW)
    assert traffic.service is not None
    assert traffic.service.selector["slot"] == "blue"
    assert [(slot.name, slot.endpoints, slot.ready_pods) for slot in traffic.slots] == [
        ("blue", 2, 2), ("green", 0, 2)
    ]  # fmt: skip
    assert failing(rail.Beside()) == []


def test_manifests_of_the_files_are_judged_by_the_operators_guards() -> None:
    both = {name: deployment(name) for name in ("blue", "green")}
    assert failing(rail.Beside(SERVICE, both)) == []
    assert failing(rail.Beside(SERVICE)) == []
    assert failing(rail.Beside(None, {"green": deployment("green")})) != [], (
        "its labels are not the Service's"
    )
    unlabelled = deployment("green", slot="grean")
    assert "SlotLabelMissing" in failing(rail.Beside(SERVICE, {**both, "green": unlabelled}))
    other = deployment("green", tier="back")
    assert "SelectorMismatch" in failing(rail.Beside(SERVICE, {**both, "green": other}))
    nameless = deployment("green")
    nameless["spec"]["template"]["spec"] = {"containers": [{}]}
    assert "PortUnknown" in failing(rail.Beside(SERVICE, {**both, "green": nameless}))


def test_what_the_cluster_shows_counts_and_the_files_complete_it() -> None:
    given = rail.Beside(SERVICE, {"green": deployment("green")})
    pretence = rail.pretended(CUTOVER, given, NOW)
    blue, green = pretence.slots
    seen = replace(
        pretence, service=None, slots=(replace(blue, ready=7), replace(green, there=False, pods=()))
    )
    found = rail.completed(seen, pretence, given)
    assert found.service == pretence.service
    assert [(slot.name, slot.there, slot.ready, slot.endpoints) for slot in found.slots] == [
        ("blue", True, 7, 2), ("green", True, 3, 0)
    ]  # fmt: skip
    nothing = rail.completed(seen, pretence, rail.Beside())
    assert nothing.service is None
    assert not nothing.slots[1].there
