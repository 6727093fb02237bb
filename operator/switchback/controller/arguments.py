"""The command line of a run, from the spec and the stored operation. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.policies import DataLossPolicy, ReasonPolicy, RollbackPolicy
from switchback.api.status import OperationKind, Want
from switchback.contract.result import DEFAULT_BUDGET
from switchback.contract.words import Operation, Risk, SourceFormat
from switchback.controller.intent import database_digest
from switchback.controller.lifecycle import reserve_seconds
from switchback.controller.podspec import DOWNS_MOUNT, SOURCE_MOUNT
from switchback.controller.stages.consent import wants_a_person

if TYPE_CHECKING:
    from switchback.api.spec import Spec
    from switchback.api.status import OperationState
    from switchback.controller.decision import CreateJob
    from switchback.controller.observed import Observed


DRAIN_SECONDS = 60
"""So long one Job waits for the end of sessions."""


def looks_for_downs(operation: OperationState, action: CreateJob) -> bool:
    """Whether the run may need the files of an earlier image."""
    plans = action.step in {Operation.INSPECT, Operation.RESERVE, Operation.ROLLBACK}
    return bool(operation.down_image) and plans and not action.look


def arguments(world: Observed, spec: Spec, operation: OperationState, action: CreateJob) -> list[str]:
    """The command line of a run."""
    step = action.step
    words = ["run", "--operation", str(step), "--operation-id", operation.id]
    if step is Operation.DRAIN:
        words += _sessions(world, spec)
    elif action.look:
        words += _files(world, spec, operation.target)
    else:
        words += ["--intent-digest", operation.intent_digest]
        if step is not Operation.RELEASE:
            # What was planned is what is reserved and run; everything else starts from the wish.
            planned = step in {Operation.RESERVE, Operation.ROLLBACK}
            words += _files(world, spec, operation.to if planned else operation.target or spec.target)
        if looks_for_downs(operation, action):
            words += ["--down-dir", DOWNS_MOUNT]
        words += _consent(world, spec, operation, step)
        words += slots(world, spec, operation, step)
    return [*words, *_place(world, spec, step), *_limits(spec)]


def _files(world: Observed, spec: Spec, target: str) -> list[str]:
    """Where to go, by which files, and what to make of a ledger that does not fit them."""
    source = spec.the_source
    words = ["--target", target, "--dir", SOURCE_MOUNT]
    if source.format is not SourceFormat.AUTO:
        words += ["--format", str(source.format)]
    words += ["--ahead-policy", str(source.ahead_policy)]
    words += ["--out-of-order-policy", str(source.out_of_order_policy)]
    words += ["--adoption-policy", str(source.adoption_policy)]
    words += ["--down-source", str(spec.rollback.down_source)]
    return [*words, "--expect-source", world.source.digest] if world.source.digest else words


def _place(world: Observed, spec: Spec, step: Operation) -> list[str]:
    """Which database by its own word, as whom, and where in it."""
    database, state = spec.the_database, world.status.schema_state
    words = ["--role", database.role] if database.role else []
    words += ["--ledger-schema", database.ledger_schema]
    words += [word for name in database.search_path for word in ("--search-path", name)]
    known = state.database if state is not None else None
    if (
        known is not None
        and known.ledger
        and known.digest == database_digest(spec)
        and step is not Operation.RELEASE
    ):
        words += ["--expect-ledger", known.ledger]
    return words


def _limits(spec: Spec) -> list[str]:
    words: list[str] = []
    limits = spec.execution
    if spec.reason:
        words += ["--reason", spec.reason]
    words += ["--lock-timeout-seconds", str(limits.lock_timeout_seconds)]
    if limits.statement_timeout_seconds is not None:
        words += ["--statement-timeout-seconds", str(limits.statement_timeout_seconds)]
    words += ["--advisory-lock-timeout-seconds", str(limits.advisory_lock_timeout_seconds)]
    return [*words, "--result-file", "/dev/termination-log", "--result-budget", str(DEFAULT_BUDGET)]


def _consent(world: Observed, spec: Spec, operation: OperationState, step: Operation) -> list[str]:
    """The plan that was agreed to, the risks that were accepted, and for how long the database is kept."""
    words: list[str] = []
    if step in {Operation.RESERVE, Operation.ROLLBACK} or (
        step is Operation.MIGRATE and operation.plan_digest
    ):
        words += ["--expect-plan", operation.plan_digest]
    if step in {Operation.MIGRATE, Operation.ROLLBACK} and operation.marker is not None:
        words += ["--marker-transaction", operation.marker.transaction]
    if step is Operation.ROLLBACK and operation.kind is OperationKind.ROLLBACK:
        words.append("--withdraw-intent")
    if step in {Operation.INSPECT, Operation.MIGRATE} and operation.retry:
        words.append("--allow-withdrawn")
    if step in {Operation.INSPECT, Operation.ROLLBACK}:
        words += [word for risk in _accepted(world, spec, step) for word in ("--accept", str(risk))]
    if operation.undoes and step in {Operation.INSPECT, Operation.RESERVE, Operation.ROLLBACK}:
        words += ["--expect-undo-of", operation.undoes]
    if step is Operation.INSPECT and _may_reserve(world, spec):
        words.append("--reserve-unless-risky")
    if step in {Operation.INSPECT, Operation.RESERVE, Operation.ROLLBACK}:
        words += ["--reserve-seconds", str(reserve_seconds(spec))]
    return words


def slots(world: Observed, spec: Spec, operation: OperationState, step: Operation) -> list[str]:
    """What the slots' programs work with, and whether files of phase=contract may run."""
    cutover, state = spec.cutover, world.status.traffic
    if cutover is None or step is Operation.RELEASE:
        return []
    words = [] if operation.kind is OperationKind.CONTRACT else ["--hold-contract-unless-new"]
    for slot in cutover.slots:
        bounds = slot.schema_bounds
        if bounds is not None:
            words += ["--slot", f"{slot.name}={bounds.minimum}..{bounds.maximum}"]
    live = state.live_slot if state is not None else ""
    active = cutover.active_slot if operation.kind is OperationKind.REACH else live
    needed = {
        Operation.MIGRATE: (live, active),
        Operation.INSPECT: (active,),
        Operation.RESERVE: (active,),
        Operation.ROLLBACK: (active,),
    }.get(step, ())
    bound = {slot.name for slot in cutover.slots if slot.schema_bounds is not None}
    required = dict.fromkeys(name for name in needed if name in bound)
    return [*words, *(word for name in required for word in ("--require-slot", name))]


