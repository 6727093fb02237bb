"""Between a look and a request, and between a request and its answer: nobody is told of another's."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.conditions import Situation
from switchback.api.names import ANNOTATION_APPROVE, ANNOTATION_RETRY, ANNOTATION_ROLLBACK
from switchback.api.status import (
    ApprovalState,
    HistoryEntry,
    LastHandled,
    OperationKind,
    Outcome,
    Status,
    Want,
)
from switchback.contract.exits import ExitCode
from switchback.contract.words import Risk
from switchback.kubectl import consent, look, requests, rollback, run, steer, waits
from switchback.kubectl.options import Place
from switchback.kubectl.problems import Declined, Problem
from switchback.kubectl.resource import Resource
from switchback.kubectl.screen import Screen
from switchback.kubectl.session import Session
from switchback.kubectl.waitfor import approval, finished, ready
from tests.unit.kubectl.statuses import (
    BACK,
    HISTORY,
    OPERATION,
    SCHEMA,
    awaiting_approval,
    done,
    failed,
    resource,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NEXT = f"{OPERATION}-next"
TOKEN = "0f3c9a6b1d2e4857"
VALUE = f"{OPERATION}/now"


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
        body = copy.deepcopy(self.now.data)
        for name, value in (words[-1]["metadata"].get("annotations") or {}).items():
            body["metadata"].setdefault("annotations", {})[name] = value
        if "spec" in words[-1]:
            body["spec"] |= words[-1]["spec"]
            body["metadata"]["generation"] += 1
        return body

    async def username(self) -> str:
        return "ada"

    async def states(self, _session: Session, _resource: Resource) -> AsyncIterator[Resource]:
        for state in self.coming:
            yield state
        pytest.fail("it still waits")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    def start(first: Resource, *coming: Resource) -> tuple[Session, Server]:
        running = Server(first, *coming)
        monkeypatch.setattr(waits, "follow", running.states)
        for module in (steer, look):
            monkeypatch.setattr(module, "nonce", lambda: "now")
        return Session(running, Screen("json"), "team-shop"), running  # type: ignore[arg-type]  # as much of a client as waits use

    return start


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def with_annotation(state: Resource, name: str, value: str) -> Resource:
    return Resource(state.data | {"metadata": state.metadata | {"annotations": {name: value}}})


def ending(operation: str, outcome: Outcome) -> HistoryEntry:
    return HistoryEntry(operation_id=operation, outcome=outcome, reason=outcome, message="so it ended")


def state(
    *,
    operation: str = OPERATION,
    retry: str = "",
    handled: str = "",
    kind: OperationKind = OperationKind.REACH,
    ended: Outcome | None = None,
    before: Outcome | None = None,
    annotation: str = VALUE,
    suspend: bool = False,
) -> Resource:
    """A resource whose operation is under way or has ended; `before`: how the one before it has."""
    work = BACK.model_copy(update={"id": operation, "retry": retry, "kind": kind, "risks": ()})
    history = [*HISTORY]
    history += [ending(OPERATION, before)] if before is not None else []
    history += [ending(operation, ended)] if ended is not None else []
    status = Status(operation=work, history=tuple(history), last_handled=LastHandled(retry=handled))
    situation = {None: Situation.WORKING, Outcome.SUCCEEDED: Situation.DONE}.get(ended, Situation.FAILED)
    found = resource(status, situation=situation, reason=ended or "Migrating", spec={"suspend": suspend})
    return with_annotation(found, ANNOTATION_RETRY, annotation)


@pytest.mark.asyncio
async def test_a_retry_that_comes_when_the_attempt_has_just_failed_is_answered_by_the_next_one(
    server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = server(
        state(),
        state(ended=Outcome.FAILED),
        state(ended=Outcome.FAILED, handled=VALUE),
        state(operation=NEXT, retry=VALUE, handled=VALUE, before=Outcome.FAILED),
        state(operation=NEXT, retry=VALUE, handled=VALUE, before=Outcome.FAILED, ended=Outcome.SUCCEEDED),
    )
    assert await steer.retry(session, name="shop", seconds=9) == ExitCode.OK
    assert told(capsys)["operation"]["id"] == NEXT


@pytest.mark.asyncio
async def test_a_retry_of_what_goes_on_is_answered_by_its_own_end(server: Any) -> None:
    session, _ = server(
        state(),
        state(retry=VALUE, handled=VALUE),
        state(retry=VALUE, handled=VALUE, ended=Outcome.FAILED),
    )
    assert await steer.retry(session, name="shop", seconds=9) == ExitCode.FAILED


@pytest.mark.asyncio
async def test_a_retry_of_what_ends_well_before_it_is_heard(server: Any) -> None:
    session, _ = server(state(), state(ended=Outcome.SUCCEEDED, handled=VALUE))
    assert await steer.retry(session, name="shop", seconds=9) == ExitCode.OK


@pytest.mark.asyncio
async def test_a_retry_while_suspended_begins_later(server: Any, capsys: pytest.CaptureFixture[str]) -> None:
    session, _ = server(
        state(ended=Outcome.FAILED, suspend=True),
        state(ended=Outcome.FAILED, suspend=True, handled=VALUE),
    )
    assert await steer.retry(session, name="shop", seconds=9) == ExitCode.PENDING
    assert told(capsys)["reason"] == "Suspended"


@pytest.mark.asyncio
async def test_a_retry_after_which_the_spec_has_moved_on(server: Any) -> None:
    session, _ = server(
        state(ended=Outcome.FAILED), state(operation=NEXT, before=Outcome.FAILED, handled=VALUE)
    )
    assert await steer.retry(session, name="shop", seconds=9) == ExitCode.MOVED


@pytest.mark.asyncio
async def test_a_request_that_somebody_overwrites_is_not_waited_for(
    server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    other = state(ended=Outcome.FAILED, annotation=f"{OPERATION}/other")
    session, _ = server(state(ended=Outcome.FAILED), other)
    assert await steer.retry(session, name="shop", seconds=9) == ExitCode.MOVED
    assert told(capsys)["reason"] == "Overtaken"
    session, _ = server(done(), with_annotation(done(), "switchback.dev/preview", "0002/other"))
    assert await look.plan(session, name="shop", target="0001", steps_back=0, exit_code=False, seconds=9) == (
        ExitCode.MOVED
    )
    assert told(capsys)["reason"] == "Overtaken"


@pytest.mark.asyncio
async def test_a_rollback_by_edit_that_somebody_edits_away_is_not_called_done(
    server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = done()
    before.spec["snapshot"] = {"none": {"acknowledge": True}}
    after = done(generation=4)
    after.spec["target"] = "latest"
    session, _ = server(before, after)
    assert (
        await rollback.rollback(
            session,
            name="shop",
            target="0001_books",
            steps_back=0,
            reason="",
            via="spec",
            yes=True,
            seconds=9,
        )
        == ExitCode.MOVED
    )
    assert "latest" in told(capsys)["message"]


@pytest.mark.parametrize("judge", [finished, ready, approval])
def test_a_wait_begins_after_what_was_asked_for_is_heard(judge: Any) -> None:
    """As in a script: `rollback --via request --no-wait`, then `wait`."""
    asked = with_annotation(done(), ANNOTATION_ROLLBACK, "0001_books/i1:0123")
    assert judge(asked) is None
    assert judge(with_annotation(failed(), ANNOTATION_RETRY, f"{OPERATION}/1")) is None


def test_a_wait_goes_on_until_the_attempt_that_was_asked_for_has_begun() -> None:
    heard = state(ended=Outcome.FAILED, handled=VALUE)
    assert heard.open_requests == {}
    assert finished(heard) is None
    again = finished(state(operation=NEXT, retry=VALUE, handled=VALUE, ended=Outcome.FAILED))
    assert again is not None
    assert again.code is ExitCode.FAILED
    kept = finished(state(ended=Outcome.SUCCEEDED, handled=VALUE))
    assert kept is not None
    assert kept.code is ExitCode.OK


def test_a_wait_does_not_wait_for_what_is_not_heard_at_all() -> None:
    """While it is suspended, or its spec makes no sense, no request begins anything."""
    invalid = resource(Status(), situation=Situation.FAILED, reason="SpecInvalid", message="no")
    verdict = finished(with_annotation(invalid, ANNOTATION_RETRY, "x/1"))
    assert verdict is not None
    assert verdict.reason == "SpecInvalid"
    brake = resource(
        Status(), situation=Situation.SUSPENDED_REACHED, reason="Suspended", spec={"suspend": True}
    )
    assert finished(with_annotation(brake, ANNOTATION_ROLLBACK, "a/b")) is not None


@pytest.mark.asyncio
async def test_a_plan_of_before_an_edit_is_not_approved_unseen(
    server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    edited = awaiting_approval()
    edited.metadata["generation"] = 5
    moved = resource(Status(operation=BACK, schema_state=SCHEMA), reason="Inspecting")
    session, running = server(edited, edited, moved)
    with pytest.raises(Problem, match="nothing of shop") as caught:
        await consent.approve(session, name="shop", token="", yes=True, seconds=None)
    assert caught.value.code is ExitCode.REFUSED
    assert not running.patches
    capsys.readouterr()


@pytest.mark.asyncio
async def test_the_plan_that_stays_after_an_edit_is_approved(server: Any) -> None:
    edited = awaiting_approval()
    edited.metadata["generation"] = 5
    session, running = server(edited, edited, awaiting_approval())
    assert await consent.approve(session, name="shop", token="", yes=True, seconds=None) == ExitCode.OK
    assert running.patches[0]["metadata"]["annotations"][ANNOTATION_APPROVE] == TOKEN


@pytest.mark.asyncio
async def test_an_approved_operation_that_ended_is_told_although_the_next_plan_waits(server: Any) -> None:
    later = Status(
        operation=BACK.model_copy(update={"id": NEXT}),
        approval=ApprovalState(token="0" * 16, wants=(Want.ROLLBACK,), risks=(Risk.DATA_LOSS,)),
        history=(*HISTORY, ending(OPERATION, Outcome.SUCCEEDED)),
        last_handled=LastHandled(approve=TOKEN),
    )
    session, _ = server(awaiting_approval(), resource(later, situation=Situation.AWAITING_APPROVAL))
    assert await consent.approve(session, name="shop", token=TOKEN, yes=False, seconds=9) == ExitCode.OK


def test_who_asked_for_json_and_said_no_gets_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def declined(_session: Session) -> int:
        raise Declined

    async def work(*_: Any) -> int:
        return await declined(None)  # type: ignore[arg-type]  # it does not look at the session

    monkeypatch.setattr(run, "_work", work)
    place = Place("", "", "", "", (), None, "json")
    assert run.run(place, "status:status", {}) == ExitCode.INTERRUPTED
    assert told(capsys) == {"reason": "Declined", "message": "Nothing was done.", "exitCode": 130}


def test_nonces_differ() -> None:
    assert requests.nonce() != requests.nonce()
