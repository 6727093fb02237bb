"""The one error type of the runner: every failure that is not a bug is raised as it."""

from __future__ import annotations

from switchback.contract.reasons import Reason, meaning


class RunnerError(Exception):
    """What happened, to what, why, and what to do next.

    Attributes:
        reason: stable word; decides exit code and retry class by `contract.reasons.MEANINGS`.
        message: one or a few sentences for people: what happened to which object, and why. May travel in a
            result, so it holds no password, no data and no statement.
        advice: what to do next. Defaults to the reason's general advice.
        file: path of the file concerned, relative to the source folder, if there is one.
        line: line in `file`, counted from 1.
        sqlstate: five characters from the server, if it spoke.
        statement: text of the failing statement; for the log only.
        detail: further text (the server's DETAIL, HINT, CONTEXT); for the log only.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        advice: str | None = None,
        *,
        file: str | None = None,
        line: int | None = None,
        sqlstate: str | None = None,
        statement: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.advice = meaning(reason).advice if advice is None else advice
        self.file = file
        self.line = line
        self.sqlstate = sqlstate
        self.statement = statement
        self.detail = detail

    @property
    def place(self) -> str:
        """`file:line`, `file`, or nothing."""
        if self.file is None:
            return ""
        return self.file if self.line is None else f"{self.file}:{self.line}"
