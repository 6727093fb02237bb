"""Stories of one switch each, in the same world as the random ones: what has to come out is told exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.controller.decision import Settle
from tests.property.street import CUTOVER, KEY, Street

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA: dict[str, Any] = {
    "target": "latest",
    "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}},
    "source": {"configMapRefs": [{"name": "shop-migrations"}]},
    "snapshot": {"none": {"acknowledge": True}},
}
CHECK = {"name": "up", "stages": ["AfterCutover"], "httpGet": {"url": "http://shop-web/"}}
PASSES = 150


def street(automatic: str = "Never", **more: Any) -> Street:
    spec = {
        **SCHEMA,
        "cutover": {**CUTOVER, "activeSlot": "green"},
        "rollback": {"automatic": automatic, "dataLossPolicy": more.pop("loss", "Allow")},
        "checks": [more.pop("check", CHECK)],
        **more,
    }
    world = Street(spec=spec)
    world.postgres.applied = ["0001"]
    return world


def go(world: Street, until: Callable[[], bool] | None = None, fail: str = "") -> None:
    """Everything runs, until it rests. `fail`: how the pod that checks the new slot ends once it was told."""
    for _ in range(PASSES):
        world.settle_slices()
        for name, job in list(world.jobs.items()):
            probe = "-c-check-" in name
            if not job.ended and (job.told or not probe):
                world.run(name, fail if fail and probe else "works")
        world.sweep()
        decision = world.reconcile()
        if until is not None and until():
            return
        if isinstance(decision, Settle) and world.observed().status == decision.status:
            return
        world.tick(decision)
    raise AssertionError(f"no end: {world.status}")


def phase(world: Street) -> str:
    state = world.status.traffic.cutover if world.status.traffic is not None else None
    return str(state.phase) if state is not None else ""


def ends(world: Street) -> list[tuple[str, str]]:
    return [(str(entry.outcome), entry.reason) for entry in world.status.history]


def reason(world: Street) -> str:
    return next(one.reason for one in world.status.conditions if one.type == "Ready")


def test_forward_the_schema_goes_first_and_then_the_traffic() -> None:
    world = street()
    go(world, lambda: phase(world) == "Switched")
    assert world.postgres.applied == ["0001", "0002", "0003"]
    go(world)
    assert (world.selector[KEY], phase(world), ends(world)) == (
        "green",
        "Completed",
        [("Succeeded", "Succeeded")],
    )
    assert world.condition("TrafficSwitched") == world.condition("OldSlotDrained") == "True"


def test_a_failed_check_is_told_and_the_traffic_stays_where_nothing_is_automatic() -> None:
    world = street("Never")
    go(world, fail=Reason.CHECKS_FAILED)
    assert (world.selector[KEY], reason(world)) == ("green", "ChecksFailed")
    assert world.condition("Stalled") == "True"


def test_connections_that_are_not_answered_undo_the_switch_in_any_case() -> None:
    world = street("Never")
    go(world, fail=Reason.CONNECTIONS_FAILED)
    assert (world.selector[KEY], reason(world)) == ("blue", "RolledBack")
    assert world.condition("RolledBack") == "True"
    assert world.postgres.applied == ["0001", "0002", "0003"]


def test_a_failed_check_moves_the_traffic_back() -> None:
    world = street("Traffic")
    go(world, fail=Reason.CHECKS_FAILED)
    assert (world.selector[KEY], ends(world)) == ("blue", [("RolledBack", "RolledBack")])
    assert world.postgres.applied == ["0001", "0002", "0003"]


def test_a_failed_check_moves_the_traffic_and_then_undoes_what_was_applied() -> None:
    world = street("TrafficAndSchema")
    go(world, lambda: phase(world) == "Restored", fail=Reason.CHECKS_FAILED)
    assert world.postgres.applied == ["0001", "0002", "0003"], "the traffic goes first"
    go(world)
    assert (world.selector[KEY], world.postgres.applied) == ("blue", ["0001"])
    assert ends(world)[-2:] == [("RolledBack", "RolledBack"), ("RolledBack", "RolledBack")]
    assert reason(world) == "RolledBack"
    go(world)
    assert world.postgres.applied == ["0001"], "it stays so"


def test_what_would_lose_data_is_not_undone_without_a_person() -> None:
    world = street("TrafficAndSchema", loss="RequireApproval")
    go(world, fail=Reason.CHECKS_FAILED)
    assert (world.selector[KEY], world.postgres.applied) == ("blue", ["0001", "0002", "0003"])
    message = next(one.message for one in world.status.conditions if one.type == "Ready")
    assert (reason(world), world.token) == ("RolledBack", "")
    assert "the schema stays at 0003" in message


def test_what_somebody_else_has_applied_since_is_not_undone() -> None:
    world = street("TrafficAndSchema")
    world.files = ("0001", "0002")
    go(world, lambda: phase(world) == "Restored", fail=Reason.CHECKS_FAILED)
    world.postgres.applied.append("0003")
    go(world)
    assert world.postgres.applied == ["0001", "0002", "0003"]
    assert world.condition("Stalled") == "True"


def test_a_status_that_is_wiped_after_a_way_back_tries_nothing_again() -> None:
    for automatic in ("Traffic", "TrafficAndSchema"):
        world = street(automatic)
        go(world, fail=Reason.CHECKS_FAILED)
        applied = list(world.postgres.applied)
        world.status = type(world.status)()
        world.resource_version += 1
        go(world)
        assert (world.selector[KEY], reason(world)) == ("blue", "PreviouslyRolledBack")
        assert world.postgres.applied == applied


def test_a_wish_that_was_undone_may_come_back_once_another_was_reached() -> None:
    """Blue, green, blue, green: every second release is the same wish."""
    world = street("Traffic")
    go(world, fail=Reason.CHECKS_FAILED)
    for slot in ("blue", "green"):
        world.spec = {**world.spec, "cutover": {**world.spec["cutover"], "activeSlot": slot}}
        world.generation += 1
        go(world)
        assert (world.selector[KEY], reason(world)) == (slot, "Succeeded")


def test_a_retry_tries_it_again() -> None:
    world = street("Traffic")
    go(world, fail=Reason.CHECKS_FAILED)
    assert world.status.operation is not None
    world.annotations["switchback.dev/retry"] = f"{world.status.operation.id}/1"
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")
    assert "switchback.dev/rolled-back" not in world.marks


def test_a_status_that_is_wiped_in_the_midst_of_a_soak_is_no_success() -> None:
    world = street("Traffic")
    go(world, lambda: phase(world) == "Soaking")
    world.status = type(world.status)()
    world.resource_version += 1
    go(world, lambda: bool(world.status.history), fail=Reason.CHECKS_FAILED)
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "RolledBack")


def test_suspended_in_the_midst_of_a_soak_it_still_goes_back_when_the_slot_dies() -> None:
    world = street("Never")
    go(world, lambda: phase(world) == "Soaking")
    world.spec = {**world.spec, "suspend": True}
    world.generation += 1
    world.sides["green"].ready = 0
    go(world)
    assert world.selector[KEY] == "blue"


def test_suspended_in_the_midst_of_a_soak_it_goes_on() -> None:
    world = street("Never")
    go(world, lambda: phase(world) == "Soaking")
    world.spec = {**world.spec, "suspend": True}
    world.generation += 1
    go(world)
    assert (world.selector[KEY], phase(world)) == ("green", "Completed")


def test_both_slots_dead_is_told_and_heals() -> None:
    world = street("Never")
    go(world, lambda: phase(world) == "Soaking")
    world.sides["green"].ready = world.sides["blue"].ready = 0
    for _ in range(4):
        world.tick(world.reconcile())
    assert (reason(world), world.selector[KEY]) == ("NoHealthySlot", "green")
    assert (world.condition("Stalled"), world.condition("Finished")) == ("True", "False")
    world.sides["blue"].ready = 2
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "RolledBack")


def test_an_edit_in_the_midst_of_a_switch_undoes_it_first() -> None:
    world = street("Never")
    go(world, lambda: phase(world) == "Soaking")
    world.spec = {**world.spec, "target": "0002"}
    world.generation += 1
    go(world, lambda: phase(world) == "Restored")
    assert world.selector[KEY] == "blue"


def test_a_person_who_points_the_service_back_is_believed() -> None:
    world = street("Never")
    go(world, lambda: phase(world) == "Soaking")
    world.somebody_writes({"app": "shop", KEY: "blue"})
    go(world)
    assert (world.selector[KEY], reason(world), ends(world)[-1][0]) == ("blue", "SelectorChanged", "Aborted")


def test_a_person_who_moves_the_traffic_at_night_is_believed_and_the_resource_says_so() -> None:
    world = street("Never")
    go(world)
    world.somebody_writes({"app": "shop", KEY: "blue"})
    go(world)
    assert (world.selector[KEY], reason(world), world.condition("Ready")) == (
        "blue",
        "SelectorChanged",
        "False",
    )
    world.somebody_writes({"app": "shop", KEY: "green"})
    go(world)
    assert world.condition("Ready") == "True"


def test_contract_files_wait_for_the_end_of_the_program_that_was_live_when_they_came() -> None:
    """Also where that is the live slot, and the other one is empty."""
    world = street("Never")
    world.spec = {**world.spec, "cutover": {**world.spec["cutover"], "activeSlot": "blue"}}
    world.contract = frozenset({"0003"})
    world.sides["green"].desired = world.sides["green"].ready = 0
    go(world)
    assert (world.postgres.applied, world.condition("Ready")) == (["0001", "0002"], "True")
    assert world.condition("ContractApplied") == "False"
    world.sides["green"].desired = world.sides["green"].ready = 2
    world.spec = {**world.spec, "cutover": {**world.spec["cutover"], "activeSlot": "green"}}
    world.generation += 1
    go(world)
    assert world.postgres.applied == ["0001", "0002"], "blue still runs"
    world.sides["blue"].desired = world.sides["blue"].ready = 0
    go(world)
    assert world.postgres.applied == ["0001", "0002", "0003"]


def test_contract_files_follow_a_program_that_was_replaced_in_its_slot() -> None:
    world = street("Never")
    world.spec = {**world.spec, "cutover": {**world.spec["cutover"], "activeSlot": "blue"}}
    world.contract = frozenset({"0003"})
    world.sides["green"].desired = world.sides["green"].ready = 0
    go(world)
    assert world.postgres.applied == ["0001", "0002"]
    world.templates["blue"] = "t2"
    go(world)
    assert world.postgres.applied == ["0001", "0002", "0003"]


def test_there_is_no_way_back_to_a_program_that_contract_files_have_left_behind() -> None:
    world = street("Never")
    world.contract = frozenset({"0003"})
    go(world)
    world.sides["blue"].desired = world.sides["blue"].ready = 0
    go(world)
    assert world.postgres.applied[-1] == "0003"
    world.sides["blue"].desired = world.sides["blue"].ready = 2
    world.spec = {**world.spec, "cutover": {**world.spec["cutover"], "activeSlot": "blue"}}
    world.generation += 1
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "PointOfNoReturn")
    world.templates["blue"] = "t2"
    world.generation += 1
    go(world)
    assert (world.selector[KEY], reason(world)) == ("blue", "Succeeded")


def test_backward_the_traffic_goes_first_and_then_the_schema() -> None:
    world = street("Never")
    go(world)
    cutover = {**world.spec["cutover"], "activeSlot": "blue"}
    world.spec = {**world.spec, "target": "0001", "cutover": cutover}
    world.generation += 1
    go(world, lambda: phase(world) == "Switched" and world.selector[KEY] == "blue")
    assert world.postgres.applied == ["0001", "0002", "0003"]
    go(world)
    assert (world.selector[KEY], world.postgres.applied, reason(world)) == ("blue", ["0001"], "Succeeded")
