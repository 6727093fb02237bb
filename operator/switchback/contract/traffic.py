"""What is seen of a Service and the two workloads behind it: plain values, for operator and plugin alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Owner:
    """A field manager that holds `spec.selector`. `operation` is `Apply` or `Update`."""

    manager: str
    operation: str
    time: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the Service. `target` is the port of the pod as the Service names it: a number or a name."""

    name: str
    protocol: str
    number: int
    target: str


@dataclass(frozen=True, slots=True)
class Service:
    """The Service as the API server has it.

    Attributes:
        selector: `spec.selector`, empty when there is none.
        annotations: all of them but `last_applied`, which is huge.
        owners: who holds the selector; an empty tuple when nobody does.
        last_applied: the selector that a client-side `kubectl apply` has remembered; None: there was none.
        kind: `spec.type`, such as ClusterIP.
        namespace: where it is, for what people are told to type.
    """

    name: str
    uid: str
    resource_version: str
    selector: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[Owner, ...] = ()
    last_applied: Mapping[str, str] | None = None
    kind: str = "ClusterIP"
    ports: tuple[Port, ...] = ()
    cluster_ip: str = ""
    session_affinity: str = "None"
    external_traffic_policy: str = ""
    internal_traffic_policy: str = ""
    publish_not_ready: bool = False
    deleting: bool = False
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a slot. `selected`: its labels match the selector that the Service has for this slot.

    `over`: it has succeeded or failed, so nothing of it runs any more. `restarted`: when a container of it
    was last restarted; None: never.
    """

    name: str
    uid: str
    ready: bool
    selected: bool
    terminating: bool = False
    over: bool = False
    address: str = ""
    restarted: datetime | None = None
    ready_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One side: the workload that the user owns, and its pods.

    Attributes:
        name: the slot's name, which is the value of the selector's key.
        there: whether the workload exists. What follows is only known if it does.
        settled: whether its controller has seen the newest spec.
        desired: replicas that are wished for; total, updated, ready, available: as its status counts them.
        minimum_ready_seconds: `spec.minReadySeconds`.
        labels: labels of the pod template.
        template: short hash of the pod template, which an approval is bound to.
        paused: whether rollouts of the Deployment are paused.
        ports: the named container ports as `name/PROTOCOL`, for named target ports.
        autoscaler_minimum: `minReplicas` of its HorizontalPodAutoscaler; None: it has none.
        pods: every pod that its workload's selector or the Service's would choose, over or not.
        endpoints: ready endpoints of the Service that are pods of this slot.
        unready: endpoints of this slot in the Service's slices that are not ready.
    """

    name: str
    kind: str
    workload: str
    there: bool = False
    settled: bool = False
    desired: int = 0
    total: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    minimum_ready_seconds: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    template: str = ""
    paused: bool = False
    ports: frozenset[str] = frozenset()
    autoscaler_minimum: int | None = None
    pods: tuple[Pod, ...] = ()
    endpoints: int = 0
    unready: int = 0

    @property
    def alive(self) -> int:
        """Pods that run, or may: ending ones count, since they still hold connections."""
        return sum(not pod.over for pod in self.pods)

    @property
    def ready_pods(self) -> int:
        """Pods that would be ready endpoints if the Service pointed at this slot."""
        return sum(pod.ready and pod.selected and not pod.terminating for pod in self.pods)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Everything about one cutover that was read in one look.

    Attributes:
        at: when the Service was read; a decision to move traffic must be young.
        service: None when there is no Service of that name.
        slots: in the order of the spec.
        strangers: ready endpoints that are pods of neither slot.
        claimed_by: `namespace/name` of another living resource that has this Service; empty: none.
        claim_ends: whether that one is being deleted, and has it until its switch is undone.
        refused: why the operator may not look, in the API server's words; then nothing else here is known.
    """

    at: datetime
    service: Service | None
    slots: tuple[Slot, ...] = ()
    strangers: int = 0
    claimed_by: str = ""
    claim_ends: bool = False
    refused: str = ""

    def slot(self, name: str) -> Slot | None:
        """The slot of that name; None when the spec has none."""
        return next((slot for slot in self.slots if slot.name == name), None)
