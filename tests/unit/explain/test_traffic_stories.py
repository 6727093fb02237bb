"""The stories of traffic: what `decide` does with a Service and two slots, as it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.spec import Spec
from switchback.explain import rail, traffic_words
from switchback.explain.cases import Case
from switchback.explain.files import files_of
from switchback.explain.scenes import EndingKind, SceneKind
from switchback.explain.stories import Stage, Told, stories
from tests.unit.explain.build import FILES, NONE, config_map, reasons, spec, stage, steps

if TYPE_CHECKING:
    from switchback.contract.traffic import Traffic
    from switchback.explain.scenes import Scene

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SLOTS: list[dict[str, Any]] = [
    {"name": name, "workloadRef": {"name": f"shop-{name}"}} for name in ("blue", "green")
]
CUTOVER: dict[str, Any] = {"serviceName": "shop-web", "slots": SLOTS, "activeSlot": "green"}
SWITCHED = ["Switch", "Verify", "Soak", "Drain"]
SQL = {"sql": {"query": "SELECT true"}}


def only_traffic(**more: Any) -> Spec:
    return Spec.model_validate({"cutover": {**CUTOVER, **more.pop("cutover", {})}, **more})


def placed(wanted: Spec, traffic: Traffic | None = None, *, seen: bool = False, **more: Any) -> Stage:
    """A stage with the traffic that was seen, or with one that is as it should be."""
    assert wanted.cutover is not None
    found = traffic or rail.pretended(wanted.cutover, rail.Beside(), NOW)
    return replace(stage(wanted, traffic=found, **more), live_known=seen)


def told(wanted: Spec, traffic: Traffic | None = None, **more: Any) -> list[Told]:
    return stories(placed(wanted, traffic, **more))


def scene(one: Told, kind: SceneKind) -> Scene:
    return next(each for each in one.story.scenes if each.kind is kind)


def test_only_traffic() -> None:
    (one,) = told(only_traffic())
    assert (one.known.case, one.known.certain) == (Case.NO_SCHEMA, True)
    assert steps(one) == ["Claim", "check", *SWITCHED]
    assert (scene(one, SceneKind.SWITCH).old, scene(one, SceneKind.SWITCH).slot) == ("blue", "green")
    assert one.story.ending.kind is EndingKind.REACHED
    assert reasons(one) == []


def test_a_service_that_no_pod_can_check_is_watched_all_the_same() -> None:
    wanted = only_traffic()
    assert wanted.cutover is not None
    service = {"spec": {"ports": [{"port": 53, "protocol": "UDP"}]}}
    (one,) = told(wanted, rail.pretended(wanted.cutover, rail.Beside(service), NOW))
    assert steps(one) == ["Claim", *SWITCHED]
    assert one.story.ending.kind is EndingKind.REACHED


def test_the_wished_slot_is_live_already() -> None:
    wanted = only_traffic()
    assert wanted.cutover is not None
    there = rail.pretended(wanted.cutover, rail.Beside(), NOW, "green")
    (one,) = told(wanted, there)
    assert steps(one) == ["Claim"]
    assert one.story.ending.kind is EndingKind.REACHED


def test_schema_first_and_then_traffic() -> None:
    forward, _back = told(spec(cutover=CUTOVER))
    assert steps(forward) == ["Claim", "migrate", "check", *SWITCHED]


def test_back_it_is_traffic_first_and_then_schema() -> None:
    _forward, back = told(spec(cutover=CUTOVER, snapshot=NONE))
    assert steps(back) == ["Claim", "migrate", *SWITCHED, "reserve", "rollback"]


def test_checks_of_each_stage_run_where_they_belong() -> None:
    checks = [
        {"name": "a", "stages": ["AfterMigrate", "AfterCutover"], **SQL},
        {"name": "b", "stages": ["BeforeCutover"], **SQL},
        {"name": "c", "stages": ["AfterRollback"], **SQL},
    ]
    forward, back = told(spec(cutover=CUTOVER, checks=checks, snapshot=NONE))
    assert [str(one.stage) for one in forward.story.scenes if one.stage] == [
        "AfterMigrate", "BeforeCutover", "AfterCutover"
    ]  # fmt: skip
    assert steps(forward) == ["Claim", "migrate", "check", "check", "check", *SWITCHED]
    assert [str(one.stage) for one in back.story.scenes if one.stage] == ["AfterRollback"]


def test_sessions_of_the_old_slot_are_waited_for() -> None:
    slots = [{**SLOTS[0], "applicationName": "shop-blue"}, SLOTS[1]]
    forward, _back = told(spec(cutover={**CUTOVER, "slots": slots}))
    assert steps(forward)[-2:] == ["Drain", "drain"]


@pytest.mark.parametrize("policy", ["Automatic", "Manual"])
def test_a_person_is_asked_about_the_switch_alone(policy: str) -> None:
    (one,) = told(only_traffic(approval={"cutoverPolicy": policy}))
    asked = ["Approval"] if policy == "Manual" else []
    assert steps(one) == ["Claim", *asked, "check", *SWITCHED]


def test_files_of_phase_contract_wait_for_the_old_slots_end() -> None:
    wanted = spec(target="latest", source=FILES, cutover=CUTOVER)
    content = config_map("0001_a", "0003_c")
    content["data"] |= {
        "0002_b.up.sql": "-- switchback: phase=contract\nSELECT 2;",
        "0002_b.down.sql": "SELECT 2;",
    }
    forward, _back = told(wanted, source=files_of(wanted, {"shop-files": content}))
    assert steps(forward) == ["Claim", "migrate", "check", *SWITCHED, "OldSlot", "migrate"]
    first, second = (one.result for one in forward.story.scenes if str(one.step) == "migrate")
    assert first is not None
    assert second is not None
    assert ([one.id for one in first.steps], first.held_back) == (["0001_a"], 2)
    assert [one.id for one in second.steps] == ["0002_b", "0003_c"]
    assert scene(forward, SceneKind.OLD_SLOT).message == "0002_b, 0003_c"
    assert "<operation>" in forward.story.pattern(forward.story.scenes[1].name)
    assert "<operation>" in forward.story.pattern(forward.story.scenes[-1].name)


def test_a_slot_that_does_not_work_with_the_target() -> None:
    slots = [{**SLOTS[0], "schema": {"maximum": "0001_a"}}, {**SLOTS[1], "schema": {"minimum": "0001_a"}}]
    wanted = spec(target="latest", source=FILES, cutover={**CUTOVER, "slots": slots})
    source = files_of(wanted, {"shop-files": config_map("0001_a", "0002_b")})
    forward, _back = told(wanted, source=source)
    assert reasons(forward) == ["SlotNeedsSchema"]


# what the cluster shows


def test_a_slot_that_is_not_ready_is_waited_for() -> None:
    wanted = only_traffic()
    assert wanted.cutover is not None
    well = rail.pretended(wanted.cutover, rail.Beside(), NOW)
    slots = tuple(
        replace(slot, ready=0, available=0, updated=0, pods=()) if slot.name == "green" else slot
        for slot in well.slots
    )
    (one,) = told(wanted, replace(well, slots=slots), seen=True)
    assert reasons(one) == ["SlotNotReady if that stays so for spec.cutover.slotReadyDeadlineSeconds"]
    assert not one.is_refused
    assert steps(one) == ["Claim", "check", *SWITCHED]


def test_a_slot_that_becomes_ready_is_still_the_one_that_was_seen() -> None:
    """Its labels have to fit the Service that is there, not one that is made up."""
    wanted = only_traffic()
    assert wanted.cutover is not None
    given = rail.Beside({"spec": {"selector": {"app": "other"}}})
    well = rail.pretended(wanted.cutover, given, NOW)
    slots = tuple(
        replace(slot, desired=0, ready=0, pods=()) if slot.name == "green" else slot for slot in well.slots
    )
    (one,) = told(wanted, replace(well, slots=slots), seen=True)
    assert reasons(one) == ["SlotNotReady if that stays so for spec.cutover.slotReadyDeadlineSeconds"]


def test_what_stands_in_the_way_is_told_and_what_comes_after_it_too() -> None:
    wanted = only_traffic(approval={"cutoverPolicy": "Manual"})
    assert wanted.cutover is not None
    well = rail.pretended(wanted.cutover, rail.Beside(), NOW)
    from switchback.controller.observed import PolicyState  # noqa: PLC0415 - for this test alone

    (one,) = told(wanted, replace(well, service=None), seen=True, approval_policy=PolicyState.MISSING)
    assert reasons(one) == ["ServiceMissing", "ApprovalPolicyMissing"]
    assert one.is_refused


def test_the_first_key_is_a_change_that_changes_nothing() -> None:
    wanted = only_traffic(cutover={"activeSlot": "blue"})
    assert wanted.cutover is not None
    well = rail.pretended(wanted.cutover, rail.Beside(), NOW, "blue")
    assert well.service is not None
    selector = {key: value for key, value in well.service.selector.items() if key != "slot"}
    (one,) = told(wanted, replace(well, service=replace(well.service, selector=selector)), seen=True)
    assert steps(one) == ["Claim", "Switch"]
    first = scene(one, SceneKind.SWITCH)
    assert (first.slot, first.old) == ("blue", "")
    assert "which changes nothing" in traffic_words.moves(first, wanted)


@pytest.mark.parametrize(
    ("automatic", "words"),
    [
        ("Never", "a failing check is told and moves nothing"),
        ("Traffic", "a failing check moves the traffic back to blue"),
        ("TrafficAndSchema", "moves the traffic back to blue, and what was applied is undone"),
    ],
)
def test_what_a_bad_end_of_the_soak_leads_to(automatic: str, words: str) -> None:
    checks = [{"name": "a", "stages": ["AfterCutover"], **SQL}]
    wanted = spec(cutover=CUTOVER, checks=checks, rollback={"automatic": automatic})
    forward, _back = told(wanted)
    assert words in traffic_words.moves(scene(forward, SceneKind.SOAK), wanted)


def test_a_heading_says_what_is_known_of_the_traffic() -> None:
    wanted = only_traffic()
    (pretended,) = told(wanted)
    (seen,) = told(wanted, seen=True)
    assert traffic_words.place(pretended, wanted.cutover) == ", with blue live"
    assert traffic_words.place(seen, wanted.cutover) == ", and blue is live"
