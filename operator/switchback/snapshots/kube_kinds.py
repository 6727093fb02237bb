"""The kinds that restore points in a cluster are made of."""

from __future__ import annotations

from switchback.controller.kube.kinds import EVENTS, PODS, Kind

SNAPSHOT_GROUP = "snapshot.storage.k8s.io"
CNPG_GROUP = "postgresql.cnpg.io"

VOLUME_SNAPSHOTS = Kind(SNAPSHOT_GROUP, "v1", "volumesnapshots", "VolumeSnapshot")
CONTENTS = Kind(SNAPSHOT_GROUP, "v1", "volumesnapshotcontents", "VolumeSnapshotContent")
CLASSES = Kind(SNAPSHOT_GROUP, "v1", "volumesnapshotclasses", "VolumeSnapshotClass")
CLAIMS = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
VOLUMES = Kind("", "v1", "persistentvolumes", "PersistentVolume")
CLUSTERS = Kind(CNPG_GROUP, "v1", "clusters", "Cluster")
BACKUPS = Kind(CNPG_GROUP, "v1", "backups", "Backup")

__all__ = [
    "BACKUPS",
    "CLAIMS",
    "CLASSES",
    "CLUSTERS",
    "CONTENTS",
    "EVENTS",
    "PODS",
    "VOLUMES",
    "VOLUME_SNAPSHOTS",
]
