"""Why a run ended as it did: one table of reasons, each with its exit code, retry class and advice.

A reason is a stable CamelCase word. The same word is the condition's reason, the event's reason and the
label of the metric, so it can be searched for from any side. Reasons that only the operator can see
(approval, pod trouble) are in `switchback.api.reasons`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from switchback.contract.exits import ExitCode


class Retry(Enum):
    """What the operator does after a run that ended with a reason."""

    DONE = "the run did what it was asked"
    INSPECT = "the world is not as planned: look again before anything else"
    COUNT = "try again with back-off, at most backoffLimit times"
    WAIT = "try again with back-off until the operation's deadline"
    STALL = "nothing that a retry could mend: a person has to change something"


class Reason(StrEnum):
    """Stable words for every way in which a run ends."""

    SUCCEEDED = "Succeeded"
    UP_TO_DATE = "UpToDate"
    # the world moved
    BACKWARD = "Backward"
    PLAN_MOVED = "PlanMoved"
    SOURCE_MOVED = "SourceMoved"
    RESERVATION_LOST = "ReservationLost"
    # the source
    SOURCE_BEHIND_LEDGER = "SourceBehindLedger"
    SOURCE_EMPTY = "SourceEmpty"
    SOURCE_MISSING = "SourceMissing"
    SOURCE_INVALID = "SourceInvalid"
    FILE_MISSING = "FileMissing"
    FILE_CHANGED = "FileChanged"
    OUT_OF_ORDER = "OutOfOrder"
    TARGET_UNKNOWN = "TargetUnknown"
    TARGET_AMBIGUOUS = "TargetAmbiguous"
    NO_DOWN = "NoDown"
    IRREVERSIBLE = "Irreversible"
    # locks
    LOCK_TIMEOUT = "LockTimeout"
    ORPHAN_RUNNING = "OrphanRunning"
    RESERVED = "Reserved"
    OBJECTS_LOCKED = "ObjectsLocked"
    # connections
    URL_MISSING = "UrlMissing"
    URL_INVALID = "UrlInvalid"
    UNKNOWN_HOST = "UnknownHost"
    CONNECTION_REFUSED = "ConnectionRefused"
    CONNECTION_TIMEOUT = "ConnectionTimeout"
    CONNECTION_LOST = "ConnectionLost"
    TLS_FAILED = "TLSFailed"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    DATABASE_MISSING = "DatabaseMissing"
    TOO_MANY_CONNECTIONS = "TooManyConnections"
    STARTING_UP = "StartingUp"
    STANDBY = "Standby"
    PERMISSION_DENIED = "PermissionDenied"
    POOLER_REFUSED = "PoolerRefused"
    # the run itself
    SQL_FAILED = "SQLFailed"
    FAILED_PARTLY = "FailedPartly"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    INTERRUPTED = "Interrupted"
    # refused for safety
    DATA_LOSS_REFUSED = "DataLossRefused"
    TOO_FEW_APPLIED = "TooFewApplied"
    BASELINE_REQUIRED = "BaselineRequired"
    BASELINE_REFUSED = "BaselineRefused"
    REPAIR_REFUSED = "RepairRefused"
    DATABASE_PROTECTED = "DatabaseProtected"
    LEDGER_NEWER = "LedgerNewer"
    LEDGER_WRITABLE_BY_OTHERS = "LedgerWritableByOthers"
    DATABASE_CHANGED = "DatabaseChanged"
    PREVIOUSLY_ROLLED_BACK = "PreviouslyRolledBack"
    ADOPTION_REFUSED = "AdoptionRefused"
    SERVER_UNSUPPORTED = "ServerUnsupported"
    # snapshots and restores
    SNAPSHOT_FAILED = "SnapshotFailed"
    SNAPSHOT_VOLUME_FULL = "SnapshotVolumeFull"
    SNAPSHOT_CLIENT_TOO_OLD = "SnapshotClientTooOld"
    SNAPSHOT_CLIENT_TOO_NEW = "SnapshotClientTooNew"
    SNAPSHOT_UNREADABLE = "SnapshotUnreadable"
    SNAPSHOT_TOO_SLOW = "SnapshotTooSlow"
    SNAPSHOT_STORE_UNREACHABLE = "SnapshotStoreUnreachable"
    SNAPSHOT_STORE_REFUSED = "SnapshotStoreRefused"
    SNAPSHOT_COMMAND_FAILED = "SnapshotCommandFailed"
    FENCE_COMMAND_FAILED = "FenceCommandFailed"
    RESTORE_TARGET_EXISTS = "RestoreTargetExists"
    RESTORE_FAILED = "RestoreFailed"
    DUMP_FAILED = "DumpFailed"
    # checks and slots
    CHECKS_FAILED = "ChecksFailed"
    CHECKS_INCONCLUSIVE = "ChecksInconclusive"
    CONNECTIONS_FAILED = "ConnectionsFailed"
    SESSIONS_LEFT = "SessionsLeft"
    SLOT_NEEDS_SCHEMA = "SlotNeedsSchema"
    # the caller and the program
    USAGE = "Usage"
    BUG = "Bug"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason means to a program (exit code, retry class) and to a person (advice)."""

    exit_code: ExitCode
    retry: Retry
    advice: str


