"""The one error type of the test bed."""

from __future__ import annotations


class BedError(Exception):
    """What happened, to what, why, and what to do next, in one line."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class UnsupportedError(BedError):
    """The chosen backend cannot do this; tests skip instead of failing."""
