"""Run other programs: always with a time limit, always with their own words when they fail."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.cluster.console import say, step
from tests.cluster.errors import BedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_TAIL = 15


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float = 60,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return its output; its failure is a BedError with its last words."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=None if env is None else {**os.environ, **env},
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as error:
        raise BedError(f"cannot run {words[0]}: {error.strerror}; `make setup` installs what is missing") from None
    except subprocess.TimeoutExpired:
        raise BedError(f"`{_short(words)}` did not end within {timeout:.0f} s and was stopped") from None
    if check and done.returncode != 0:
        raise BedError(f"`{_short(words)}` failed with exit {done.returncode}: {_last_words(done)}")
    return done


def run_long(
    label: str,
    argv: Sequence[str | Path],
    *,
    log: Path,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    detail: Callable[[], str] = str,
) -> None:
    """Run a slow program with its output in `log`, and a line with the elapsed time every ten seconds."""
    words = [str(word) for word in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    with step(label, detail=detail), log.open("w") as sink:
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                env=None if env is None else {**os.environ, **env},
                cwd=cwd,
                check=False,
            )
        except FileNotFoundError as error:
            raise BedError(f"cannot run {words[0]}: {error.strerror}; `make setup` installs it") from None
        except subprocess.TimeoutExpired:
            raise BedError(f"{label}: stopped after {timeout:.0f} s; its output is in {log}") from None
    if done.returncode != 0:
        tail = "\n".join("    " + line for line in log.read_text(errors="replace").splitlines()[-_TAIL:])
        raise BedError(f"{label}: `{_short(words)}` failed with exit {done.returncode}; output in {log}:\n{tail}")


def wait_for(what: str, ready: Callable[[], bool], *, timeout: float, pause: float = 0.05) -> None:
    """Wait until `ready` says yes, for things that offer no event to wait for."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise BedError(f"{what}: not so after {timeout:.0f} s")
        time.sleep(pause)


@contextmanager
def locked(path: Path, what: str, *, timeout: float = 3600) -> Iterator[None]:
    """Hold a lock that the kernel drops with the process, so that a killed run never blocks the next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout
    with path.open("a") as handle:
        told = 0.0
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                now = time.monotonic()
                if now > deadline:
                    raise BedError(f"{what}: another run has held {path} for {timeout:.0f} s") from None
                if now - told > 10:
                    say(f"{what}: waiting for another run that does the same")
                    told = now
                time.sleep(0.2)
        yield


def _short(words: Sequence[str]) -> str:
    line = shlex.join(words)
    return line if len(line) <= 200 else line[:197] + "..."


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return " | ".join(lines[-_TAIL:]) or "(no output)"