_R, _E = Reason, ExitCode

_SNAPSHOT_LOG = "See the log of the snapshot pod; on a command line, what is printed above."

MEANINGS: dict[Reason, Meaning] = {
    _R.SUCCEEDED: Meaning(_E.OK, Retry.DONE, "Nothing to do."),
    _R.UP_TO_DATE: Meaning(_E.OK, Retry.DONE, "Nothing to do."),
    _R.BACKWARD: Meaning(_E.MOVED, Retry.DONE, "Reaching the target means rolling back; run a rollback."),
    _R.PLAN_MOVED: Meaning(_E.MOVED, Retry.INSPECT, "Look at the new plan, then decide again."),
    _R.SOURCE_MOVED: Meaning(_E.MOVED, Retry.INSPECT, "Nothing to do; the operator looks at the new files."),
    _R.RESERVATION_LOST: Meaning(_E.MOVED, Retry.INSPECT, "Reserve the database again before rolling back."),
    _R.SOURCE_BEHIND_LEDGER: Meaning(
        _E.SOURCE,
        Retry.STALL,
        "The database is ahead of the files. Deploy the newer files, or name the wished version as target.",
    ),
    _R.SOURCE_EMPTY: Meaning(_E.SOURCE, Retry.STALL, "Check the path: it holds no migration."),
    _R.SOURCE_MISSING: Meaning(_E.SOURCE, Retry.COUNT, "Create what the source names, or correct its name."),
    _R.SOURCE_INVALID: Meaning(_E.SOURCE, Retry.STALL, "Correct the named file."),
    _R.FILE_MISSING: Meaning(
        _E.SOURCE, Retry.STALL, "Bring the file back, or forget the row with --forget-missing."
    ),
    _R.FILE_CHANGED: Meaning(
        _E.SOURCE,
        Retry.STALL,
        "Restore the file as it was applied, and put the change into a new migration. If it may stay: "
        "switchback repair --accept-changed ID.",
    ),
    _R.OUT_OF_ORDER: Meaning(_E.SOURCE, Retry.STALL, "Give the new file an id after the last applied one."),
    _R.TARGET_UNKNOWN: Meaning(_E.USAGE, Retry.STALL, "Name an id that the source or the ledger holds."),
    _R.TARGET_AMBIGUOUS: Meaning(_E.USAGE, Retry.STALL, "Write the id in full."),
    _R.NO_DOWN: Meaning(
        _E.IRREVERSIBLE, Retry.STALL, "Write the down half, or choose a target that does not need it."
    ),
    _R.IRREVERSIBLE: Meaning(
        _E.IRREVERSIBLE, Retry.STALL, "Choose a target above the irreversible migration."
    ),
    _R.LOCK_TIMEOUT: Meaning(
        _E.LOCKED, Retry.WAIT, "Another run holds this database's lock; wait for its end."
    ),
    _R.ORPHAN_RUNNING: Meaning(
        _E.LOCKED,
        Retry.WAIT,
        "A server process of a lost runner still works; wait for it, or end it with pg_terminate_backend.",
    ),
    _R.RESERVED: Meaning(
        _E.LOCKED,
        Retry.WAIT,
        "Wait for its end; if its resource is gone, end it with: switchback repair --release.",
    ),
    _R.OBJECTS_LOCKED: Meaning(_E.LOCKED, Retry.WAIT, "Other sessions hold locks on these objects; see who."),
    _R.URL_MISSING: Meaning(_E.CONNECTION, Retry.COUNT, "Set DATABASE_URL or pass --url."),
    _R.URL_INVALID: Meaning(
        _E.CONNECTION, Retry.COUNT, "Write it as postgresql://user:password@host:5432/database."
    ),
    _R.UNKNOWN_HOST: Meaning(
        _E.CONNECTION, Retry.COUNT, "Check the host name and that DNS knows it from here."
    ),
    _R.CONNECTION_REFUSED: Meaning(_E.CONNECTION, Retry.COUNT, "Check host, port and that the server runs."),
    _R.CONNECTION_TIMEOUT: Meaning(
        _E.CONNECTION, Retry.COUNT, "Check firewalls, security groups and network policies on the way."
    ),
    _R.CONNECTION_LOST: Meaning(_E.CONNECTION, Retry.COUNT, "See the server's log for why it closed."),
    _R.TLS_FAILED: Meaning(_E.CONNECTION, Retry.COUNT, "Check sslmode and the CA certificate."),
    _R.AUTHENTICATION_FAILED: Meaning(_E.CONNECTION, Retry.COUNT, "Check user and password in the Secret."),
    _R.DATABASE_MISSING: Meaning(_E.CONNECTION, Retry.COUNT, "Create the database, or correct its name."),
    _R.TOO_MANY_CONNECTIONS: Meaning(
        _E.CONNECTION, Retry.COUNT, "Free connections or raise max_connections."
    ),
    _R.STARTING_UP: Meaning(_E.CONNECTION, Retry.COUNT, "Wait until the server has started."),
    _R.STANDBY: Meaning(_E.CONNECTION, Retry.COUNT, "Use the address of the primary."),
    _R.PERMISSION_DENIED: Meaning(_E.CONNECTION, Retry.STALL, "Grant the named right to the role."),
    _R.POOLER_REFUSED: Meaning(_E.CONNECTION, Retry.STALL, "Use the server's direct port, not the pooler's."),
    _R.SQL_FAILED: Meaning(
        _E.FAILED,
        Retry.STALL,
        "Correct the named statement. Nothing of its file has taken effect; what ran before the file stays.",
    ),
    _R.FAILED_PARTLY: Meaning(
        _E.PARTIAL, Retry.STALL, "Look at the named file: part of it has taken effect."
    ),
    _R.OUTCOME_UNKNOWN: Meaning(_E.UNKNOWN, Retry.INSPECT, "Look at the ledger before anything else."),
    _R.INTERRUPTED: Meaning(_E.TERMINATED, Retry.COUNT, "Run it again."),
    _R.DATA_LOSS_REFUSED: Meaning(_E.REFUSED, Retry.INSPECT, "Look at the losses, then accept them or not."),
    _R.TOO_FEW_APPLIED: Meaning(_E.REFUSED, Retry.STALL, "Ask for fewer steps, or for all with --all."),
    _R.BASELINE_REQUIRED: Meaning(
        _E.REFUSED,
        Retry.STALL,
        "Say which files made the tables: switchback baseline --target ID. To count every file as not "
        "applied: --allow-non-empty.",
    ),
    _R.BASELINE_REFUSED: Meaning(
        _E.REFUSED, Retry.STALL, "Look with status; single files are marked with switchback repair --mark ID."
    ),
    _R.REPAIR_REFUSED: Meaning(_E.REFUSED, Retry.STALL, "Look with status what files and ledger say."),
    _R.DATABASE_PROTECTED: Meaning(
        _E.REFUSED,
        Retry.STALL,
        "Name the database with --confirm-database; reset and redo need switchback protect --off first.",
    ),
    _R.LEDGER_NEWER: Meaning(_E.REFUSED, Retry.STALL, "Use a release of Switchback that knows this ledger."),
    _R.LEDGER_WRITABLE_BY_OTHERS: Meaning(
        _E.REFUSED, Retry.STALL, "Revoke the named rights on the ledger: stored SQL runs with your rights."
    ),
    _R.DATABASE_CHANGED: Meaning(
        _E.REFUSED, Retry.STALL, "Check that the Secret names the intended database."
    ),
    _R.PREVIOUSLY_ROLLED_BACK: Meaning(
        _E.REFUSED,
        Retry.STALL,
        "This very wish was rolled back before. Change the spec, or ask for a retry.",
    ),
    _R.ADOPTION_REFUSED: Meaning(
        _E.REFUSED, Retry.STALL, "Bring the other tool's history and the files in line, or do not adopt it."
    ),
    _R.SERVER_UNSUPPORTED: Meaning(_E.REFUSED, Retry.STALL, "Use PostgreSQL 15 to 18."),
    _R.SNAPSHOT_FAILED: Meaning(_E.FAILED, Retry.COUNT, _SNAPSHOT_LOG),
    _R.SNAPSHOT_VOLUME_FULL: Meaning(_E.FAILED, Retry.STALL, "Free space in the claim, or use a larger one."),
    _R.SNAPSHOT_CLIENT_TOO_OLD: Meaning(
        _E.REFUSED, Retry.STALL, "Set clientImages to an image with the server's major version."
    ),
    _R.SNAPSHOT_CLIENT_TOO_NEW: Meaning(
        _E.REFUSED, Retry.STALL, "Set clientImages to an image with the server's major version."
    ),
    _R.SNAPSHOT_UNREADABLE: Meaning(
        _E.FAILED, Retry.COUNT, "The dump could not be read back; check the volume."
    ),
    _R.SNAPSHOT_TOO_SLOW: Meaning(
        _E.REFUSED, Retry.STALL, "Raise spec.snapshot.deadlineSeconds, or dump with more jobs."
    ),
    _R.SNAPSHOT_STORE_UNREACHABLE: Meaning(
        _E.FAILED, Retry.COUNT, "Check the endpoint, the network policies on the way and the service's state."
    ),
    _R.SNAPSHOT_STORE_REFUSED: Meaning(
        _E.REFUSED, Retry.STALL, "Check bucket, region, credentials and the bucket's policy."
    ),
    _R.SNAPSHOT_COMMAND_FAILED: Meaning(_E.FAILED, Retry.COUNT, _SNAPSHOT_LOG),
    _R.FENCE_COMMAND_FAILED: Meaning(_E.FAILED, Retry.COUNT, "See the log of the fence's pod."),
    _R.RESTORE_TARGET_EXISTS: Meaning(_E.REFUSED, Retry.STALL, "Restore into a new database name."),
    _R.RESTORE_FAILED: Meaning(_E.FAILED, Retry.STALL, "See what pg_restore said."),
    _R.DUMP_FAILED: Meaning(_E.FAILED, Retry.STALL, "See what pg_dump said."),
    _R.CHECKS_FAILED: Meaning(_E.FAILED, Retry.STALL, "See status.checks for the last error of each check."),
    _R.CHECKS_INCONCLUSIVE: Meaning(
        _E.FAILED, Retry.STALL, "The checks came to no verdict in time, which counts as a failure."
    ),
    _R.CONNECTIONS_FAILED: Meaning(
        _E.FAILED,
        Retry.STALL,
        "New connections to the Service were not answered; see the pods of the new slot.",
    ),
    _R.SESSIONS_LEFT: Meaning(
        _E.LOCKED, Retry.STALL, "See pg_stat_activity for the sessions of that application_name."
    ),
    _R.SLOT_NEEDS_SCHEMA: Meaning(
        _E.REFUSED,
        Retry.STALL,
        "Move the traffic to a slot that works with the wished schema first, or correct slots[].schema.",
    ),
    _R.USAGE: Meaning(_E.USAGE, Retry.STALL, "See --help."),
    _R.BUG: Meaning(_E.BUG, Retry.COUNT, "Please report it with the log of the run."),
}


def meaning(reason: Reason) -> Meaning:
    """What a reason stands for. Total: every reason is in the table (a test proves it)."""
    return MEANINGS[reason]
