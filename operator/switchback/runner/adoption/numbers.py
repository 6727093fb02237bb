"""Versions that are numbers: which file has the same one, however many zeros either is written with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchback.migrations.model import Migration, Source

FORMATS = frozenset({"Pairs", "Dbmate", "Goose"})
"""Formats whose files begin with the number that such a tool records."""


def by_number(source: Source) -> dict[str, Migration]:
    """Files by their number, as `plain` writes it; a number that several have is left out."""
    found: dict[str, list[Migration]] = {}
    for migration in source.migrations:
        for number in {plain(form) for form in migration.short_forms}:
            if number:
                found.setdefault(number, []).append(migration)
    return {number: files[0] for number, files in found.items() if len(files) == 1}


def plain(version: str) -> str:
    """Digits without leading zeros; empty for what is no number. As text: a number may be of any length."""
    return version.lstrip("0") or "0" if version.isascii() and version.isdigit() else ""
