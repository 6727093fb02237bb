"""A Service as the API server has it, turned into plain values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from switchback.contract.traffic import Owner, Port, Service

if TYPE_CHECKING:
    from collections.abc import Mapping

Object = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""Where a client-side `kubectl apply`, and Argo CD in its usual mode, keep what they have applied."""


def service_from(body: Object) -> Service:
    """The plain values of a Service."""
    metadata, spec = body["metadata"], body.get("spec") or {}
    annotations = dict(metadata.get("annotations") or {})
    return Service(
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        selector=spec.get("selector") or {},
        last_applied=_applied(annotations.pop(LAST_APPLIED, None)),
        annotations=annotations,
        labels=metadata.get("labels") or {},
        owners=_owners(metadata),
        kind=spec.get("type") or "ClusterIP",
        ports=tuple(_port(one) for one in spec.get("ports") or ()),
        cluster_ip=spec.get("clusterIP") or "",
        session_affinity=spec.get("sessionAffinity") or "None",
        external_traffic_policy=spec.get("externalTrafficPolicy") or "",
        internal_traffic_policy=spec.get("internalTrafficPolicy") or "",
        publish_not_ready=bool(spec.get("publishNotReadyAddresses")),
        deleting="deletionTimestamp" in metadata,
        namespace=metadata.get("namespace") or "",
    )


def _port(body: Object) -> Port:
    number = int(body["port"])
    target = str(body.get("targetPort") or number)
    return Port(body.get("name") or "", body.get("protocol") or "TCP", number, target)


def _owners(metadata: Object) -> tuple[Owner, ...]:
    """Who holds `spec.selector`. To the API server it is one field: whoever sets a key holds them all."""
    return tuple(
        Owner(one.get("manager") or "", one.get("operation") or "", one.get("time") or "")
        for one in metadata.get("managedFields") or ()
        if "f:selector" in ((one.get("fieldsV1") or {}).get("f:spec") or {})
    )


def _applied(text: str | None) -> Mapping[str, str] | None:
    """The selector of the manifest that was applied last; empty when that had none."""
    if text is None:
        return None
    try:
        selector = (json.loads(text).get("spec") or {}).get("selector") or {}
        return {str(key): str(value) for key, value in selector.items()}
    except (ValueError, AttributeError):
        return None  # somebody has edited it: kubectl would not understand it either
