"""What is wrong with a source of migrations, collected so that one run shows everything to mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason, meaning

if TYPE_CHECKING:
    from collections.abc import Iterable


def shown(text: str) -> str:
    """`text` in one line that a terminal only shows: what cannot be printed is written as Python writes it.

    Names of files and words of a text may hold anything, such as line ends and escape sequences.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. Its texts are `shown`, whatever they were made of.

    Attributes:
        message: what, to which object and why, as a sentence without the file's name in front.
        file: path relative to the source folder, or None when the folder as a whole is meant.
        line: line in `file`, counted from 1.
        advice: what to do next; empty means the reason's general advice.
    """

    message: str
    file: str | None = None
    line: int | None = None
    advice: str = ""
    reason: Reason = Reason.SOURCE_INVALID

    def __post_init__(self) -> None:
        for name in ("message", "file", "advice"):
            text = getattr(self, name)
            if text is not None and not text.isprintable():
                object.__setattr__(self, name, shown(text))

    @property
    def place(self) -> str:
        """`file:line`, `file`, or nothing."""
        if self.file is None:
            return ""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    @property
    def told(self) -> str:
        """Place and message in one line."""
        return f"{self.place}: {self.message}" if self.place else self.message

    @property
    def what_next(self) -> str:
        """The advice: its own, or the reason's."""
        return self.advice or meaning(self.reason).advice

    def render(self) -> str:
        """Place, message and advice in one line."""
        return f"{self.told} {self.what_next}"


class SourceProblem(Exception):  # noqa: N818 - it holds problems, and is read as one
    """A source, or a target named against it, cannot be used. Never empty: `problems` has at least one.

    `reason`, `file`, `line`, `message` and `advice` are those of the first problem; `str()` shows all.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.render() for problem in self.problems))

    @property
    def first(self) -> Problem:
        """The problem that gives the error its reason."""
        return self.problems[0]

    @property
    def reason(self) -> Reason:
        """Stable word; decides exit code and retry class."""
        return self.first.reason

    @property
    def file(self) -> str | None:
        """Path of the first file concerned."""
        return self.first.file

    @property
    def line(self) -> int | None:
        """Line in that file, counted from 1."""
        return self.first.line

    @property
    def message(self) -> str:
        """What is wrong, and how many more things are."""
        more = len(self.problems) - 1
        return self.first.message + (f" ({more} more)" if more else "")

    @property
    def advice(self) -> str:
        """What to do next."""
        return self.first.what_next
