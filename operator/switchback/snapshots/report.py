"""What a command of the tenant's reports of a restore point: version 1 of a small JSON document.

It is somebody else's text, so it is bounded, has to be of this very restore point, and leaves this place
without what looks like a password. Whether it is true, nobody here can know.
"""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from switchback.contract.hide import hidden
from switchback.contract.reasons import Reason
from switchback.contract.result import Snapshot
from switchback.runner.clock import stamp
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VERSION = 1
LONGEST = 65536
"""Bytes of a report."""
LONGEST_PATH = 512
LONGEST_DIGEST = 128
LARGEST = 2**63 - 1
TOLERANCE = timedelta(seconds=60)
"""How far the clock that the report goes by may be from this node's."""

_DIGEST = re.compile(r"[a-z0-9][a-z0-9.+_-]*:[A-Za-z0-9+/=_-]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")
_EXAMPLE = "2026-01-01T12:00:00Z"
_ADVICE = (
    "The command writes it to the file that SWITCHBACK_RESULT names, as its last act: an object with "
    "version, id, path, sizeBytes and restorePointTime."
)


def read(
    path: Path, name: str, begun: datetime, clean: Callable[[str], str], now: datetime | None = None
) -> Snapshot:
    """The restore point that the report at `path` names.

    Args:
        path: of the report.
        name: that the restore point must have.
        begun: when the pod began: nothing of before counts.
        clean: takes the known secrets out of a text.
        now: the present time; by default it is asked for.

    Raises:
        RunnerError: SnapshotCommandFailed, with what is wrong.
    """
    data = _object(path)
    if data.get("version") != VERSION or isinstance(data["version"], bool):
        said = json.dumps(data.get("version"))[:32]
        raise _wrong(f"says version {said}, and this release reads version {VERSION}")
    if _text(data, "id", LONGEST_PATH) != name:
        raise _wrong(f"is of {data['id'][:100]}, and {name} was asked for")
    digest = _text(data, "digest", LONGEST_DIGEST) if data.get("digest") is not None else ""
    if digest and not _DIGEST.fullmatch(digest):
        raise _wrong("has a digest that is not written as sha256:0123abcd…")
    return Snapshot(
        path=hidden(clean(_text(data, "path", LONGEST_PATH))),
        digest=clean(digest),
        size=_size(data),
        restore_point=stamp(_time(data, begun, now or datetime.now(UTC))),
    )


def _wrong(what: str) -> RunnerError:
    return RunnerError(Reason.SNAPSHOT_COMMAND_FAILED, f"The command's report {what}.", _ADVICE)


def _object(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(_content(path).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _wrong("is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        where = (
            f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise _wrong(f"is not JSON{where}") from None
    if not isinstance(data, dict):
        raise _wrong("is JSON, but no object")
    return data


def _content(path: Path) -> bytes:
    """All of the file. A link may lead anywhere, and a pipe never ends: neither is followed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise RunnerError(
            Reason.SNAPSHOT_COMMAND_FAILED, "The command ended with 0 and left no report.", _ADVICE
        ) from None
    except OSError as error:
        raise _wrong(f"cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _wrong("is no regular file")
    with os.fdopen(handle, "rb") as file:
        content = file.read(LONGEST + 1)
    if not content.strip():
        raise _wrong("is empty")
    if len(content) > LONGEST:
        raise _wrong(f"is longer than {LONGEST} bytes")
    return content


def _text(data: dict[str, Any], field: str, limit: int) -> str:
    value = data.get(field)
    if field not in data:
        raise _wrong(f"has no {field}")
    if not isinstance(value, str) or not value.strip():
        raise _wrong(f"has no text as {field}")
    if not value.isprintable():
        raise _wrong(f"has control characters in its {field}")
    if len(value.encode(errors="surrogatepass")) > limit:
        raise _wrong(f"has a {field} of more than {limit} bytes")
    return value


def _size(data: dict[str, Any]) -> int:
    if "sizeBytes" not in data:
        raise _wrong("has no sizeBytes")
    size = data["sizeBytes"]
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= LARGEST:
        raise _wrong("has a sizeBytes that is no whole number of bytes")
    return size


def _time(data: dict[str, Any], begun: datetime, now: datetime) -> datetime:
    text = _text(data, "restorePointTime", 64)
    found: datetime | None = None
    if _TIME.fullmatch(text):
        try:
            found = datetime.fromisoformat(text.upper())
        except ValueError:
            found = None
    if found is None:
        raise _wrong(f"has a restorePointTime that is not written as {_EXAMPLE}")
    if found < begun - TOLERANCE:
        raise _wrong(
            f"names a restore point of {stamp(found)}, and its pod began at {stamp(begun)}: it is of an "
            "earlier time, or a clock is wrong"
        )
    if found > now + TOLERANCE:
        raise _wrong(
            f"names a restore point of {stamp(found)}, and it is {stamp(now)}: that is in the future, or a "
            "clock is wrong"
        )
    return found
