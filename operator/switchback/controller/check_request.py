"""Which checks a Job runs, from the spec and the stored operation. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.checks.pod import CheckRequest
from switchback.contract.words import CheckStage
from switchback.controller.podspec import database_env
from switchback.controller.stages.probe import GRACE_SECONDS, connects

if TYPE_CHECKING:
    from switchback.api.checks import Check
    from switchback.api.spec import Spec
    from switchback.api.status import OperationState
    from switchback.controller.observed import Observed
    from switchback.controller.settings import Settings

START_SECONDS = 300
"""What a pod may take until its run begins: images are pulled, volumes are mounted."""

INJECTED = 2
"""So many containers may somebody else add, such as a service mesh."""


@dataclass(frozen=True, slots=True)
class _Timed(CheckRequest):
    """A request with the longest time that its pod may take, start and all."""

    longest: int = 0


def check_request(
    world: Observed, spec: Spec, operation: OperationState, settings: Settings, *, probe: bool
) -> _Timed:
    """What the Job of this step, or the one that checks a new slot, is asked."""
    stage = CheckStage.AFTER_CUTOVER if probe else operation.check_stage
    if stage is None:
        raise LookupError("a check is named, but not of which stage")
    checks, database, cutover = spec.checks_at(stage), spec.database, spec.cutover
    asks_database = database is not None and any(check.sql is not None for check in checks)
    soak = cutover.soak_period_seconds if probe and cutover is not None else 0
    patience = cutover.slot_ready_deadline_seconds + cutover.switch_deadline_seconds if cutover else 0
    waits = patience + START_SECONDS if probe else 0
    service = world.traffic.service if world.traffic is not None else None
    template = spec.job_template.spec if spec.job_template is not None else None
    seconds = max(map(_longest, checks), default=0) + START_SECONDS
    return _Timed(
        checks=checks,
        stage=stage,
        operation_id=operation.id,
        image=settings.runner_image,
        image_pull_policy=settings.runner_pull_policy,
        database_env=tuple(database_env(database)) if asks_database and database is not None else (),
        role=database.role if database is not None else "",
        search_path=tuple(database.search_path) if database is not None else (),
        seconds=0 if probe else seconds,
        soak_seconds=soak,
        connect=connects(service) if probe and service is not None else (),
        signal=probe,
        wait_seconds=waits,
        beside=INJECTED + (len(template.init_containers) if template is not None else 0),
        longest=START_SECONDS + waits + soak + GRACE_SECONDS if probe else seconds + START_SECONDS,
    )


def _longest(check: Check) -> int:
    """Seconds after which a check has held or has failed, at the latest."""
    return check.failure_threshold * (check.period_seconds + check.timeout_seconds)
