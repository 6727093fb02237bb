"""Moving the traffic from a terminal: what is edited, what is refused, and what is said before."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.conditions import Situation
from switchback.api.status import CutoverPhase
from switchback.contract.exits import ExitCode
from switchback.kubectl import cutover, rollback, steer, waits
from switchback.kubectl.guarded import FAILED, PASSED, WARNING, Guarded, Line, guards_node
from switchback.kubectl.problems import Problem
from switchback.kubectl.screen import Screen
from switchback.kubectl.session import Session
from switchback.kubectl.text import lines
from tests.unit.kubectl import traffic
from tests.unit.kubectl.statuses import ago, done, later

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from switchback.kubectl.resource import Resource

READY = Line("slot-ready", PASSED, "Deployment shop-green: 3 pods are ready, 3 are needed")
UNREADY = Line(
    "slot-ready", FAILED, "Deployment shop-green: 2 of 3 pods are ready", "SlotNotReady", "See its rollout."
)
AFFINITY = Line(
    "session-affinity", WARNING, "Service shop-web has sessionAffinity ClientIP", "SessionAffinity"
)
NO_SNAPSHOT = {"snapshot": {"none": {"acknowledge": True}}}


class Server:
    """Takes patches, and lets a command see one state after the other."""

    host = "https://example"

    def __init__(self, first: Resource, *coming: Resource) -> None:
        self.now, self.coming = first, coming
        self.patches: list[dict[str, Any]] = []

    async def get(self, *_: object) -> dict[str, Any]:
        return self.now.data

    async def patch(self, *words: Any) -> dict[str, Any]:
        self.patches.append(words[-1])
        return copy.deepcopy(self.now.data)

    async def states(self, _session: Session, _resource: Resource) -> AsyncIterator[Resource]:
        for state in self.coming:
            yield state
        pytest.fail("it still waits")


class Bed:
    """A server, and a session with it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, found: Guarded | None, *states: Resource) -> None:
        self.server = Server(*states)
        monkeypatch.setattr(waits, "follow", self.server.states)

        async def judged(*_: object) -> Guarded | None:
            return found

        monkeypatch.setattr(cutover, "guarded", judged)
        self.session = Session(self.server, Screen("json"), "team-shop")  # type: ignore[arg-type]  # as much of a client as this uses

    async def move(self, slot: str, *, via: str = "auto", seconds: float | None = 9) -> int:
        return await cutover.cutover(
            self.session, name="shop", slot=slot, reason="INC-1", via=via, yes=True, seconds=seconds
        )


def at_rest(live: str = "green", wished: str = "green", **metadata: Any) -> Resource:
    found = traffic.moving(
        CutoverPhase.COMPLETED,
        live=live,
        situation=Situation.DONE,
        reason="Succeeded",
        message=f"{live} is live.",
        completion_time=ago(minutes=1),
        spec={**NO_SNAPSHOT, "cutover": traffic.CUTOVER | {"activeSlot": wished}},
    )
    found.metadata.update(metadata)
    found.status["history"].append({"operationID": found.operation_id, "outcome": "Succeeded"})
    return found


def by_flux(resource: Resource) -> Resource:
    fields: dict[str, Any] = {"f:spec": {"f:cutover": {"f:activeSlot": {}}, "f:target": {}}}
    owner = {"manager": "kustomize-controller", "operation": "Apply", "fieldsV1": fields}
    resource.metadata["managedFields"] = [owner]
    return resource


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.asyncio
async def test_the_wish_is_edited_over_what_was_seen_and_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bed = Bed(monkeypatch, None, at_rest(), traffic.soaking(), at_rest("blue", "blue"))
    bed.server.coming[0].spec["cutover"] = traffic.CUTOVER | {"activeSlot": "blue"}
    assert await bed.move("blue") == ExitCode.OK
    (patch,) = bed.server.patches
    assert patch["spec"] == {"cutover": {"activeSlot": "blue"}, "reason": "INC-1"}
    assert patch["metadata"]["resourceVersion"] == "4711"
    answer = told(capsys)
    assert (answer["from"], answer["slot"], answer["live"]) == ("green", "blue", "blue")


