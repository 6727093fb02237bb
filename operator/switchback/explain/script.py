"""The operator's own decisions, played against a runner that only pretends.

The world is what was read, and from there on what `decide` makes of it: each Job is taken note of instead of
created, and ends at once with the result that it would have in the case that is played. So whatever `decide`
learns, this tells, without a second description of what the operator does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, assert_never

from switchback.api import names
from switchback.api.conditions import ConditionType
from switchback.api.reasons import OperatorReason
from switchback.api.status import (
    ConditionStatus,
    LookKind,
    OperationKind,
    Outcome,
    Status,
)
from switchback.contract.points import Level, Listing, Observation, Phase
from switchback.contract.words import CheckStage, Operation
from switchback.controller.decide import decide
from switchback.controller.decision import (
    Act,
    CreateJob,
    DeleteJob,
    DeleteSnapshot,
    Hold,
    LetGo,
    MarkService,
    PointService,
    RequestSnapshot,
    Settle,
    TellProbe,
    Wait,
    WriteIntent,
)
from switchback.controller.jobs import JobError, manifest
from switchback.controller.observed import Job, Kept, Pod
from switchback.controller.stages.consent import no_approval_counts
from switchback.controller.times import parse
from switchback.explain import ride
from switchback.explain.cases import Case
from switchback.explain.pretend import Run, answer
from switchback.explain.scenes import Ending, EndingKind, Scene, SceneKind, Story, container_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from switchback.api.status import Condition, HistoryEntry
    from switchback.contract.result import Result
    from switchback.controller.decision import Action
    from switchback.controller.observed import Observed
    from switchback.controller.settings import Settings
    from switchback.explain.cases import Known
    from switchback.explain.pretend import Ground

MOST = 120
"""More decisions than any operation takes: after that something goes in circles, and that is told."""

WHOEVER = "whoever approves"

_TRYING = {OperatorReason.RETRYING, OperatorReason.WAITING_FOR_DATABASE}


@dataclass
class Play:
    """One run through. `world` is as it is by now.

    Args:
        world: the resource as it would be after the apply, and everything around it.
        known: the case that is played.
        ground: what the pretended database is like.
        settings: of the operator.
    """

    world: Observed
    known: Known
    ground: Ground
    settings: Settings
    scenes: list[Scene] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)

    def story(self) -> Story:
        """What happens from now to the end."""
        begun = self._operation()
        ending = self._end()
        return Story(
            known=self.known,
            risky=bool(self.ground.risks),
            scenes=tuple(self.scenes),
            ending=ending,
            operations=tuple(one for one in self.operations if one != begun),
        )

    def _end(self) -> Ending:
        for _ in range(MOST):
            decision = decide(self.world)
            match decision:
                case WriteIntent(status):
                    self._store(status)
                case Act(action):
                    self._act(action)
                case Wait(status, until):
                    self._store(status)
                    ending = self._waited(until)
                    if ending is not None:
                        return ending
                case Settle(status):
                    self._store(status)
                    more = ride.without_the_old_slot(self.world, self._outcome(), self.ground.held)
                    if more is None:
                        return self._settled()
                    self.scenes.append(more[0])
                    self.world = more[1]
                case _:
                    assert_never(decision)
        return Ending(EndingKind.WAITING, "", "It does not come to an end: please report this.")

    # what a decision leads to

    def _store(self, status: Status) -> None:
        stored = Status.model_validate(status.to_json())
        if stored != self.world.status:
            self.scenes += ride.begun(self.world.status, stored)
            version = int(self.world.resource_version) if self.world.resource_version.isdecimal() else 0
            self.world = replace(self.world, status=stored, resource_version=str(version + 1))
            if self._operation() not in {"", *self.operations}:
                self.operations.append(self._operation())

    def _operation(self) -> str:
        return self.world.status.operation.id if self.world.status.operation is not None else ""

    def _act(self, action: Action) -> None:
        if isinstance(action, MarkService | PointService | TellProbe):
            scenes, self.world = ride.acted(self.world, action)
            self.scenes += scenes
            return
        match action:
            case Hold():
                self.world = replace(self.world, finalizers=(*self.world.finalizers, names.FINALIZER))
            case LetGo():
                kept = tuple(one for one in self.world.finalizers if one != names.FINALIZER)
                self.world = replace(self.world, finalizers=kept)
            case DeleteJob(name, _, why):
                gone = next((job for job in self.world.jobs if job.name == name), None)
                if gone is not None and not gone.ended:
                    self.scenes.append(Scene(SceneKind.END_JOB, name, step=gone.step, message=why))
                self._jobs(tuple(job for job in self.world.jobs if job.name != name))
            case CreateJob():
                self._create(action)
            case RequestSnapshot(name):
                self.scenes.append(Scene(SceneKind.CALL, name, step=Operation.SNAPSHOT))
                there = Observation(name, Phase.AVAILABLE, verified=Level.METADATA)
                self.world = replace(
                    self.world, kept=Kept(point=there, findings=(), listing=Listing(complete=True))
                )
            case DeleteSnapshot():
                pass  # in the play there are no older ones
            case _:
                assert_never(action)

    def _create(self, action: CreateJob) -> None:
        try:
            body = manifest(self.world, action, self.settings)
        except JobError as error:
            if action.probe:
                self.world = replace(self.world, probe_refused=error.trouble)
            else:
                self.world = replace(self.world, refused=error.trouble)
            return
        operation, preview = self.world.status.operation, self.world.status.preview
        own = preview.id if action.look and preview is not None else operation.id if operation else ""
        stage = self._stage(action.step, probe=action.probe)
        run = replace(self._run(action.step, own, container_of(body).get("args", ())), stage=stage)
        result = answer(self.world, run, self._known(), self.ground)
        scene = Scene(
            SceneKind.LOOK if action.look else SceneKind.JOB,
            action.name,
            step=action.step,
            attempt=action.attempt,
            operation=own,
            manifest=body,
            result=result,
            stage=stage,
            slot=self.world.spec.cutover.active_slot if self.world.spec and self.world.spec.cutover else "",
        )
        self.scenes.append(scene)
        pod = Pod(f"{action.name}-x", "", action.name, ended=True, started=True, exit_code=0, result=result)
        if action.probe:  # it runs until the soak is over
            pod = replace(pod, ended=False, exit_code=None, result=None)
        made = Job(
            action.name, f"uid-of-{action.name}", own, action.step, action.attempt, self.world.now,
            finished=not action.probe, pods=(pod,),
        )  # fmt: skip
        self._jobs((*self.world.jobs, made))

    def _stage(self, step: Operation, *, probe: bool) -> CheckStage | None:
        operation = self.world.status.operation
        if step is not Operation.CHECK or operation is None:
            return None
        return CheckStage.AFTER_CUTOVER if probe else operation.check_stage

    def _known(self) -> Known:
        """Where the database is for this run: files of phase=contract are applied after all others."""
        operation, held = self.world.status.operation, self.ground.held
        if operation is None or operation.kind is not OperationKind.CONTRACT or not held:
            return self.known
        return replace(self.known, case=Case.BEHIND, current=operation.from_ or self.known.current, todo=held)

    def _run(self, step: Operation, own: str, arguments: Iterable[str] = ()) -> Run:
        preview = self.world.status.preview
        previews = preview is not None and preview.id == own and preview.kind is LookKind.PREVIEW
        return Run(step, own, tuple(arguments), preview.target if previews and preview is not None else "")

    def _jobs(self, jobs: tuple[Job, ...]) -> None:
        self.world = replace(self.world, jobs=jobs)

    # what a wait is for

    def _waited(self, until: datetime | None) -> Ending | None:
        """Lets happen what is waited for; an ending when nobody knows whether it will."""
        probe = ride.probe_of(self.world)
        running = next((job for job in self.world.jobs if not job.ended and job is not probe), None)
        if running is not None:
            return self._ran(running)
        later = ride.rode(self.world, self._checked)
        if later is not None:
            self.world = later
            return None
        return self._stays(until)

    def _stays(self, until: datetime | None) -> Ending | None:
        """The same for what is neither a Job nor a switch."""
        if self.world.stray_pods:
            self.scenes.append(self._wait())
            self.world = replace(self.world, stray_pods=())
            return None
        operation, approval = self.world.status.operation, self.world.status.approval
        if operation is None:
            return self._stuck()
        if self._reason() == OperatorReason.AWAITING_APPROVAL and approval is not None:
            return self._asked(approval.token)
        due = parse(operation.next_attempt_time)
        if due is not None and until is not None and until > self.world.now:
            self.scenes.append(self._wait())
            self.world = replace(self.world, now=until)
            return None
        return self._stuck()

    def _checked(self, probe: Job) -> Result:
        """What the pod that checks a new slot says at the end of the soak."""
        run = replace(self._run(Operation.CHECK, probe.operation), stage=CheckStage.AFTER_CUTOVER)
        return answer(self.world, run, self._known(), self.ground)

    def _ran(self, job: Job) -> Ending | None:
        """A Job that runs already comes to its end. One that cannot start stays where it is."""
        if job.trouble is not None and not job.started:
            return Ending(EndingKind.WAITING, job.trouble.reason, job.trouble.message)
        result = answer(self.world, self._run(job.step, job.operation), self.known, self.ground)
        self.scenes.append(
            Scene(
                SceneKind.RUNNING, job.name, step=job.step, attempt=job.attempt, operation=job.operation,
                result=result,
            )
        )  # fmt: skip
        pod = Pod(f"{job.name}-x", "", job.name, ended=True, started=True, exit_code=0, result=result)
        ended = replace(job, finished=True, deleting=False, pods=(pod,))
        self._jobs(tuple(ended if one.name == job.name else one for one in self.world.jobs))
        return None

    def _asked(self, token: str) -> Ending | None:
        approval = self.world.status.approval
        message = self._message()
        wants = approval.wants[0] if approval is not None and approval.wants else None
        scene = Scene(SceneKind.APPROVAL, "", want=wants, message=message)
        if self.world.annotations.get(names.ANNOTATION_APPROVE) == token:
            return self._stuck()
        self.scenes.append(scene)
        if no_approval_counts(self.world):
            return Ending(EndingKind.WAITING, OperatorReason.APPROVAL_POLICY_MISSING, message)
        given = {names.ANNOTATION_APPROVE: token, names.ANNOTATION_APPROVED_BY: WHOEVER}
        self.world = replace(self.world, annotations={**self.world.annotations, **given})
        return None

    def _wait(self) -> Scene:
        return Scene(SceneKind.WAIT, "", message=self._message(), reason=self._reason())

    def _stuck(self) -> Ending:
        """Ready says that it goes on trying; SchemaReady says what for."""
        why = self._condition(ConditionType.SCHEMA_READY) if self._reason() in _TRYING else None
        working = self._condition(ConditionType.RECONCILING)
        if working is not None and working.reason in ride.FROM_TRAFFIC:
            why = working
        return Ending(EndingKind.WAITING, why.reason if why is not None else self._reason(), self._message())

    # how it ends

    def _settled(self) -> Ending:
        outcome, reason = self._outcome(), self._reason()
        if outcome is None or reason == OperatorReason.SUSPENDED:
            kind = EndingKind.REACHED if self._is_ready() else EndingKind.SUSPENDED
            return Ending(kind, reason, self._message())
        match outcome.outcome:
            case Outcome.SUCCEEDED:
                kind = EndingKind.REACHED
            case Outcome.ROLLED_BACK:
                kind = EndingKind.ROLLED_BACK
            case Outcome.ABORTED:
                kind = EndingKind.ABORTED
            case _:
                kind = EndingKind.REFUSED
        return Ending(kind, outcome.reason, self._message(), to=outcome.to)

    def _outcome(self) -> HistoryEntry | None:
        operation, history = self.world.status.operation, self.world.status.history
        if operation is None or not history or history[-1].operation_id != operation.id:
            return None
        return history[-1]

    def _condition(self, kind: ConditionType) -> Condition | None:
        return next((one for one in self.world.status.conditions if one.type == kind), None)

    def _is_ready(self) -> bool:
        ready = self._condition(ConditionType.READY)
        return ready is not None and ready.status is ConditionStatus.TRUE

    def _reason(self) -> str:
        ready = self._condition(ConditionType.READY)
        return ready.reason if ready is not None else ""

    def _message(self) -> str:
        ready = self._condition(ConditionType.READY)
        return ready.message if ready is not None else ""


def steps_of(stories: list[Story]) -> dict[Operation, Scene]:
    """The first Job of each step in any of the stories."""
    found: dict[Operation, Scene] = {}
    for story in stories:
        for scene in story.scenes:
            if scene.manifest and scene.step is not None:
                found.setdefault(scene.step, scene)
    return found
