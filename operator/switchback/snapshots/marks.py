"""What is written on an object of Kubernetes that is a restore point: its name, whose it is, what it is of.

Labels are for finding, annotations for knowing: a label's value is too short for what ownership may hold.
There are no owner references: garbage collection would delete restore points together with their resource.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.contract.digest import short
from switchback.contract.points import Ownership, Purpose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.contract.points import Intent

NAME_LIMIT = 253
"""Characters of an object's name (DNS-1123 subdomain)."""

LABEL_PURPOSE = f"{names.GROUP}/purpose"
POINT = f"{names.GROUP}/restore-point"
SOURCE = f"{names.GROUP}/source-uid"
SYSTEM = f"{names.GROUP}/system-identifier"
KEEP = f"{names.GROUP}/keep"
"""An annotation by which somebody protects a restore point from retention, whatever its value."""

_UID = f"{names.GROUP}/uid"
_INSTALLATION = f"{names.GROUP}/installation"
_VERSION = f"{names.GROUP}/schema-version"
_DATABASE = f"{names.GROUP}/database"

_LABEL_VALUE = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")


def object_name(name: str, limit: int = NAME_LIMIT) -> str:
    """Name of the object of the restore point `name`: lower case, and shortened by a hash if need be."""
    lower = name.lower()
    parts = (part.strip("-") for part in re.sub(r"[^a-z0-9.-]", "-", lower).split("."))
    plain = ".".join(part for part in parts if part)
    if plain and plain == lower and len(plain) <= limit:
        return plain
    tail = short(name, 8)
    head = plain[: limit - len(tail) - 1].rstrip("-.")
    return f"{head}-{tail}" if head else f"point-{tail}"


def labels(ownership: Ownership) -> dict[str, str]:
    """What the object is found by. A value that is no label is left out; the annotations have it."""
    wanted = {
        names.MANAGED_BY: names.MANAGED_BY_VALUE,
        names.LABEL_UID: names.uid_hash(ownership.uid),
        names.LABEL_OPERATION: ownership.operation_id,
        names.LABEL_ATTEMPT: str(ownership.attempt),
        LABEL_PURPOSE: str(ownership.purpose),
    }
    return {key: value for key, value in wanted.items() if _LABEL_VALUE.match(value)}


def selector(uids: set[str]) -> str:
    """The label selector for the objects of these resources."""
    hashes = ",".join(sorted(names.uid_hash(uid) for uid in uids))
    return f"{names.MANAGED_BY}={names.MANAGED_BY_VALUE},{names.LABEL_UID} in ({hashes})"


def annotate(intent: Intent, source: str = "") -> dict[str, str]:
    """Whose the object is, in full. `source`: UID of what it is taken of."""
    ownership = intent.ownership
    return {
        POINT: intent.name,
        _INSTALLATION: ownership.installation,
        _UID: ownership.uid,
        names.ANNOTATION_RESOURCE: f"{ownership.namespace}/{ownership.name}",
        names.LABEL_OPERATION: ownership.operation_id,
        names.LABEL_ATTEMPT: str(ownership.attempt),
        LABEL_PURPOSE: str(ownership.purpose),
        _VERSION: ownership.schema_version,
        _DATABASE: intent.subject.database,
        SYSTEM: intent.subject.system_identifier,
        SOURCE: source,
    }


def noted(target: Mapping[str, Any]) -> dict[str, str]:
    """The annotations of an object."""
    return dict((target.get("metadata") or {}).get("annotations") or {})


def point_of(target: Mapping[str, Any]) -> str:
    """Name of the restore point that an object is; empty: none of ours."""
    return noted(target).get(POINT, "")


def ownership_of(target: Mapping[str, Any]) -> Ownership | None:
    """What stands on an object; None when it says nothing that we could have written."""
    notes = noted(target)
    try:
        namespace, _, name = notes[names.ANNOTATION_RESOURCE].partition("/")
        return Ownership(
            installation=notes[_INSTALLATION],
            uid=notes[_UID],
            namespace=namespace,
            name=name,
            purpose=Purpose(notes[LABEL_PURPOSE]),
            operation_id=notes[names.LABEL_OPERATION],
            attempt=int(notes[names.LABEL_ATTEMPT]),
            schema_version=notes[_VERSION],
        )
    except (KeyError, ValueError):
        return None
