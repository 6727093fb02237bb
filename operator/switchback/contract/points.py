"""Restore points in the words that every provider speaks: what is asked, what is seen, what goes wrong.

Plain values. The deciding modules read them, the providers (`switchback.snapshots`) make them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Purpose(StrEnum):
    """What a restore point is taken for; the first part of its name."""

    PRE_MIGRATION = "pre-migration"
    PRE_ROLLBACK = "pre-rollback"
    MANUAL = "manual"


class Phase(StrEnum):
    """How far a restore point is, as its provider shows it at one moment.

    `Captured`: its content is fixed, and it cannot be restored from yet. `Unknown`: a word that this release
    does not know, so nothing is concluded from it. Only `Available` may be verified and relied upon.
    """

    ABSENT = "Absent"
    PENDING = "Pending"
    CREATING = "Creating"
    CAPTURED = "Captured"
    AVAILABLE = "Available"
    DELETING = "Deleting"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


class ErrorClass(Enum):
    """What to do about trouble. There are exactly these four."""

    RETRY = "it passes: ask again later"
    NEEDS_HUMAN = "somebody has to change something, and may do so at any time: ask again now and then"
    TERMINAL = "asking again cannot help"
    CONFLICT = "the name is taken by something that is not ours: never reused, never deleted"


class Level(StrEnum):
    """How thoroughly a restore point is verified, in rising order."""

    METADATA = "Metadata"
    FULL_READ = "FullRead"
    RESTORE_AND_QUERY = "RestoreAndQuery"


class Scope(StrEnum):
    """How much one restore point holds."""

    DATABASE = "Database"
    INSTANCE = "Instance"
    VOLUME = "Volume"
    UNKNOWN = "Unknown"


class Place(Enum):
    """Who does a provider's work: a Job beside the database, or the operator by calls to an interface."""

    JOB = "job"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something did not work. `code` is the provider's own word, `reason` the word of conditions.

    `retry_after`: seconds after which asking again makes sense; 0: the usual pace.
    """

    kind: ErrorClass
    reason: str
    message: str
    code: str = ""
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a preflight has noticed. A `warning` stands in nobody's way."""

    failure: Failure
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """The database that is to be kept, as a Job has seen it.

    Attributes:
        database: its name.
        system_identifier: of its server.
        server_version: server_version_num, such as 150018.
        host: as the connection URL names it; empty: unknown.
        port: of that host.
        addresses: of that host, as the Job resolved it.
        server_address: the server's own idea of its address (inet_server_addr); empty: a socket, or unknown.
        current: id of the last applied migration.
    """

    database: str = ""
    system_identifier: str = ""
    server_version: int = 0
    host: str = ""
    port: int = 0
    addresses: tuple[str, ...] = ()
    server_address: str = ""
    current: str = ""


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose a restore point is. It is written on the artifact, as tags or labels, and read again from there.

    Attributes:
        installation: id of the operator's installation.
        uid: UID of the resource.
        namespace: of the resource.
        name: of the resource.
        purpose: what it was taken for.
        operation_id: the operation that it was taken for.
        attempt: number of the try, from 1.
        schema_version: where the migrations stood.
    """

    installation: str = ""
    uid: str = ""
    namespace: str = ""
    name: str = ""
    purpose: Purpose = Purpose.PRE_ROLLBACK
    operation_id: str = ""
    attempt: int = 1
    schema_version: str = ""

    def same_work(self, other: Ownership) -> bool:
        """Whether both speak of one try of one operation: then an artifact may be adopted."""
        mine = (self.installation, self.uid, self.purpose, self.operation_id, self.attempt)
        return mine == (other.installation, other.uid, other.purpose, other.operation_id, other.attempt)


@dataclass(frozen=True, slots=True)
class Observation:
    """One restore point as its provider shows it now. Absence is a value, not an error.

    Attributes:
        name: the name that status holds.
        phase: how far it is.
        raw_status: the provider's own word.
        progress: percent; None when the provider does not tell.
        provider_id: the provider's id of the artifact (ARN, UID); empty: unknown.
        source_id: the provider's id of what it was taken of (DbiResourceId, claim UID, ...).
        size_bytes: of the artifact; None when the provider does not tell.
        encrypted: whether it is; None when the provider does not tell.
        kms_key: the key that it is encrypted with.
        restore_point_time: RFC 3339; everything committed before is in it. Empty: not known (yet).
        capture_time: RFC 3339; when its content was fixed. Empty: not known (yet).
        ownership: what stands on the artifact; None when nothing of ours does.
        verified: the level at which it was found good; None: not verified.
        failure: what is wrong.
        retry_after: seconds until the next observation makes sense; 0: the usual pace.
    """

    name: str
    phase: Phase
    raw_status: str = ""
    progress: int | None = None
    provider_id: str = ""
    source_id: str = ""
    size_bytes: int | None = None
    encrypted: bool | None = None
    kms_key: str = ""
    restore_point_time: str = ""
    capture_time: str = ""
    ownership: Ownership | None = None
    verified: Level | None = None
    failure: Failure | None = None
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Owned:
    """One restore point of a listing. `protected`: somebody has marked it as not to be deleted."""

    observation: Observation
    ownership: Ownership
    created: str = ""
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What a provider holds of ours. Nothing is deleted by a listing that is not `complete`."""

    points: tuple[Owned, ...] = ()
    complete: bool = False
    foreign: int = 0
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a restore point is what it should be, and how thoroughly that was looked at."""

    level: Level
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can tell and do. Documentation and the conformance tests are made from it.

    Attributes:
        place: who does its work.
        scope: how much one restore point holds.
        proves_source: whether a restore point of another database is noticed.
        verifies: the deepest level that it offers; None: it takes the maker's word.
        lists: whether what is there can be listed, and so kept in check by retention.
        deletes: whether it can delete.
        progress: whether it tells how far a restore point is.
        experimental: what of it has been seen with stand-ins only; empty: nothing.
    """

    place: Place
    scope: Scope
    proves_source: bool = True
    verifies: Level | None = Level.METADATA
    lists: bool = True
    deletes: bool = True
    progress: bool = False
    experimental: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """One restore point that is wanted. Asking for it any number of times makes one.

    Attributes:
        name: fixed once in status; the artifact's name is made from it and from nothing else.
        namespace: of the resource; the artifact and what it is taken of are there or belong to it.
        subject: the database.
        ownership: what is written on the artifact.
        decided: RFC 3339, when it was decided on.
    """

    name: str
    namespace: str
    subject: Subject
    ownership: Ownership
    decided: str = ""
    tags: dict[str, str] = field(default_factory=dict, hash=False, compare=False)
