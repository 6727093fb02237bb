"""Who owns a field of the spec: whether an edit by hand would be undone by a GitOps tool. Pure.

The API server records who has written what (`metadata.managedFields`). A known tool that owns the field will
write it again, and so will anybody who applies it server-side and is not kubectl. So will a tool that marks
the whole resource as its own, whoever has written the field last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchback.kubectl.resource import Object, Resource

MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux (Helm)",
    "helm": "Helm",
    "Helm": "Helm",
}
"""Field managers of tools that write again what they have written once, whatever the operation."""

PEOPLE = {"kubectl", "kubectl-switchback", "kubectl-client-side-apply", "kubectl-edit", "kubectl-patch"}
"""Field managers of a person's own commands."""

ANNOTATIONS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "meta.helm.sh/release-name": "Helm",
    "config.k8s.io/owning-inventory": "kpt or Config Sync",
}
LABELS = {
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux (Helm)",
}
"""Marks on a resource by which a tool knows what is its own."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A tool, and by what it was known."""

    tool: str
    sign: str


def owner_of(resource: Resource, field: str) -> Owner | None:
    """The tool that would undo an edit of `spec.<field>`, such as `cutover.activeSlot`; None: nobody."""
    for entry in resource.metadata.get("managedFields") or []:
        manager = str(entry.get("manager", ""))
        if not _owns(entry, field):
            continue
        if manager in MANAGERS:
            return Owner(MANAGERS[manager], f"field manager {manager}")
        if entry.get("operation") == "Apply" and manager not in PEOPLE:
            return Owner(manager, f"field manager {manager}, by server-side apply")
    for marks, known, word in (
        (resource.annotations, ANNOTATIONS, "annotation"),
        (resource.labels, LABELS, "label"),
    ):
        for mark, tool in known.items():
            if mark in marks:
                return Owner(tool, f"{word} {mark}")
    return None


def _owns(entry: Object, field: str) -> bool:
    if entry.get("subresource"):
        return False
    found = (entry.get("fieldsV1") or {}).get("f:spec") or {}
    for part in field.split("."):
        if f"f:{part}" not in found:
            return False
        found = found[f"f:{part}"]
    return True
