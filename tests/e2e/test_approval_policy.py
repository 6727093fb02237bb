"""Who may approve and who may not, as the chart's admission policy has it on a real API server."""

from __future__ import annotations

import json
import secrets
import subprocess
from typing import TYPE_CHECKING

import pytest

from switchback.api import names
from tests.cluster import binaries
from tests.cluster.run import wait_for
from tests.e2e.approval_bed import (
    APPLY,
    APPROVE,
    APPROVED_BY,
    APPROVER,
    EDITOR,
    LISTED,
    LISTED_WITHOUT_VERB,
    NAME,
    OF_SHOP,
    ONLY_APPROVER,
    REJECT,
    REJECTED_BY,
    TOKEN,
    UNLISTED,
    UNLISTED_WHO,
    WHO,
    Bed,
    installed,
    path,
    refused,
    resource,
    signed,
    url,
)
from tests.e2e.approval_stories import DUMP, LOOSE, LOOSER, NONE, STRICTER
from tests.e2e.kube import MERGE, Kube

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Object

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def bed(bare_cluster: Cluster) -> Iterator[Bed]:
    kube, place = Kube(bare_cluster.kubeconfig), f"t-approval-{secrets.token_hex(3)}"
    made = Bed(bare_cluster.kubeconfig, place, f"{place}-strict")
    try:
        for namespace in (made.plain, made.strict):
            bare_cluster.create_namespace(namespace)
        label = {names.LABEL_REQUIRE_APPROVAL: "rollback"}
        kube.patch("Namespace", "", made.strict, {"metadata": {"labels": label}})
        with installed(kube, made):
            yield made
    finally:
        for namespace in (made.plain, made.strict):
            bare_cluster.delete_namespace(namespace)


def test_the_api_server_finds_nothing_wrong_in_the_expressions(bed: Bed) -> None:
    kube = Kube(bed.kubeconfig)
    where = url("ValidatingAdmissionPolicy", "admissionregistration.k8s.io/v1", f"{NAME}-approval")
    found: list[Object] = []

    def checked() -> bool:
        found[:] = [kube.json("GET", where).get("status", {})]
        return "typeChecking" in found[0]

    wait_for("the type check", checked, timeout=30, pause=0.2)
    assert found[0]["typeChecking"] == {}


def test_an_editor_may_not_approve_by_annotation(bed: Bed) -> None:
    name = bed.there()
    for wrong in (signed(EDITOR), {APPROVE: TOKEN}, signed(APPROVER)):
        said = refused(bed.annotate, EDITOR, name, wrong)
        assert f"annotation {APPROVE}: {EDITOR} may not set it" in said
        assert WHO in said
        assert name in said
        assert f"in namespace {bed.plain}." in said


def test_an_editor_may_not_approve_by_commit(bed: Bed) -> None:
    name = bed.there(approval={"timeoutSeconds": 60})
    said = refused(bed.edit, EDITOR, name, approval={"approvedPlan": TOKEN})
    assert f"spec.approval.approvedPlan: {EDITOR} may not set it" in said
    assert WHO in said


@pytest.mark.parametrize("approver", [APPROVER, ONLY_APPROVER])
def test_an_approver_may_both_ways(bed: Bed, approver: str) -> None:
    name = bed.there()
    stored = bed.annotate(approver, name, signed(approver))
    assert stored["metadata"]["annotations"] == signed(approver)
    stored = bed.edit(approver, name, approval={"approvedPlan": TOKEN})
    assert stored["spec"]["approval"]["approvedPlan"] == TOKEN
    bed.annotate(approver, name, {APPROVE: "another"})
    bed.edit(approver, name, approval={"approvedPlan": "another"})


def test_a_right_to_one_resource_is_a_right_to_no_other(bed: Bed) -> None:
    bed.create(EDITOR, resource("shop"))
    bed.annotate(OF_SHOP, "shop", signed(OF_SHOP))
    assert f"{OF_SHOP} may not set it" in refused(bed.annotate, OF_SHOP, bed.there(), signed(OF_SHOP))


