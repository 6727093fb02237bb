"""How far a Backup of CloudNativePG is, and whether it holds what it should. Pure: objects in, words out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Failure, Observation, Phase
from switchback.contract.result import bounded
from switchback.snapshots import marks, quantity
from switchback.snapshots.volume_state import age

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from switchback.snapshots.volume_state import Patience

BACKUP_NAME = "cnpg.io/backupName"
"""Label on the VolumeSnapshots of a Backup: so its name has to be a label's value."""

SKIP_ARCHIVING = "cnpg.io/skipWalArchiving"

PHASES = {
    "": Phase.PENDING,
    "pending": Phase.PENDING,
    "started": Phase.CREATING,
    "running": Phase.CREATING,
    "walArchivingFailing": Phase.CREATING,
    "finalizing": Phase.CAPTURED,
    "completed": Phase.AVAILABLE,
    "failed": Phase.FAILED,
}
AT_WORK = {"started", "running", "walArchivingFailing", "finalizing"}
DONE = {"completed", "failed"}
PAUSE = 15.0
RAW_BYTES = 128
_TEXT = 500

Object = dict[str, Any]


def phase_of(target: Object) -> str:
    """CloudNativePG's own word."""
    return str((target.get("status") or {}).get("phase") or "")


def state(target: Object, point: str, now: datetime, patience: Patience) -> Observation:
    """A Backup as it is now, by its own word."""
    metadata, status = target["metadata"], target.get("status") or {}
    word = phase_of(target)
    seen = Observation(
        name=point,
        phase=PHASES.get(word, Phase.UNKNOWN),
        raw_status=bounded(word, RAW_BYTES) or "not taken up",
        provider_id=str(metadata.get("uid", "")),
        source_id=marks.noted(target).get(marks.SOURCE, ""),
        restore_point_time=str(status.get("startedAt") or ""),
        capture_time=str(status.get("stoppedAt") or ""),
        ownership=marks.ownership_of(target),
    )
    if metadata.get("deletionTimestamp"):
        return replace(seen, phase=Phase.DELETING)
    failure = _failure(target, now, patience)
    if failure is None:
        return seen
    return replace(seen, failure=failure, retry_after=failure.retry_after)


def archives(cluster: Object) -> bool:
    """Whether a Cluster keeps its WAL in an archive."""
    if (cluster["metadata"].get("annotations") or {}).get(SKIP_ARCHIVING) == "enabled":
        return False
    spec = cluster.get("spec") or {}
    if (spec.get("backup") or {}).get("barmanObjectStore"):
        return True
    return any(one.get("isWALArchiver") and one.get("enabled", True) for one in spec.get("plugins") or [])


def roles(cluster: Object) -> set[tuple[str, str]]:
    """The volumes of one instance: kind and, of a tablespace, name."""
    spec = cluster.get("spec") or {}
    wanted = {("PG_DATA", "")}
    if spec.get("walStorage"):
        wanted.add(("PG_WAL", ""))
    return wanted | {("PG_TABLESPACE", str(one["name"])) for one in spec.get("tablespaces") or []}


def judged(seen: Observation, target: Object, cluster: Object, snapshots: Sequence[Object]) -> Observation:
    """A completed Backup once its Cluster and its VolumeSnapshots were looked at.

    Args:
        seen: what it says itself.
        target: the Backup.
        cluster: its Cluster.
        snapshots: its VolumeSnapshots; none when a plugin made it.
    """
    odd = _odd(target, cluster)
    if odd:
        return _lost(seen, OperatorReason.SNAPSHOT_INCOMPLETE, f"{_name(target)} {odd}")
    if not by_volumes(target):
        return seen
    held = {(str(one.get("type")), str(one.get("tablespaceName") or "")) for one in _elements(target)}
    missing = sorted(" ".join(role).strip() for role in roles(cluster) - held)
    if missing:
        message = f"{_name(target)} is completed without a snapshot of {', '.join(missing)}."
        return _lost(seen, OperatorReason.SNAPSHOT_INCOMPLETE, message)
    return counted(seen, target, snapshots)


