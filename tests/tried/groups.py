"""All cases, by the sections of docs/reference/odd-files.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tried import encodings, names, sessions, special, texts, transactions

if TYPE_CHECKING:
    from tests.tried.case import Case

PLAIN: dict[str, tuple[Case, ...]] = {
    "bytes": encodings.CASES,
    "copy-and-psql": texts.COPY_AND_PSQL,
    "quotes": texts.QUOTES,
    "ends": texts.ENDS,
    "directives": texts.DIRECTIVES,
    "transactions": transactions.WRAPPED,
    "alone": transactions.ALONE,
    "settings": sessions.SETTINGS,
    "left-behind": sessions.LEFT,
    "names": names.NAMES,
    "folders": names.FOLDERS,
}
"""Cases that one test runs."""

SPECIAL: dict[str, tuple[Case, ...]] = {"settings": special.SETTINGS, "folders": special.FOLDERS}
"""Cases that have a test of their own."""


def of(group: str) -> tuple[Case, ...]:
    """The cases of a section, in the order of the page."""
    return PLAIN[group] + SPECIAL.get(group, ())
