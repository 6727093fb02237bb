"""The rail of the traffic: what a status says of it, for people who look at a tree or a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.conditions import Situation
from switchback.api.status import CutoverPhase
from switchback.contract.exits import ExitCode
from switchback.kubectl import kept, rails, waitfor
from switchback.kubectl.draw import tree
from switchback.kubectl.status import _row, as_data
from switchback.kubectl.text import lines
from tests.unit.kubectl import statuses, traffic
from tests.unit.kubectl.statuses import NOW, ago, done, later

if TYPE_CHECKING:
    from switchback.kubectl.resource import Resource


def text(resource: Resource) -> str:
    return "\n".join(lines(tree(resource, [], NOW)))


def test_a_resource_without_a_cutover_has_no_such_rail() -> None:
    assert "Traffic" not in text(done())
    assert rails.way(done()) == ""


@pytest.mark.parametrize("phase", CutoverPhase)
def test_every_phase_is_drawn_and_only_those_under_way_are_in_the_table(phase: CutoverPhase) -> None:
    ended: dict[str, Any] = {"completion_time": ago(seconds=5)} if phase not in rails.UNDER_WAY else {}
    resource = traffic.moving(phase, **ended)
    assert f" {phase}  blue → green" in text(resource)
    cells = [cell for cell, _style in _row(resource, NOW, everywhere=False, wide=False)]
    assert any(str(phase) in cell for cell in cells) == (phase in rails.UNDER_WAY)


def test_a_switch_that_may_still_go_back_says_when() -> None:
    shown = text(
        traffic.moving(CutoverPhase.SWITCHED, switch_time=ago(seconds=3), deadline_time=later(seconds=57))
    )
    assert "for 3s · goes back unless verified in 57s" in shown


def test_a_switch_that_waits_for_pods_says_how_long_it_will() -> None:
    waits = traffic.moving(CutoverPhase.PREPARING, waiting_since=ago(seconds=40))
    assert "gives up unless green is ready in 9m20s" in text(waits)
    assert "gives up" not in text(traffic.moving(CutoverPhase.PREPARING))


def test_a_soak_whose_time_is_over_ends_now() -> None:
    resource = traffic.soaking()
    resource.status["traffic"]["soakEndTime"] = ago(seconds=2)
    assert "the soak ends now" in text(resource)


def test_the_drain_waits_for_sessions_where_the_slot_names_them() -> None:
    assert "ends in 52s · and with the last session of shop-blue" in text(traffic.draining())
    gone = traffic.draining()
    gone.status["operation"]["drained"] = True
    assert "last session" not in text(gone)


def test_who_contests_the_selector_is_named() -> None:
    resource = traffic.soaking()
    resource.status["traffic"]["driftTimes"] = [ago(minutes=3), ago(seconds=20)]
    message = "kustomize-controller (Flux) writes the selector of Service shop-web: set ssa: IfNotPresent."
    resource.status["conditions"].append(
        {"type": "SelectorOwned", "status": "False", "reason": "SelectorContested", "message": message}
    )
    shown = text(resource)
    assert "selector ✖ SelectorContested" in shown
    assert message in shown
    assert "put right, last 20s ago (2 times lately)" in shown


def test_what_was_put_right_long_ago_is_no_news() -> None:
    resource = traffic.soaking()
    resource.status["traffic"]["driftTimes"] = [ago(days=3)]
    assert "put right" not in text(resource)
    assert "put right, last 3d ago" in "\n".join(lines(tree(resource, [], NOW, wide=True)))


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        ("TooOld", "needs a newer schema than 0003_names"),
        ("TooNew", "does not work with a schema as new as 0003_names"),
        ("UnknownId", "its bounds name a migration that nobody knows"),
    ],
)
def test_a_slot_that_does_not_fit_the_schema_says_so(fit: str, said: str) -> None:
    resource = traffic.soaking()
    resource.status["schema"]["slots"][1]["fit"] = fit
    assert said in text(resource)
    assert said not in text(traffic.soaking())


def test_no_live_slot_is_no_guess() -> None:
    resource = traffic.waits_for_yes()
    del resource.status["traffic"]["liveSlot"]
    assert rails.way(resource) == "? → green"
    assert "Traffic    not known → green" in text(resource)


def conditioned(resource: Resource, switched: str) -> Resource:
    """With what the operator says of the switch."""
    one = {
        "type": "TrafficSwitched",
        "status": switched,
        "reason": "SlotLive",
        "message": "Slot green is live.",
    }
    resource.status["conditions"].append({**one, "observedGeneration": 4})
    return resource


def test_a_wait_for_the_traffic_ends_when_the_wished_slot_is_live_or_never_will_be() -> None:
    draining = waitfor.traffic(conditioned(traffic.draining(), "True"))
    assert draining is not None
    assert (draining.code, draining.message) == (ExitCode.OK, "Slot green is live.")
    assert waitfor.traffic(conditioned(traffic.soaking(), "False")) is None
    gone_back = waitfor.traffic(conditioned(traffic.restored(), "False"))
    assert gone_back is not None
    assert (gone_back.code, gone_back.reason) == (ExitCode.FAILED, "ChecksFailed")
    without = waitfor.traffic(done())
    assert without is not None
    assert (without.code, without.reason) == (ExitCode.MOVED, "NoCutover")


def test_programs_get_the_wished_slot_and_the_whole_status() -> None:
    data = as_data(traffic.soaking())
    assert data["spec"]["activeSlot"] == "green"
    assert data["status"]["traffic"]["cutover"]["phase"] == "Soaking"
    assert "activeSlot" not in as_data(done())["spec"]


def test_an_operation_that_moves_traffic_only_has_no_version_in_its_way() -> None:
    resource = traffic.moving(
        CutoverPhase.COMPLETED, situation=Situation.DONE, completion_time=ago(seconds=5), live="green"
    )
    resource.status["operation"] |= {"from": "", "to": "", "direction": "None"}
    assert f"{statuses.OPERATION}  traffic\n" in text(resource)


def test_a_resource_without_a_schema_does_not_speak_of_one() -> None:
    resource = traffic.soaking()
    for key in ("target", "source", "database"):
        resource.spec.pop(key)
    del resource.status["schema"]
    shown = "\n".join(lines(tree(resource, [], NOW, wide=True)))
    assert "Schema" not in shown
    assert "Source" not in shown
    assert "Target     traffic only" in shown


def test_a_contract_file_waits_for_the_slot_that_is_not_live_once_nothing_moves() -> None:
    resource = traffic.soaking()
    resource.status["schema"]["heldBack"] = 1
    assert "waits until no pod of blue exists" in text(resource)
    # Green was wished, and the traffic went back to blue.
    resource.status["traffic"]["liveSlot"] = "blue"
    resource.status.pop("operation")
    assert "waits until no pod of green exists" in text(resource)


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({"direction": "None", "from": "0007", "to": "0007"}, "schema stays at 0007"),
        ({"direction": "None", "to": "0007"}, "schema stays at 0007"),
        ({"direction": "None"}, "traffic"),
        ({"direction": "Forward", "from": "0007", "to": "0009"}, "▲ Forward 0007 → 0009"),
    ],
)
def test_an_operation_that_leaves_the_schema_says_so(entry: dict[str, Any], shown: str) -> None:
    assert "".join(each[0] for each in kept.way(entry)) == shown
