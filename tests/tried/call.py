"""The command line in this process: as a person calls it, without half a second for each start."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

from switchback.cli.main import cli, run

if TYPE_CHECKING:
    from pathlib import Path


class Done(NamedTuple):
    """How a call has ended."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """What went wrong, without what was said before and after it."""
        found = (line for line in self.err.splitlines() if line.startswith("error: "))
        return next(found, "").removeprefix("error: ")


def call(url: str, *words: str | Path) -> Done:
    """`switchback` with these words."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {"DATABASE_URL": url, "CI": "true"}),
        mock.patch.object(sys, "argv", ["switchback", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run(cli, "switchback")
    return Done(code, out.getvalue(), err.getvalue())
