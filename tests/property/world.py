"""A world for `decide`: an API server, a Job runtime and a database, small enough to hold in the head.

It keeps the truth that the operator never sees directly (what is applied, what a snapshot holds), so that the
tests can judge by it instead of by the operator's own status.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from switchback.api.names import FINALIZER, is_look
from switchback.api.spec import Spec
from switchback.api.status import OperationKind, Status
from switchback.contract.points import Phase
from switchback.contract.reasons import Reason
from switchback.contract.words import Direction, Operation
from switchback.controller.decide import decide
from switchback.controller.decision import (
    Act,
    Action,
    CreateJob,
    Decision,
    DeleteJob,
    DeleteSnapshot,
    Hold,
    LetGo,
    RequestSnapshot,
    Settle,
    Wait,
    WriteIntent,
)
from switchback.controller.intent import intent_digest
from switchback.controller.observed import Job, Namespace, Observed, Pod, PolicyState, Source, Trouble
from tests.consumers.records import record
from tests.property.database import PLANNED, START, WRITES, BrokenPromiseError, Postgres, Running
from tests.property.keeping import Keeping, capabilities
from tests.property.runner import Runner

if TYPE_CHECKING:
    from datetime import datetime

UID = "11111111-2222-3333-4444-555555555555"


@dataclass
class World(Runner):
    """One resource and everything around it."""

    spec: dict[str, Any]
    files: tuple[str, ...] = ("0001", "0002", "0003")
    risky: frozenset[str] = frozenset({"0003"})
    contract: frozenset[str] = frozenset()
    now: datetime = START
    generation: int = 1
    resource_version: int = 1
    status: Status = field(default_factory=Status)
    annotations: dict[str, str] = field(default_factory=dict)
    postgres: Postgres = field(default_factory=Postgres)
    jobs: dict[str, Running] = field(default_factory=dict)
    strays: list[Running] = field(default_factory=list)
    source_problem: Trouble | None = None
    refused: Trouble | None = None
    around: Namespace = field(default_factory=Namespace)
    policy: PolicyState = PolicyState.NOT_REQUIRED
    seal: str = ""
    finalizers: tuple[str, ...] = ()
    deleted_at: datetime | None = None
    gone: bool = False
    created: list[str] = field(default_factory=list)
    keeping: Keeping = field(default_factory=Keeping)

    # --- what the operator sees and does -------------------------------------------------------------------

    def observed(self) -> Observed:
        """The world as `observe` would read it."""
        self.keeping.capabilities = capabilities(self.spec)
        return Observed(
            provider=self.keeping.capabilities,
            kept=self.keeping.seen(self.status, self.now, deleting=self.deleted_at is not None),
            namespace="shop",
            name="shop",
            uid=UID,
            generation=self.generation,
            resource_version=str(self.resource_version),
            deleting=self.deleted_at is not None,
            deletion_time=self.deleted_at,
            finalizers=self.finalizers,
            around=self.around,
            approval_policy=self.policy,
            approval_seal=self.seal,
            annotations=self.annotations,
            spec=Spec.model_validate(self.spec),
            status=self.status,
            now=self.now,
            source=self._source(),
            jobs=tuple(self._seen(running) for running in self.jobs.values()),
            stray_pods=tuple(pod for running in self.strays for pod in self._seen(running).pods),
            client_images={"18": "postgres:18"},
            refused=self._refused(),
            look_refused=self.refused,
        )

    def _source(self) -> Source:
        return Source("" if self.source_problem else "f1:" + "-".join(self.files), self.source_problem)

    def _refused(self) -> Trouble | None:
        operation = self.status.operation
        asked = operation is not None and operation.job_name and operation.job_name not in self.jobs
        return self.refused if asked and operation is not None and not operation.job_uid else None

    def _seen(self, running: Running) -> Job:
        pod = Pod(
            name=running.job.name + "-x",
            uid="p-" + running.job.uid,
            job=running.job.name,
            ended=running.ended,
            started=running.ended or not (running.starting or running.trouble),
            exit_code=running.result.exit_code if running.result and running.ended else None,
            result=running.result if running.ended else None,
            trouble=running.trouble,
        )
        pod = replace(pod, told=running.told)
        return replace(running.job, finished=running.ended, deleting=running.deleting, pods=(pod,))

    def reconcile(self, fault: str = "none") -> Decision:
        """One pass. Faults: `conflict` (nothing stored), `before` and `after` (killed around the effect)."""
        seen = self.observed()
        decision = decide(seen)
        again = decide(seen)
        if again != decision:
            raise BrokenPromiseError("decide is not a function of what it sees")
        if fault in {"conflict", "before"}:
            return decision
        match decision:
            case Act(action):
                self.act(action)
            case WriteIntent(status) | Wait(status) | Settle(status):
                if status != self.status:
                    # through JSON, as the API server would keep it
                    stored = status.to_json()
                    record(stored, self.generation, "tests/property", deleting=self.deleted_at is not None)
                    self.status = Status.model_validate(stored)
                    self.resource_version += 1
        return decision

    def act(self, action: Action) -> None:
        """What `act` does, with the promises checked at the moment they matter."""
        match action:
            case Hold():
                self.finalizers = (*self.finalizers, FINALIZER)
                self.resource_version += 1
            case LetGo():
                self._let_go()
            case DeleteJob():
                self._delete(action)
            case CreateJob(look=True):
                self._create_look(action)
            case CreateJob():
                self._create(action)
            case RequestSnapshot(name):
                self._ask(name)
            case DeleteSnapshot(name):
                del self.keeping.artifacts[name]
            case _:
                raise BrokenPromiseError(f"{action} in a world without traffic")

    def _ask(self, name: str) -> None:
        operation = self.status.operation
        if operation is None or operation.snapshot_name != name or FINALIZER not in self.finalizers:
            raise BrokenPromiseError(f"{name} is asked for without a stored intent")
        self._check_fence("a restore point")
        held = (tuple(self.postgres.applied), operation.plan_digest, self.postgres.reservations)
        self.keeping.request(name, operation.id, held, self.now)

    def _check_fence(self, what: str) -> None:
        operation = self.status.operation
        wanted = "fence" in self.spec.get("snapshot", {})
        edited = operation is None or self.generation != operation.generation
        if wanted and not self.keeping.fenced and not edited:
            raise BrokenPromiseError(f"{what} without a fence")

    def _let_go(self) -> None:
        alive = [name for name, one in self.jobs.items() if not one.ended and not is_look(one.job.operation)]
        if alive and not self.around.terminating and "switchback.dev/release" not in self.annotations:
            raise BrokenPromiseError(f"the finalizer goes while {alive} may run")
        self.finalizers = ()
        self.resource_version += 1
        self.gone = self.deleted_at is not None

    def _delete(self, action: DeleteJob) -> None:
        running = self.jobs.get(action.name)
        if running is None or running.job.uid != action.uid:
            return
        started = not running.starting and running.trouble is None
        asked = self.deleted_at is not None or (self.status.operation and self.status.operation.abort)
        if not running.ended and running.job.step in WRITES and started:
            if not asked:
                raise BrokenPromiseError(f"{action.name} was killed while it may change the database")
            running.deleting = True
        else:
            del self.jobs[action.name]

    def _create_look(self, action: CreateJob) -> None:
        preview = self.status.preview
        if preview is None or preview.job_name != action.name:
            raise BrokenPromiseError(f"{action.name} is created without a stored intent")
        if action.name in self.jobs or self.refused is not None:
            return
        job, told = self._job(action, preview.id), {"id": preview.id, "target": preview.target}
        self.created.append(action.name)
        self.jobs[action.name] = Running(job, {**told, "files": self.files, "intent": "", "retry": "look"})

    def _create(self, action: CreateJob) -> None:
        operation = self.status.operation
        if FINALIZER not in self.finalizers:
            raise BrokenPromiseError(f"{action.name} is created while the resource may vanish")
        if operation is None or operation.job_name != action.name:
            raise BrokenPromiseError(f"{action.name} is created without a stored intent")
        if action.name in self.jobs:
            return  # AlreadyExists: ours, adopted
        if self.refused is not None:
            return
        alive = [
            running.job.name
            for running in (*self.jobs.values(), *self.strays)
            if not running.ended
            and not is_look(running.job.operation)
            # What checks only reads; one that was told to end holds nobody up.
            and not (running.job.step is Operation.CHECK and running.deleting)
        ]
        if alive:
            raise BrokenPromiseError(f"{action.name} starts beside {alive}")
        if action.step is Operation.ROLLBACK and operation.direction is not Direction.NONE:
            self._check_restore_point()
        if action.step is Operation.MIGRATE and operation.direction is Direction.FORWARD:
            always = self.spec.get("snapshot", {}).get("beforeMigratePolicy") == "Always"
            if always and not operation.snapshot_waived and self.generation == operation.generation:
                self._check_restore_point()
        if action.step is Operation.SNAPSHOT:
            self._check_fence("a restore point")
        job = self._job(action, operation.id)
        self.created.append(action.name)
        arguments = {
            "id": operation.id,
            "target": operation.to if action.step in PLANNED else operation.target,
            "intent": operation.intent_digest,
            "withdraw": operation.kind is OperationKind.ROLLBACK,
            "retry": operation.retry,
            "plan": operation.plan_digest,
            "accept": set(self.status.approval.risks) if self.status.approval else set(),
            "snapshot": operation.snapshot_name,
            "files": self.files,
            "hold": "cutover" in self.spec and operation.kind is not OperationKind.CONTRACT,
            "undoes": operation.undoes,
            "any_loss": self.spec.get("rollback", {}).get("dataLossPolicy") == "Allow",
        }
        self.jobs[action.name] = Running(job, arguments)

    def _job(self, action: CreateJob, operation: str) -> Job:
        return Job(
            name=action.name,
            uid=f"uid-{len(self.created)}",
            operation=operation,
            step=action.step,
            attempt=action.attempt,
            created=self.now,
            finished=False,
            intent=intent_digest(Spec.model_validate(self.spec), self._source()),
        )

    def _check_restore_point(self) -> None:
        if "none" in self.spec["snapshot"]:
            return
        operation = self.status.operation
        name = operation.snapshot_name if operation else ""
        there = self.keeping.artifacts.get(name)
        if there is not None and there.phase is Phase.AVAILABLE:
            self.postgres.snapshots[name] = there.held
        held = self.postgres.snapshots.get(name)
        if held is None:
            raise BrokenPromiseError("a rollback Job without a restore point")
        if operation is not None and held[1] != operation.plan_digest:
            raise BrokenPromiseError("a rollback Job behind the restore point of another plan")

    # --- what the cluster and the database do --------------------------------------------------------------

    def run(self, name: str, outcome: str = "works") -> None:
        """Lets a Job run to its end. `outcome`: works, silent (no result), or a Reason that it fails with."""
        running = self.jobs[name]
        if running.done or running.ended or running.starting or running.trouble is not None:
            running.ended |= running.done
            return
        if outcome in set(Reason):
            reason = Reason(outcome)
            running.result = self._result(running, reason, self._plan(running)[0])
        else:
            result = self._execute(running)
            running.result = None if outcome == "silent" else result
        running.ended = True

    def vanish(self, name: str) -> None:
        """Somebody deletes a Job by hand; its pod goes on until it is told."""
        running = self.jobs.pop(name)
        if not running.ended:
            self.strays.append(running)

    def sweep(self) -> None:
        """Pods without a Job come to their end, having done their work."""
        for running in self.strays:
            if not running.ended and not running.done and running.trouble is None:
                self._execute(running)
            running.ended = True
        self.strays.clear()
        self.jobs = {name: one for name, one in self.jobs.items() if not (one.deleting and one.ended)}

    def condition(self, kind: str) -> str:
        """Status of a condition, as a tool would read it."""
        return next((str(c.status) for c in self.status.conditions if c.type == kind), "")

    def conditions_agree(self) -> None:
        """No tool reads two things at once."""
        assert not (self.condition("Ready") == "True" and self.condition("Stalled") == "True")
        assert not (self.condition("Reconciling") == "True" and self.condition("Stalled") == "True")
        assert self.condition("Finished") != "True" or self.condition("Reconciling") == "False"

    def tick(self, decision: Decision) -> None:
        """Time goes on to the moment that the decision waits for."""
        if isinstance(decision, Wait) and decision.until is not None:
            self.now = max(self.now, decision.until)

    @property
    def token(self) -> str:
        """What waits for approval."""
        approval = self.status.approval
        return approval.token if approval and not approval.approved_by else ""
