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
