"""Exit codes of the command line and of every Job."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """One meaning per number. They are part of the public contract: numbers are never reused."""

    OK = 0
    BUG = 1
    USAGE = 2
    PENDING = 3
    SOURCE = 4
    IRREVERSIBLE = 5
    LOCKED = 6
    CONNECTION = 7
    FAILED = 8
    PARTIAL = 9
    DIFFERS = 10
    REFUSED = 11
    MOVED = 12
    UNKNOWN = 13
    LINT = 14
    INTERRUPTED = 130
    TERMINATED = 143


MEANING: dict[ExitCode, str] = {
    ExitCode.OK: "done, or nothing to do",
    ExitCode.BUG: "a bug in Switchback: please report it",
    ExitCode.USAGE: "wrong words on the command line, or an unknown target",
    ExitCode.PENDING: "something is pending (`status --check`, `plan --exit-code`)",
    ExitCode.SOURCE: "files: missing, changed, behind the database, out of order, empty or invalid",
    ExitCode.IRREVERSIBLE: "no way back: no down half, or declared irreversible",
    ExitCode.LOCKED: "somebody else is at work: lock, reservation, locked tables, sessions that do not end",
    ExitCode.CONNECTION: "the connection",
    ExitCode.FAILED: "a migration failed and was rolled back, those before it stay; or a check failed",
    ExitCode.PARTIAL: "a migration failed part-way: a part of it has taken effect",
    ExitCode.DIFFERS: "a verification found a difference (no command of this release)",
    ExitCode.REFUSED: "refused for safety",
    ExitCode.MOVED: "the world moved since the plan was made, or the way leads backward",
    ExitCode.UNKNOWN: "nobody can say whether it was committed: look at `status` before anything else",
    ExitCode.LINT: "lint has findings (no command of this release)",
    ExitCode.INTERRUPTED: "interrupted (SIGINT), or the question was answered with no",
    ExitCode.TERMINATED: "stopped (SIGTERM)",
}
"""What each code says, for tables. `code` stands between backticks."""
