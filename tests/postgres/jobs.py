"""`switchback run` as the operator's Jobs call it: a process of its own, and what it leaves as its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    """One run to its end: its result agrees with its exit code, and nothing of it looks like a bug."""
    done = runner.call(*words_of(runner, operation, *words), **environment)
    assert "Traceback" not in done.stderr, done.stderr
    found = result_of(runner)
    assert done.returncode == found.exit_code, done.stderr
    return found


def started(runner: Runner, operation: str, *words: str) -> subprocess.Popen[str]:
    """One run under way."""
    return runner.start(*words_of(runner, operation, *words))
