"""Run other programs: always with a time limit, always with their own words when they fail."""

from __future__ import annotations

import fcntl
import os
import shlex
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

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
    child = _start(words, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=cwd)
    out, err = _end(child, words, stdin=stdin, timeout=timeout)
    done = subprocess.CompletedProcess(words, child.returncode, out, err)
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
        child = _start(words, stdin=None, stdout=sink, stderr=subprocess.STDOUT, env=env, cwd=cwd)
        _end(child, words, stdin=None, timeout=timeout)
        if child.returncode != 0:
            tail = "\n".join("    " + line for line in log.read_text(errors="replace").splitlines()[-_TAIL:])
            raise BedError(
                f"{label}: `{_short(words)}` failed with exit {child.returncode}; output in {log}:\n{tail}"
            )


def _start(
    words: list[str],
    *,
    stdin: str | None,
    stdout: int | IO[str],
    stderr: int,
    env: Mapping[str, str] | None,
    cwd: Path | None,
) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            text=True,
            env=None if env is None else {**os.environ, **env},
            cwd=cwd,
            process_group=0,  # so that its children end with it
        )
    except FileNotFoundError as error:
        raise BedError(f"cannot run {words[0]}: {error.strerror}; `make setup` installs it") from None


def _end(
    child: subprocess.Popen[str], words: list[str], *, stdin: str | None, timeout: float
) -> tuple[str, str]:
    """Wait for a program; on time-out or Ctrl-C end it with its children, who would hold its pipes open."""
    try:
        out, err = child.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        _kill_group(child)
        raise BedError(f"`{_short(words)}` did not end within {timeout:.0f} s and was stopped") from None
    except BaseException:
        _kill_group(child)
        raise
    return out or "", err or ""


def _kill_group(child: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(timeout=10)


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
