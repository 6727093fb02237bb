"""How far a VolumeSnapshot is, and whether its content is what it should be. Pure: objects in, words out.

The order of its life: created, bound to a VolumeSnapshotContent, captured (`creationTime`), ready to use.
An error in its status is the last one, not the end: the controllers try again for ever, with pauses that grow
to five minutes. So the end is ours to declare.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Failure, Observation, Phase
from switchback.contract.result import bounded
from switchback.snapshots import marks, quantity

BEING_CREATED = "snapshot.storage.kubernetes.io/volumesnapshot-being-created"
"""On a content while the driver may be making the snapshot without anybody knowing its outcome."""

RATE_LIMITED = ("SnapshotCreationPerVolumeRateExceeded", "TooManyRequests", "rate exceeded")
"""Amazon EBS takes one snapshot of a volume in 30 seconds; others say something of the kind."""

RATE_PAUSE = 30.0
UNBOUND_PAUSE = 15.0
_TEXT = 500

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds after which silence or errors are told, or taken for the end.

    Attributes:
        unbound: nothing has taken the object up.
        error: the first error with this text is so old: it has failed.
        silent: neither an error nor any progress.
    """

    unbound: float = 60.0
    error: float = 600.0
    silent: float = 600.0


PATIENCE = Patience()


def time_of(text: object) -> datetime | None:
    """A time of the API server's; None when there is none."""
    try:
        found = datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def age(text: object, now: datetime) -> float:
    """Seconds since a time of the API server's; 0 when there is none."""
    begun = time_of(text)
    return max(0.0, (now - begun).total_seconds()) if begun is not None else 0.0


def state(target: Object, point: str, now: datetime, patience: Patience, *, since: str = "") -> Observation:
    """A VolumeSnapshot as it is now. Its content is not looked at.

    Args:
        target: the VolumeSnapshot.
        point: name of the restore point.
        now: the time.
        patience: how long to wait.
        since: when it was first seen with an error; empty: as the present error says.
    """
    metadata, status = target["metadata"], target.get("status") or {}
    seen = Observation(
        name=point,
        phase=Phase.PENDING,
        raw_status=raw(target),
        provider_id=str(metadata.get("uid", "")),
        source_id=marks.noted(target).get(marks.SOURCE, ""),
        size_bytes=quantity.to_bytes(str(status.get("restoreSize") or "")),
        restore_point_time=str(status.get("creationTime") or ""),
        capture_time=str(status.get("creationTime") or ""),
        ownership=marks.ownership_of(target),
    )
    if metadata.get("deletionTimestamp"):
        return replace(seen, phase=Phase.DELETING)
    if status.get("readyToUse") is True and status.get("creationTime"):
        return replace(seen, phase=Phase.AVAILABLE)
    if status.get("creationTime"):
        phase = Phase.CAPTURED
    else:
        phase = Phase.CREATING if status.get("boundVolumeSnapshotContentName") else Phase.PENDING
    seen = replace(seen, phase=phase)
    if status.get("error"):
        error = status["error"]
        return _erring(seen, str(error.get("message") or ""), age(since or error.get("time"), now), patience)
    return _silent(seen, target, now, patience)


def raw(target: Object) -> str:
    """The fields that say how far it is, in one line."""
    status = target.get("status") or {}
    if not status.get("boundVolumeSnapshotContentName"):
        return "not bound"
    ready = "true" if status.get("readyToUse") is True else "false"
    captured = f", creationTime={status['creationTime']}" if status.get("creationTime") else ""
    return f"bound, readyToUse={ready}{captured}"


def unheard(seen: Observation) -> bool:
    """Whether nothing has taken the object up for too long, so that its events may tell more."""
    return seen.failure is not None and seen.failure.reason in {
        OperatorReason.SNAPSHOT_CLASS_PROBLEM,
        OperatorReason.SNAPSHOT_LATE,
    }


def with_event(seen: Observation, event: str) -> Observation:
    """The same with what the newest event says."""
    if not event or seen.failure is None:
        return seen
    message = f"{seen.failure.message} Newest event: {bounded(event, _TEXT)}"
    return replace(seen, failure=replace(seen.failure, message=message))


def in_flight(target: Object, content: Object | None) -> bool:
    """Whether the driver may be making the snapshot right now: a deletion would lose track of it."""
    status = target.get("status") or {}
    if status.get("creationTime") or content is None:
        return False
    return BEING_CREATED in marks.noted(content)


