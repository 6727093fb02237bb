"""Whose a snapshot is, as tags: written when it is asked for, and read again from there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from switchback.contract.points import Ownership, Purpose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.contract.points import Intent

PREFIX: Final = "switchback.dev/"
INSTALLATION: Final = f"{PREFIX}installation"
UID: Final = f"{PREFIX}uid"
NAMESPACE: Final = f"{PREFIX}namespace"
NAME: Final = f"{PREFIX}name"
PURPOSE: Final = f"{PREFIX}purpose"
OPERATION: Final = f"{PREFIX}operation"
ATTEMPT: Final = f"{PREFIX}attempt"
SCHEMA_VERSION: Final = f"{PREFIX}schema-version"
RESTORE_POINT: Final = f"{PREFIX}restore-point"
KEEP: Final = f"{PREFIX}keep"
"""Whoever sets it, with whatever value, keeps a snapshot from being deleted by us."""

MOST: Final = 50
LONGEST_KEY: Final = 128
LONGEST_VALUE: Final = 256

_REFUSED = re.compile(r"[^\w .:/=+@-]")
"""What AWS takes in no tag: anything but letters, digits, spaces and a few signs."""


def tags(intent: Intent, extra: Mapping[str, str]) -> list[dict[str, str]]:
    """All tags of a new snapshot. Nobody's own tag takes the place of one that says whose it is."""
    owner = intent.ownership
    ours = {
        INSTALLATION: owner.installation,
        UID: owner.uid,
        NAMESPACE: owner.namespace,
        NAME: owner.name,
        PURPOSE: str(owner.purpose),
        OPERATION: owner.operation_id,
        ATTEMPT: str(owner.attempt),
        SCHEMA_VERSION: owner.schema_version,
        RESTORE_POINT: intent.name,
    }
    told = {key: told_as(value) for key, value in ours.items() if value}
    return [{"Key": key, "Value": value} for key, value in {**extra, **intent.tags, **told}.items()]


def told_as(value: str) -> str:
    """A value with what AWS does not take in tags replaced, such as a migration's odd name."""
    return _REFUSED.sub("_", value)[:LONGEST_VALUE]


def refused(wanted: list[dict[str, str]]) -> str:
    """Why AWS would not take these tags; empty when it would."""
    for tag in wanted:
        key, value = tag["Key"], tag["Value"]
        if not key or len(key) > LONGEST_KEY or _REFUSED.search(key) or key.lower().startswith("aws:"):
            return f"AWS takes no tag with the key {key!r}"
        if len(value) > LONGEST_VALUE or _REFUSED.search(value):
            return f"AWS does not take the value of the tag {key}: letters, digits, spaces and _.:/=+@- only"
    if len(wanted) > MOST:
        return f"{len(wanted)} tags, with those that say whose the snapshot is; AWS takes {MOST}"
    return ""


def read(snapshot: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a snapshot as RDS shows it."""
    return {tag["Key"]: tag.get("Value") or "" for tag in snapshot.get("TagList") or ()}


def ownership(found: Mapping[str, str]) -> Ownership | None:
    """Whose a snapshot with these tags is; None when nothing of ours is on it."""
    uid, purpose, attempt = (found.get(key, "") for key in (UID, PURPOSE, ATTEMPT))
    if not uid or purpose not in set(Purpose) or not attempt.isdecimal():
        return None
    return Ownership(
        installation=found.get(INSTALLATION, ""),
        uid=uid,
        namespace=found.get(NAMESPACE, ""),
        name=found.get(NAME, ""),
        purpose=Purpose(purpose),
        operation_id=found.get(OPERATION, ""),
        attempt=int(attempt),
        schema_version=found.get(SCHEMA_VERSION, ""),
    )
