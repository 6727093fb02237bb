"""Traffic for `tests.property.world`: a Service, two slots with pods, and what may happen to them.

The promises of the second rail are checked where they matter: at each write of the Service and at each Job.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.names import FINALIZER
from switchback.api.status import CutoverPhase, OperationKind
from switchback.contract.reasons import Reason
from switchback.contract.traffic import Owner, Pod, Port, Service, Slot, Traffic
from switchback.contract.words import Direction, Operation
from switchback.controller.decision import Action, CreateJob, DeleteJob, MarkService, PointService, TellProbe
from switchback.controller.intent import approval_token, intent_digest
from switchback.controller.observed import Trouble
from switchback.controller.stages.consent import move
from switchback.controller.view import View
from tests.property.database import BrokenPromiseError, Running
from tests.property.world import World

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from switchback.contract.result import Result
    from switchback.controller.observed import Observed

KEY = "slot"
CUTOVER: dict[str, Any] = {
    "serviceName": "shop-web",
    "slots": [
        {"name": "blue", "workloadRef": {"name": "shop-blue"}},
        {"name": "green", "workloadRef": {"name": "shop-green"}},
    ],
    "activeSlot": "blue",
    "soakPeriodSeconds": 60,
}


@dataclass
class Side:
    """One slot: how many pods it is to have, and how many are ready."""

    desired: int = 2
    ready: int = 2
    leaving: int = 0
    """Pods that end, and hold connections."""
    missing: int = 0
    """Pods that it asks for and does not have for a while: a restart, a quota, a webhook."""
    settled: bool = True
    """Whether the workload's controller has seen how many pods are asked for."""

    @property
    def pods(self) -> int:
        """Pods that there are, without those that end."""
        return max(0, self.desired - self.missing)

    @property
    def old(self) -> int:
        """What there is of it, or may be at any moment."""
        return self.desired + self.leaving + (0 if self.settled else 1)


