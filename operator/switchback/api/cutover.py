"""`spec.cutover`: which of two workloads a Service points at. The user owns all three of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from switchback.api.base import MigrationID, Model, ObjectName, list_map, rule, rules

HOUR = 60 * 60
DAY = 24 * HOUR

_LABEL_VALUE = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
_LABEL_KEY = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
)

SlotName = Annotated[str, Field(min_length=1, max_length=63, pattern=_LABEL_VALUE)]


class WorkloadKind(StrEnum):
    """What a slot may be."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"


class DriftPolicy(StrEnum):
    """What to do when somebody else points the Service at the other known slot."""

    REPORT = "Report"
    ENFORCE = "Enforce"


class WorkloadRef(Model):
    """A workload in the namespace of the resource. It is never scaled and never changed."""

    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    """Deployment or StatefulSet."""
    name: ObjectName
    """Its name."""


class SchemaBounds(Model):
    """Which versions of the schema the slot's program works with."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "(!has(self.minimum) || !self.minimum.contains('..')) && "
                "(!has(self.maximum) || !self.maximum.contains('..'))",
                "the id of a bound may not hold two dots in a row",
            )
        )
    )

    minimum: MigrationID = ""
    """It needs at least this migration. Empty: none."""
    maximum: MigrationID = ""
    """It works with no schema beyond this migration. Empty: with every newer one."""


class Slot(Model):
    """One of the two sides. Its name is the value of the selector's key, and a label of its pods."""

    name: SlotName
    """Its name, such as blue."""
    workload_ref: WorkloadRef
    """What runs in it. Its pod template carries the label selectorKey with this slot's name."""
    # `schema` is a method of every pydantic model, so the attribute has another name.
    schema_bounds: Annotated[SchemaBounds | None, Field(alias="schema")] = None
    """Which versions of the schema its program works with; only with a source."""
    application_name: Annotated[str, Field(max_length=63, pattern=r"^[\x20-\x7e]*$")] = ""
    """application_name of its sessions: the old slot is drained when none of them is left. Empty: by time."""


class Cutover(Model):
    """Which slot is live, and how the traffic gets there."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.slots.exists(s, s.name == self.activeSlot)", "activeSlot has to name one of the slots"
            ),
            rule(
                "self.slots[0].workloadRef.kind != self.slots[1].workloadRef.kind || "
                "self.slots[0].workloadRef.name != self.slots[1].workloadRef.name",
                "the slots have to be two workloads",
            ),
        )
    )

    service_name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")]
    """Name of the Service. It has a selector, which the operator changes; nothing else of it."""
    selector_key: Annotated[str, Field(min_length=1, max_length=253, pattern=_LABEL_KEY)] = "slot"
    """The key of the Service's selector that tells the slots apart. Git leaves it out."""
    slots: Annotated[tuple[Slot, ...], Field(min_length=2, max_length=2, json_schema_extra=list_map("name"))]
    """The two sides."""
    active_slot: SlotName
    """The slot that is wished to be live."""
    minimum_ready_percent: Annotated[int, Field(ge=1, le=100)] = 100
    """So much of the live slot's ready pods has to be ready in the other before it may become live, and at
    the end of the soak."""
    allow_no_return: bool = False
    """Switch although the live slot has no ready pod, so that there is no way back."""
    slot_ready_deadline_seconds: Annotated[int, Field(ge=1, le=DAY)] = 600
    """Longest wait for the other slot to be ready."""
    switch_deadline_seconds: Annotated[int, Field(ge=5, le=HOUR)] = 60
    """Longest time from the switch until its endpoints are verified; then it is undone. There is as much time
    again to tell the pod that makes new connections."""
    soak_period_seconds: Annotated[int, Field(ge=0, le=DAY)] = 60
    """So long the checks of AfterCutover run before the switch counts."""
    drain_period_seconds: Annotated[int, Field(ge=0, le=DAY)] = 30
    """So long the old slot keeps its connections before anything that would hurt it."""
    drift_policy: DriftPolicy = DriftPolicy.REPORT
    """What to do when somebody else points the Service at the other slot."""

    def slot(self, name: str) -> Slot | None:
        """The slot of that name."""
        return next((slot for slot in self.slots if slot.name == name), None)

    def other(self, name: str) -> Slot:
        """The slot that does not have that name."""
        return next(slot for slot in self.slots if slot.name != name)