def counted(seen: Observation, target: Object, snapshots: Sequence[Object]) -> Observation:
    """A completed Backup once its VolumeSnapshots were looked at; how its Cluster is today says nothing."""
    if not by_volumes(target):
        return seen
    elements = _elements(target)
    if not elements:
        message = f"{_name(target)} is completed without any snapshot."
        return _lost(seen, OperatorReason.SNAPSHOT_INCOMPLETE, message)
    by_name = {one["metadata"]["name"]: one for one in snapshots}
    gone = sorted(one["name"] for one in elements if one["name"] not in by_name)
    if gone:
        message = f"VolumeSnapshot {', '.join(gone)} of {_name(target)} is not there."
        return _lost(seen, OperatorReason.SNAPSHOT_LOST, message)
    parts = [by_name[one["name"]] for one in elements]
    unready = sorted(one["metadata"]["name"] for one in parts if not _ready(one))
    if unready:
        message = (
            f"{_name(target)} is completed, and VolumeSnapshot {', '.join(unready)} is not ready to use."
        )
        failure = Failure(ErrorClass.RETRY, OperatorReason.SNAPSHOT_INCOMPLETE, message, retry_after=PAUSE)
        return replace(seen, phase=Phase.CAPTURED, failure=failure, retry_after=PAUSE)
    sizes = [quantity.to_bytes(str(one["status"].get("restoreSize") or "")) for one in parts]
    return replace(
        seen,
        size_bytes=sum(size for size in sizes if size is not None) if None not in sizes else None,
        # The first volume that was captured: of what came later, some volumes may know and others not.
        restore_point_time=min(str(one["status"]["creationTime"]) for one in parts),
    )


def by_volumes(target: Object) -> bool:
    """Whether a Backup is made of VolumeSnapshots."""
    return bool((target.get("spec") or {}).get("method") == "volumeSnapshot")


def in_lsn_order(begin: str, end: str) -> bool:
    """Whether both are positions in the WAL, and the first is not behind the second."""
    first, second = _position(begin), _position(end)
    return first is not None and second is not None and first <= second


def _failure(target: Object, now: datetime, patience: Patience) -> Failure | None:
    status = target.get("status") or {}
    word, name = phase_of(target), _name(target)
    text = bounded(str(status.get("error") or status.get("commandError") or ""), _TEXT)
    if word == "completed":
        return None
    if word == "failed":
        message = f"{name} has failed: {text or 'CloudNativePG says no more'}. It is kept for you to look at."
        return Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_ATTEMPT_FAILED, message, word)
    if word == "walArchivingFailing":
        message = (
            f"{name} waits, because the WAL of the Cluster cannot be archived{': ' if text else ''}{text}. "
            "It goes on by itself once that works."
        )
        reason = OperatorReason.SNAPSHOT_SOURCE_UNFIT
        return Failure(ErrorClass.NEEDS_HUMAN, reason, message, word, PAUSE)
    if text:
        message = f"{name} is {word or 'new'}, and tells: {text}"
        return Failure(ErrorClass.RETRY, OperatorReason.SNAPSHOT_PROVIDER_UNAVAILABLE, message, word, PAUSE)
    waited = age(target["metadata"].get("creationTimestamp"), now)
    if not word and waited >= patience.unbound:
        message = (
            f"CloudNativePG has not taken up {name} for {waited:.0f} s. Look whether its operator runs, and "
            "whether another Backup of this Cluster is not finished."
        )
        reason = OperatorReason.SNAPSHOT_PROVIDER_UNAVAILABLE
        return Failure(ErrorClass.NEEDS_HUMAN, reason, message, retry_after=PAUSE)
    return None


def _odd(target: Object, cluster: Object) -> str:
    """In what a completed Backup is not what was asked for; empty: in nothing."""
    status = target.get("status") or {}
    pod = (status.get("instanceID") or {}).get("podName") or ""
    primary = (cluster.get("status") or {}).get("currentPrimary") or ""
    if not pod or pod != primary:
        return f"was taken of {pod or 'an unknown instance'}, and the primary is {primary or 'unknown'}."
    begin, end = str(status.get("beginLSN") or ""), str(status.get("endLSN") or "")
    by_plugin = (target.get("spec") or {}).get("method") == "plugin"
    if by_plugin and not begin and not end:
        return ""  # plugins need not tell
    if not in_lsn_order(begin, end):
        return f"does not say from where to where it goes in the WAL (begin {begin!r}, end {end!r})."
    return ""


def _lost(seen: Observation, reason: OperatorReason, message: str) -> Observation:
    return replace(seen, phase=Phase.FAILED, failure=Failure(ErrorClass.TERMINAL, reason, message))


def _elements(target: Object) -> list[Object]:
    return list(((target.get("status") or {}).get("snapshotBackupStatus") or {}).get("elements") or [])


def _ready(snapshot: Object) -> bool:
    status = snapshot.get("status") or {}
    return status.get("readyToUse") is True and bool(status.get("creationTime"))


def _position(lsn: str) -> int | None:
    high, slash, low = lsn.partition("/")
    try:
        return (int(high, 16) << 32) + int(low, 16) if slash else None
    except ValueError:
        return None


def _name(target: Object) -> str:
    return f"Backup {target['metadata'].get('namespace')}/{target['metadata']['name']}"
