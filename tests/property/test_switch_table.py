"""Every phase of a switch, and what may happen in it: where the traffic is at the end, and what is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from switchback.controller.decision import Settle
from switchback.controller.observed import Trouble
from tests.property.street import KEY, Street
from tests.property.test_street_stories import go, phase, reason, street

if TYPE_CHECKING:
    from collections.abc import Callable

PASSES = 150

BEGUN = ("Preparing", "Switching", "Switched", "Soaking", "Draining", "Completed")
UNDONE = ("Restoring", "Restored")
PHASES = (*BEGUN, *UNDONE, "Cancelled")
MOVED = {"Draining", "Completed"}
"""Once a switch is verified, nothing takes it back by itself."""


def at(wanted: str) -> Street:
    """A switch from blue to green that has come so far."""
    world = street("Traffic")
    if wanted == "Cancelled":
        go(world, lambda: phase(world) == "Switching")
        world.now += timedelta(seconds=200)
    go(world, lambda: phase(world) == wanted, fail="ChecksFailed" if wanted in UNDONE else "")
    assert phase(world) == wanted
    return world


def goes_on(world: Street) -> None:
    """Everything runs, until it rests or the resource is gone."""
    for _ in range(PASSES):
        if world.gone:
            return
        world.settle_slices()
        for name, job in list(world.jobs.items()):
            if not job.ended and ("-c-check-" not in name or job.told):
                world.run(name)
        world.sweep()
        known, decision = world.status, world.reconcile()
        if isinstance(decision, Settle) and decision.status == known:
            return  # whatever is written wakes us up once more
        world.tick(decision)
    raise AssertionError(f"no end: {world.status}")


def edited(world: Street, **fields: object) -> None:
    world.spec = {**world.spec, **fields}
    world.generation += 1


def abort(world: Street) -> None:
    if world.status.operation is not None:
        world.annotations["switchback.dev/abort"] = f"{world.status.operation.id}/1"


def wish_blue(world: Street) -> None:
    edited(world, cutover={**world.spec["cutover"], "activeSlot": "blue"})


def suspend(world: Street) -> None:
    edited(world, suspend=True)


def delete(world: Street) -> None:
    world.deleted_at = world.now


def wipe(world: Street) -> None:
    world.status = type(world.status)()
    world.resource_version += 1
    world.touched = True


def refuse(world: Street) -> None:
    world.refused = Trouble("JobRefused", "exceeded quota: pods")


def lose_the_source(world: Street) -> None:
    world.source_problem = Trouble("ConfigMapMissing", "no such ConfigMap")


def kill_green(world: Street) -> None:
    world.sides["green"].ready = 0


def replace(world: Street) -> None:
    world.replace_service()


def in_each(end: Callable[[str], tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {wanted: end(wanted) for wanted in PHASES}


def taken_back(wanted: str) -> str:
    return "green" if wanted in MOVED else "blue"


EVENTS: dict[str, tuple[Callable[[Street], None], dict[str, tuple[str, ...]]]] = {
    "abort": (
        abort,
        {
            **dict.fromkeys(PHASES, ("blue", "Aborted")),
            **dict.fromkeys(MOVED, ("green", "Succeeded")),
            **dict.fromkeys(UNDONE, ("blue", "RolledBack")),
            "Cancelled": ("blue", "SwitchNotVerified"),
        },
    ),
    "the wish is taken back": (wish_blue, in_each(lambda _: ("blue", "Succeeded"))),
    "suspend": (
        suspend,
        {
            **dict.fromkeys(PHASES, ("green", "Suspended")),
            **dict.fromkeys(("Preparing", "Switching"), ("blue", "Suspended")),
            **dict.fromkeys(UNDONE, ("blue", "RolledBack")),
            "Cancelled": ("blue", "Suspended"),  # it failed, and an edit of the spec would begin it again
        },
    ),
    "delete": (delete, in_each(lambda wanted: (taken_back(wanted),))),
    "the status is wiped": (
        wipe,
        {**dict.fromkeys(PHASES, ("green", "Succeeded")), "Restored": ("blue", "PreviouslyRolledBack")},
    ),
    "Jobs are refused": (
        refuse,
        {
            **dict.fromkeys(PHASES, ("green", "Succeeded")),
            "Preparing": ("blue", "JobRefused"),
            **dict.fromkeys(UNDONE, ("blue", "RolledBack")),
            "Cancelled": ("blue", "SwitchNotVerified"),
        },
    ),
    "the source is gone": (
        lose_the_source,
        {
            **dict.fromkeys(PHASES, ("green", "DeadlineExceeded")),
            "Preparing": ("blue", "DeadlineExceeded"),
            "Switching": ("blue", "DeadlineExceeded"),
            **dict.fromkeys(UNDONE, ("blue", "DeadlineExceeded")),
            "Cancelled": ("blue", "DeadlineExceeded"),
        },
    ),
    "green dies": (
        kill_green,
        {
            "Preparing": ("blue", "SlotNotReady"),
            "Switching": ("blue", "SwitchNotVerified"),
            "Switched": ("blue", "RolledBack"),
            "Soaking": ("blue", "RolledBack"),
            "Draining": ("green", "Succeeded"),
            "Completed": ("green", "Succeeded"),
            **dict.fromkeys(UNDONE, ("blue", "RolledBack")),
            "Cancelled": ("blue", "SwitchNotVerified"),
        },
    ),
    "the Service is replaced": (
        replace,
        {
            **dict.fromkeys(PHASES, ("", "ServiceReplaced")),
            "Draining": ("", "Retrying"),
            "Completed": ("", "Retrying"),
            "Restored": ("", "RolledBack"),
            "Cancelled": ("", "SwitchNotVerified"),
        },
    ),
}
CELLS = [(event, wanted) for event in EVENTS for wanted in PHASES]


@pytest.mark.parametrize(("event", "wanted"), CELLS)
def test_in_every_phase_whatever_happens_has_one_end(event: str, wanted: str) -> None:
    happens, ends = EVENTS[event]
    world = at(wanted)
    happens(world)
    if ends[wanted][-1] == "Retrying":  # it is waited for, for as long as the operation may take
        for _ in range(PASSES):
            world.tick(world.reconcile())
    else:
        goes_on(world)
    found = (world.selector.get(KEY, ""), reason(world))[: len(ends[wanted])]
    assert found == ends[wanted]
    state = world.status.traffic.cutover if world.status.traffic is not None else None
    under_way = state is not None and state.phase in {"Switching", "Switched", "Soaking", "Restoring"}
    assert not under_way, state
    if event == "delete":
        assert world.gone
        return
    if ends[wanted][-1] == "Retrying":
        return
    assert not world.finalizers
    assert not [name for name, job in world.jobs.items() if not job.ended], "something runs on"


@pytest.mark.parametrize("event", ["the wish is taken back", "green dies"])
def test_files_that_were_applied_are_known_although_the_traffic_went_back(event: str) -> None:
    """Whoever goes back to an older image needs the ways back of the newer one."""
    world = at("Soaking")
    EVENTS[event][0](world)
    goes_on(world)
    assert world.postgres.applied[-1] == "0003"
    first, source = world.status.history[0], world.status.applied_source
    assert first.outcome == ("Superseded" if event == "the wish is taken back" else "RolledBack")
    assert source is not None
    assert source.digest == world.observed().source.digest
