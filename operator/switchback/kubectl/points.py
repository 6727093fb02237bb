"""Restore points as the plugin lists them: of a status, of the cluster's objects, of a claim. Pure.

One line for each, wherever it was seen: what several places tell of it is one line, and a status knows most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.contract.points import Phase
from switchback.kubectl import restore_points

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from switchback.kubectl.resource import Object, Resource

READY, FAILED, IN_PROGRESS, MISSING = "Ready", "Failed", "InProgress", "Missing"

POINT = f"{names.GROUP}/restore-point"
KEEP = f"{names.GROUP}/keep"
UID = f"{names.GROUP}/uid"
PURPOSE = f"{names.GROUP}/purpose"
VERSION = f"{names.GROUP}/schema-version"
SOURCE = f"{names.GROUP}/source-uid"


@dataclass(frozen=True, slots=True)
class Line:
    """One restore point. Empty or None: not known.

    Attributes:
        namespace: of the resource.
        resource: its name.
        uid: of the resource that it was taken for.
        name: of the restore point.
        provider: field of spec.snapshot.
        purpose: what it was taken for.
        phase: how far it is: Ready, InProgress, Failed, Missing (its place does not hold it any more), or a
            word of its place.
        size: in bytes.
        time: everything that was committed before is in it.
        made: when it was taken.
        version: where the migrations stood.
        digest: of its manifest.
        identity: the provider's id.
        source: the provider's id of what it is of.
        operation: that it was taken for.
        protected: why retention leaves it alone.
        fenced: whether writers were kept out.
        transactions: that began since.
        verified: how thoroughly it was looked at.
        orphaned: its resource is no more.
        seen: where it was seen: status, cluster, volume (or bucket).
        deletable: whether retention would delete it; None: nobody has asked there.
        why: the reason for that.
    """

    namespace: str
    resource: str
    name: str
    provider: str
    phase: str
    uid: str = ""
    purpose: str = ""
    size: int | None = None
    time: str = ""
    made: str = ""
    version: str = ""
    digest: str = ""
    identity: str = ""
    source: str = ""
    operation: str = ""
    protected: str = ""
    fenced: bool | None = None
    transactions: int | None = None
    verified: str = ""
    orphaned: bool = False
    seen: tuple[str, ...] = ()
    deletable: bool | None = None
    why: str = ""

    def as_data(self) -> Object:
        """The same for programs."""
        data: Object = {
            "namespace": self.namespace,
            "resource": self.resource,
            "uid": self.uid,
            "name": self.name,
            "provider": self.provider,
            "purpose": self.purpose,
            "phase": self.phase,
            "sizeBytes": self.size,
            "restorePointTime": self.time,
            "creationTime": self.made,
            "schemaVersion": self.version,
            "digest": self.digest,
            "providerID": self.identity,
            "sourceID": self.source,
            "operationID": self.operation,
            "protectedBy": self.protected,
            "writersFenced": self.fenced,
            "transactionsSince": self.transactions,
            "verified": self.verified,
            "orphaned": self.orphaned,
            "seenIn": list(self.seen),
        }
        return {key: value for key, value in data.items() if value not in (None, "")}


_MENDED = ("size", "time", "made", "version", "digest", "identity", "source", "protected", "purpose")
"""What one place may know and another not."""


def of_status(resource: Resource) -> list[Line]:
    """Those that the status of a resource holds, oldest first."""
    return [_of_status(resource, one) for one in resource.items("snapshots")]


def _of_status(resource: Resource, one: Object) -> Line:
    def text(key: str) -> str:
        return str(one.get(key) or "")

    return Line(
        namespace=resource.namespace,
        resource=resource.name,
        uid=resource.uid,
        name=text("name"),
        provider=restore_points.provider_of(resource, one),
        purpose=text("purpose"),
        phase=text("phase"),
        size=one.get("sizeBytes"),
        time=text("restorePointTime"),
        made=text("completionTime") or text("restorePointTime") or text("decisionTime"),
        version=text("schemaVersion"),
        digest=text("digest"),
        identity=text("providerID"),
        source=text("sourceID"),
        operation=text("operationID"),
        protected=text("protectedBy"),
        fenced=bool(one.get("writersFenced")),
        transactions=one.get("transactionsSince"),
        verified=text("verified"),
        seen=("status",),
    )


def of_object(provider: str, one: Object) -> Line | None:
    """One that is an object of the cluster; None: it says nothing of ours."""
    metadata = one.get("metadata") or {}
    notes, status = metadata.get("annotations") or {}, one.get("status") or {}
    namespace, _, resource = str(notes.get(names.ANNOTATION_RESOURCE, "")).partition("/")
    if not notes.get(POINT):
        return None
    made = status.get("creationTime") or status.get("stoppedAt") or metadata.get("creationTimestamp")
    return Line(
        namespace=namespace or str(metadata.get("namespace", "")),
        resource=resource,
        uid=str(notes.get(UID, "")),
        name=str(notes[POINT]),
        provider=provider,
        purpose=str(notes.get(PURPOSE, "")),
        phase=_phase(provider, status),
        made=str(made or ""),
        version=str(notes.get(VERSION, "")),
        identity=str(metadata.get("name", "")),
        source=str(notes.get(SOURCE, "")),
        operation=str(notes.get(names.LABEL_OPERATION, "")),
        protected="it has a keep mark" if KEEP in notes else "",
        seen=("cluster",),
    )


def _phase(provider: str, status: Object) -> str:
    if provider == "volumeSnapshot":
        if status.get("readyToUse"):
            return READY
        return IN_PROGRESS if not status.get("error") else FAILED
    return {"completed": READY, "failed": FAILED}.get(str(status.get("phase", "")), IN_PROGRESS)


def of_volume(namespace: str, found: Iterable[Object]) -> list[Line]:
    """Those that `switchback snapshot list --json` has told of."""
    return [_of_volume(namespace, one) for one in found]


def _of_volume(namespace: str, one: Object) -> Line:
    manifest = one.get("manifest") or {}
    requester, ledger = manifest.get("requester") or {}, manifest.get("ledger") or {}
    state = str(one.get("state", ""))
    files: list[Any] = manifest.get("files") or []
    return Line(
        namespace=str(requester.get("namespace") or namespace),
        resource=str(requester.get("resource") or ""),
        uid=str(requester.get("uid") or ""),
        name=str(one.get("name", "")),
        provider=restore_points.PG_DUMP,
        purpose=str(requester.get("purpose") or ""),
        phase=READY if state == "Sealed" else state,
        size=sum(int(file.get("size") or 0) for file in files) if manifest else None,
        time=str(manifest.get("restore_point") or ""),
        made=str(manifest.get("restore_point") or ""),
        version=str(ledger.get("current") or ""),
        digest=str(one.get("digest") or ""),
        source=str((manifest.get("origin") or {}).get("database") or ""),
        operation=str(requester.get("operation_id") or ""),
        protected="it has a keep mark" if one.get("keep") else "",
        deletable=one.get("deletable"),
        why=str(one.get("reason") or ""),
        fenced=manifest.get("writers_fenced"),
        seen=("volume",),
    )


def uid_hash_of(line: Line) -> str:
    """Hash of the UID of the resource that it was taken for; empty: nobody knows."""
    if line.uid:
        return names.uid_hash(line.uid)
    return line.operation.partition("-")[0] if "-" in line.operation else ""


def merged(
    lines: Iterable[Line], living: Collection[str], looked: Collection[tuple[str, str]] = ()
) -> list[Line]:
    """One line for each restore point, by namespace, resource and age; whose resource is no more is marked.

    Args:
        lines: those of statuses first.
        living: UIDs of the resources that are there.
        looked: (UID, provider) of which everything was listed where it is kept.
    """
    hashes = {names.uid_hash(uid) for uid in living}
    found: dict[tuple[str, str, str], Line] = {}
    for line in lines:
        key = (line.namespace, line.provider, line.name)
        known = found.get(key)
        found[key] = line if known is None else _with(known, line)
    told = [
        replace(line, phase=_at_last(line, looked), orphaned=_is_orphan(line, hashes))
        for line in found.values()
    ]
    return sorted(told, key=lambda line: (line.namespace, line.resource, line.made, line.name))


def _at_last(line: Line, looked: Collection[tuple[str, str]]) -> str:
    """A status remembers what has been deleted since."""
    gone = line.seen == ("status",) and line.phase == READY and (line.uid, line.provider) in looked
    return MISSING if gone else line.phase


def _is_orphan(line: Line, hashes: Collection[str]) -> bool:
    return bool(uid_hash_of(line)) and uid_hash_of(line) not in hashes


def _with(known: Line, other: Line) -> Line:
    """What is known, and what only another place tells."""
    missing = {name: getattr(other, name) for name in _MENDED if getattr(known, name) in {None, ""}}
    # A status says Ready and nobody looks again; the place itself may say otherwise.
    phase = other.phase if known.phase == READY and other.phase != READY else known.phase
    seen = (*known.seen, *other.seen)
    return replace(known, **missing, phase=phase, seen=seen, deletable=other.deletable, why=other.why)


def phase_of(line: Line) -> Phase:
    """The same in the words that all providers share."""
    words = {READY: Phase.AVAILABLE, FAILED: Phase.FAILED, IN_PROGRESS: Phase.CREATING}
    return words.get(line.phase, Phase.UNKNOWN)
