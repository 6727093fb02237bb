"""Something beside the traffic cannot be read: a switch in flight goes on, and nothing is decided blindly."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.names import LABEL_REQUIRE_APPROVAL
from switchback.api.traffic import IN_FLIGHT
from switchback.contract.reasons import Reason
from switchback.controller.cutovers import state_phase
from switchback.controller.decide import decide
from switchback.controller.observed import Namespace, Source, Trouble
from tests.property.street import KEY, Street
from tests.property.test_street_edges import passes
from tests.property.test_street_stories import go, phase, reason, street
from tests.property.test_switch_table import (
    abort,
    delete,
    kill_green,
    wish_blue,
)

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.controller.observed import Observed


@dataclass
class Veiled(Street):
    """While `veiled`, neither ConfigMaps nor the namespace can be read, as `observe` has it."""

    veiled: bool = False

    @override
    def observed(self) -> Observed:
        world = super().observed()
        if not self.veiled or state_phase(self.status) not in IN_FLIGHT or self.status.source is None:
            return world
        known = Source(self.status.source.digest, unread=True)
        return replace(world, source=known, around=Namespace({LABEL_REQUIRE_APPROVAL: ""}, unread=True))


def veiled(wanted: str, automatic: str = "Traffic") -> Veiled:
    plain = street(automatic)
    world = Veiled(spec=plain.spec, postgres=plain.postgres)
    go(world, lambda: phase(world) == wanted, fail=Reason.CHECKS_FAILED if wanted == "Restoring" else "")
    world.veiled = True
    return world


def files_change(world: Street) -> None:
    world.files = ("0001", "0002")


ENDS: dict[str, Callable[[Street], None]] = {
    "abort": abort,
    "another wish": wish_blue,
    "deletion": delete,
    "death": kill_green,
}


@pytest.mark.parametrize("wanted", ["Switched", "Soaking"])
@pytest.mark.parametrize("end", ENDS)
def test_the_way_back_needs_nothing_else(wanted: str, end: str) -> None:
    world = veiled(wanted)
    ENDS[end](world)
    passes(world, 30)
    assert (world.selector[KEY], phase(world)) == ("blue", "Restored")


def test_a_way_back_under_way_goes_on() -> None:
    world = veiled("Restoring")
    world.annotations["switchback.dev/preview"] = "0001/please"
    passes(world, 30)
    assert (world.selector[KEY], phase(world)) == ("blue", "Restored")


def test_a_soak_goes_on_and_nothing_new_is_read_off_files_that_nobody_has_seen() -> None:
    world = veiled("Soaking")
    files_change(world)
    world.annotations["switchback.dev/preview"] = "0001/please"
    go(world, lambda: phase(world) in {"Draining", "Completed", "Restored"})
    assert (world.selector[KEY], phase(world)) == ("green", "Draining")
    assert world.status.preview is None, "that can wait"


def test_nothing_is_moved_while_nobody_knows_who_would_have_to_agree() -> None:
    world = veiled("Switching")
    assert world.selector[KEY] == "blue"
    before = world.status.approval
    passes(world, 3)
    assert (world.selector[KEY], phase(world), world.status.approval) == ("blue", "Switching", before)
    world.veiled = False
    go(world)
    assert (world.selector[KEY], reason(world)) == ("green", "Succeeded")


def test_a_switch_that_was_made_and_not_noted_is_noted() -> None:
    world = veiled("Switching")
    world.veiled = False
    while world.selector[KEY] == "blue":
        world.reconcile()
    assert phase(world) == "Switching"
    world.veiled = True
    kill_green(world)
    passes(world, 30)
    assert (world.selector[KEY], phase(world)) == ("blue", "Restored")


def test_what_follows_a_switch_waits_until_everything_is_read() -> None:
    """The same look, after it has stored that the traffic is back."""
    world = veiled("Restoring")
    while phase(world) == "Restoring":
        seen: Any = world.observed()
        passes(world, 1)
    assert phase(world) == "Restored"
    later = replace(seen, status=world.status)
    decision: Any = decide(later)
    assert (type(decision).__name__, decision.status) == ("Wait", world.status)


def test_a_trouble_that_is_known_is_no_unread_source() -> None:
    assert not Source(problem=Trouble("ConfigMapMissing", "no such ConfigMap")).unread
