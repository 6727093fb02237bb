"""Which VolumeSnapshotClass a snapshot is taken with. Pure: classes in, a class or a failure out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

RETAIN = "Retain"
DEFAULT = "snapshot.storage.kubernetes.io/is-default-class"
MIGRATED = "pv.kubernetes.io/migrated-to"
"""On volumes of the plugins that were part of Kubernetes: the CSI driver that serves them now."""

Object = dict[str, Any]


def driver_of(volume: Object) -> str:
    """The CSI driver of a PersistentVolume; empty: it has none, and no snapshots either."""
    notes = volume["metadata"].get("annotations") or {}
    return str((volume["spec"].get("csi") or {}).get("driver") or notes.get(MIGRATED, ""))


def handle_of(volume: Object) -> str:
    """The driver's own name of a PersistentVolume; empty: unknown."""
    return str((volume["spec"].get("csi") or {}).get("volumeHandle") or "")


def choose(classes: Sequence[Object], volume: Object, wanted: str) -> Object | Failure:
    """The class named `wanted`, or the driver's one default."""
    driver = driver_of(volume)
    if not driver:
        name = volume["metadata"]["name"]
        return problem(f"PersistentVolume {name} is served by no CSI driver, so no snapshot can be taken.")
    return _named(classes, volume, wanted) if wanted else _default(classes, driver)


def unsafe(chosen: Object) -> Failure | None:
    """Why a class loses snapshots; None: it keeps them."""
    if chosen.get("deletionPolicy") == RETAIN:
        return None
    name = chosen["metadata"]["name"]
    return Failure(
        ErrorClass.NEEDS_HUMAN,
        OperatorReason.UNSAFE_DELETION_POLICY,
        f"VolumeSnapshotClass {name} has deletionPolicy {chosen.get('deletionPolicy')}: the storage deletes "
        "the snapshot when the VolumeSnapshot or its namespace is deleted.",
    )


def problem(message: str) -> Failure:
    """A failure that somebody who administers the cluster can mend."""
    return Failure(ErrorClass.NEEDS_HUMAN, OperatorReason.SNAPSHOT_CLASS_PROBLEM, message)


def _named(classes: Sequence[Object], volume: Object, wanted: str) -> Object | Failure:
    driver = driver_of(volume)
    found = next((one for one in classes if one["metadata"]["name"] == wanted), None)
    if found is None:
        return problem(f"There is no VolumeSnapshotClass {wanted}.{_fitting(classes, driver)}")
    if found["driver"] != driver:
        return problem(
            f"VolumeSnapshotClass {wanted} is for {found['driver']}, and PersistentVolume "
            f"{volume['metadata']['name']} is served by {driver}.{_fitting(classes, driver)}"
        )
    return found


def _default(classes: Sequence[Object], driver: str) -> Object | Failure:
    defaults = [one for one in classes if one["driver"] == driver and _is_default(one)]
    if len(defaults) == 1:
        return defaults[0]
    if not defaults:
        return problem(f"No VolumeSnapshotClass is the default of {driver}.{_fitting(classes, driver)}")
    names = ", ".join(sorted(one["metadata"]["name"] for one in defaults))
    return problem(f"Several VolumeSnapshotClasses are the default of {driver}: {names}.")


def _is_default(one: Object) -> bool:
    return (one["metadata"].get("annotations") or {}).get(DEFAULT) == "true"


def _fitting(classes: Sequence[Object], driver: str) -> str:
    names = sorted(one["metadata"]["name"] for one in classes if one["driver"] == driver)
    return f" For {driver} there are: {', '.join(names)}." if names else f" There is none for {driver}."
