"""Steps as a folder of each format. A new format is one function here and one line in `LAYOUTS`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.formats.steps import Step

MARK = "-- switchback: no-transaction\n"


@dataclass(frozen=True)
class Layout:
    """How steps are written in a format.

    Attributes:
        format: its name.
        kind: which of its layouts, where it has several.
        files: from steps to paths and texts, and the ids in order.
    """

    format: str
    kind: str
    files: Callable[[Sequence[Step]], tuple[dict[str, str], list[str]]]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.format} {self.kind}".strip()

    def write(self, folder: Path, steps: Sequence[Step]) -> list[str]:
        """Write the folder, and give the ids in order."""
        files, ids = self.files(steps)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return ids


def _sql(statements: Sequence[str], *, mark: bool = False) -> str:
    return (MARK if mark else "") + "".join(f"{text};\n" for text in statements)


def _pairs(steps: Sequence[Step]) -> tuple[dict[str, str], list[str]]:
    files, ids = {}, []
    for number, step in enumerate(steps, start=1):
        ids.append(f"{number:04d}_{step.title}")
        files[f"{ids[-1]}.up.sql"] = _sql(step.up, mark=step.alone)
        files[f"{ids[-1]}.down.sql"] = _sql(step.down, mark=step.alone)
    return files, ids


def _dbmate(steps: Sequence[Step]) -> tuple[dict[str, str], list[str]]:
    files, ids = {}, []
    for number, step in enumerate(steps, start=1):
        ids.append(f"202601010000{number:02d}_{step.title}")
        how = " transaction:false" if step.alone else ""
        halves = ((f"-- migrate:{way}{how}\n{_sql(half)}") for way, half in _ways(step))
        files[f"{ids[-1]}.sql"] = "\n".join(halves)
    return files, ids


def _goose(steps: Sequence[Step]) -> tuple[dict[str, str], list[str]]:
    files, ids = {}, []
    for number, step in enumerate(steps, start=1):
        ids.append(f"{number:05d}_{step.title}")
        text = "-- +goose NO TRANSACTION\n" if step.alone else ""
        for way, half in _ways(step):
            text += f"-- +goose {way.capitalize()}\n"
            text += "".join(
                f"-- +goose StatementBegin\n{each};\n-- +goose StatementEnd\n"
                if ";" in each
                else f"{each};\n"
                for each in half
            )
        files[f"{ids[-1]}.sql"] = text
    return files, ids


def _flyway(steps: Sequence[Step]) -> tuple[dict[str, str], list[str]]:
    files, ids = {}, []
    for number, step in enumerate(steps, start=1):
        ids.append(f"V{number}__{step.title}")
        place = "sql/" if number % 2 else ""
        for prefix, half in (("V", step.up), ("U", step.down)):
            name = f"{place}{prefix}{number}__{step.title}.sql"
            files[name] = _sql(half)
            if step.alone:
                files[f"{name}.conf"] = "executeInTransaction=false\n"
    return files, ids


def _drizzle_journal(steps: Sequence[Step]) -> tuple[dict[str, str], list[str]]:
    files, ids = {}, [f"{number:04d}_{step.title}" for number, step in enumerate(steps)]
    for tag, step in zip(ids, steps, strict=True):
        files[f"{tag}.sql"] = _drizzle(step, step.up)
        files[f"{tag}.down.sql"] = _drizzle(step, step.down)
    entries = [
        {"idx": number, "version": "7", "when": 1767225600000 + number, "tag": tag, "breakpoints": True}
        for number, tag in enumerate(ids)
    ]
    journal = {"version": "7", "dialect": "postgresql", "entries": entries}
    files["meta/_journal.json"] = json.dumps(journal, indent=2)
    files["meta/0000_snapshot.json"] = "{}"
    return files, ids


def _drizzle_folders(steps: Sequence[Step]) -> tuple[dict[str, str], list[str]]:
    files, ids = {}, []
    for number, step in enumerate(steps, start=1):
        ids.append(f"202601010000{number:02d}_{step.title}")
        files[f"{ids[-1]}/migration.sql"] = _drizzle(step, step.up)
        files[f"{ids[-1]}/down.sql"] = _drizzle(step, step.down)
        files[f"{ids[-1]}/snapshot.json"] = "{}"
    return files, ids


def _drizzle(step: Step, half: Sequence[str]) -> str:
    return (MARK if step.alone else "") + ";\n--> statement-breakpoint\n".join(half) + ";"


def _python(steps: Sequence[Step]) -> tuple[dict[str, str], list[str]]:
    files, ids = {}, []
    for number, step in enumerate(steps, start=1):
        ids.append(f"{number:04d}_{step.title}")
        text = f'"""Step {number}."""\n\nid = "{ids[-1]}"\ndescription = "{step.title}"\n'
        text += "transactional = False\n" if step.alone else ""
        for way, half in _ways(step):
            calls = "".join(f"    connection.execute({each!r})\n" for each in half)
            text += f"\n\ndef {way}(connection):\n{calls}"
        files[f"{ids[-1]}.py"] = text
    return files, ids


def _ways(step: Step) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("up", step.up), ("down", step.down)


LAYOUTS = (
    Layout("Pairs", "", _pairs),
    Layout("Dbmate", "", _dbmate),
    Layout("Goose", "", _goose),
    Layout("Flyway", "", _flyway),
    Layout("Drizzle", "with a journal", _drizzle_journal),
    Layout("Drizzle", "in folders", _drizzle_folders),
    Layout("Python", "", _python),
)
