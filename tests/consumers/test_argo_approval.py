"""The chart's approval policy lets Argo CD's server approve where it is listed and bound."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from switchback.api import names
from switchback.api.conditions import Situation
from tests.cluster import binaries
from tests.cluster.paths import CHECKOUT
from tests.cluster.run import wait_for
from tests.consumers.bed import APPLY, Bed
from tests.consumers.test_argo import SERVER, TOKEN, in_work
from tests.consumers.verdicts import act
from tests.e2e.approval_bed import UNLISTED_WHO, Person, role, url_of
from tests.e2e.kube import MERGE, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.kube import Object

pytestmark = pytest.mark.cluster

OTHER = "system:serviceaccount:argocd:argocd-application-controller"
"""Bound like the server, and not listed."""


def rendered(bed: Bed) -> list[Object]:
    """The policy with its binding as the chart makes them, for the group of this run, and rights for both."""
    binaries.ensure("helm")
    release = bed.group.partition(".")[0]
    argv = [
        *(str(binaries.path("helm")), "template", release, str(CHECKOUT / "charts" / "switchback")),
        *("--kube-version", "1.30.0", "--set", "approvalPolicy.serviceAccounts={argocd/argocd-server}"),
        *("--set", f"fullnameOverride={release}"),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    text = done.stdout.replace("apiGroups: [switchback.dev]", f"apiGroups: [{bed.group}]")
    text = text.replace("authorizer.group('switchback.dev')", f"authorizer.group('{bed.group}')")
    made = [one for one in yaml.safe_load_all(text) if one]
    rules = next(one["rules"] for one in made if one["metadata"]["name"] == f"{release}-approver")
    policy = [one for one in made if one["kind"].startswith("ValidatingAdmissionPolicy")]
    return policy + role("approver", bed.namespace, rules, (SERVER, OTHER))


@pytest.fixture
def policy(bed: Bed) -> Iterator[None]:
    """In force for the kind of this run."""
    made = rendered(bed)
    bed.create("probe")
    try:
        for one in made:
            query = {"fieldManager": "e2e", "force": "true"}
            bed.kube.json("PATCH", url_of(one), query=query, body=one, content_type=APPLY)
        probe = {"metadata": {"annotations": {names.ANNOTATION_APPROVE: "t"}}}
        wait_for(
            "the approval policy in force",
            lambda: UNLISTED_WHO in refusal(bed, OTHER, "probe", probe),
            timeout=60,
            pause=0.2,
        )
        yield
    finally:
        for one in made:
            if "namespace" not in one["metadata"]:
                bed.kube.raw("DELETE", url_of(one))


def refusal(bed: Bed, who: str, name: str, patch: Object) -> str:
    """What the API server says against this patch by this person. Empty: it would take it."""
    try:
        Person(bed.kubeconfig, who).json(
            "PATCH", bed.path(name), query={"dryRun": "All"}, body=patch, content_type=MERGE
        )
    except RefusedError as error:
        return str(error)
    return ""


@pytest.mark.usefixtures("policy")
def test_argo_cds_server_approves_where_it_is_listed_and_bound(bed: Bed) -> None:
    bed.create("waiting")
    patch = act("approve", bed.write("waiting", in_work(Situation.AWAITING_APPROVAL)))["patch"]
    assert UNLISTED_WHO in refusal(bed, OTHER, "waiting", patch)
    wait_for("the server's rights", lambda: not refusal(bed, SERVER, "waiting", patch), timeout=30, pause=0.2)
    person = Person(bed.kubeconfig, SERVER)
    after = person.json("PATCH", bed.path("waiting"), body=patch, content_type=MERGE)
    written = after["metadata"]["annotations"]
    assert written == {names.ANNOTATION_APPROVE: TOKEN, names.ANNOTATION_APPROVED_BY: SERVER}
