"""Last part of a snapshot: judge what the client programs did, hash everything, write the manifest last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import contents, judge, record, store
from switchback.snapshots.judge import sentence
from switchback.snapshots.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from switchback.snapshots.record import Record, Subject


@dataclass(frozen=True, slots=True)
class Sealed:
    """A restore point: its manifest, the digest of that, and whether it was there before."""

    manifest: Manifest
    digest: str
    adopted: bool
    notices: tuple[str, ...] = ()


def seal(root: Path, work: Path, progress: Callable[[int], None] | None = None) -> Sealed:
    """Finish the try that `prepare` recorded in `work`. A try that failed is removed from `root`.

    Args:
        root: folder that holds the restore points.
        work: the folder that `prepare` and the client script wrote into.
        progress: called with the number of bytes hashed since the last call.

    Raises:
        RunnerError: why there is no restore point.
    """
    found = record.read(work)
    if found.adopted:
        known, digest = contents.read(root / found.name)
        return Sealed(known, digest, adopted=True, notices=found.notices)
    try:
        return _seal(root, work, found, progress)
    except RunnerError as error:
        removed = store.discard(root, found.partial) if found.partial else ""
        message = f"{sentence(error.message)} {removed}".rstrip()
        raise RunnerError(error.reason, message, error.advice, detail=error.detail) from None
    except BaseException:
        if found.partial:
            store.discard(root, found.partial)
        raise


def _seal(root: Path, work: Path, found: Record, progress: Callable[[int], None] | None) -> Sealed:
    if found.trouble is not None:
        raise found.trouble.error()
    if found.subject is None:
        raise RunnerError(Reason.SNAPSHOT_FAILED, "The preparing part of the snapshot did not finish.")
    subject, partial = found.subject, root / found.partial
    dump = judge.report_of(work, "dump")
    reread = judge.report_of(work, "reread")
    _judge(root, dump, reread, subject)
    with store.telling(root, "The dump could not be sealed"):
        sealed = Manifest(
            name=found.name,
            restore_point=subject.restore_point,
            origin=subject.origin,
            properties=subject.properties,
            client_version=dump.release,
            requester=found.requester,
            files=contents.hash_folder(partial, progress),
            ledger=subject.ledger,
        )
        digest = contents.publish(partial, root / found.name, sealed)
    return Sealed(sealed, digest, adopted=False, notices=found.notices)


def _judge(root: Path, dump: judge.Report, reread: judge.Report, subject: Subject) -> None:
    major = subject.origin.major
    try:
        judge.judge_dump(dump, major)
        judge.judge_reread(reread, major)
    except RunnerError as error:
        if error.reason is not Reason.SNAPSHOT_VOLUME_FULL:
            raise
        # Before the try is removed: how full it was when it failed.
        message = f"{sentence(error.message)} On {root} {store.full(root)}"
        raise RunnerError(error.reason, message, error.advice, detail=error.detail) from None