@pytest.mark.asyncio
async def test_what_is_live_already_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bed = Bed(monkeypatch, None, at_rest())
    assert await bed.move("green") == ExitCode.OK
    assert told(capsys)["reason"] == "UpToDate"
    assert bed.server.patches == []


@pytest.mark.asyncio
async def test_a_wish_that_has_ended_badly_needs_a_retry_and_no_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bed(monkeypatch, None, traffic.restored())
    with pytest.raises(Problem) as found:
        await bed.move("green")
    assert found.value.reason == "ChecksFailed"
    assert "kubectl switchback retry shop -n team-shop" in found.value.advice
    assert bed.server.patches == []


@pytest.mark.asyncio
async def test_where_git_owns_the_wish_it_says_what_to_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bed(monkeypatch, None, by_flux(traffic.soaking()))
    with pytest.raises(Problem) as found:
        await bed.move("blue")
    problem = found.value
    assert (problem.code, problem.reason) == (ExitCode.REFUSED, "OwnedByGitOps")
    assert "Flux owns spec.cutover.activeSlot" in problem.message
    assert "  spec:\n    cutover:\n      activeSlot: blue\n" in problem.advice
    assert "undo the switch under way at once: kubectl switchback abort shop" in problem.advice
    assert bed.server.patches == []


@pytest.mark.asyncio
async def test_who_insists_edits_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bed(monkeypatch, None, by_flux(at_rest()))
    assert await bed.move("blue", via="spec", seconds=None) == ExitCode.OK
    assert bed.server.patches[0]["spec"]["cutover"] == {"activeSlot": "blue"}


@pytest.mark.asyncio
async def test_guards_that_stand_in_the_way_are_told_before_the_edit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = Guarded("shop-web", "green", "blue", (READY, UNREADY, AFFINITY))
    bed = Bed(monkeypatch, seen, at_rest())
    await bed.move("blue", seconds=None)
    said = capsys.readouterr().err
    assert "Move the traffic of Service shop-web: green → blue" in said
    assert "✖ slot-ready SlotNotReady:  Deployment shop-green: 2 of 3 pods are ready" in said
    assert "-> See its rollout." in said
    assert "1 guard would hold it up now; it waits 600 s at most for that to pass" in said
    assert "1 guard passed" in said


