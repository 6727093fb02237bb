"""Fixed resources with a cutover, at every point of its way. Statuses are made by the models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.api.conditions import Situation
from switchback.api.status import (
    ApprovalState,
    CheckState,
    CutoverPhase,
    CutoverState,
    OperationState,
    SchemaState,
    SlotSchema,
    Status,
    TrafficState,
    Want,
)
from switchback.contract.words import CheckStage, Direction, Operation, SlotFit
from tests.unit.kubectl.statuses import DATABASE, HISTORY, OPERATION, ago, later, resource

if TYPE_CHECKING:
    from switchback.kubectl.resource import Resource

Object = dict[str, Any]

CUTOVER: Object = {
    "serviceName": "shop-web",
    "selectorKey": "slot",
    "activeSlot": "green",
    "slots": [
        {
            "name": "blue",
            "workloadRef": {"kind": "Deployment", "name": "shop-blue"},
            "schema": {"maximum": "0003_names"},
            "applicationName": "shop-blue",
        },
        {
            "name": "green",
            "workloadRef": {"kind": "Deployment", "name": "shop-green"},
            "schema": {"minimum": "0003_names"},
        },
    ],
    "minimumReadyPercent": 100,
    "slotReadyDeadlineSeconds": 600,
    "switchDeadlineSeconds": 60,
    "soakPeriodSeconds": 300,
    "drainPeriodSeconds": 60,
    "driftPolicy": "Report",
}
SCHEMA = SchemaState(
    current="0003_names",
    target="0003_names",
    pending_count=0,
    applied_tail=("0001_books", "0002_titles", "0003_names"),
    slots=(
        SlotSchema(name="blue", fit=SlotFit.SATISFIED),
        SlotSchema(name="green", fit=SlotFit.SATISFIED),
    ),
    inspect_time=ago(minutes=6),
    database=DATABASE,
)
FORWARD = OperationState(
    id=OPERATION,
    intent_digest="i1:0123",
    plan_digest="p1:0123",
    direction=Direction.FORWARD,
    from_="0002_titles",
    to="0003_names",
    step=Operation.CHECK,
    attempt=3,
    start_time=ago(minutes=6),
    deadline_time=later(hours=2),
)
PASSED = CheckState(
    name="prices", stage=CheckStage.AFTER_MIGRATE, passed=True, runs=1, failures=0, time=ago(minutes=4)
)
FAILED = CheckState(
    name="checkout",
    stage=CheckStage.AFTER_CUTOVER,
    passed=False,
    runs=12,
    failures=3,
    last_error="GET https://shop-web/checkout/ping answered 503, expected 204",
    time=ago(seconds=30),
)


def switch(phase: CutoverPhase, **more: Any) -> CutoverState:
    """A switch from blue to green."""
    known: dict[str, Any] = {
        "id": "c-5b1e77",
        "operation_id": OPERATION,
        "service_uid": "service-1",
        "from_": "blue",
        "to": "green",
        "from_selector": {"app": "shop", "slot": "blue"},
        "to_selector": {"app": "shop", "slot": "green"},
        "phase": phase,
        "start_time": ago(seconds=75),
        "probe_attempt": 1,
        "probe_job": f"shop-{OPERATION}-check-3",
    }
    return CutoverState(**(known | more))


def moving(
    phase: CutoverPhase,
    *,
    live: str = "blue",
    situation: Situation = Situation.WORKING,
    reason: str = "Progressing",
    message: str = "The traffic goes from blue to green.",
    status: dict[str, Any] | None = None,
    spec: Object | None = None,
    traffic: dict[str, Any] | None = None,
    **more: Any,
) -> Resource:
    """A resource in the middle of a switch. `more` goes into the switch, `traffic` beside it."""
    state = TrafficState(
        service_uid="service-1",
        live_slot=live,
        selector={"app": "shop", "slot": live},
        cutover=switch(phase, **more),
        **(traffic or {}),
    )
    known: dict[str, Any] = {
        "schema_state": SCHEMA, "operation": FORWARD, "traffic": state, "history": HISTORY,
        "checks": (PASSED,),
    }  # fmt: skip
    return resource(
        Status(**(known | (status or {}))),
        situation=situation,
        reason=reason,
        message=message,
        since=1,
        spec={"target": "latest", "reason": "", "cutover": CUTOVER, **(spec or {})},
    )


def switched() -> Resource:
    """The Service was changed; endpoints are being verified."""
    return moving(
        CutoverPhase.SWITCHED, live="green", switch_time=ago(seconds=3), deadline_time=later(seconds=57)
    )


def soaking() -> Resource:
    """Green is live and watched; blue still has the old connections."""
    return moving(
        CutoverPhase.SOAKING,
        live="green",
        switch_time=ago(seconds=42),
        verify_time=ago(seconds=40),
        traffic={"soak_end_time": later(seconds=260)},
        status={"schema_state": SCHEMA.model_copy(update={"held_back": 2})},
    )


def draining() -> Resource:
    """The switch counts; blue finishes what it has begun."""
    return moving(
        CutoverPhase.DRAINING,
        live="green",
        switch_time=ago(seconds=310),
        verify_time=ago(seconds=308),
        probed=True,
        traffic={"drain_end_time": later(seconds=52)},
    )


def restored() -> Resource:
    """Checks have failed during the soak, and the traffic went back."""
    found = moving(
        CutoverPhase.RESTORED,
        situation=Situation.FAILED,
        reason="ChecksFailed",
        message="checkout has failed 3 times in a row; the traffic is at blue again.",
        switch_time=ago(seconds=70),
        verify_time=ago(seconds=68),
        completion_time=ago(seconds=29),
        status={"checks": (PASSED, FAILED)},
    )
    found.status["traffic"]["cutover"] |= {
        "reason": "ChecksFailed",
        "message": "checkout has failed 3 times in a row.",
    }
    return found


def waits_for_yes() -> Resource:
    """The traffic would move, and a person is asked first."""
    status = Status(
        schema_state=SCHEMA,
        operation=FORWARD,
        traffic=TrafficState(service_uid="service-1", live_slot="blue", selector={}),
        approval=ApprovalState(
            token="77aa3c9a6b1d2e48",
            wants=(Want.CUTOVER,),
            request_time=ago(minutes=2),
            deadline_time=later(hours=23, minutes=58),
        ),
        history=HISTORY,
    )
    return resource(
        status,
        situation=Situation.AWAITING_APPROVAL,
        message="The traffic of Service shop-web would go from blue to green. Approve with: kubectl "
        "switchback approve shop -n team-shop",
        since=2,
        spec={"target": "latest", "reason": "", "cutover": CUTOVER},
    )
