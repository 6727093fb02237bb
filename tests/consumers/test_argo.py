"""Argo CD's actions: which are offered when, and that each writes its annotation and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from switchback.api import names
from switchback.api.conditions import Situation
from switchback.api.status import ApprovalState, OperationState, Status, Want
from tests.consumers import snippet
from tests.consumers.bed import plain
from tests.consumers.statuses import is_deleting, resource, status
from tests.consumers.verdicts import HEALTH, act, offered

if TYPE_CHECKING:
    from tests.consumers.bed import Bed
    from tests.consumers.verdicts import Object

OPERATION, TOKEN = "3f2a91c0-5b1e77", "b4d5c0ffee"
SERVER = "system:serviceaccount:argocd:argocd-server"

OFFERED = {
    Situation.AWAITING_APPROVAL: {"approve", "reject", "abort"},
    Situation.FAILED: {"retry"},
    Situation.ROLLED_BACK: {"retry"},
    Situation.RETRYING: {"retry", "abort"},
    Situation.WAITING_FOR_DATABASE: {"retry", "abort"},
    Situation.WORKING: {"abort"},
    Situation.ROLLING_BACK: {"abort"},
    Situation.SUSPENDED: {"abort"},
}


def in_work(situation: Situation, *, generation: int = 1, **operation: str) -> Object:
    """The status of an operation with a plan that waits, or has waited, for a person."""
    more = Status(
        operation=OperationState(id=OPERATION, intent_digest="i1:0", **operation),
        approval=ApprovalState(token=TOKEN, wants=(Want.ROLLBACK,)),
    ).to_json()
    return {**more, **status(situation, "SQLFailed", generation=generation)}


def ours(patch: Object) -> dict[str, str]:
    """The annotations of a patch that holds nothing else."""
    assert list(patch) == ["metadata"]
    assert list(patch["metadata"]) == ["annotations"]
    found: dict[str, str] = patch["metadata"]["annotations"]
    return found


@pytest.mark.parametrize("situation", Situation, ids=lambda one: one.name)
def test_what_makes_sense_is_offered_and_nothing_else(situation: Situation) -> None:
    there = resource(in_work(situation), deleting=is_deleting(situation))
    assert offered(there) == OFFERED.get(situation, set())


@pytest.mark.parametrize("said", [None, {}, Status().to_json(), {"observedGeneration": 1}])
def test_nothing_is_offered_before_the_operator_has_seen_a_resource(said: Object | None) -> None:
    assert offered(resource(said)) == set()


def test_nothing_is_offered_about_what_is_edited_approved_or_aborted() -> None:
    assert offered(resource(in_work(Situation.AWAITING_APPROVAL), generation=2)) == set()
    assert offered(resource(in_work(Situation.WORKING, abort=f"{OPERATION}/1"))) == set()
    approved = in_work(Situation.AWAITING_APPROVAL)
    approved["approval"]["approvedBy"] = "ann"
    assert offered(resource(approved)) == {"abort"}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("approve", {names.ANNOTATION_APPROVE: TOKEN, names.ANNOTATION_APPROVED_BY: SERVER}),
        ("reject", {names.ANNOTATION_REJECT: TOKEN}),
        ("retry", {names.ANNOTATION_RETRY: f"{OPERATION}/4711"}),
        ("abort", {names.ANNOTATION_ABORT: f"{OPERATION}/4711"}),
    ],
)
def test_an_action_writes_its_annotation(name: str, written: dict[str, str]) -> None:
    bare = resource(in_work(Situation.AWAITING_APPROVAL), resourceVersion="4711")
    kept = resource(in_work(Situation.WORKING), resourceVersion="4711", annotations={"theirs": "x"})
    for there in (bare, kept):
        assert ours(act(name, there)["patch"]) == written


@pytest.mark.parametrize("name", [path.stem for path in snippet.definitions()])
@pytest.mark.parametrize("said", [None, {}, Status().to_json(), {"observedGeneration": 1}])
def test_an_action_that_makes_no_sense_says_so_in_one_line(name: str, said: Object | None) -> None:
    """Somebody may call it although it is disabled."""
    outcome = act(name, resource(said, resourceVersion="4711"))
    assert "patch" not in outcome
    (line,) = outcome["error"].splitlines()
    assert line in {
        "nothing waits for approval",
        "there is no operation to try again",
        "there is no operation to abort",
    }


def test_there_is_a_script_for_each_action_that_is_offered() -> None:
    everything: set[str] = set().union(*OFFERED.values())
    assert {path.stem for path in snippet.definitions()} == everything


def test_the_config_map_is_made_of_the_scripts() -> None:
    said = snippet.FILE.read_text(encoding="utf-8")
    assert said == snippet.text(), "stale: run `python -m tests.consumers.snippet`"
    data = yaml.safe_load(said)["data"]
    assert data[snippet.HEALTH_KEY] == HEALTH.read_text(encoding="utf-8")
    actions: dict[str, Any] = yaml.safe_load(data[snippet.ACTIONS_KEY])
    assert actions["discovery.lua"] == snippet.DISCOVERY.read_text(encoding="utf-8")
    scripts = {one["name"]: one["action.lua"] for one in actions["definitions"]}
    assert scripts == {path.stem: path.read_text(encoding="utf-8") for path in snippet.definitions()}


@pytest.mark.cluster
def test_the_command_of_the_page_brings_it_into_argo_cds_config_map(bed: Bed) -> None:
    """What else is in there stays."""
    bed.kube.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": {"url": "x"}},
        bed.namespace,
    )
    patch = bed.kubectl("patch", "configmap", "argocd-cm", "--patch-file", str(snippet.FILE))
    out, err = patch.communicate(timeout=60)
    assert patch.returncode == 0, err or out
    data = bed.kube.get("ConfigMap", bed.namespace, "argocd-cm")["data"]
    assert set(data) == {"url", snippet.HEALTH_KEY, snippet.ACTIONS_KEY}


@pytest.mark.cluster
@pytest.mark.parametrize("name", ["approve", "reject", "retry", "abort"])
def test_what_an_action_sends_changes_nothing_else_of_a_stored_resource(bed: Bed, name: str) -> None:
    """Lua knows no difference between an empty list and an empty object; nothing may suffer by it."""
    called = f"act-{name}"
    bed.create(called)
    there = bed.write(called, in_work(Situation.AWAITING_APPROVAL))
    assert "managedFields" in there["metadata"], "Argo CD gets them too"
    patch = act(name, there)["patch"]
    after = bed.patch(called, patch)
    written = after["metadata"].pop("annotations")
    assert written == ours(patch)
    assert plain(after) == plain(there)
