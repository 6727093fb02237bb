"""VolumeSnapshots for tests: the real controllers, and a small driver that fails as a test tells it to."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.cluster import binaries, components, csi_objects, csi_programs
from tests.cluster.backends.local import Local
from tests.cluster.errors import BedError, UnsupportedError
from tests.cluster.quantity import to_bytes
from tests.cluster.run import run, wait_for

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.cluster.handle import Cluster

NEVER = -1.0
_CLIENT = "github.com/kubernetes-csi/external-snapshotter/client/v8"
_KINDS = ("volumesnapshotclasses", "volumesnapshotcontents", "volumesnapshots")
_GROUP = "snapshot.storage.k8s.io"
_PATIENCE = 30.0


@dataclass(frozen=True)
class Claim:
    """A bound PersistentVolumeClaim whose volume the driver can take snapshots of."""

    namespace: str
    name: str
    handle: str  # the driver's name of the volume
    volume: str  # the PersistentVolume
    files: Path  # what is in it, as this machine sees it


class Csi:
    """The driver and the controllers of VolumeSnapshots on the node."""

    driver = csi_programs.DRIVER
    storage_class = csi_objects.STORAGE_CLASS
    retain = csi_objects.RETAIN  # the VolumeSnapshotClass that leaves the snapshot to its owner
    delete = csi_objects.DELETE  # the one that removes it with the VolumeSnapshot

    def __init__(self, cluster: Cluster) -> None:
        """Install the kinds and the classes, and start the programs; what is there already is kept."""
        backend = cluster.backend
        if not isinstance(backend, Local):
            raise UnsupportedError(f"{backend.name}: VolumeSnapshots need CLUSTER=local, which runs a driver")
        self._cluster = cluster
        self._bed = backend.bed
        self._folder = csi_programs.folder(self._bed)
        self._claims: list[Claim] = []
        self._folder.mkdir(parents=True, exist_ok=True)
        self._install()

    def claim(self, namespace: str, name: str = "data", *, size: str = "1Gi", snapshot: str = "") -> Claim:
        """Make a volume and a bound claim for it, empty or with the content of a VolumeSnapshot in there."""
        handle = f"vol-{secrets.token_hex(4)}"
        made = Claim(namespace, name, handle, f"csi-{handle}", self._folder / "volumes" / handle)
        if snapshot:
            source = self._folder / "snapshots" / self.handle(namespace, snapshot)
            run(["cp", "--archive", "--reflink=auto", source, made.files], timeout=120)
        else:
            made.files.mkdir()
            made.files.chmod(0o777)  # pods of tests run as several users
        (self._folder / "sizes" / handle).write_text(str(to_bytes(size)))
        self._claims.append(made)
        self._cluster.apply(csi_objects.volume(self.driver, made.volume, handle, size, (namespace, name)))
        # A claim for a volume that the controller has not seen yet waits for its next look.
        self._cluster.wait(f"pv/{made.volume}", "--for=jsonpath={.status.phase}=Available")
        self._cluster.apply(csi_objects.claim(name, made.volume, size), namespace=namespace)
        self._cluster.wait(f"pvc/{name}", "-n", namespace, "--for=jsonpath={.status.phase}=Bound")
        return made

    def fault(
        self,
        claim: Claim,
        *,
        error: str = "",
        code: str = "INTERNAL",
        times: int = 0,
        hold: float = 0,
        ready_after: float = 0,
        delete_error: str = "",
    ) -> None:
        """Say what goes wrong with the snapshots of a volume, from now on, in place of what was said before.

        Args:
            claim: whose volume.
            error: what CreateSnapshot fails with.
            code: the gRPC code of that failure; UNAVAILABLE and ABORTED are not final, INTERNAL is.
            times: how often it fails before it works; 0 is for ever.
            hold: seconds before a snapshot is taken: it has no creation time yet. A call gives up after 5.
            ready_after: seconds from the moment it was taken until it is ready to use, or NEVER.
            delete_error: what DeleteSnapshot fails with.
        """
        content = {
            "id": secrets.token_hex(4),
            "error": error,
            "code": code,
            "times": times,
            "hold": hold,
            "ready_after": ready_after,
            "delete_error": delete_error,
        }
        note = self._folder / "faults" / f"{claim.handle}.json"
        partial = note.with_name(f".{note.name}.new")
        partial.write_text(json.dumps(content))
        partial.replace(note)

    def mend(self, claim: Claim) -> None:
        """Let everything work again, also for snapshots that are being made."""
        (self._folder / "faults" / f"{claim.handle}.json").unlink(missing_ok=True)

    def calls(self, claim: Claim, call: str = "CreateSnapshot") -> list[dict[str, str]]:
        """Return what was asked of the driver about a volume: call, snapshot, error, at."""
        note = self._folder / "calls" / f"{claim.handle}.jsonl"
        lines = note.read_text().splitlines() if note.is_file() else []
        return [one for one in map(json.loads, lines) if one["call"] == call]

    def stored(self, claim: Claim) -> list[str]:
        """Return the snapshots of a volume that the storage holds, whatever Kubernetes knows of them."""
        notes = [json.loads(note.read_text()) for note in (self._folder / "snapshots").glob("*.json")]
        return sorted(note["id"] for note in notes if note["volume"] == claim.handle)

    def handle(self, namespace: str, snapshot: str) -> str:
        """Return the driver's name of a VolumeSnapshot."""
        found = self._cluster.kubectl("get", "volumesnapshot", snapshot, "-n", namespace, json=True)
        content = found.get("status", {}).get("boundVolumeSnapshotContentName", "")
        if not content:
            raise BedError(f"VolumeSnapshot {snapshot} in {namespace} is not bound")
        found = self._cluster.kubectl("get", "volumesnapshotcontent", content, json=True)
        return str(found["status"]["snapshotHandle"])

    def frozen(self, name: str) -> AbstractContextManager[None]:
        """Keep `snapshot-controller`, `csi-snapshotter` or `csi-driver` stopped during a block."""
        return csi_programs.frozen(self._bed, name)

    def remove(self) -> None:
        """Remove what was made here; the programs and the classes stay for the next run."""
        if not self._claims:
            return
        handles = {claim.handle for claim in self._claims}
        for claim in self._claims:
            self.mend(claim)
        quick = ["--ignore-not-found", "--wait=false"]
        contents = self._cluster.kubectl("get", "volumesnapshotcontents", json=True)["items"]
        ours = [
            one["metadata"]["name"]
            for one in contents
            if one["spec"]["source"].get("volumeHandle") in handles
        ]
        if ours:
            self._cluster.kubectl("delete", "volumesnapshotcontents", *ours, *quick)
        self._cluster.kubectl("delete", "pv", *(claim.volume for claim in self._claims), *quick)
        for claim in self._claims:
            for stored in self.stored(claim):
                (self._folder / "snapshots" / f"{stored}.json").unlink(missing_ok=True)
                shutil.rmtree(self._folder / "snapshots" / stored, ignore_errors=True)
            shutil.rmtree(claim.files, ignore_errors=True)  # pods that end may still write
            shutil.rmtree(self._folder / "published" / claim.handle, ignore_errors=True)
            for note in (f"sizes/{claim.handle}", f"calls/{claim.handle}.jsonl"):
                (self._folder / note).unlink(missing_ok=True)
        self._claims.clear()

    def _install(self) -> None:
        kinds = binaries.module_folder("snapshotter", _CLIENT) / "config" / "crd"
        files = [f"--filename={kinds / f'{_GROUP}_{kind}.yaml'}" for kind in _KINDS]
        self._cluster.kubectl("apply", *files)
        self._cluster.wait(*(f"crd/{kind}.{_GROUP}" for kind in _KINDS), "--for=condition=Established")
        csi_programs.start(self._bed)
        # Another moment until the new kinds are known to everybody.
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self._cluster.apply(*csi_objects.classes(self.driver))
                break
            except BedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        wait_for(f"driver {self.driver} on the node", self._known_to_kubelet, timeout=_PATIENCE, pause=0.2)

    def _known_to_kubelet(self) -> bool:
        if gone := csi_programs.ended(self._bed):
            raise BedError(f"{', '.join(gone)} ended; the logs are in {self._bed.logs}")
        node = self._cluster.kubectl("get", "csinode", components.NODE, json=True)
        return any(driver["name"] == self.driver for driver in node["spec"]["drivers"] or ())
