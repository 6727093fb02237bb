"""Whose spec it is: by managedFields, as API servers write them, and by the marks of GitOps tools."""

from __future__ import annotations

from typing import Any

import pytest

from switchback.kubectl.owner import Owner, owner_of
from switchback.kubectl.resource import Resource


def entry(manager: str, operation: str = "Update", *fields: str, subresource: str = "") -> dict[str, Any]:
    owned = {f"f:{field}": {} for field in fields or ("target",)}
    found = {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": owned}}
    return {**found, "subresource": subresource} if subresource else found


def resource(*managed: dict[str, Any], **metadata: Any) -> Resource:
    return Resource({"metadata": {"name": "shop", "managedFields": list(managed), **metadata}})


@pytest.mark.parametrize(
    ("manager", "operation", "tool"),
    [
        ("argocd-controller", "Update", "Argo CD"),
        ("argocd-controller", "Apply", "Argo CD"),
        ("argocd-application-controller", "Update", "Argo CD"),
        ("kustomize-controller", "Apply", "Flux"),
        ("helm-controller", "Update", "Flux (Helm)"),
        ("helm", "Update", "Helm"),
        ("helm", "Apply", "Helm"),
        ("terraform", "Apply", "terraform"),
    ],
)
def test_a_tool_that_owns_the_field(manager: str, operation: str, tool: str) -> None:
    found = owner_of(resource(entry("kubectl-edit", "Update", "reason"), entry(manager, operation)), "target")
    assert found is not None
    assert found.tool == tool
    assert manager in found.sign


@pytest.mark.parametrize(
    ("manager", "operation"),
    [
        ("kubectl", "Apply"),
        ("kubectl-client-side-apply", "Update"),
        ("kubectl-edit", "Update"),
        ("kubectl-patch", "Update"),
        ("kubectl-switchback", "Update"),
        ("python-requests", "Update"),
        ("node-fetch", "Update"),
    ],
)
def test_people_and_programs_that_edit_once(manager: str, operation: str) -> None:
    assert owner_of(resource(entry(manager, operation)), "target") is None


def test_only_the_field_that_is_to_be_edited_counts() -> None:
    managed = [entry("kustomize-controller", "Apply", "source", "database"), entry("kubectl", "Apply")]
    assert owner_of(resource(*managed), "target") is None
    assert owner_of(resource(*managed), "source") is not None


def test_a_field_within_a_field_has_its_own_owner() -> None:
    slots: dict[str, Any] = {"manager": "kustomize-controller", "operation": "Apply"}
    slots["fieldsV1"] = {"f:spec": {"f:cutover": {"f:slots": {}, "f:serviceName": {}}}}
    both = {**slots, "fieldsV1": {"f:spec": {"f:cutover": {"f:slots": {}, "f:activeSlot": {}}}}}
    assert owner_of(resource(slots), "cutover.activeSlot") is None
    assert owner_of(resource(both), "cutover.activeSlot") == Owner(
        "Flux", "field manager kustomize-controller"
    )


def test_who_writes_the_status_owns_no_spec() -> None:
    assert owner_of(resource(entry("switchback", "Apply", subresource="status")), "target") is None


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        (
            {
                "annotations": {
                    "argocd.argoproj.io/tracking-id": "shop:switchback.dev/DatabaseMigration:a/shop"
                }
            },
            Owner("Argo CD", "annotation argocd.argoproj.io/tracking-id"),
        ),
        (
            {"labels": {"argocd.argoproj.io/instance": "shop"}},
            Owner("Argo CD", "label argocd.argoproj.io/instance"),
        ),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}},
            Owner("Flux", "label kustomize.toolkit.fluxcd.io/name"),
        ),
        (
            {"labels": {"helm.toolkit.fluxcd.io/name": "shop"}},
            Owner("Flux (Helm)", "label helm.toolkit.fluxcd.io/name"),
        ),
        (
            {"annotations": {"meta.helm.sh/release-name": "shop"}},
            Owner("Helm", "annotation meta.helm.sh/release-name"),
        ),
    ],
)
def test_marks_count_whoever_wrote_the_field_last(metadata: dict[str, Any], owner: Owner) -> None:
    assert owner_of(resource(entry("kubectl-edit"), **metadata), "target") == owner


def test_marks_of_others_are_no_signs() -> None:
    labels = {"app.kubernetes.io/instance": "shop", "app.kubernetes.io/managed-by": "somebody"}
    assert owner_of(resource(labels=labels), "target") is None


def test_a_resource_without_a_record() -> None:
    assert owner_of(Resource({"metadata": {"name": "shop"}}), "target") is None
