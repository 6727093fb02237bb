"""What the states of RDS mean. It has no closed list of them, so an unknown one never ends anything."""

from __future__ import annotations

from typing import Final

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Failure, Phase

READY: Final = ("available", "storage-optimization")
BUSY_SECONDS: Final = 45.0
"""Between two looks at a server that is busy. A backup of its own can take long."""

_PASSING = frozenset(
    (
        "backing-up", "maintenance", "modifying", "moving-to-vpc", "rebooting", "renaming",
        "resetting-master-credentials", "starting", "upgrading",
    )
)  # fmt: skip
_STOPPED = frozenset(("stopping", "stopped"))
_FULL = "storage-full"
_UNFIT = frozenset(
    (
        "delete-precheck", "deleting", "failed", "insufficient-capacity",
        "inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable",
        "restore-error",
    )
)  # fmt: skip
_UNFIT_BEGIN = "incompatible-"


def source_trouble(what: str, status: str) -> Failure | None:
    """Why no snapshot can be taken of an instance or a cluster in this state; None when one can.

    Args:
        what: it is, such as "the instance shop-prod in eu-central-1".
        status: in RDS' own word.
    """
    if status in READY:
        return None
    if status in _STOPPED:
        return _ended(OperatorReason.SNAPSHOT_SOURCE_STOPPED, f"{what} is {status}", status)
    if status == _FULL:
        return _ended(OperatorReason.SNAPSHOT_SOURCE_FULL, f"{what}: its storage is full", status)
    if status in _UNFIT or status.startswith(_UNFIT_BEGIN):
        return _ended(OperatorReason.SNAPSHOT_SOURCE_UNFIT, f"{what} is in the state {status}", status)
    known = "" if status in _PASSING or status.startswith("configuring-") else ", which is not known here"
    return Failure(
        ErrorClass.RETRY,
        OperatorReason.SNAPSHOT_SOURCE_BUSY,
        f"{what} is in the state {status or '(none)'}{known}; a snapshot is asked for when it is available",
        status,
        BUSY_SECONDS,
    )


_PHASES = {
    "creating": Phase.CREATING,
    "copying": Phase.CREATING,
    "upgrading": Phase.CREATING,
    "available": Phase.AVAILABLE,
    "deleting": Phase.DELETING,
    "deleted": Phase.DELETING,
    "failed": Phase.FAILED,
}


def phase(status: str) -> Phase:
    """How far a snapshot in this state is. RDS has no word for one whose content is fixed already."""
    if status.startswith(_UNFIT_BEGIN):
        return Phase.FAILED
    return _PHASES.get(status, Phase.UNKNOWN)


FASTEST: Final = 5.0
SLOWEST: Final = 30.0


def pace(age: float) -> float:
    """Seconds until the next look at a snapshot that was asked for `age` seconds ago.

    It begins with five, and each pause is half as long again as the one before, up to thirty. Told by the
    age, because nobody remembers the pause before.
    """
    return min(SLOWEST, FASTEST + max(0.0, age) / 2)


def _ended(reason: OperatorReason, message: str, status: str) -> Failure:
    return Failure(ErrorClass.TERMINAL, reason, message, status)
