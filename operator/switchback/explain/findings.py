"""What there is to say about a manifest: one kind of thing, whoever has found it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Path = tuple[str | int, ...]
"""Where in a document: keys of maps and places in lists."""


class Level(StrEnum):
    """How much it matters, the most urgent first."""

    INVALID = "Invalid"
    """The API server would not take the manifest."""
    REFUSED = "Refused"
    """It would be taken, and something would stand in the way of what it asks for."""
    WARNING = "Warning"
    """It may be meant so."""
    UNKNOWN = "Unknown"
    """It could not be found out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing. `message` says what is wrong with what, `advice` what would be right."""

    level: Level
    reason: str
    message: str
    path: Path = ()
    advice: str = ""


def spelled(path: Path) -> str:
    """`spec.jobTemplate.spec.env[2].name`, as the API server writes it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("-", "").replace("_", "").isalnum():
            text += f".{part}" if text else part
        else:
            text += f"[{part}]"
    return text


@dataclass(frozen=True, slots=True)
class Places:
    """Lines of a document's parts, counted from 1. What is not written has the line of what it belongs to."""

    file: str
    line: int
    lines: Mapping[Path, int] = field(default_factory=dict)

    def of(self, path: Path) -> int:
        """The line of a path, or of the nearest part around it that is written."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return self.line

    def text(self, path: Path = ()) -> str:
        """`file:line`."""
        return f"{self.file}:{self.of(path)}"


def as_data(finding: Finding, places: Places) -> dict[str, Any]:
    """The same for programs. Keys are stable."""
    data = {
        "level": finding.level,
        "reason": finding.reason,
        "path": spelled(finding.path),
        "file": places.file,
        "line": places.of(finding.path),
        "message": finding.message,
        "advice": finding.advice,
    }
    return {key: value for key, value in data.items() if value != ""}


def in_order(findings: Iterable[Finding], places: Places) -> list[Finding]:
    """Without repetitions: the urgent first, then as they stand in the file."""
    order = list(Level)
    return sorted(
        dict.fromkeys(findings), key=lambda one: (order.index(one.level), places.of(one.path), one.path == ())
    )