@dataclass
class Street(World):
    """A world with a Service and two slots."""

    sides: dict[str, Side] = field(default_factory=lambda: {"blue": Side(), "green": Side()})
    there: bool = True
    service_uid: str = "service-1"
    service_version: int = 1
    selector: dict[str, str] = field(default_factory=lambda: {"app": "shop", KEY: "blue"})
    marks: dict[str, str] = field(default_factory=dict)
    claimed_by: str = ""
    claim_ends: bool = False
    """Whether the one that has it is being deleted, and takes its switch back."""
    forbidden: bool = False
    """Whether the API server lets nobody look at Services."""
    writer: str = "kubectl"
    templates: dict[str, str] = field(default_factory=lambda: {"blue": "t1", "green": "t1"})
    lost: set[str] = field(default_factory=set)
    """Jobs whose pod is on a node that is gone: it stays for as long as nobody deletes it by force."""
    lagging: dict[str, str] | None = None
    """The selector that the slices still follow; None: the present one."""
    writes: Counter[tuple[str, str]] = field(default_factory=Counter)
    touched: bool = False
    """Whether somebody else has changed the selector: then more than one write per direction is right."""

    @override
    def observed(self) -> Observed:
        """The world as `observe` would read it."""
        world = super().observed()
        return replace(world, traffic=self.traffic(), probe_refused=self.refused)

    def traffic(self) -> Traffic:
        """What a look shows of the Service and the slots."""
        if self.forbidden:
            return Traffic(at=self.now, service=None, refused="services is forbidden")
        followed = self.lagging if self.lagging is not None else self.selector
        return Traffic(
            at=self.now,
            service=self._service() if self.there else None,
            slots=tuple(self._slot(name, followed) for name in self.sides),
            claimed_by=self.claimed_by,
            claim_ends=self.claim_ends,
        )

    def _service(self) -> Service:
        return Service(
            name="shop-web",
            uid=self.service_uid,
            resource_version=str(self.service_version),
            selector=dict(self.selector),
            annotations=dict(self.marks),
            owners=(Owner(self.writer, "Update"),),
            ports=(Port("http", "TCP", 80, "8080"),),
            cluster_ip="10.0.0.1",
        )

    def _slot(self, name: str, followed: dict[str, str]) -> Slot:
        side = self.sides[name]
        chosen = bool(followed) and followed.get(KEY, name) == name and self.there
        pods = [
            Pod(f"{name}-{number}", f"{name}-{number}", ready=number < side.ready, selected=True)
            for number in range(side.pods)
        ]
        pods += [
            Pod(f"{name}-old-{number}", "", ready=False, selected=True, terminating=True)
            for number in range(side.leaving)
        ]
        return Slot(
            name=name,
            kind="Deployment",
            workload=f"shop-{name}",
            there=True,
            settled=side.settled,
            desired=side.desired,
            updated=side.pods,
            ready=side.ready,
            available=side.ready,
            labels={"app": "shop", KEY: name},
            template=self.templates[name],
            pods=tuple(pods),
            endpoints=side.ready if chosen else 0,
            unready=side.pods - side.ready if chosen else 0,
        )

    # --- what the operator does ----------------------------------------------------------------------------

    @override
    def act(self, action: Action) -> None:
        """What `act` does, with the promises checked at the moment they matter."""
        match action:
            case MarkService(marks):
                self._mark(dict(marks))
            case PointService():
                self._point(action)
            case TellProbe(pod, cutover):
                for running in self.jobs.values():
                    if pod == running.job.name + "-x":
                        running.told = cutover
            case CreateJob(probe=True):
                self._create_probe(action)
            case _:
                super().act(action)

    @override
    def _delete(self, action: DeleteJob) -> None:
        if action.name in self.lost:
            self.jobs[action.name].deleting = True
        else:
            super()._delete(action)

    def lose_the_node(self) -> None:
        """The node of every pod of green goes, and with it that of the pods of Jobs."""
        self.sides["green"].ready = 0
        for name, running in self.jobs.items():
            if not running.ended:
                self.lost.add(name)
                running.trouble = Trouble("NodeLost", "node n1 does not answer")

    def the_node_comes_back(self) -> None:
        """Its pods are told at last to end."""
        for name in self.lost & self.jobs.keys():
            self.jobs[name].trouble, self.jobs[name].ended = None, True
        self.lost.clear()

    def _mark(self, marks: dict[str, str | None]) -> None:
        if not self.there:
            raise BrokenPromiseError("a Service that is not there is written")
        for name, value in marks.items():
            if value is None:
                self.marks.pop(name, None)
            else:
                self.marks[name] = value
        self.service_version += 1

    def _point(self, action: PointService) -> None:
        state = self.status.traffic.cutover if self.status.traffic is not None else None
        operation = self.status.operation
        if FINALIZER not in self.finalizers:
            raise BrokenPromiseError("traffic is moved while the resource may vanish")
        if operation is None:
            raise BrokenPromiseError("traffic is moved without an operation")
        if not self.sides[action.slot].ready:
            raise BrokenPromiseError(f"the Service is pointed at {action.slot}, where nobody is ready")
        if set(action.selector) != {"app", KEY} or action.selector[KEY] != action.slot:
            raise BrokenPromiseError(f"the selector would be {action.selector}")
        if self.selector.get(KEY) != action.slot and self.selector.get(KEY) in self.sides:
            self._moved(action, state, operation)
        self.take(action)

    def take(self, action: PointService) -> None:
        """The API server takes a patch of the selector, whoever has decided on it, and when."""
        self._mark(dict(action.annotations))
        self.lagging = dict(self.selector)
        self.selector = dict(action.selector)
        self.writer = names.FIELD_MANAGER

    def _moved(self, action: PointService, state: Any, operation: Any) -> None:
        """From one known slot to the other: only as the stored intent says, or as the spec wants of drift."""
        enforced = self.spec["cutover"].get("driftPolicy") == "Enforce"
        if enforced and self.status.traffic.drift_seen == str(self.service_version):  # type: ignore[union-attr]
            return
        if state is None:
            raise BrokenPromiseError("traffic is moved, and no switch is stored")
        forward = action.slot == state.to and state.phase is CutoverPhase.SWITCHING
        back = action.slot == state.from_ and state.phase is CutoverPhase.RESTORING
        if not (forward or back):
            raise BrokenPromiseError(f"{action.slot} in phase {state.phase}")
        if back != action.back:
            raise BrokenPromiseError("a way back that could be held up")
        self.writes[state.id, action.slot] += 1
        if self.writes[state.id, action.slot] > 1 and not self.touched:
            raise BrokenPromiseError(f"{action.slot} is written twice for {state.id}")
        if forward:
            self._may_go_forward(operation)

    def _may_go_forward(self, operation: Any) -> None:
        if self.marks.get(names.ANNOTATION_ROLLED_BACK) == operation.intent_digest and not operation.retry:
            raise BrokenPromiseError("a switch that was undone is tried again, and nobody asked")
        if self.claimed_by:
            raise BrokenPromiseError(f"traffic is moved that is {self.claimed_by}'s")
        view = View(world=self.observed(), spec=self.observed().spec, status=self.status)  # type: ignore[arg-type]
        asks = self.spec.get("approval", {}).get("cutoverPolicy") == "Manual"
        if asks and self.generation == operation.generation and not self._agreed(view):
            raise BrokenPromiseError("traffic is moved, and nobody has approved")
        if operation.direction is not Direction.BACKWARD:
            probe = view.probe
            if probe is None or not probe.started or probe.ended:
                raise BrokenPromiseError("traffic is moved, and no pod runs that would check it")

    def _agreed(self, view: View) -> bool:
        """Whether somebody has said yes to this very move, of the program that is there now."""
        approval = self.status.approval
        if approval is None or not approval.approved_by:
            return False
        operation = view.operation
        named = (operation.id, operation.plan_digest, operation.risks, approval.policy_digest, move(view))
        return approval.token == approval_token(*named)

    def _create_probe(self, action: CreateJob) -> None:
        state = self.status.traffic.cutover if self.status.traffic is not None else None
        operation = self.status.operation
        if state is None or state.probe_job != action.name or operation is None:
            raise BrokenPromiseError(f"{action.name} is created without a stored intent")
        if FINALIZER not in self.finalizers:
            raise BrokenPromiseError(f"{action.name} is created while the resource may vanish")
        if action.name in self.jobs or self.refused is not None:
            return
        self.created.append(action.name)
        arguments = {"id": operation.id, "target": "", "files": self.files, "intent": "", "retry": ""}
        self.jobs[action.name] = Running(self._job(action, operation.id), arguments)

    @override
    def _create(self, action: CreateJob) -> None:
        operation = self.status.operation
        contract = operation is not None and operation.kind is OperationKind.CONTRACT
        if contract and action.step is Operation.MIGRATE and action.name not in self.jobs:
            live = self.selector.get(KEY)
            left = [name for name, side in self.sides.items() if name != live and side.old]
            if left:
                raise BrokenPromiseError(f"files of phase=contract while pods of {left} exist, or may come")
        if (
            operation is not None
            and action.step is Operation.ROLLBACK
            and operation.direction is Direction.BACKWARD
        ):
            self._may_roll_back(operation)
        super()._create(action)

    def _may_roll_back(self, operation: Any) -> None:
        """The traffic goes first: the schema follows it."""
        if operation.kind is not OperationKind.REACH or self.generation != operation.generation:
            return
        wished = self.spec["cutover"]["activeSlot"]
        if (
            self.there
            and self.selector.get(KEY) in self.sides
            and self.selector[KEY] != wished
            and not self.touched
        ):
            raise BrokenPromiseError(f"the schema goes back while {self.selector[KEY]} is live, not {wished}")

    @override
    def _execute(self, running: Running) -> Result:
        if running.job.step is Operation.CHECK and "-c-check-" in running.job.name:
            reason = Reason.SUCCEEDED if running.told else Reason.CHECKS_INCONCLUSIVE
            return self._result(running, reason, Direction.NONE)
        return super()._execute(running)

    # --- what happens around it ----------------------------------------------------------------------------

    def settle_slices(self) -> None:
        """The slices follow the selector, and controllers what is asked of their workloads."""
        self.lagging = None
        for side in self.sides.values():
            side.settled = True

    def somebody_writes(self, selector: dict[str, str], writer: str = "kubectl-edit") -> None:
        """Somebody else changes the selector."""
        if self.there:
            self.selector, self.writer, self.touched = dict(selector), writer, True
            self.service_version += 1
            self.lagging = None

    def replace_service(self) -> None:
        """The Service is deleted and made anew, from its manifest in Git."""
        self.service_uid += "x"
        self.service_version += 1
        self.selector, self.marks, self.there, self.touched = {"app": "shop"}, {}, True, True
        self.lagging = None

    def intent(self) -> str:
        """Digest of the present wish."""
        seen = self.observed()
        assert seen.spec is not None
        return intent_digest(seen.spec, seen.source)
