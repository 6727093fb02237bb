"""What `prepare` hands to `seal` through the memory volume of their pod."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots.libpq import write_private
from switchback.snapshots.manifest import LedgerMark, Origin, Properties, Requester, properties_of

if TYPE_CHECKING:
    from pathlib import Path

FILE = "record.json"


@dataclass(frozen=True, slots=True)
class Subject:
    """The database as it was right before the dump began."""

    origin: Origin
    properties: Properties
    ledger: LedgerMark | None
    restore_point: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing is to be dumped: the fields of a RunnerError that may be told."""

    reason: Reason
    message: str
    advice: str

    def error(self) -> RunnerError:
        """The error that was recorded."""
        return RunnerError(self.reason, self.message, self.advice)


@dataclass(frozen=True, slots=True)
class Record:
    """How preparing ended: with trouble, with a restore point that was there already, or a folder to fill.

    Attributes:
        name: of the restore point.
        requester: for whom.
        notices: what a person should know.
        trouble: what went wrong.
        adopted: the restore point is there and was verified just now.
        partial: name of the folder of this try.
        subject: what is dumped into it.
        writers_fenced: whether writers are kept out meanwhile.
    """

    name: str
    requester: Requester
    notices: tuple[str, ...] = ()
    trouble: Trouble | None = None
    adopted: bool = False
    partial: str = ""
    subject: Subject | None = None
    writers_fenced: bool = False


def write(work: Path, record: Record) -> None:
    """Leave `record` in `work`."""
    write_private(work / FILE, json.dumps(asdict(record)))


def read(work: Path) -> Record:
    """The record in `work`.

    Raises:
        RunnerError: SnapshotFailed; there is none, or it is cut off.
    """
    try:
        data: dict[str, Any] = json.loads((work / FILE).read_text(encoding="utf-8"))
        trouble, subject = data.pop("trouble"), data.pop("subject")
        return Record(
            requester=Requester(**data.pop("requester")),
            notices=tuple(data.pop("notices")),
            trouble=Trouble(Reason(trouble.pop("reason")), **trouble) if trouble else None,
            subject=_subject(subject) if subject else None,
            **data,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise RunnerError(
            Reason.SNAPSHOT_FAILED, "The preparing part of the snapshot ended without telling how."
        ) from None


def _subject(data: dict[str, Any]) -> Subject:
    ledger = data.pop("ledger")
    return Subject(
        origin=Origin(**data.pop("origin")),
        properties=properties_of(data.pop("properties")),
        ledger=LedgerMark(**ledger) if ledger else None,
        **data,
    )
