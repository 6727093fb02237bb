"""How a command ended, as JSON: of a run, and of a command that ended before there was one. No driver."""

from __future__ import annotations

import contextlib
import json
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason
from switchback.contract.result import VERSION, Result, bounded
from switchback.contract.words import Operation
from switchback.runner import clock
from switchback.runner.ledger.model import LAPTOP

if TYPE_CHECKING:
    from collections.abc import Sequence

OPERATIONS = {
    "status": Operation.INSPECT,
    "plan": Operation.INSPECT,
    "migrate": Operation.MIGRATE,
    "up": Operation.MIGRATE,
    "rollback": Operation.ROLLBACK,
    "down": Operation.ROLLBACK,
    "redo": Operation.ROLLBACK,
    "reset": Operation.ROLLBACK,
    "repair": Operation.RELEASE,
    "adopt": Operation.MIGRATE,
    "baseline": Operation.MIGRATE,
    "history": Operation.INSPECT,
    "protect": Operation.RELEASE,
    "check": Operation.CHECK,
    "restore": Operation.SNAPSHOT,
    "snapshot": Operation.SNAPSHOT,
}
"""What stands as the operation in a command's own results."""

_ANSWERING = (["seal"], ["accept"], ["prune"])
"""Words after `snapshot` that are the container whose result is read."""

_FENCES = {"raise": Operation.FENCE, "lower": Operation.UNFENCE}
"""The same for `snapshot accept --fence`."""


def laptop_id() -> str:
    """Operation id of a command line."""
    return f"{LAPTOP}-{secrets.token_hex(4)}"


def as_json(result: Result) -> dict[str, Any]:
    """A result as plain data, everything in it."""
    data = asdict(result)
    return {name: value for name, value in data.items() if value not in (None, "", ())}


def wanted(words: Sequence[str]) -> bool:
    """Whether the words of a command line ask for JSON."""
    return "--json" in _options(words)


def reason_of(code: ExitCode) -> Reason:
    """The reason of an end before there was a run, from its exit code."""
    return {ExitCode.USAGE: Reason.USAGE, ExitCode.INTERRUPTED: Reason.INTERRUPTED}.get(code, Reason.BUG)


def leave(words: Sequence[str], text: str) -> None:
    """Write the result of a Job that ended without a run to its --result-file, unless there is one."""
    file = _value(words, "--result-file")
    if not file or not _speaks_to_the_operator(words):
        return
    path = Path(file)
    with contextlib.suppress(OSError):  # the exit code is left
        if not path.exists() or not path.stat().st_size:
            path.write_text(text)


def _names(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith("-")]


def _speaks_to_the_operator(words: Sequence[str]) -> bool:
    names = _names(words)
    checks = names[:1] == ["check"] and bool(_value(words, "--result-file"))
    return checks or names[:1] == ["run"] or (names[:1] == ["snapshot"] and names[1:2] in _ANSWERING)


def early(words: Sequence[str], reason: Reason, message: str, code: int) -> str:
    """The JSON of a command that ended without a run, in the form of the errors of its runs.

    Args:
        words: of the command line, without the program.
        reason: why it ended.
        message: what people are told.
        code: the exit code.
    """
    command = next(iter(_names(words)), "")
    operation = OPERATIONS.get(command)
    if command == "run":
        named = _value(words, "--operation")
        operation = Operation(named) if named in set(Operation) else None
    if _names(words)[:2] == ["snapshot", "prune"]:
        operation = Operation.PRUNE
    operation = _FENCES.get(_value(words, "--fence"), operation)
    result = Result(
        operation=operation or Operation.INSPECT,
        operation_id=_value(words, "--operation-id") or laptop_id(),
        reason=reason,
        message=bounded(message),
        at=clock.now(),
        exit_code=code,
    )
    data = as_json(result)
    if operation is None:  # better no word than one that nobody said
        del data["operation"]
    if _speaks_to_the_operator(words):
        return json.dumps({"v": VERSION, **data}, separators=(",", ":"), ensure_ascii=False)
    return json.dumps(data, ensure_ascii=False, indent=2)


def _options(words: Sequence[str]) -> list[str]:
    """Words up to `--`, after which there are only arguments."""
    return list(words[: words.index("--")] if "--" in words else words)


def _value(words: Sequence[str], option: str) -> str:
    options = _options(words)
    for word, following in zip(options, [*options[1:], ""], strict=False):
        if word == option:
            return following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return ""
