"""The choices that a spec offers, each with what it means."""

from __future__ import annotations

from enum import StrEnum


class SSLMode(StrEnum):
    """`sslmode` of libpq."""

    DISABLE = "disable"
    ALLOW = "allow"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


class PullPolicy(StrEnum):
    """When the kubelet pulls an image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class AheadPolicy(StrEnum):
    """What to do when target is latest and the database is ahead of the source."""

    REFUSE = "Refuse"
    KEEP = "Keep"
    ROLLBACK = "Rollback"


class OutOfOrderPolicy(StrEnum):
    """What to do with a pending migration whose place is before an applied one."""

    REFUSE = "Refuse"
    ALLOW = "Allow"


class AdoptionPolicy(StrEnum):
    """Whether the history table of another tool is taken over into a new ledger."""

    NEVER = "Never"
    IF_NO_LEDGER = "IfNoLedger"


class ApprovalPolicy(StrEnum):
    """Whether a plan waits for a person."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class RollbackPolicy(StrEnum):
    """Whether this resource may roll back."""

    ALLOW = "Allow"
    DENY = "Deny"


class AutomaticRollback(StrEnum):
    """What is undone without asking anybody when checks fail."""

    NEVER = "Never"
    TRAFFIC = "Traffic"
    TRAFFIC_AND_SCHEMA = "TrafficAndSchema"


class DataLossPolicy(StrEnum):
    """What to do with a rollback that destroys data, or might."""

    REQUIRE_APPROVAL = "RequireApproval"
    ALLOW = "Allow"
    DENY = "Deny"


class ReasonPolicy(StrEnum):
    """Whether a rollback needs a spec.reason."""

    OPTIONAL = "Optional"
    REQUIRED = "Required"


class DownSource(StrEnum):
    """Whose down half runs when the file and the ledger hold different ones."""

    AUTO = "Auto"
    LEDGER = "Ledger"
    SOURCE = "Source"


class BeforeMigratePolicy(StrEnum):
    """Whether a restore point is taken before going forward."""

    NEVER = "Never"
    ALWAYS = "Always"


class MigrateFailurePolicy(StrEnum):
    """What to do when the restore point before going forward cannot be had."""

    ABORT = "Abort"
    CONTINUE = "Continue"


class WaitFor(StrEnum):
    """How far a volume's snapshot has to be before the schema is changed."""

    RESTORABLE = "Restorable"
    CAPTURED = "Captured"


class OtherVolumes(StrEnum):
    """What to do about volumes of the serving pod that are not in the snapshot."""

    REFUSE = "Refuse"
    IGNORE = "Ignore"


class DeletionPolicy(StrEnum):
    """What becomes of the restore points when their resource is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"
