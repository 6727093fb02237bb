"""Flyway: `flyway_schema_history`, a row for everything that was ever done, in the order of `installed_rank`.

An undo adds a row (`UNDO_SQL`) and so does a repair of what has lost its file (`DELETE`); both take back the
version's last row. A baseline stands for every version up to its own. Rows without a version are repeatable
migrations, which have no place in an order.

The checksum is a CRC-32 over the file's lines without their ends, as a signed 32-bit number. The text of a
half has no byte order mark and one kind of line end, so taking those out of it gives the same bytes.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from switchback.contract.reasons import Reason
from switchback.runner.adoption import rows
from switchback.runner.adoption.model import Entry, Reading
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    import psycopg

    from switchback.migrations.model import Migration, Source
    from switchback.runner.adoption.model import Table

NAME = "Flyway"
TABLES = frozenset({"flyway_schema_history", "schema_version"})
SCHEMAS: frozenset[str] = frozenset()
FORMATS = frozenset({"Flyway"})
NEEDS = frozenset({"installed_rank", "version", "type", "script", "checksum", "success"})

_COLUMNS = "version, type, script, checksum, success"
_ID = re.compile(r"[A-Za-z]*([0-9]+(?:[._][0-9]+)*)__", re.DOTALL)
_REPAIR = "If the file is right: flyway repair. Else bring the file back as it was applied."

Version = tuple[int, ...]


class _Row(NamedTuple):
    version: str | None
    type: str
    script: str
    checksum: int | None
    success: bool


@dataclass
class _Told:
    """What the rows say up to one of them."""

    applied: dict[Version, _Row] = field(default_factory=dict)
    failed: dict[Version, _Row] = field(default_factory=dict)
    baseline: _Row | None = None
    repeatables: set[str] = field(default_factory=set)


def claims(table: Table) -> bool:
    """Whether it has Flyway's columns."""
    return NEEDS | {"description", "installed_by", "installed_on", "execution_time"} <= set(table.columns)


def checksum(text: str) -> int:
    """As Flyway computes it, from a text with LF line ends and no byte order mark."""
    number = zlib.crc32(text.replace("\n", "").encode())
    return number - 2**32 if number >= 2**31 else number


def read(connection: psycopg.Connection[Any], table: Table, source: Source) -> Reading:
    """The versions that are applied, each with its file.

    Raises:
        RunnerError: `AdoptionRefused` for a migration that failed; `PermissionDenied`.
    """
    found, guard = rows.read(connection, NAME, table, _COLUMNS, "installed_rank", may_be_null=True)
    told = _Told()
    for row in found:
        _tell(told, _Row(*row))
    failed = next(iter(told.failed.values()), None)
    if failed is not None:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{table.text} of {NAME} says that version {failed.version} ({failed.script}) failed.",
            "Look what of it has taken effect and mend the schema. Then take the row away with flyway "
            "repair, and run again.",
        )
    files = _by_version(source)
    entries = [*_below_baseline(told, files), *(_entry(row, files) for row in told.applied.values())]
    top = max((_version(row.version or "") for row in told.applied.values()), default=())
    last = told.applied[top].version if told.applied else None
    if last is None and told.baseline is not None:
        last = f"{told.baseline.version} (baseline)"
    return Reading(
        "nothing applied" if last is None else f"version {last}",
        tuple(entries),
        guard,
        notices=_notices(told),
    )


def _tell(told: _Told, row: _Row) -> None:
    """Take in one row, in order."""
    if row.version is None:
        if row.type not in {"SCHEMA", "DELETE"}:
            told.repeatables.add(row.script)
        return
    version = _version(row.version)
    if row.type == "SCHEMA":
        return
    if row.type == "DELETE" or row.type.startswith("UNDO"):
        if row.success:
            told.applied.pop(version, None)
            told.failed.pop(version, None)
        else:
            told.failed[version] = row
        return
    if not row.success:
        told.failed[version] = row
        return
    if row.type.endswith("BASELINE"):
        told.baseline = row
        return
    told.applied.pop(version, None)
    told.applied[version] = row


def _notices(told: _Told) -> tuple[str, ...]:
    if not told.repeatables:
        return ()
    names = ", ".join(sorted(told.repeatables))
    return (f"Repeatable migrations are not taken over, for they have no place in an order: {names}.",)


def _version(text: str) -> Version:
    """Numbers of a version; `1`, `01`, `1.0` and `1_0` are one."""
    parts = [int(part) for part in re.split(r"[._]", text) if part.isascii() and part.isdigit()]
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return tuple(parts)


def _by_version(source: Source) -> dict[Version, Migration]:
    found = ((_ID.match(migration.id), migration) for migration in source.migrations)
    return {_version(match.group(1)): migration for match, migration in found if match is not None}


def _below_baseline(told: _Told, files: dict[Version, Migration]) -> list[Entry]:
    """Files that the baseline stands for, as long as no row says more of them."""
    if told.baseline is None:
        return []
    edge = _version(told.baseline.version or "")
    below = [version for version in sorted(files) if version <= edge and version not in told.applied]
    return [Entry(".".join(map(str, version)), files[version]) for version in below]


def _entry(row: _Row, files: dict[Version, Migration]) -> Entry:
    version = row.version or ""
    file = files.get(_version(version))
    if file is None or row.checksum is None or row.type != "SQL":
        return Entry(version, file)
    now = checksum(file.up.text)
    if now == row.checksum:
        return Entry(version, file)
    trouble = (
        f"{file.up.path} is not what was applied as version {version}: its checksum is {now}, "
        f"Flyway has recorded {row.checksum}"
    )
    return Entry(version, file, trouble, _REPAIR)
