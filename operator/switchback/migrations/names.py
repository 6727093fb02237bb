"""Names of files: whether they can be shown, the numbers in front of them, and who has one already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.migrations.errors import Problem

if TYPE_CHECKING:
    from switchback.migrations.folder import Listing


def number_forms(digits: str) -> tuple[str, ...]:
    """The digits as written and, last, without leading zeros."""
    plain = digits.lstrip("0") or "0"
    return (digits,) if plain == digits else (digits, plain)


def is_above(digits: str, largest: int) -> bool:
    """Whether the number is larger; it may have more digits than Python wants to read."""
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