def content_failure(
    target: Object, content: Object | None, *, handle: str, delete_allowed: bool
) -> Failure | None:
    """Why a captured snapshot is not what it should be; None: it is.

    Args:
        target: the VolumeSnapshot.
        content: its VolumeSnapshotContent; None: there is none of that name.
        handle: the driver's name of the volume that it has to be of; empty: not looked at.
        delete_allowed: whether the storage may delete the snapshot together with its objects.
    """
    metadata = target["metadata"]
    name = f"{metadata['namespace']}/{metadata['name']}"
    bound = (target.get("status") or {}).get("boundVolumeSnapshotContentName", "")
    if content is None:
        message = (
            f"VolumeSnapshotContent {bound} of VolumeSnapshot {name} is gone: there is nothing behind it."
        )
        return Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_LOST, message)
    odd = _odd(target, content)
    if odd:
        message = f"VolumeSnapshotContent {bound} of VolumeSnapshot {name} {odd}."
        return Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_INCOMPLETE, message)
    taken_of = content["spec"]["source"]["volumeHandle"]
    if handle and taken_of != handle:
        message = f"VolumeSnapshot {name} is of volume {taken_of}, and the claim's volume is {handle}."
        return Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_SOURCE_MISMATCH, message)
    policy = content["spec"].get("deletionPolicy")
    if policy != "Retain" and not delete_allowed:
        message = (
            f"VolumeSnapshotContent {bound} has deletionPolicy {policy}: the storage deletes the snapshot "
            f"when VolumeSnapshot {name} or its namespace is deleted."
        )
        return Failure(ErrorClass.NEEDS_HUMAN, OperatorReason.UNSAFE_DELETION_POLICY, message)
    return None


def _odd(target: Object, content: Object) -> str:
    """In what a content does not go with its snapshot; empty: in nothing."""
    metadata = target["metadata"]
    back = content["spec"].get("volumeSnapshotRef") or {}
    ours = (metadata["uid"], metadata["namespace"], metadata["name"])
    if (back.get("uid"), back.get("namespace"), back.get("name")) != ours:
        return f"belongs to {back.get('namespace')}/{back.get('name')} (uid {back.get('uid')})"
    if not (content["spec"].get("source") or {}).get("volumeHandle"):
        return "was brought in from outside, so nothing tells of what it is"
    if not (content.get("status") or {}).get("snapshotHandle"):
        return "names no snapshot of the storage"
    return ""


def _erring(seen: Observation, told: str, seconds: float, patience: Patience) -> Observation:
    text = bounded(told or "no text", _TEXT)
    if seconds >= patience.error:
        message = (
            f"The snapshot was not made within {patience.error:.0f} s of its first error. The last: {text}. "
            "The VolumeSnapshot is kept for you to look at."
        )
        failure = Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_ATTEMPT_FAILED, message)
        return replace(seen, phase=Phase.FAILED, failure=failure)
    pause = RATE_PAUSE if any(word.lower() in text.lower() for word in RATE_LIMITED) else 0.0
    message = f"The snapshot has not been made yet, and is tried again: {text}"
    failure = Failure(
        ErrorClass.RETRY, OperatorReason.SNAPSHOT_PROVIDER_UNAVAILABLE, message, retry_after=pause
    )
    return replace(seen, failure=failure, retry_after=pause)


def _silent(seen: Observation, target: Object, now: datetime, patience: Patience) -> Observation:
    metadata = target["metadata"]
    name = f"{metadata.get('namespace')}/{metadata['name']}"
    waited = age(metadata.get("creationTimestamp"), now)
    if seen.phase is Phase.PENDING and waited >= patience.unbound:
        failure = Failure(
            ErrorClass.NEEDS_HUMAN,
            OperatorReason.SNAPSHOT_CLASS_PROBLEM,
            f"Nothing has taken up VolumeSnapshot {name} for {waited:.0f} s: it is bound to no content.",
            retry_after=UNBOUND_PAUSE,
        )
        return replace(seen, failure=failure, retry_after=UNBOUND_PAUSE)
    if seen.phase is not Phase.PENDING and waited >= patience.silent:
        what = "is not ready to use" if seen.phase is Phase.CAPTURED else "has not been captured"
        failure = Failure(
            ErrorClass.RETRY,
            OperatorReason.SNAPSHOT_LATE,
            f"VolumeSnapshot {name} {what} after {waited:.0f} s, and no error is told. Look at the log of "
            "the driver's csi-snapshotter; old ones stop looking.",
            retry_after=UNBOUND_PAUSE,
        )
        return replace(seen, failure=failure, retry_after=UNBOUND_PAUSE)
    return seen
