"""Last part of a snapshot: judge what the client programs did, hash everything, write the manifest last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import contents, judge, record, scratch, store
from switchback.snapshots.judge import sentence
from switchback.snapshots.manifest import Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.snapshots.record import Record, Subject
    from switchback.snapshots.store import Progress, Store


@dataclass(frozen=True, slots=True)
class Sealed:
    """A restore point: its manifest, the digest of that, and whether it was there before."""

    manifest: Manifest
    digest: str
    adopted: bool
    notices: tuple[str, ...] = ()
    verify_seconds: int = 0


def seal(kept: Store, room: Path, work: Path, progress: Progress = None, uploaded: Progress = None) -> Sealed:
    """Finish the try that `prepare` recorded in `work`. A try that failed is removed from `room`.

    Args:
        kept: where restore points are kept.
        room: the folder that the folder of the try is in.
        work: the folder that `prepare` and the client script wrote into.
        progress: called with the number of bytes hashed since the last call.
        uploaded: called with the number of bytes uploaded since the last call.

    Raises:
        RunnerError: why there is no restore point.
    """
    found = record.read(work)
    if found.adopted:
        known, digest = kept.read(found.name)
        return Sealed(known, digest, adopted=True, notices=found.notices)
    try:
        wanted = _judged(kept, room, work, found, progress)
        with store.telling(room, "The dump could not be sealed"):
            made = kept.publish(room / found.partial, wanted, uploaded)
    except RunnerError as error:
        removed = scratch.discard(room, found.partial) if found.partial else ""
        message = f"{sentence(error.message)} {removed}".rstrip()
        raise RunnerError(error.reason, message, error.advice, detail=error.detail) from None
    except BaseException:
        if found.partial:
            scratch.discard(room, found.partial)
        raise
    # In a folder it has its final name by now; what was uploaded is not needed here any more.
    scratch.discard(room, found.partial)
    took = judge.seconds_since_dump(work)
    return Sealed(made.manifest, made.digest, made.adopted, (*found.notices, *made.notices), took)


def _judged(kept: Store, room: Path, work: Path, found: Record, progress: Progress) -> Manifest:
    """The manifest of the dump, if it is complete and was read back."""
    if found.trouble is not None:
        raise found.trouble.error()
    if found.subject is None:
        raise RunnerError(Reason.SNAPSHOT_FAILED, "The preparing part of the snapshot did not finish.")
    subject, partial = found.subject, room / found.partial
    dump = judge.report_of(work, "dump")
    reread = judge.report_of(work, "reread")
    _judge(kept, room, dump, reread, subject)
    with store.telling(room, "The dump could not be sealed"):
        return Manifest(
            name=found.name,
            restore_point=subject.restore_point,
            origin=subject.origin,
            properties=subject.properties,
            client_version=dump.release,
            requester=found.requester,
            files=contents.hash_folder(partial, progress),
            ledger=subject.ledger,
            writers_fenced=found.writers_fenced,
        )


def _judge(kept: Store, room: Path, dump: judge.Report, reread: judge.Report, subject: Subject) -> None:
    major = subject.origin.major
    try:
        judge.judge_dump(dump, major)
        judge.judge_reread(reread, major)
    except RunnerError as error:
        if error.reason is not Reason.SNAPSHOT_VOLUME_FULL:
            raise
        # Before the try is removed: how full it was when it failed.
        message = f"{sentence(error.message)} On {room} {store.full(room)}"
        advice = store.ROOM_ADVICE if kept.uploads else error.advice
        raise RunnerError(error.reason, message, advice, detail=error.detail) from None
