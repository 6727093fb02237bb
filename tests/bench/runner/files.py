"""The same migrations in each tool's own format: one table each, `DROP TABLE` as the way back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FIRST_DAY = 1_700_000_000_000
"""Milliseconds; the journal of Drizzle gives each file a moment of its own."""


def up(number: int) -> str:
    return f"CREATE TABLE t{number:05} (id integer);\n"


def down(number: int) -> str:
    return f"DROP TABLE t{number:05};\n"


def pairs(folder: Path, count: int) -> None:
    """`1_x.up.sql` and `1_x.down.sql`, for golang-migrate and Switchback."""
    for number in range(1, count + 1):
        (folder / f"{number:05}_t.up.sql").write_text(up(number))
        (folder / f"{number:05}_t.down.sql").write_text(down(number))


def dbmate(folder: Path, count: int) -> None:
    """One file with two blocks."""
    for number in range(1, count + 1):
        text = f"-- migrate:up\n{up(number)}\n-- migrate:down\n{down(number)}"
        (folder / f"{number:05}_t.sql").write_text(text)


def goose(folder: Path, count: int) -> None:
    """One file with two annotations."""
    for number in range(1, count + 1):
        text = f"-- +goose Up\n{up(number)}\n-- +goose Down\n{down(number)}"
        (folder / f"{number:05}_t.sql").write_text(text)


def drizzle(folder: Path, count: int) -> None:
    """A journal and files; there are no ways back."""
    entries = []
    for number in range(1, count + 1):
        tag = f"{number:05}_t"
        (folder / f"{tag}.sql").write_text(up(number))
        entries.append(
            {"idx": number - 1, "version": "7", "when": FIRST_DAY + number, "tag": tag, "breakpoints": True}
        )
    (folder / "meta").mkdir()
    journal = {"version": "7", "dialect": "postgresql", "entries": entries}
    (folder / "meta" / "_journal.json").write_text(json.dumps(journal))
