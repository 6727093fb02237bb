"""`switchback run` as the operator's Jobs call it, and what it leaves as its result."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from unittest.mock import patch

from switchback.cli.run import command
from switchback.contract import result as contract

if TYPE_CHECKING:
    import subprocess

    from tests.postgres.running import Runner


def words_of(runner: Runner, operation: str, *words: str) -> list[str]:
    """The command line of a run whose result goes beside the folder."""
    result = runner.folder.parent / "result"
    result.unlink(missing_ok=True)
    given = ["run", "--operation", operation, "--dir", str(runner.folder), "--result-file", str(result)]
    by = [] if "--operation-id" in words else ["--operation-id", "aa-1"]
    return [*given, *by, *words]


def result_of(runner: Runner) -> contract.Result:
    """What the last run has left."""
    return contract.decode((runner.folder.parent / "result").read_text())


def job(runner: Runner, operation: str, *words: str, **environment: str) -> contract.Result:
    """One run to its end, in this process: only its start would be another one in a pod."""
    with patch.dict(os.environ, {**runner.environment(), **environment}):
        code = command.main(words_of(runner, operation, *words)[1:], "switchback run", standalone_mode=False)
    found = result_of(runner)
    assert code == found.exit_code
    return found


def started(runner: Runner, operation: str, *words: str) -> subprocess.Popen[str]:
    """One run under way, as a process of its own."""
    return runner.start(*words_of(runner, operation, *words))
