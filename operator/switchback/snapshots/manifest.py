"""The manifest of a restore point: what it is of, and the size and SHA-256 of every file.

A restore point is a folder as `pg_dump --format=directory` writes it, with `manifest.json` beside the
dump's own files. The manifest is written last, so its presence says that the dump was complete, read back in
full and hashed; its hashes say whether that is still so.

Versions: 1 knew neither UID, installation, purpose, attempt and schema version of the requester, nor the
events of the ledger, nor `data` and `checksum`. What a version did not know is empty when it is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from switchback.contract.points import Ownership, Purpose
from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots.layout import KEEP, MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 2
READ = {1, 2}
_NO_FILES = {"", ".", "..", MANIFEST, KEEP}
_CHECKSUM = "checksum"
_DATA = re.compile(r"([0-9a-f]{8})?")
_PRIVILEGE = re.compile(r"[A-Z]+(?: [A-Z]+)*")
"""Such as CONNECT. It becomes a part of a statement as it stands."""
_KINDS = {"str": str, "int": int, "bool": bool}

T = TypeVar("T")


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
    """Where the migrations stood right before the dump began: the dump holds at least that.

    Attributes:
        schema: of the ledger.
        current: id of the last applied migration, or `base`.
        applied: number of rows.
        event: `seq` of the newest event; 0 when there was none, or unknown.
        marker: `seq` of the newest event of kind `Marker` that this very operation has written; 0: none.
    """

    schema: str
    current: str
    applied: int
    event: int = 0
    marker: int = 0


@dataclass(frozen=True, slots=True)
class Requester:
    """For which operation of which resource. A laptop has nothing but an operation id.

    Attributes:
        operation_id: of the operation.
        namespace: of the resource.
        resource: its name.
        uid_hash: eight hex digits that stand for its UID.
        uid: its UID.
        installation: id of the operator's installation.
        purpose: what the restore point was taken for, a word of `contract.points.Purpose`.
        attempt: number of the try, from 1.
        schema_version: where the operator thought the migrations to be.
    """

    operation_id: str
    namespace: str = ""
    resource: str = ""
    uid_hash: str = ""
    uid: str = ""
    installation: str = ""
    purpose: str = ""
    attempt: int = 1
    schema_version: str = ""

    @property
    def ownership(self) -> Ownership:
        """The same in the words that all providers share."""
        known = self.purpose in set(Purpose)
        return Ownership(
            installation=self.installation,
            uid=self.uid,
            namespace=self.namespace,
            name=self.resource,
            purpose=Purpose(self.purpose) if known else Purpose.MANUAL,
            operation_id=self.operation_id,
            attempt=self.attempt,
            schema_version=self.schema_version,
        )


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
    dump. `writers_fenced` tells whether anyone could write after it. `data` is where the files are in a
    bucket, beside the manifest: each try has a folder of its own. It is empty in a folder.
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
    data: str = ""
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
    """The text of `manifest.json`. From version 2 on it holds a checksum of itself."""
    data = asdict(manifest)
    if manifest.version > 1:
        data[_CHECKSUM] = _checksum(data)
    return _text(data)


def _text(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _checksum(data: dict[str, Any]) -> str:
    """Of everything else. Against decay, not against people: they would change it as well."""
    return hashlib.sha256(_text(data)).hexdigest()


def digest(text: bytes) -> str:
    """`sha256:<hex>` over the text of a manifest, as `sha256sum manifest.json` shows it."""
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def decode(text: bytes, where: Path | str) -> Manifest:
    """The manifest in `text`. `where` is named in errors.

    Raises:
        RunnerError: SnapshotUnreadable; not JSON, not a manifest, changed, or of a version this release does
            not know.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        version = data["version"]
        if version not in READ:
            raise unreadable(f"{where}: manifest version {version} is not known to this release.")
        if version > 1 and data.pop(_CHECKSUM) != _checksum(data):
            raise unreadable(f"{where} has changed: it does not fit its own checksum.")
        files = tuple(_fitting(FileEntry(**entry)) for entry in data.pop("files"))
        manifest = Manifest(
            origin=_fitting(Origin(**data.pop("origin"))),
            properties=_safe(properties_of(data.pop("properties"))),
            requester=_fitting(Requester(**data.pop("requester"))),
            ledger=_fitting(LedgerMark(**ledger)) if (ledger := data.pop("ledger")) else None,
            files=files,
            **data,
        )
        _ = _fitting(manifest).client_major
        outside = any("/" in entry.path or entry.path in _NO_FILES for entry in manifest.files)
        outside = outside or not _DATA.fullmatch(manifest.data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise unreadable(f"{where} is not a manifest ({type(error).__name__}).") from None
    if outside:
        raise unreadable(f"{where} names a file outside its folder.")
    return manifest


def _fitting(part: T) -> T:
    """`part`, if its fields are of the types that they are said to be: a person may have edited the text.

    Raises:
        TypeError: one is not.
        ValueError: a text is none that could be written.
    """
    for one in fields(part):  # type: ignore[arg-type]
        value, kind = getattr(part, one.name), _KINDS.get(str(one.type))
        if kind is not None and type(value) is not kind:
            raise TypeError(one.name)
        if isinstance(value, str):
            value.encode()
    return part


def _safe(properties: Properties) -> Properties:
    texts = (*properties.settings, *properties.roles, *(grantee for grantee, _ in properties.access or ()))
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("properties")
    if not all(_PRIVILEGE.fullmatch(privilege) for _, privilege in properties.access or ()):
        raise ValueError("access")
    return _fitting(properties)


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
