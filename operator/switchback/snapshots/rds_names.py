"""What a restore point is called in RDS, where fewer characters are allowed than in Kubernetes."""

from __future__ import annotations

import re
from typing import Final

from switchback.contract.digest import short

LONGEST: Final = 63
"""Snapshots of instances may have 255 characters, those of clusters 63: one rule for both."""

_OTHER = re.compile(r"[^a-z0-9]+")


def identifier(name: str) -> str:
    """The identifier of the restore point `name`; another one for every name.

    Lower case (RDS stores it so), whatever else becomes a hyphen, no two of them, a letter first. The hash of
    the whole name at its end keeps apart what would be the same then.
    """
    tail = f"-{short(name, 8)}"
    words = _OTHER.sub("-", name.lower()).strip("-")
    if not words[:1].isalpha():
        words = f"s-{words}"
    return words[: LONGEST - len(tail)].strip("-") + tail
