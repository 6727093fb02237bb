"""The contents of a dump: what a copy does without, because it would act on the world beside it.

A publication offers the copy's changes to subscribers, a subscription takes the original's changes away from
it, an event trigger runs at every DDL from then on, and its function may do anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PART = "restore"
"""What `client.sh` calls the part that leaves it out."""

LIST = "restore.list"
"""What that part leaves in the work folder."""

_ALONE = "PUBLICATION|SUBSCRIPTION|EVENT TRIGGER"
_WITH = "PUBLICATION TABLES IN SCHEMA|PUBLICATION TABLE|SUBSCRIPTION TABLE"
LEAVE_OUT = f"{_WITH}|{_ALONE}|(COMMENT|SECURITY LABEL) - ({_ALONE})"
"""Descriptions of entries, as an extended regular expression that `sed` and Python read alike."""

_COMMENTED = re.compile(r";\d+; \d+ \d+ (.*)")
_ENTRY = re.compile(f"({_ALONE}) - (.*)")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One object that was not restored: its kind in lower case, and its name."""

    kind: str
    name: str

    @property
    def text(self) -> str:
        """Such as `event trigger audit`."""
        return f"{self.kind} {self.name}"


def left_out(work: Path, roles: Iterable[str]) -> tuple[LeftOut, ...]:
    """What was left out, in the order of the dump. Tables of a publication and comments go with it unsaid.

    Args:
        work: the folder that `client.sh restore` wrote into.
        roles: every role that the dump names; an entry ends with that of its owner.
    """
    try:
        text = (work / LIST).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    owners = sorted(set(roles), key=len, reverse=True)
    found = []
    for line in text.splitlines():
        commented = _COMMENTED.fullmatch(line)
        entry = _ENTRY.fullmatch(commented[1]) if commented else None
        if entry is not None:
            found.append(LeftOut(entry[1].lower(), _without_owner(entry[2], owners)))
    return tuple(found)


def _without_owner(text: str, owners: Iterable[str]) -> str:
    """A name may hold blanks, and so may the owner's that follows it."""
    for owner in owners:
        if text.endswith(f" {owner}"):
            return text[: -len(owner) - 1]
    return text
