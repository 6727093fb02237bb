"""Names of files: whether they can be shown and named, the numbers in front, and who has one already."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchback.contract.words import BASE, LATEST
from switchback.migrations.errors import Problem

if TYPE_CHECKING:
    from switchback.migrations.folder import Listing

LONGEST_ID = 253
"""What the resource takes as a target, in characters."""

_NO_TARGET = re.compile(r"[-+~^@ ]|.*[/\\]", re.DOTALL)


def wrong_id(migration_id: str) -> tuple[str, str] | None:
    """Why an id that its author is free to choose cannot be a target, and what to do; None when it can."""
    if migration_id in {LATEST, BASE}:
        return f"its id {migration_id} would mean something else as a target.", "Choose another one."
    if _NO_TARGET.match(migration_id) or len(migration_id) > LONGEST_ID:
        return (
            "its id could not be named as a target.",
            f"Begin it with a letter or digit, without a slash, and use at most {LONGEST_ID} characters.",
        )
    return None


def number_forms(digits: str) -> tuple[str, ...]:
    """The digits as written and, last, without leading zeros."""
    plain = digits.lstrip("0") or "0"
    return (digits,) if plain == digits else (digits, plain)


def is_above(digits: str, largest: int) -> bool:
    """Whether the number is larger; it may have more digits than Python wants to read."""
    if len(digits) < len(str(largest)):
        return False
    return len(digits.lstrip("0")) > len(str(largest)) or int(digits) > largest


def is_printable(listing: Listing, name: str) -> bool:
    """Whether a name can be shown to people; if not, that is noted as a problem."""
    if name.isprintable():
        return True
    listing.problems.append(
        Problem("its name holds characters that cannot be printed.", name, None, "Rename it.")
    )
    return False


def claimed_twice(listing: Listing, name: str, first: str, kind: str, value: object) -> None:
    """Note that `name` has the number or version of `first`."""
    listing.problems.append(
        Problem(
            f"its {kind} {value} is also that of {first}.",
            name,
            None,
            f"Give one of the two another {kind}.",
        )
    )