def test_whoever_approves_gives_their_own_name(bed: Bed) -> None:
    name = bed.there()
    said = refused(bed.annotate, APPROVER, name, {APPROVE: TOKEN})
    assert f"annotation {APPROVED_BY} is missing" in said
    assert f"{APPROVED_BY}={APPROVER}" in said
    said = refused(bed.annotate, APPROVER, name, signed(ONLY_APPROVER))
    assert f"annotation {APPROVED_BY}: it names {ONLY_APPROVER}, but the request is by {APPROVER}" in said
    bed.annotate(ONLY_APPROVER, name, signed(ONLY_APPROVER))
    said = refused(bed.annotate, APPROVER, name, {APPROVE: "another"})
    assert f"it names {ONLY_APPROVER}, but the request is by {APPROVER}" in said


def test_nobody_signs_what_somebody_else_has_approved(bed: Bed) -> None:
    name = bed.there(annotations=signed(APPROVER))
    assert f"annotation {APPROVED_BY}: {EDITOR} may not set it" in refused(
        bed.annotate, EDITOR, name, {APPROVED_BY: EDITOR}
    )
    assert f"it names {ONLY_APPROVER}" in refused(bed.annotate, EDITOR, name, {APPROVED_BY: ONLY_APPROVER})


def test_a_resource_with_a_token_in_it_is_created_by_an_approver(bed: Bed) -> None:
    token, plan = resource("new", signed(EDITOR)), resource("new", approval={"approvedPlan": TOKEN})
    assert f"annotation {APPROVE}: {EDITOR} may not" in refused(bed.create, EDITOR, token)
    assert f"spec.approval.approvedPlan: {EDITOR} may not" in refused(bed.create, EDITOR, plan)
    assert f"annotation {APPROVED_BY}: it names {EDITOR}" in refused(bed.create, APPROVER, token)
    bed.create(APPROVER, resource("new-1", signed(APPROVER)))
    bed.create(APPROVER, resource("new-2", approval={"approvedPlan": TOKEN}))


def test_server_side_apply_is_no_way_around(bed: Bed) -> None:
    for name in ("applied", bed.there()):
        call = bed.person(EDITOR).json
        said = refused(
            call,
            "PATCH",
            path(bed.plain, name),
            query={"fieldManager": "trial", "force": "true"},
            body=resource(name, signed(EDITOR)),
            content_type=APPLY,
        )
        assert f"annotation {APPROVE}: {EDITOR} may not" in said


def test_a_name_that_is_made_up_later_takes_the_right_to_all(bed: Bed) -> None:
    for person, ok in ((APPROVER, True), (EDITOR, False), (OF_SHOP, False)):
        body = resource(annotations=signed(person))
        body["metadata"] = {"annotations": signed(person), "generateName": "shop-"}
        if ok:
            bed.create(person, body)
        else:
            assert f"annotation {APPROVE}: {person} may not" in refused(bed.create, person, body)


def test_a_write_to_status_takes_no_annotation_along(bed: Bed) -> None:
    name = bed.there()
    body = {"metadata": {"annotations": signed("mallory")}, "status": {"observedGeneration": 1}}
    kube = Kube(bed.kubeconfig)
    stored = kube.json("PATCH", path(bed.plain, name, "status"), body=body, content_type=MERGE)
    assert stored["status"]["observedGeneration"] == 1
    assert "annotations" not in stored["metadata"]


def test_a_service_account_approves_when_it_is_listed_and_holds_the_verb(bed: Bed) -> None:
    name = bed.there()
    for change in ({"annotations": signed(UNLISTED)}, {"approvedPlan": TOKEN}):
        said = refused(give, bed, UNLISTED, name, change)
        assert f"{UNLISTED} may not set it" in said
        assert UNLISTED_WHO in said
    for change in ({"annotations": signed(LISTED_WITHOUT_VERB)}, {"approvedPlan": TOKEN}):
        said = refused(give, bed, LISTED_WITHOUT_VERB, name, change)
        assert WHO in said
        assert UNLISTED_WHO not in said
    for change in ({"annotations": signed(LISTED)}, {"approvedPlan": TOKEN}):
        give(bed, LISTED, name, change)
    assert UNLISTED_WHO in refused(bed.edit, UNLISTED, name, rollback={"dataLossPolicy": "Allow"})


def give(bed: Bed, person: str, name: str, change: Object) -> Object:
    if "annotations" in change:
        return bed.annotate(person, name, change["annotations"])
    return bed.edit(person, name, approval=change)