@pytest.mark.asyncio
async def test_a_wish_that_follows_the_traffic_moves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody has moved it by hand: the spec is to agree."""
    bed = Bed(monkeypatch, Guarded("shop-web", "blue", "blue", (READY,)), at_rest("blue", "green"))
    await bed.move("blue", seconds=None)
    said = capsys.readouterr().err
    assert "Service shop-web points at blue already: the spec is to agree" in said
    assert "is watched for" not in said


@pytest.mark.parametrize(("slot", "reason"), [("red", "SlotUnknown"), ("", "SlotUnknown")])
@pytest.mark.asyncio
async def test_a_slot_that_there_is_not(monkeypatch: pytest.MonkeyPatch, slot: str, reason: str) -> None:
    with pytest.raises(Problem) as found:
        await Bed(monkeypatch, None, at_rest()).move(slot)
    assert (found.value.code, found.value.reason) == (ExitCode.USAGE, reason)
    assert found.value.advice == "It has: blue, green."


@pytest.mark.asyncio
async def test_a_resource_that_moves_no_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem) as found:
        await Bed(monkeypatch, None, done()).move("green")
    assert found.value.reason == "NoCutover"


@pytest.mark.asyncio
async def test_somebody_edits_the_wish_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bed = Bed(monkeypatch, None, at_rest(), at_rest("green", "green"))
    assert await bed.move("blue") == ExitCode.MOVED
    assert told(capsys)["reason"] == "Superseded"


def test_guards_as_a_tree() -> None:
    found = Guarded("shop-web", "blue", "green", (READY, UNREADY, AFFINITY), "autoscalers are not looked at")
    shown = lines(guards_node(found), width=100)
    assert shown[0] == "Traffic  blue → green   Service shop-web"
    assert any(
        line.endswith("✔ slot-ready  Deployment shop-green: 3 pods are ready, 3 are needed") for line in shown
    )
    assert any("⚠ session-affinity SessionAffinity:" in line for line in shown)
    assert shown[-1].endswith("autoscalers are not looked at")
    idle = lines(guards_node(Guarded("shop-web", "blue", "blue", (READY, AFFINITY))))
    assert "is live: nothing to move" in idle[0]
    assert "slot-ready" not in "".join(idle)
    assert "session-affinity" in "".join(idle)


def test_guards_for_programs() -> None:
    data = Guarded("shop-web", "blue", "green", (READY, UNREADY)).as_data()
    assert data["moves"] is True
    assert [one["result"] for one in data["guards"]] == ["passed", "failed"]
    assert data["guards"][1]["advice"] == "See its rollout."
    assert "note" not in data


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (traffic.moving(CutoverPhase.PREPARING), "The traffic of Service shop-web stays at blue."),
        (traffic.switched(), "The traffic of Service shop-web goes back to blue."),
        (traffic.soaking(), "The traffic of Service shop-web goes back to blue."),
        (traffic.draining(), "The switch counts already: the traffic of Service shop-web stays at green."),
        (
            traffic.moving(CutoverPhase.RESTORING),
            "The traffic of Service shop-web is on its way back to blue.",
        ),
        (at_rest(), ""),
    ],
)
@pytest.mark.asyncio
async def test_an_abort_says_what_it_means_for_the_traffic(
    monkeypatch: pytest.MonkeyPatch, state: Resource, said: str
) -> None:
    asked: list[str] = []

    async def confirm(_screen: Screen, question: str) -> None:
        asked.append(question)

    monkeypatch.setattr(steer, "may_ask", lambda: True)
    monkeypatch.setattr(steer, "confirm", confirm)
    bed = Bed(monkeypatch, None, state)
    if not state.under_way:
        with pytest.raises(Problem, match="no operation of shop"):
            await steer.abort(bed.session, name="shop", yes=False, seconds=None)
        return
    await steer.abort(bed.session, name="shop", yes=False, seconds=None)
    assert said in asked[0]


async def back(bed: Bed, *, slot: str = "", via: str = "auto") -> int:
    return await rollback.rollback(
        bed.session, name="shop", target="0002_titles", steps_back=0, slot=slot, reason="", via=via, yes=True,
        seconds=None,
    )  # fmt: skip


@pytest.mark.asyncio
async def test_both_rails_go_back_by_one_edit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bed = Bed(monkeypatch, None, at_rest())
    assert await back(bed, slot="blue") == ExitCode.OK
    assert bed.server.patches[0]["spec"] == {"target": "0002_titles", "cutover": {"activeSlot": "blue"}}
    assert "traffic   green → blue first, then the schema" in capsys.readouterr().err


@pytest.mark.asyncio
@pytest.mark.parametrize("minimum", ["0003_names", "0003", "3"])
async def test_a_schema_that_the_live_slot_needs_is_not_taken_from_it(
    monkeypatch: pytest.MonkeyPatch, minimum: str
) -> None:
    """Also where the bound is a short form, as a target may be."""
    resource = at_rest()
    blue, green = traffic.CUTOVER["slots"]
    slots = [blue, green | {"schema": {"minimum": minimum}}]
    resource.spec["cutover"] = traffic.CUTOVER | {"slots": slots}
    bed = Bed(monkeypatch, None, resource)
    with pytest.raises(Problem) as found:
        await back(bed)
    assert found.value.reason == "SlotNeedsSchema"
    assert f"needs {minimum}, which would be undone" in found.value.message
    assert "--slot blue" in found.value.advice
    assert bed.server.patches == []


@pytest.mark.asyncio
async def test_where_git_owns_the_spec_both_are_to_be_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bed(monkeypatch, None, by_flux(at_rest()))
    with pytest.raises(Problem) as found:
        await back(bed, slot="blue")
    assert found.value.reason == "OwnedByGitOps"
    assert "spec.target: 0002_titles and spec.cutover.activeSlot: blue" in found.value.advice


@pytest.mark.asyncio
async def test_a_soak_has_time_left_that_nobody_waits_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wish is there already and under way: it is waited for, and not written again."""
    soaking = traffic.soaking()
    soaking.status["traffic"]["soakEndTime"] = later(seconds=1)
    bed = Bed(monkeypatch, None, soaking, soaking, at_rest())
    assert await bed.move("green") == ExitCode.OK
    assert bed.server.patches == []
