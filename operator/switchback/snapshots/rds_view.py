"""A snapshot as RDS shows it, in the words of all providers, and whether it is the one that is meant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Failure, Observation, Owned, Phase
from switchback.snapshots import rds_state, rds_tags
from switchback.snapshots.rds_names import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.contract.points import Intent, Ownership
    from switchback.snapshots.rds_kinds import Kind
    from switchback.snapshots.rds_source import Source

GIB: Final = 1024**3


def observation(name: str, kind: Kind, snapshot: Mapping[str, Any]) -> Observation:
    """A snapshot as it is, whoever it belongs to."""
    status = snapshot.get("Status") or ""
    phase = rds_state.phase(status)
    taken = _time(snapshot, "OriginalSnapshotCreateTime", "SnapshotCreateTime")
    failed = None
    if phase is Phase.FAILED:
        failed = Failure(
            ErrorClass.TERMINAL,
            OperatorReason.SNAPSHOT_ATTEMPT_FAILED,
            f"the snapshot {snapshot[kind.id]} is in the state {status}, at {_percent(snapshot)} percent",
            status,
        )
    return Observation(
        name=name,
        phase=phase,
        raw_status=status,
        progress=snapshot.get("PercentProgress"),
        provider_id=snapshot.get(kind.arn) or "",
        source_id=snapshot.get(kind.source_id) or "",
        size_bytes=_size(snapshot),
        encrypted=snapshot.get(kind.encrypted),
        kms_key=snapshot.get("KmsKeyId") or "",
        restore_point_time=_time(snapshot, "SnapshotDatabaseTime") or taken,
        capture_time=taken,
        ownership=rds_tags.ownership(rds_tags.read(snapshot)),
        failure=failed,
    )


def not_ours(expect: Ownership, kind: Kind, snapshot: Mapping[str, Any]) -> Failure | None:
    """Why a snapshot is not the one of this try of this operation; None when it is."""
    what = f"the {kind.word} snapshot {snapshot[kind.id]}"
    found = rds_tags.ownership(rds_tags.read(snapshot))
    if found is None:
        return _taken(f"{what} exists and bears no tags of ours")
    if not found.same_work(expect):
        whose = f"{found.namespace}/{found.name}, operation {found.operation_id}, attempt {found.attempt}"
        if found.installation != expect.installation:
            whose += f", of the installation {found.installation or '(without a name)'}"
        return _taken(f"{what} belongs to {whose}")
    if snapshot.get("SnapshotType") != "manual":
        return _taken(f"{what} is of the type {snapshot.get('SnapshotType') or '(none)'}, and not manual")
    return None


def of_another(kind: Kind, snapshot: Mapping[str, Any], source: Source) -> Failure | None:
    """Why a snapshot is not of this source as it is now; None when it is."""
    what = f"the {kind.word} snapshot {snapshot[kind.id]}"
    of = snapshot.get(kind.source_id) or ""
    if of != source.resource_id:
        return Failure(
            ErrorClass.TERMINAL,
            OperatorReason.SNAPSHOT_SOURCE_MISMATCH,
            f"{what} is of {of or '(unknown)'}, and {source.what} is {source.resource_id}",
        )
    encrypted = bool(snapshot.get(kind.encrypted))
    if encrypted != source.encrypted:
        told = {True: "encrypted", False: "not encrypted"}
        return Failure(
            ErrorClass.TERMINAL,
            OperatorReason.SNAPSHOT_INCOMPLETE,
            f"{what} is {told[encrypted]}, and {source.what} is {told[source.encrypted]}",
        )
    return None


def is_original(kind: Kind, snapshot: Mapping[str, Any]) -> bool:
    """Whether a snapshot is called as the restore point that its tags name: copies take the tags along."""
    point = rds_tags.read(snapshot).get(rds_tags.RESTORE_POINT, "")
    return bool(point) and snapshot[kind.id].lower() == identifier(point)


def owned(kind: Kind, snapshot: Mapping[str, Any], ownership: Ownership) -> Owned:
    """A snapshot of ours as it stands in a listing."""
    tags = rds_tags.read(snapshot)
    name = tags[rds_tags.RESTORE_POINT]
    created = _time(snapshot, "OriginalSnapshotCreateTime", "SnapshotCreateTime")
    return Owned(observation(name, kind, snapshot), ownership, created, protected=rds_tags.KEEP in tags)


def age(intent: Intent) -> float:
    """Seconds since a restore point was decided on; 0 when that is not known."""
    try:
        decided = datetime.fromisoformat(intent.decided)
    except ValueError:
        return 0.0
    if decided.tzinfo is None:
        decided = decided.replace(tzinfo=UTC)
    return (datetime.now(UTC) - decided).total_seconds()


def _time(snapshot: Mapping[str, Any], *fields: str) -> str:
    """The first of these times that is known, rounded down: nothing is promised that is not in it."""
    found = next((snapshot[field] for field in fields if snapshot.get(field)), None)
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if found else ""


def _size(snapshot: Mapping[str, Any]) -> int | None:
    """How much is in it; where RDS does not tell, how much its source has room for. Aurora tells neither."""
    if full := snapshot.get("FullSnapshotSizeInBytes"):
        return int(full)
    if str(snapshot.get("Engine", "")).startswith("aurora"):
        return None
    return (snapshot.get("AllocatedStorage") or 0) * GIB or None


def _percent(snapshot: Mapping[str, Any]) -> str:
    return str(snapshot.get("PercentProgress", "an unknown number of"))


def _taken(message: str) -> Failure:
    return Failure(ErrorClass.CONFLICT, OperatorReason.SNAPSHOT_NAME_CONFLICT, message)
