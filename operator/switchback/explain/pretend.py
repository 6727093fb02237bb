"""What a run would answer, in so far as the operator depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.api.policies import AheadPolicy
from switchback.api.status import OperationKind
from switchback.contract.reasons import Reason, meaning
from switchback.contract.result import Database, Result, Snapshot, Step
from switchback.contract.words import Direction, Operation, Risk, Severity
from switchback.controller.lifecycle import reserve_seconds
from switchback.controller.times import rfc3339
from switchback.explain.cases import Case

if TYPE_CHECKING:
    from switchback.api.spec import Spec
    from switchback.controller.observed import Observed
    from switchback.explain.cases import Known

PLAN = "p1:pretended"


@dataclass(frozen=True)
class Ground:
    """The pretended database, and what going back in it would destroy."""

    database: Database
    risks: tuple[Risk, ...] = ()


def answer(world: Observed, run: Run, known: Known, ground: Ground) -> Result:
    """The result of one run, in a database that is where `known` says."""
    told = _Told(world, run, ground)
    match run.step:
        case Operation.INSPECT if run.previews:
            return told.says(Reason.SUCCEEDED, known.current, run.previews)
        case Operation.INSPECT | Operation.MIGRATE:
            return _looked(told, known)
        case Operation.RESERVE:
            kept = told.reserve_seconds
            return told.says(Reason.SUCCEEDED, known.current, known.target, reserved_seconds=kept)
        case Operation.SNAPSHOT:
            point = Snapshot(path=told.snapshot, digest="", size=0, restore_point=rfc3339(world.now))
            return told.says(Reason.SUCCEEDED, known.current, known.target, snapshot=point)
        case Operation.ROLLBACK:
            return told.says(Reason.SUCCEEDED, known.target, known.target, direction=Direction.BACKWARD)
        case _:  # whatever else a Job does, the schema stays where it is
            return told.says(Reason.SUCCEEDED, known.current, known.target)


@dataclass(frozen=True)
class Run:
    """What was asked of a run. `arguments` is its command line; `previews` the target of a mere preview."""

    step: Operation
    operation: str
    arguments: tuple[str, ...] = ()
    previews: str = ""


@dataclass(frozen=True)
class _Told:
    """The parts of a result that are the same in every case."""

    world: Observed
    run: Run
    ground: Ground

    @property
    def reserve_seconds(self) -> int:
        return reserve_seconds(self.world.spec) if self.world.spec is not None else 0

    @property
    def snapshot(self) -> str:
        operation = self.world.status.operation
        return operation.snapshot_name if operation is not None else ""

    def says(self, reason: Reason, current: str, target: str, **more: Any) -> Result:
        return Result(
            operation=self.run.step,
            operation_id=self.run.operation,
            reason=reason,
            message=more.pop("message", ""),
            at=rfc3339(self.world.now),
            exit_code=int(meaning(reason).exit_code),
            database=self.ground.database,
            current=current,
            target=target,
            **more,
        )


def _looked(told: _Told, known: Known) -> Result:
    """An inspection, or a migration, which plans for itself."""
    migrates = told.run.step is Operation.MIGRATE
    match known.case:
        case Case.AT:
            reason = Reason.UP_TO_DATE if migrates else Reason.SUCCEEDED
            return told.says(reason, known.current, known.target)
        case Case.BEHIND:
            current = known.target if migrates else known.current
            plan = _plan(known, told)
            return told.says(Reason.SUCCEEDED, current, known.target, direction=Direction.FORWARD, **plan)
        case Case.AHEAD_OF_FILES if not _leads_back(told):
            return _kept(told, known)
        case Case.AHEAD_OF_FILES | Case.BEYOND:
            return _back(told, known)


def _leads_back(told: _Told) -> bool:
    """Whether files that end below the database mean a way back: by the spec's word, or a person's."""
    spec, operation = told.world.spec, told.world.status.operation
    asked = operation is not None and operation.kind is OperationKind.ROLLBACK
    return asked or (_ahead(spec) is AheadPolicy.ROLLBACK)


def _ahead(spec: Spec | None) -> AheadPolicy | None:
    return spec.source.ahead_policy if spec is not None and spec.source is not None else None


def _kept(told: _Told, known: Known) -> Result:
    spec = told.world.spec
    if _ahead(spec) is AheadPolicy.KEEP:
        reason = Reason.UP_TO_DATE if told.run.step is Operation.MIGRATE else Reason.SUCCEEDED
        return told.says(reason, known.current, known.current)
    message = "the database is beyond everything in the source, and spec.source.aheadPolicy is Refuse."
    return told.says(Reason.SOURCE_BEHIND_LEDGER, known.current, known.target, message=message)


def _back(told: _Told, known: Known) -> Result:
    reason = Reason.BACKWARD if told.run.step is Operation.MIGRATE else Reason.SUCCEEDED
    reserves = "--reserve-unless-risky" in told.run.arguments and not told.ground.risks
    return told.says(
        reason,
        known.current,
        known.target,
        direction=Direction.BACKWARD,
        risks=told.ground.risks,
        reserved_seconds=told.reserve_seconds if reserves else 0,
        **_plan(known, told),
    )


def _plan(known: Known, told: _Told) -> dict[str, Any]:
    severity = Severity.DATA if told.ground.risks else Severity.NOTHING
    steps = tuple(Step(known.direction, name, severity) for name in known.todo)
    return {"plan_digest": PLAN, "steps": steps, "pending": len(steps)}
