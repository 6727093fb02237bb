"""In each situation each tool reads what the page promises: kstatus, Argo CD and Flux, by their own code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.api.conditions import Situation
from switchback.api.reasons import OperatorReason
from switchback.api.status import Status
from switchback.contract.reasons import Reason
from tests.consumers.contract import NOT_SEEN, Promise, promised, promises
from tests.consumers.expected import ROWS, expected, finished, mistakes
from tests.consumers.statuses import is_deleting, resource, status
from tests.consumers.verdicts import ERROR, Verdicts, judge, words

if TYPE_CHECKING:
    from tests.consumers.verdicts import Object

# Only a resource that is being deleted gives that as its reason.
REASONS = [*(str(one) for one in OperatorReason if one is not OperatorReason.DELETING), *map(str, Reason)]
A_FEW = ("Migrating", "SQLFailed", "AwaitingApproval", "Suspended")
STAYING = [one for one in Situation if not is_deleting(one)]
SEEN_LATE = Verdicts("InProgress", "InProgress", "Progressing", "InProgress")


def wanted(promise: Promise, *, deleting: bool) -> Verdicts:
    """Flux's expressions have no word for a resource that goes; everywhere else they agree with kstatus."""
    flux = "InProgress" if deleting else promise.kstatus
    return Verdicts(promise.kstatus, promise.kstatus, promise.argo, flux)


def every(situation: Situation) -> list[Object]:
    """The situation with every reason, and after every other situation."""
    deleting = is_deleting(situation)
    made = [resource(status(situation, reason), deleting=deleting) for reason in REASONS]
    for before in Situation:
        for reason in A_FEW:
            said = status(situation, reason, generation=2, after=before)
            made.append(resource(said, generation=2, deleting=deleting))
    return made


@pytest.mark.parametrize("situation", Situation, ids=lambda one: one.name)
def test_each_tool_reads_a_situation_as_promised(situation: Situation) -> None:
    promise, resources = promised(situation), every(situation)
    verdicts = wanted(promise, deleting=is_deleting(situation))
    assert set(judge(resources)) == {verdicts}
    assert {expected(one) for one in resources} == {verdicts}, "the second opinion differs"
    assert {finished(one) for one in resources} == {promise.finished}
    assert mistakes(resources) == []


@pytest.mark.parametrize("situation", STAYING, ids=lambda one: one.name)
def test_right_after_an_edit_nobody_takes_the_old_end_for_the_new_one(situation: Situation) -> None:
    resources = [resource(status(situation, reason), generation=2) for reason in A_FEW]
    assert set(judge(resources)) == {SEEN_LATE}
    assert {expected(one) for one in resources} == {SEEN_LATE}
    assert not any(finished(one) for one in resources)


@pytest.mark.parametrize("situation", Situation, ids=lambda one: one.name)
def test_from_the_moment_of_its_deletion_a_resource_is_on_its_way_out(situation: Situation) -> None:
    """Before the operator has said anything about it."""
    resources = [resource(status(situation, reason), deleting=True) for reason in A_FEW]
    assert set(judge(resources)) == {wanted(promised(Situation.DELETING), deleting=True)}
    assert mistakes(resources) == []


def test_a_resource_that_nobody_has_seen() -> None:
    promise = promises()[NOT_SEEN]
    fresh = resource(Status().to_json())
    assert fresh["status"] == {"observedGeneration": -1}, "the default of the CRD"
    assert judge([fresh]) == [SEEN_LATE] == [wanted(promise, deleting=False)]
    assert not finished(fresh)
    assert mistakes([fresh]) == []


@pytest.mark.parametrize("said", [None, {}, {"conditions": []}, {"observedGeneration": 1, "conditions": []}])
def test_our_script_stands_a_status_without_anything_in_it(said: Object | None) -> None:
    """The CRD's default rules it out. Without that default kstatus would take such a resource for done."""
    (verdicts,) = judge([resource(said)])
    assert verdicts.argo == "Progressing"
    assert verdicts.kstatus == "Current"
    assert verdicts.flux in {"InProgress", ERROR}, "an error, too, makes Flux wait"


def test_work_that_waits_for_the_old_slot_spoils_no_success() -> None:
    said = status(Situation.DONE, "Succeeded")
    waiting = {"type": "ContractApplied", "status": "False", "reason": "WaitingForOldSlot", "message": ""}
    said["conditions"].append({**said["conditions"][0], **waiting})
    (verdicts,) = judge([resource(said)])
    assert verdicts == Verdicts("Current", "Current", "Healthy", "Current")


def test_argo_cd_shows_what_the_operator_says() -> None:
    for situation, kind in {
        Situation.FAILED: "Stalled",
        Situation.AWAITING_APPROVAL: "Ready",
        Situation.WORKING: "Reconciling",
        Situation.DONE: "Ready",
    }.items():
        said = status(situation, "SQLFailed")
        for one in said["conditions"]:
            one["message"] = f"{one['type']} says {situation.name}"
        (told,) = words([resource(said)])
        assert told["argoMessage"] == f"{kind} says {situation.name}"


def test_the_page_has_no_row_without_a_situation() -> None:
    known = {one.value for one in Situation} | {NOT_SEEN}
    assert set(promises()) == known
    assert len(ROWS) <= len(known) + 1, "rows that no situation needs"
