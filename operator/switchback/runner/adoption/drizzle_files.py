"""What Drizzle would write down about each migration of a folder: its hash, its time, its name.

Drizzle hashes the raw text as SHA-256. Git may have given a file other line ends than it had when it was
applied, so a file has one hash that Drizzle would write now, and others that it may have written.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from switchback.contract.reasons import Reason
from switchback.migrations.formats.drizzle_journal import JOURNALS
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from switchback.migrations.model import Migration, Source

FORMAT = "Drizzle"
_LARGEST = 2**63 - 1
"""Of a bigint."""


class Known(NamedTuple):
    """What Drizzle would write down about one migration.

    Attributes:
        hash: of the file as it is.
        others: of the same text with other line ends.
        when: milliseconds since 1970; of the journal, or of the folder's name. None: it says nothing.
        name: of the folder, as its version 1 writes it; empty for files beside a journal.
    """

    hash: str
    others: frozenset[str]
    when: int | None
    name: str

    def has(self, recorded: str) -> bool:
        """Whether a hash is that of this text."""
        return recorded == self.hash or recorded in self.others


def known(source: Source) -> dict[str, Known]:
    """By id, for every migration of a folder of Drizzle.

    Raises:
        RunnerError: `SourceMoved` when a file is gone since the folder was read.
    """
    folder = Path(source.folder)
    times = _times(folder)
    return {migration.id: _known(folder, migration, times) for migration in source.migrations}


def _known(folder: Path, migration: Migration, times: dict[str, int | None]) -> Known:
    raw = _read(folder, migration.up.path)
    unix = raw.replace(b"\r\n", b"\n")
    others = {_hash(unix), _hash(unix.replace(b"\n", b"\r\n"))}
    if migration.id in times:
        return Known(_hash(raw), frozenset(others), times[migration.id], "")
    return Known(_hash(raw), frozenset(others), _of_name(migration.id), migration.id)


def _hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _read(folder: Path, path: str) -> bytes:
    try:
        return (folder / path).read_bytes()
    except OSError as error:
        raise RunnerError(
            Reason.SOURCE_MOVED, f"The file cannot be read any more: {error.strerror}.", file=path
        ) from None


def _times(folder: Path) -> dict[str, int | None]:
    """`when` by tag, of the journal; empty without one. The format has judged the journal already."""
    journal = next((path for path in JOURNALS if (folder / path).exists()), None)
    if journal is None:
        return {}
    times: dict[str, int | None] = {}
    for entry in json.loads(_read(folder, journal).decode().lstrip("\ufeff"))["entries"]:
        times[str(entry["tag"])] = _milliseconds(entry.get("when"))
    return times


def _milliseconds(when: object) -> int | None:
    """A time as a number that Drizzle's column can hold; None for what is none, such as 1e999."""
    if isinstance(when, bool) or not isinstance(when, int | float) or not abs(when) <= _LARGEST:
        return None
    return int(when)


def _of_name(name: str) -> int | None:
    """The time of a folder's first 14 digits, in UTC. As JavaScript counts, the 32nd is a day, too."""
    year, month, day, hour, minute, second = (int(name[a:b]) for a, b in pairwise((0, 4, 6, 8, 10, 12, 14)))
    try:
        begin = datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)
        stamp = begin + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)
    except (ValueError, OverflowError):
        return None
    return (stamp - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
