"""The words that appear in results, in status and on the command line."""

from __future__ import annotations

from enum import StrEnum

LATEST = "latest"
"""Target: every migration that the source holds."""

BASE = "base"
"""Target, and current version: nothing applied."""


class SourceFormat(StrEnum):
    """How migration files are named and laid out.

    A new one is one line here and one module of its name, in lower case, in `switchback.migrations.formats`.
    """

    AUTO = "Auto"
    """Look at the source and take the one format whose files it holds."""
    PAIRS = "Pairs"
    DBMATE = "Dbmate"
    GOOSE = "Goose"
    FLYWAY = "Flyway"
    DRIZZLE = "Drizzle"
    PYTHON = "Python"


class Operation(StrEnum):
    """What a Job was asked to do; the value of `switchback run --operation` and of the label `step`."""

    INSPECT = "inspect"
    MIGRATE = "migrate"
    RESERVE = "reserve"
    RELEASE = "release"
    SNAPSHOT = "snapshot"
    ROLLBACK = "rollback"
    FENCE = "fence"
    UNFENCE = "unfence"
    PRUNE = "prune"
    CHECK = "check"
    DRAIN = "drain"


BY_RUNNER = frozenset(
    {
        Operation.INSPECT,
        Operation.MIGRATE,
        Operation.RESERVE,
        Operation.RELEASE,
        Operation.ROLLBACK,
        Operation.DRAIN,
    }
)
"""What `switchback run` does. The other Jobs have containers of their own."""

CLOSING = frozenset({Operation.RELEASE, Operation.UNFENCE, Operation.PRUNE})
"""What may run after the operation's outcome is known."""


class CheckStage(StrEnum):
    """When a check runs."""

    AFTER_MIGRATE = "AfterMigrate"
    BEFORE_CUTOVER = "BeforeCutover"
    AFTER_CUTOVER = "AfterCutover"
    AFTER_ROLLBACK = "AfterRollback"


class SlotFit(StrEnum):
    """Whether a slot's program works with a version of the schema, by the bounds that the spec gives it."""

    SATISFIED = "Satisfied"
    TOO_OLD = "TooOld"
    """The schema is older than the slot's minimum."""
    TOO_NEW = "TooNew"
    """The schema is newer than the slot's maximum."""
    UNKNOWN_ID = "UnknownId"
    """Neither files nor ledger hold the id that a bound names."""


class Direction(StrEnum):
    """Where an operation goes. `NONE`: the database is where it is wished to be."""

    FORWARD = "Forward"
    BACKWARD = "Backward"
    NONE = "None"


class Severity(StrEnum):
    """How much a statement destroys, in rising order."""

    NOTHING = "Nothing"
    EMPTY = "Empty"
    DEFAULT_ONLY = "DefaultOnly"
    DATA = "Data"
    UNKNOWN = "Unknown"

    @property
    def needs_consent(self) -> bool:
        """Whether somebody must accept the loss before it happens."""
        return self in {Severity.DATA, Severity.UNKNOWN}


class Risk(StrEnum):
    """What a person accepts when they approve a plan."""

    DATA_LOSS = "DataLoss"
    CASCADE = "Cascade"
    FORGET_MISSING = "ForgetMissing"
    UNKNOWN = "Unknown"
