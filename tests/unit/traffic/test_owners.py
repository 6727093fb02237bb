"""Every writer that is known, and what makes it harmless."""

from __future__ import annotations

import json
from typing import Any

import pytest

from switchback.traffic.owners import Standing, Verdict, verdict
from switchback.traffic.service import service_from
from switchback.traffic.writers import WRITERS
from tests.unit.traffic.build import service

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SSA = "kustomize.toolkit.fluxcd.io/ssa"
RECONCILE = "kustomize.toolkit.fluxcd.io/reconcile"
OPTIONS = "argocd.argoproj.io/sync-options"
TRACKING = {"argocd.argoproj.io/tracking-id": "shop:/Service:shop/web"}
FLUX_LABEL = {"kustomize.toolkit.fluxcd.io/name": "apps"}

FLUX, FLUX_HELM = ("kustomize-controller", "Apply"), ("helm-controller", "Apply")
ARGO, ARGO_CLIENT = ("argocd-controller", "Apply"), ("argocd-controller", "Update")
HELM_4, HELM_3 = ("helm", "Apply"), ("helm", "Update")
KUBECTL_SERVER, KUBECTL = ("kubectl", "Apply"), ("kubectl-client-side-apply", "Update")


def applied(**selector: str) -> dict[str, str]:
    return {LAST_APPLIED: json.dumps({"spec": {"selector": {"app": "shop", **selector}}})}


def judged(*owners: tuple[str, str], **more: Any) -> Verdict:
    return verdict(service_from(service(owners=owners, **more)), "slot")


REFUSED = [
    (FLUX, {}, "Flux", "kustomize.toolkit.fluxcd.io/ssa=IfNotPresent"),
    (FLUX, {SSA: "Merge"}, "Flux", "IfNotPresent"),
    (FLUX, {SSA: "Override"}, "Flux", "IfNotPresent"),
    (FLUX_HELM, {}, "Flux (HelmRelease)", "spec.upgrade.serverSideApply to disabled"),
    (ARGO, {}, "Argo CD", "argocd.argoproj.io/sync-options: ServerSideApply=false"),
    (ARGO, {OPTIONS: "Prune=false"}, "Argo CD", "ServerSideApply=false"),
    (ARGO_CLIENT, {}, "Argo CD", "Replace=true"),
    (ARGO_CLIENT, {**applied(), OPTIONS: "Replace=true"}, "Argo CD", "Replace=true"),
    (ARGO_CLIENT, applied(slot="blue"), "Argo CD", "kubectl apply set-last-applied"),
    (KUBECTL, {**applied(slot="blue"), **TRACKING}, "Argo CD", "remove slot from the selector"),
    (HELM_4, {}, "Helm", "helm upgrade --server-side=false"),
    (KUBECTL_SERVER, {}, "kubectl apply --server-side", "kubectl patch service web -n shop --type=json"),
    (("terraform", "Apply"), {}, "a tool", "have it leave spec.selector out"),
    (("rollouts-controller", "Update"), {}, "Argo Rollouts", "let one tool switch this Service"),
    (("flagger", "Update"), {}, "Flagger", "let one tool switch this Service"),
]


@pytest.mark.parametrize(("owner", "annotations", "tool", "fix"), REFUSED)
def test_who_would_take_the_key_away(
    owner: tuple[str, str], annotations: dict[str, str], tool: str, fix: str
) -> None:
    found = judged(owner, annotations=annotations)
    assert (found.standing, found.tool) == (Standing.REFUSED, tool)
    assert fix in found.fix
    assert "Service web" in found.message
    assert "SERVICE" not in found.fix


WARNED = [
    (KUBECTL, applied(slot="blue"), {}, "kubectl apply", "kubectl apply set-last-applied"),
    (("helm-controller", "Update"), {}, {}, "Flux (HelmRelease)", "helm.toolkit.fluxcd.io/driftDetection"),
    (("switchback", "Update"), {}, FLUX_LABEL, "Flux", "IfNotPresent"),
    (("switchback", "Update"), TRACKING, {}, "Argo CD", "ServerSideApply=false"),
]


@pytest.mark.parametrize(("owner", "annotations", "labels", "tool", "fix"), WARNED)
def test_whose_next_step_could_matter(
    owner: tuple[str, str], *, annotations: dict[str, str], labels: dict[str, str], tool: str, fix: str
) -> None:
    found = judged(owner, annotations=annotations, labels=labels)
    assert (found.standing, found.tool) == (Standing.WARNED, tool)
    assert fix in found.fix
    assert found.holds_key is ("set-last-applied" in fix)


FINE = [
    ((), {}, {}),
    ((("switchback", "Update"),), {}, {}),
    ((("switchback", "Apply"),), {}, {}),
    ((FLUX,), {SSA: "IfNotPresent"}, FLUX_LABEL),
    ((FLUX,), {SSA: "ifnotpresent"}, {}),
    ((FLUX,), {SSA: "Ignore"}, {}),
    ((FLUX,), {RECONCILE: "disabled"}, FLUX_LABEL),
    ((ARGO,), {OPTIONS: "Prune=false, ServerSideApply=false", **TRACKING}, {}),
    ((ARGO_CLIENT,), {**applied(), **TRACKING}, {}),
    ((HELM_3,), {"meta.helm.sh/release-name": "shop"}, {"app.kubernetes.io/managed-by": "Helm"}),
    ((("helm-controller", "Update"),), {"helm.toolkit.fluxcd.io/driftDetection": "disabled"}, {}),
    ((KUBECTL,), applied(), {}),
    ((("kubectl-replace", "Update"),), {}, {}),
    ((("kubectl-edit", "Update"),), {}, {}),
    ((("kubectl-create", "Update"),), {}, {}),
    ((("kube-controller-manager", "Update"),), {}, {}),
]


@pytest.mark.parametrize(("owners", "annotations", "labels"), FINE)
def test_who_leaves_it_alone(
    owners: tuple[tuple[str, str], ...], annotations: dict[str, str], labels: dict[str, str]
) -> None:
    found = judged(*owners, annotations=annotations, labels=labels)
    assert (found.standing, found.fix) == (Standing.FINE, "")
    assert found.message


def test_the_worst_of_several_is_told() -> None:
    found = judged(("helm-controller", "Update"), ARGO, KUBECTL, annotations=applied(slot="blue"))
    assert (found.standing, found.manager) == (Standing.REFUSED, "argocd-controller")


def test_another_key_in_the_manifest_is_none_of_our_business() -> None:
    assert judged(KUBECTL, annotations=applied(tier="web")).standing is Standing.FINE


def test_every_known_writer_is_tried() -> None:
    tried = {row[0] for row in REFUSED} | {row[0] for row in WARNED}
    assert {(one.manager, one.operation) for one in WRITERS} <= tried
