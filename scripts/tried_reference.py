"""Tables of odd files and folders, from the cases that the tests run."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tables import table

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the cases are the tests'

from tests.tried import groups

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tried.case import Case


def rows(group: str) -> str:
    """The table of one group."""
    lines = ((case.what, case.outcome, str(case.exit_code), _message(case)) for case in groups.of(group))
    return table(("what", "result", "exit code", "message"), lines)


def _message(case: Case) -> str:
    if not case.message:
        return ""
    return f"`` {case.message} ``" if "`" in case.message else f"`{case.message}`"


WRITERS: dict[str, Callable[[], str]] = {f"tried-{group}": partial(rows, group) for group in groups.PLAIN}
