"""The Kubernetes objects of the test bed's driver: its classes, and volumes made by hand."""

from __future__ import annotations

from typing import Any

STORAGE_CLASS = "switchback-test-csi"
RETAIN = "switchback-test-retain"
DELETE = "switchback-test-delete"
_LABELS = {"switchback.dev/test-bed": "true"}


def classes(driver: str) -> list[dict[str, Any]]:
    """Return what a cluster has once for each driver. Nothing makes volumes of the StorageClass by itself."""
    info = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": driver, "labels": _LABELS},
        "spec": {"attachRequired": False, "podInfoOnMount": False, "fsGroupPolicy": "File"},
    }
    storage = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS, "labels": _LABELS},
        "provisioner": driver,
        "reclaimPolicy": "Retain",
    }
    snapshots = [
        {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshotClass",
            "metadata": {"name": name, "labels": _LABELS},
            "driver": driver,
            "deletionPolicy": policy,
        }
        for name, policy in ((RETAIN, "Retain"), (DELETE, "Delete"))
    ]
    return [info, storage, *snapshots]


def volume(driver: str, name: str, handle: str, size: str, owner: tuple[str, str]) -> dict[str, Any]:
    """Return a PersistentVolume for one claim, given as namespace and name."""
    namespace, claim_name = owner
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": _LABELS, "finalizers": ["kubernetes.io/pv-protection"]},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": STORAGE_CLASS,
            "claimRef": {"namespace": namespace, "name": claim_name},
            "csi": {"driver": driver, "volumeHandle": handle},
        },
    }


def claim(name: str, volume_name: str, size: str) -> dict[str, Any]:
    """Return the claim for a volume."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "finalizers": ["kubernetes.io/pvc-protection"]},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": STORAGE_CLASS,
            "volumeName": volume_name,
            "resources": {"requests": {"storage": size}},
        },
    }
