"""What a run would answer, in so far as the operator depends on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from switchback.api.policies import AheadPolicy
from switchback.api.status import OperationKind
from switchback.contract.reasons import Reason, meaning
from switchback.contract.result import Check, Database, Result, Slot, Snapshot, Step
from switchback.contract.words import Direction, Operation, Risk, Severity, SlotFit
from switchback.controller.lifecycle import reserve_seconds
from switchback.controller.times import rfc3339
from switchback.explain.cases import Case

if TYPE_CHECKING:
    from switchback.api.spec import Spec
    from switchback.contract.words import CheckStage
    from switchback.controller.observed import Observed
    from switchback.explain.cases import Known

PLAN = "p1:pretended"


@dataclass(frozen=True)
class Ground:
    """The pretended database, and what going back in it would destroy.

    `held` are the ids that wait, with a cutover, until nothing of the old slot is left. `fits` tells of the
    slots whose bounds could be compared with the target.
    """

    database: Database | None
    risks: tuple[Risk, ...] = ()
    held: tuple[str, ...] = ()
    fits: tuple[Slot, ...] = ()


def answer(  # noqa: PLR0911 - one answer per operation
    world: Observed, run: Run, known: Known, ground: Ground
) -> Result:
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
        case Operation.CHECK | Operation.DRAIN:  # they say nothing of the schema
            return told.says(Reason.SUCCEEDED, "", "", database=None, slots=(), checks=told.checks)
        case _:  # whatever else a Job does, the schema stays where it is
            return told.says(Reason.SUCCEEDED, known.current, known.target)


@dataclass(frozen=True)
class Run:
    """What was asked of a run. `arguments` is its command line; `previews` the target of a mere preview.

    `stage`: of what checks it runs.
    """

    step: Operation
    operation: str
    arguments: tuple[str, ...] = ()
    previews: str = ""
    stage: CheckStage | None = None


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
    def checks(self) -> tuple[Check, ...]:
        """All of that stage, passed."""
        spec, stage = self.world.spec, self.run.stage
        if spec is None or stage is None:
            return ()
        return tuple(Check(check.name, passed=True, runs=1) for check in spec.checks_at(stage))

    def unfit(self) -> Slot | None:
        """A slot that has to work with the target, and does not."""
        words = self.run.arguments
        wanted = {name for word, name in pairwise(words) if word == "--require-slot"}
        return next(
            (one for one in self.ground.fits if one.name in wanted and one.fit is not SlotFit.SATISFIED), None
        )

    @property
    def holds_back(self) -> tuple[str, ...]:
        """What this run would leave for later."""
        return self.ground.held if "--hold-contract-unless-new" in self.run.arguments else ()

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
            current=current,
            target=target,
            **{"database": self.ground.database, "slots": self.ground.fits, **more},
        )


def _looked(told: _Told, known: Known) -> Result:
    """An inspection, or a migration, which plans for itself."""
    migrates = told.run.step is Operation.MIGRATE
    match known.case:
        case Case.AT | Case.NO_SCHEMA:
            reason = Reason.UP_TO_DATE if migrates else Reason.SUCCEEDED
            return told.says(reason, known.current, known.target)
        case Case.BEHIND:
            return _forward(told, known)
        case Case.AHEAD_OF_FILES if not _leads_back(told):
            return _kept(told, known)
        case Case.AHEAD_OF_FILES | Case.BEYOND:
            return _back(told, known)


def _forward(told: _Told, known: Known) -> Result:
    """What is pending is applied, as far as it need not wait for the old slot's end."""
    migrates, held, unfit = told.run.step is Operation.MIGRATE, told.holds_back, told.unfit()
    if unfit is not None:
        message = f"slot {unfit.name} does not work with the schema at {known.target}: {unfit.fit}."
        return told.says(Reason.SLOT_NEEDS_SCHEMA, known.current, known.target, message=message)
    now = tuple(name for name in known.todo if name not in held)
    target = (now[-1] if now else known.current) if held else known.target
    if held and not now:
        reason = Reason.UP_TO_DATE if migrates else Reason.SUCCEEDED
        return told.says(reason, known.current, target, held_back=len(held))
    plan = _plan(replace(known, todo=now), told)
    if migrates:
        plan["done"] = max(1, len(now))
    current = target if migrates else known.current
    return told.says(
        Reason.SUCCEEDED, current, target, direction=Direction.FORWARD, held_back=len(held), **plan
    )


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
