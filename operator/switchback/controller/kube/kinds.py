"""The kinds of objects that the operator reads or writes, and where the API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from switchback.api import names


@dataclass(frozen=True, slots=True)
class Kind:
    """One namespaced kind. `group` is empty for the core API."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """Such as `batch/v1`; the core API's has no group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Path of one object, of the collection in a namespace, or of the collection in the whole cluster."""
        root = "/apis" if self.group else "/api"
        parts = [root, self.api_version]
        if namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


MIGRATIONS = Kind(names.GROUP, names.VERSION, names.PLURAL, names.KIND)
JOBS = Kind("batch", "v1", "jobs", "Job")
PODS = Kind("", "v1", "pods", "Pod")
CONFIG_MAPS = Kind("", "v1", "configmaps", "ConfigMap")
LEASES = Kind("coordination.k8s.io", "v1", "leases", "Lease")
SERVICES = Kind("", "v1", "services", "Service")
ENDPOINT_SLICES = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
DEPLOYMENTS = Kind("apps", "v1", "deployments", "Deployment")
STATEFUL_SETS = Kind("apps", "v1", "statefulsets", "StatefulSet")
WORKLOADS = {one.kind: one for one in (DEPLOYMENTS, STATEFUL_SETS)}
"""What a slot may be, by the word in the spec."""

AUTOSCALERS = Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
NAMESPACES = Kind("", "v1", "namespaces", "Namespace")
ADMISSION_POLICIES = Kind(
    "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy"
)
ADMISSION_BINDINGS = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
)
EVENTS = Kind("", "v1", "events", "Event")
