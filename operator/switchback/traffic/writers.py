"""The tools that write Services, one line each: how each is known, what it does, and what makes it harmless.

To know one more, add a line to `WRITERS`; if it leaves a mark on everything that it keeps, one to `MARKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchback.contract.traffic import Owner, Service

APPLY = "Apply"
UPDATE = "Update"

FLUX_SSA = "kustomize.toolkit.fluxcd.io/ssa"
FLUX_RECONCILE = "kustomize.toolkit.fluxcd.io/reconcile"
FLUX_NAME = "kustomize.toolkit.fluxcd.io/name"
FLUX_DRIFT = "helm.toolkit.fluxcd.io/driftDetection"
ARGO_OPTIONS = "argocd.argoproj.io/sync-options"
ARGO_TRACKING = "argocd.argoproj.io/tracking-id"
SERVICE = "SERVICE"
"""Stands in a fix for the Service's name, and where it is."""

FORGET = (
    f"kubectl patch service {SERVICE} --type=json "
    """-p '[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]'"""
)
"""Has the API server forget who has applied the Service before, which it would remember for ever."""


class Risk(Enum):
    """What happens to a key of ours when the tool writes again."""

    TAKES = "the key is gone"
    MAY_TAKE = "a setting that cannot be seen from here decides"


Told = Callable[["Service"], bool]


def never(_service: Service) -> bool:
    """No setting on the Service makes the tool harmless."""
    return False


def flux_told(service: Service) -> bool:
    """Flux leaves an object alone that says so."""
    annotations = service.annotations
    mode = annotations.get(FLUX_SSA, "").lower()
    return mode in {"ifnotpresent", "ignore"} or annotations.get(FLUX_RECONCILE, "").lower() == "disabled"


def flux_drift_told(service: Service) -> bool:
    """The drift of such an object is not corrected."""
    return service.annotations.get(FLUX_DRIFT, "").lower() == "disabled"


def argo_told(service: Service) -> bool:
    """One object of an Application with ServerSideApply=true is applied the other way."""
    return "ServerSideApply=false" in _argo_options(service)


def argo_merges(service: Service) -> bool:
    """It is applied client-side. A replaced object remembers nothing."""
    return service.last_applied is not None and "Replace=true" not in _argo_options(service)


def argo_keeps(service: Service) -> bool:
    """Either of the two."""
    return argo_told(service) or argo_merges(service)


def _argo_options(service: Service) -> set[str]:
    return {one.strip() for one in service.annotations.get(ARGO_OPTIONS, "").split(",")}


@dataclass(frozen=True, slots=True)
class Writer:
    """A field manager that is known to hold the selector of Services.

    `told`: whether the Service itself says that the tool is harmless here.
    """

    manager: str
    operation: str
    tool: str
    does: str
    fix: str
    told: Told = never
    risk: Risk = Risk.TAKES

    def writes(self, owner: Owner) -> bool:
        """Whether it is this one."""
        return (owner.manager, owner.operation) == (self.manager, self.operation)


@dataclass(frozen=True, slots=True)
class Mark:
    """A label or annotation that a tool leaves on what it keeps, whoever has written the selector last."""

    key: str
    tool: str
    fix: str
    told: Told


_FORCES = "applies the whole selector, by server-side apply,"
_SWITCHES = "switches the selector"

_FLUX_FIX = (
    f"annotate the Service with {FLUX_SSA}: IfNotPresent in Git, and in the cluster, where Flux writes it no "
    f"more: kubectl annotate service {SERVICE} {FLUX_SSA}=IfNotPresent"
)
_FLUX_HELM_FIX = (
    f"set spec.upgrade.serverSideApply to disabled in the HelmRelease, reconcile it, then: {FORGET}"
)
_FLUX_DRIFT_FIX = (
    f"if its HelmRelease has spec.driftDetection, annotate the Service with {FLUX_DRIFT}: disabled"
)
_ARGO_FIX = f"annotate the Service in Git with {ARGO_OPTIONS}: ServerSideApply=false, and sync once"
_ARGO_REPLACE_FIX = "remove the sync option Replace=true from the Service and its Application, and sync once"
_HELM_FIX = (
    f"upgrade once with helm upgrade --server-side=false, which later upgrades keep to, then: {FORGET}"
)
_KUBECTL_FIX = f"apply the Service without --server-side from now on, then: {FORGET}"
_SWITCHER_FIX = "let one tool switch this Service: take it out of the other one, or use a Service of its own"

WRITERS = (
    Writer("kustomize-controller", APPLY, "Flux", _FORCES, _FLUX_FIX, flux_told),
    Writer("helm-controller", APPLY, "Flux (HelmRelease)", _FORCES, _FLUX_HELM_FIX),
    Writer(
        "helm-controller",
        UPDATE,
        "Flux (HelmRelease)",
        "keeps the selector",
        _FLUX_DRIFT_FIX,
        flux_drift_told,
        Risk.MAY_TAKE,
    ),
    Writer("argocd-controller", APPLY, "Argo CD", _FORCES, _ARGO_FIX, argo_told),
    Writer(
        "argocd-controller", UPDATE, "Argo CD", "replaces the whole selector", _ARGO_REPLACE_FIX, argo_keeps
    ),
    Writer("helm", APPLY, "Helm", _FORCES, _HELM_FIX),
    Writer("kubectl", APPLY, "kubectl apply --server-side", _FORCES, _KUBECTL_FIX),
    Writer("rollouts-controller", UPDATE, "Argo Rollouts", _SWITCHES, _SWITCHER_FIX),
    Writer("flagger", UPDATE, "Flagger", _SWITCHES, _SWITCHER_FIX),
)

MARKS = (
    Mark(FLUX_NAME, "Flux", _FLUX_FIX, flux_told),
    Mark(ARGO_TRACKING, "Argo CD", _ARGO_FIX, argo_keeps),
)


def stranger(manager: str) -> Writer:
    """A manager that nobody knows but that applies server-side."""
    fix = f"have it leave spec.selector out, or apply the Service client-side, then: {FORGET}"
    return Writer(manager, APPLY, "a tool", _FORCES, fix)
