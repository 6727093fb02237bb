"""What happened between two statuses, counted. One call after each status that was written.

Everything is read off what was stored before and what is stored now, so nothing has to be remembered, and a
look that wrote nothing counts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.reasons import OperatorReason
from switchback.api.status import CutoverPhase, LastHandled, SnapshotPhase
from switchback.contract.words import CheckStage, Operation
from switchback.controller.fleet import worked_since
from switchback.controller.metrics import OVER, REPLACED
from switchback.controller.switch_times import Step
from switchback.controller.times import parse

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.api.status import CutoverState, HistoryEntry, Status
    from switchback.controller.metrics import Metrics
    from switchback.controller.observed import Observed, Trouble

BY_COUNT = "backoffLimit"
BY_TIME = "deadline"


def tally(metrics: Metrics, world: Observed, after: Status) -> list[HistoryEntry]:
    """Counts what `after`, which was just written over `world.status`, says is new.

    Returns the operations that have ended, for the log.
    """
    ended = [entry for entry in after.history if entry not in world.status.history]
    for entry in ended:
        _operation(metrics, world, after, entry)
    _operation_job(metrics, world, after)
    _look_job(metrics, world, after)
    _repeats(metrics, world.status, after)
    _requests(metrics, world.status, after)
    _restore_points(metrics, world.status, after)
    _switch(metrics, world, after)
    _drift_and_checks(metrics, world.status, after)
    return ended


def _operation(metrics: Metrics, world: Observed, after: Status, entry: HistoryEntry) -> None:
    direction = str(entry.direction or "None")
    known = any(one.operation_id == entry.operation_id for one in world.status.history)
    start, end = parse(entry.start_time), parse(entry.completion_time)
    if known or start is None or end is None:
        # A success that was found to be none any more ended long ago: its seconds say nothing.
        metrics.operation_ended(direction, str(entry.outcome), entry.reason, None)
        return
    seconds = (end - start).total_seconds()
    human = min(seconds, _human(world, after, start, end))
    metrics.operation_ended(direction, str(entry.outcome), entry.reason, seconds, human)


def _human(world: Observed, after: Status, start: datetime, end: datetime) -> float:
    """Seconds that the operation waited for people: waits that are over, and one that is not."""
    status = world.status if world.status.operation is not None else after
    since, seconds = worked_since(world, status), 0.0
    if since is not None:
        seconds += (since - start).total_seconds()
    approval, operation = status.approval, status.operation
    waits = [operation.suspend_time] if operation is not None else []
    if approval is not None and not approval.approved_by:
        waits.append(approval.request_time)
    begun = [time for time in map(parse, waits) if time is not None]
    return seconds + (max(0.0, (end - min(begun)).total_seconds()) if begun else 0.0)


def _operation_job(metrics: Metrics, world: Observed, after: Status) -> None:
    before, now = world.status.operation, after.operation
    if before is None or not before.job_name or (now is not None and now.job_name == before.job_name):
        return
    seen = bool(before.job_uid)
    reason = _ended_with(world, before.job_name, seen=seen, refused=world.refused)
    if reason and before.step is not None:
        metrics.job_ended(str(before.step), reason, _since(before.attempt_time, world.now))


def _look_job(metrics: Metrics, world: Observed, after: Status) -> None:
    before, now = world.status.preview, after.preview
    if before is None or not before.job_name or (now is not None and now.job_name == before.job_name):
        return
    seen = bool(before.job_uid)
    reason = _ended_with(world, before.job_name, seen=seen, refused=world.look_refused)
    if reason:
        metrics.job_ended(str(Operation.INSPECT), reason, _since(before.time, world.now))


def _ended_with(world: Observed, name: str, *, seen: bool, refused: Trouble | None) -> str:
    """Why the Job is not the present one any more; empty when there never was one."""
    job = next((one for one in world.jobs if one.name == name), None)
    if job is None:
        if seen:
            return OperatorReason.JOB_DELETED
        return refused.reason if refused is not None else ""
    if job.result is not None:
        return job.result.reason
    if job.trouble is not None and job.ended:
        return job.trouble.reason
    return OperatorReason.RESULT_LOST if job.ended else REPLACED


def _repeats(metrics: Metrics, before: Status, after: Status) -> None:
    was, now = before.operation, after.operation
    if was is None or now is None or was.id != now.id:
        return
    for more, limit in ((now.retries > was.retries, BY_COUNT), (now.waits > was.waits, BY_TIME)):
        if more:
            metrics.run_repeated(now.last_reason, limit)


def _requests(metrics: Metrics, before: Status, after: Status) -> None:
    was, now = before.last_handled or LastHandled(), after.last_handled or LastHandled()
    for kind in LastHandled.model_fields:
        token = getattr(now, kind)
        if token and token != getattr(was, kind):
            metrics.request_handled(kind)


def _restore_points(metrics: Metrics, before: Status, after: Status) -> None:
    known = {one.name: one.phase for one in before.snapshots}
    for point in after.snapshots:
        if point.phase is SnapshotPhase.IN_PROGRESS or known.get(point.name) == point.phase:
            continue
        operation = after.operation
        decided = operation.snapshot_time if operation is not None else ""
        completed = parse(point.completion_time)
        seconds = _since(decided, completed) if completed is not None else None
        metrics.restore_point_taken(str(point.phase), seconds)


def _since(text: str, now: datetime) -> float | None:
    begun = parse(text)
    return max(0.0, (now - begun).total_seconds()) if begun is not None else None


def _switch(metrics: Metrics, world: Observed, after: Status) -> None:
    """The steps of a switch, by the moments at which their beginning and end were stored."""
    now = after.traffic.cutover if after.traffic is not None else None
    was = world.status.traffic.cutover if world.status.traffic is not None else None
    if now is None or now == was:
        return
    if was is None or was.id != now.id:
        was = now.model_copy(update=_NOTHING_YET)
    times = metrics.switch_times
    for step, begins, ends in (
        (Step.PROBE, now.probe_job != was.probe_job, bool(now.probe_uid) and not was.probe_uid),
        (Step.PATCH, _came(was, now, CutoverPhase.SWITCHING), bool(now.switch_time) and not was.switch_time),
        (
            Step.ENDPOINTS,
            bool(now.switch_time) and not was.switch_time,
            bool(now.verify_time) and not was.verify_time,
        ),
        (
            Step.RESTORE,
            _came(was, now, CutoverPhase.RESTORING),
            _came(was, now, CutoverPhase.RESTORED),
        ),
    ):
        if begins:
            times.begin(now.id, step)
        if ends and (seconds := times.end(now.id, step)) is not None:
            metrics.switched(step, seconds)
    if now.phase in OVER and was.phase is not now.phase:
        times.forget(now.id)
        metrics.cutover_ended(now.phase)
        exposed = _since(now.switch_time, world.now)
        if now.phase is CutoverPhase.RESTORED and exposed is not None:
            metrics.exposed(exposed)


_NOTHING_YET = {"phase": None, "probe_job": "", "probe_uid": "", "switch_time": "", "verify_time": ""}


def _came(was: CutoverState, now: CutoverState, phase: CutoverPhase) -> bool:
    return now.phase is phase and was.phase is not phase


def _drift_and_checks(metrics: Metrics, before: Status, after: Status) -> None:
    was, now = before.traffic, after.traffic
    if was is not None and now is not None:
        new = [time for time in now.drift_times if time not in was.drift_times]
        if new:
            metrics.drifted(len(new))
    for one in after.checks:
        if one.failures and one not in before.checks:
            metrics.probe_failed("new" if one.stage in _OF_NEW else "old", one.failures)


_OF_NEW = {CheckStage.BEFORE_CUTOVER, CheckStage.AFTER_CUTOVER}