def _sessions(world: Observed, spec: Spec) -> list[str]:
    """Whose end is waited for: the sessions of the slot that was live before."""
    state = world.status.traffic.cutover if world.status.traffic is not None else None
    old = spec.cutover.slot(state.from_) if spec.cutover is not None and state is not None else None
    if old is None:
        raise LookupError("no switch has begun whose old slot could drain")
    return ["--application-name", old.application_name, "--drain-seconds", str(DRAIN_SECONDS)]


def _accepted(world: Observed, spec: Spec, step: Operation) -> tuple[Risk, ...]:
    if spec.rollback.data_loss_policy is DataLossPolicy.ALLOW:
        return tuple(Risk)
    approval = world.status.approval
    given = step is Operation.ROLLBACK and approval is not None and approval.approved_by
    return approval.risks if given and approval is not None else ()


def _may_reserve(world: Observed, spec: Spec) -> bool:
    """Whether nothing but risks could stand between the plan and its reservation."""
    if spec.rollback.policy is not RollbackPolicy.ALLOW or spec.snapshot is None:
        return False
    live = world.status.traffic.live_slot if world.status.traffic is not None else ""
    if spec.cutover is not None and live != spec.cutover.active_slot:
        return False  # the traffic goes first, and that takes its time
    given = spec.rollback.reason_policy is ReasonPolicy.OPTIONAL or bool(spec.reason.strip())
    return given and not wants_a_person(spec, world.around.labels, Want.ROLLBACK)
