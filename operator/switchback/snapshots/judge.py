"""From what pg_dump and pg_restore said to a reason and a message.

PostgreSQL's programs end with 1 whatever went wrong, so their words have to be read. They run with
`LC_ALL=C`. What the server sends may be in a language of its own; what is not understood is `SnapshotFailed`
with the text itself.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.result import bounded
from switchback.runner.errors import RunnerError
from switchback.runner.redact import masked
from switchback.runner.trouble import Said, reason_of

if TYPE_CHECKING:
    from pathlib import Path

KILLED = 128
"""Exit codes above it are 128 plus the number of the signal that ended the program."""

_VERSION = re.compile(r"^[^)]*\) (\d+)(\S*)")
_SERVER = re.compile(r"\b(?:ERROR|FATAL|PANIC):")
_VOLUME_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_LOCKED = re.compile(
    r"could not obtain lock on relation|due to (?:lock|statement) timeout.*\bLOCK TABLE\b", re.DOTALL
)
_PERMISSION = re.compile(r"permission denied for |must be owner of |row-level security policy for table")
_CONNECTING = re.compile(r"error: connection to server (?:at|on) .* failed: |could not translate host name")
_LOST = re.compile(r"server closed the connection unexpectedly|terminating connection due to")
_MESSAGE_BYTES = 400


@dataclass(frozen=True, slots=True)
class Report:
    """What one part (`dump`, `reread`) left behind. `exit_code` is None when the program was not run."""

    part: str
    version: str
    exit_code: int | None
    stderr: str

    @property
    def major(self) -> int | None:
        """Major version of the program; None when it said nothing of the kind."""
        found = _VERSION.match(self.version)
        return int(found[1]) if found else None

    @property
    def release(self) -> str:
        """Version of the program as it writes it, such as `15.18`; empty when unknown."""
        found = _VERSION.match(self.version)
        return found[1] + found[2] if found else ""


def report_of(work: Path, part: str) -> Report:
    """What `client.sh <part>` wrote into `work`. Missing files are a program that did not run."""

    def text(kind: str) -> str:
        try:
            return (work / f"{part}.{kind}").read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return ""

    code = text("exit")
    return Report(part, text("version"), int(code) if code.isdigit() else None, text("stderr"))


def seconds_since_dump(work: Path) -> int:
    """For how long the dump has been there: the time that reading it back, hashing and uploading took."""
    try:
        return max(0, round(time.time() - (work / "dump.exit").stat().st_mtime))
    except OSError:
        return 0


def judge_client(report: Report, server_major: int, program: str) -> None:
    """Refuse a client whose major version is not the server's.

    An older pg_dump refuses the server. What a newer one writes may not restore into that server.

    Raises:
        RunnerError: SnapshotClientTooOld, SnapshotClientTooNew, SnapshotFailed (there is no such program).
    """
    major = report.major
    if major == server_major:
        return
    if major is None:
        said = f": {_quoted(report.version)}" if report.version else ""
        raise RunnerError(
            Reason.SNAPSHOT_FAILED,
            f"The client image has no {program} that tells its version{said}.",
            "Use an image that holds PostgreSQL's client programs, such as postgres.",
        )
    reason = Reason.SNAPSHOT_CLIENT_TOO_OLD if major < server_major else Reason.SNAPSHOT_CLIENT_TOO_NEW
    raise RunnerError(
        reason,
        f"{program} has version {report.release}, the server {server_major}: the majors must be equal.",
    )


def judge_dump(report: Report, server_major: int) -> None:
    """Nothing when the dump is complete.

    Raises:
        RunnerError: wrong version of the client, full volume, locked objects, missing rights, a connection
            that failed, or SnapshotFailed for everything else.
    """
    judge_client(report, server_major, "pg_dump")
    if report.exit_code == 0:
        return
    said = headline(report.stderr)
    if report.exit_code is None:
        raise RunnerError(Reason.SNAPSHOT_FAILED, "pg_dump was ended before it could report.")
    if report.exit_code > KILLED:
        raise RunnerError(Reason.SNAPSHOT_FAILED, _killed("pg_dump", report.exit_code, said))
    raise RunnerError(_reason_of(report.stderr), f"pg_dump failed: {said}", detail=report.stderr)


def judge_reread(report: Report, server_major: int) -> None:
    """Nothing when pg_restore could read and unpack all of the dump.

    Raises:
        RunnerError: SnapshotUnreadable; the client's version is wrong; the program was killed.
    """
    judge_client(report, server_major, "pg_restore")
    if report.exit_code == 0:
        return
    said = headline(report.stderr)
    if report.exit_code is None or report.exit_code > KILLED:
        raise RunnerError(Reason.SNAPSHOT_FAILED, _killed("pg_restore", report.exit_code or 0, said))
    raise RunnerError(
        Reason.SNAPSHOT_UNREADABLE, f"The dump could not be read back: {said}", detail=report.stderr
    )


def is_volume_full(stderr: str) -> bool:
    """Whether the program's own writes met a full volume. A server that is full says so as an ERROR."""
    return any(_VOLUME_FULL.search(line) and not _SERVER.search(line) for line in stderr.splitlines())


def _reason_of(stderr: str) -> Reason:
    if is_volume_full(stderr):
        return Reason.SNAPSHOT_VOLUME_FULL
    if _LOCKED.search(stderr):
        return Reason.OBJECTS_LOCKED
    if _PERMISSION.search(stderr):
        return Reason.PERMISSION_DENIED
    if _CONNECTING.search(stderr) or _LOST.search(stderr):
        return reason_of(Said(stderr))
    return Reason.SNAPSHOT_FAILED


def _killed(program: str, code: int, said: str) -> str:
    how = f"was ended by signal {code - KILLED}" if code > KILLED else "was ended before it could report"
    return f"{program} {how}{': ' + said if said else '.'}"


def headline(stderr: str) -> str:
    """The first error in the words of a program, with the server's own message, on one line and cut.

    DETAIL, HINT and statements are left out: they may hold data.
    """
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line] or lines[:1]
    if not errors:
        return "it said nothing."
    text = errors[0].partition("error:")[2].strip() or errors[0]
    # What the server says may quote values; what the program says quotes names of files and objects.
    own, severity, servers = text.partition("ERROR:")
    return _quoted(f"{own}{severity} {masked(servers)}" if severity else own)


def sentence(text: str) -> str:
    """`text` with a full stop at its end."""
    return text if text.endswith((".", "…")) else f"{text}."


def _quoted(text: str) -> str:
    return bounded(" ".join(text.split()), _MESSAGE_BYTES)