@pytest.mark.parametrize(
    ("before", "after", "said"), LOOSER, ids=lambda one: one if isinstance(one, str) else ""
)
def test_looser_rules_are_an_approvers_business(bed: Bed, before: Object, after: Object, said: str) -> None:
    name = bed.there(**before)
    complaint = refused(bed.edit, EDITOR, name, **after)
    assert said in complaint
    assert f"{EDITOR} may not loosen" in complaint
    assert WHO in complaint
    bed.edit(APPROVER, name, **after)
    bed.edit(EDITOR, name, target="0007")


@pytest.mark.parametrize(("before", "after"), STRICTER)
def test_stricter_rules_are_everybodys_business(bed: Bed, before: Object, after: Object) -> None:
    bed.edit(EDITOR, bed.there(**before), **after)


def test_whatever_else_an_editor_does_is_free_while_an_approval_stands(bed: Bed) -> None:
    loose = {"snapshot": NONE, "rollback": {"dataLossPolicy": "Allow", "downSource": "Ledger"}}
    name = bed.there(annotations=signed(APPROVER), approval={"approvedPlan": TOKEN}, **loose)
    bed.edit(EDITOR, name, target="0007", reason="INC-4711", suspend=True)
    bed.edit(EDITOR, name, approval={"timeoutSeconds": 1000, "migratePolicy": "Manual"})
    asks = ("retry", "abort", "rollback", "preview", "inspect", "release", "reject")
    stored = bed.annotate(EDITOR, name, {f"{names.GROUP}/{ask}": "0007/1" for ask in asks})
    assert stored["metadata"]["annotations"].items() >= signed(APPROVER).items()
    stored["spec"]["target"] = "latest"
    bed.person(EDITOR).json("PUT", path(bed.plain, name), body=stored)
    bed.edit(EDITOR, name, approval={"approvedPlan": None})
    bed.annotate(EDITOR, name, {APPROVED_BY: None})
    bed.annotate(EDITOR, name, {APPROVE: ""})
    bed.annotate(EDITOR, name, {APPROVE: None})
    assert f"{EDITOR} may not set it" in refused(bed.annotate, EDITOR, name, signed(EDITOR))


def test_an_apply_that_knows_no_approval_takes_it_away(bed: Bed) -> None:
    name = f"shop-{secrets.token_hex(3)}"
    kubectl(bed, APPROVER, resource(name, signed(APPROVER)))
    kubectl(bed, EDITOR, resource(name, target="0007"))
    stored = bed.person(EDITOR).json("GET", path(bed.plain, name))
    assert APPROVE not in stored["metadata"]["annotations"]
    assert stored["spec"]["target"] == "0007"


def kubectl(bed: Bed, person: str, body: Object) -> None:
    argv = [str(binaries.path("kubectl")), f"--kubeconfig={bed.kubeconfig}", f"--namespace={bed.plain}"]
    subprocess.run(
        [*argv, f"--as={person}", "apply", "-f", "-"],
        input=json.dumps(body),
        text=True,
        capture_output=True,
        timeout=60,
        check=True,
    )


def test_a_no_is_an_editors_right_and_signed_with_the_own_name(bed: Bed) -> None:
    name = bed.there()
    said = refused(bed.annotate, EDITOR, name, {REJECT: TOKEN, REJECTED_BY: APPROVER})
    assert f"annotation {REJECTED_BY}: it names {APPROVER}, but the request is by {EDITOR}" in said
    assert REJECTED_BY in refused(bed.annotate, EDITOR, name, {REJECTED_BY: APPROVER})
    bed.annotate(EDITOR, name, {REJECT: TOKEN, REJECTED_BY: EDITOR})
    assert f"it names {EDITOR}" in refused(bed.annotate, APPROVER, name, {REJECT: "another"})
    bed.annotate(APPROVER, name, {REJECT: "another", REJECTED_BY: None})


@pytest.mark.parametrize(("spec", "said"), LOOSE)
def test_where_approval_is_required_nobody_else_creates_loose_rules(
    bed: Bed, spec: Object, said: str
) -> None:
    name = f"shop-{secrets.token_hex(3)}"
    complaint = refused(bed.create, EDITOR, resource(name, **spec), bed.strict)
    assert said in complaint
    assert f"namespace {bed.strict} is labelled {names.LABEL_REQUIRE_APPROVAL}" in complaint
    assert WHO in complaint
    bed.create(APPROVER, resource(name, **spec), bed.strict)
    bed.create(EDITOR, resource(f"{name}-tight", snapshot=DUMP), bed.strict)
    bed.create(EDITOR, resource(name, **spec))
