"""The manifest of a restore point: what it is of, and the size and SHA-256 of every file.

A restore point is a folder as `pg_dump --format=directory` writes it, with `manifest.json` beside the
dump's own files. The manifest is written last, so its presence says that the dump was complete, read back in
full and hashed; its hashes say whether that is still so.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots.layout import MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Which database a restore point is of.

    Attributes:
        database: its name.
        system_identifier: of the server's cluster, as text; empty when the role may not read it.
        server_version: server_version_num, such as 150018.
        size: of the database when the dump began, in bytes as pg_database_size gives it; 0 when unknown.
        tables: number of its tables.
        rows: estimated rows of all of them, from the server's statistics.
    """

    database: str
    system_identifier: str
    server_version: int
    size: int
    tables: int
    rows: int

    @property
    def major(self) -> int:
        """Major version of the server, such as 15."""
        return self.server_version // 10000


@dataclass(frozen=True, slots=True)
class Properties:
    """What belongs to the database as a whole, and is therefore not restored by pg_restore into another one.

    Attributes:
        owner: role that owns the database.
        encoding: such as `UTF8`.
        provider: of the locale, one letter as in pg_database: `c` (libc), `i` (ICU), `b` (builtin).
        collate: LC_COLLATE.
        ctype: LC_CTYPE.
        locale: of ICU or the builtin provider; empty for libc.
        icu_rules: extra collation rules; empty when there are none.
        settings: `name=value` of each ALTER DATABASE ... SET.
        access: (grantee, privilege) on the database, PUBLIC as an empty grantee; None: the defaults.
        roles: every role that owns something in the dump or is granted something in it.
    """

    owner: str
    encoding: str
    provider: str
    collate: str
    ctype: str
    locale: str
    icu_rules: str
    settings: tuple[str, ...]
    access: tuple[tuple[str, str], ...] | None
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LedgerMark:
    """Where the migrations stood. `current` is an id or `base`; `applied` counts the rows of the ledger."""

    schema: str
    current: str
    applied: int


@dataclass(frozen=True, slots=True)
class Requester:
    """For which operation of which resource. A laptop has no namespace, resource and UID hash."""

    operation_id: str
    namespace: str = ""
    resource: str = ""
    uid_hash: str = ""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the dump: name, size in bytes, SHA-256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that is known of a restore point.

    `restore_point` is RFC 3339 with the server's clock: everything that was committed before it is in the
    dump. `writers_fenced` tells whether anyone could write after it.
    """

    name: str
    restore_point: str
    origin: Origin
    properties: Properties
    client_version: str
    requester: Requester
    files: tuple[FileEntry, ...]
    ledger: LedgerMark | None = None
    writers_fenced: bool = False
    version: int = field(default=VERSION)

    @property
    def size(self) -> int:
        """Bytes of all files of the dump."""
        return sum(entry.size for entry in self.files)

    @property
    def client_major(self) -> int:
        """Major version of the pg_dump that wrote it."""
        return int(self.client_version.partition(".")[0])


def encode(manifest: Manifest) -> bytes:
    """The text of `manifest.json`."""
    return (json.dumps(asdict(manifest), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def digest(text: bytes) -> str:
    """`sha256:<hex>` over the text of a manifest, as `sha256sum manifest.json` shows it."""
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def decode(text: bytes, where: Path) -> Manifest:
    """The manifest in `text`. `where` is named in errors.

    Raises:
        RunnerError: SnapshotUnreadable; not JSON, not a manifest, or of a version this release does not know.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        version = data["version"]
        if version != VERSION:
            raise unreadable(f"{where}: manifest version {version} is not known to this release.")
        files = tuple(FileEntry(**entry) for entry in data.pop("files"))
        manifest = Manifest(
            origin=Origin(**data.pop("origin")),
            properties=properties_of(data.pop("properties")),
            requester=Requester(**data.pop("requester")),
            ledger=LedgerMark(**ledger) if (ledger := data.pop("ledger")) else None,
            files=files,
            **data,
        )
        _ = manifest.client_major
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise unreadable(f"{where} is not a manifest ({type(error).__name__}).") from None
    if any("/" in entry.path or entry.path in {"", ".", "..", MANIFEST} for entry in manifest.files):
        raise unreadable(f"{where} names a file outside its folder.")
    return manifest


def properties_of(data: dict[str, Any]) -> Properties:
    """From JSON as `asdict` gives it."""
    access = data.pop("access")
    pairs = None if access is None else tuple((str(grantee), str(privilege)) for grantee, privilege in access)
    return Properties(
        settings=tuple(data.pop("settings")), roles=tuple(data.pop("roles")), access=pairs, **data
    )


def unreadable(message: str) -> RunnerError:
    """The error for a restore point that is not, or no longer, what its manifest says."""
    return RunnerError(Reason.SNAPSHOT_UNREADABLE, message)
