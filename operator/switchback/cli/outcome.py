"""How a command ended, as JSON: of a run, and of a command that ended before there was one. No driver."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchback.cli.main import ALIASES, COMMANDS
from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason
from switchback.contract.result import VERSION, Result, bounded
from switchback.contract.words import Operation
from switchback.runner import clock
from switchback.runner.ledger.model import LAPTOP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.migrations.errors import Problem
    from switchback.runner.operations.perform import Ending

OPERATIONS = {
    "status": Operation.INSPECT,
    "plan": Operation.INSPECT,
    "wait": Operation.INSPECT,
    "dump": Operation.INSPECT,
    "migrate": Operation.MIGRATE,
    "rollback": Operation.ROLLBACK,
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
"""What stands as the operation in a command's own results: several share one, and `command` says which."""

_WITH_PARTS = ("snapshot",)
"""Commands whose second word says what they do."""

_ANSWERING = (["seal"], ["accept"], ["prune"])
"""Words after `snapshot` that are the container whose result is read."""

_FENCES = {"raise": Operation.FENCE, "lower": Operation.UNFENCE}
"""The same for `snapshot accept --fence`."""


def laptop_id() -> str:
    """Operation id of a command line."""
    return f"{LAPTOP}-{os.urandom(4).hex()}"


def as_json(result: Result, command: str | None = None) -> dict[str, Any]:
    """A result as plain data, everything in it, with the command that it is of. Keys are stable.

    Args:
        result: how the command ended.
        command: without the program; None: the one that runs.
    """
    name = _running() if command is None else command
    data: dict[str, Any] = camel(as_result(result))
    return {"command": name, **data} if name else data


def of(ending: Ending) -> dict[str, Any]:
    """How a run ended as plain data: the result, and where it failed. Keys are stable."""
    place = {"file": ending.file, "line": ending.line, "sqlstate": ending.sqlstate, "advice": ending.advice}
    failed = place if ending.error is not None else {}
    then = () if ending.facts.then is None else ending.facts.then.steps
    more = {
        "problems": [problem_data(problem) for problem in ending.problems],
        "then": [asdict(step.public) for step in then],
    }
    return as_json(ending.result) | _without_empty(failed | more)


def problem_data(problem: Problem) -> dict[str, Any]:
    """One thing that is wrong with the files, as plain data."""
    whole = {"file": problem.file, "line": problem.line, "message": problem.message}
    return _without_empty(whole | {"advice": problem.what_next})


def _without_empty(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value not in (None, "", (), [])}


def as_result(result: Result) -> dict[str, Any]:
    """A result as plain data, with the keys of the contract between Jobs and the operator."""
    return _without_empty(asdict(result))


def camel(data: Any) -> Any:
    """The data with every key as programs outside find it: `exitCode`, not `exit_code`."""
    if isinstance(data, dict):
        return {_camel(key): camel(value) for key, value in data.items()}
    return [camel(value) for value in data] if isinstance(data, (list, tuple)) else data


def _camel(key: str) -> str:
    first, *more = key.split("_")
    return first + "".join(word.capitalize() for word in more)


def _running() -> str:
    """Name of the command that runs, without the program; empty: none does."""
    names: list[str] = []
    context = click.get_current_context(silent=True)
    while context is not None and context.parent is not None:
        names.insert(0, context.command.name or "")
        context = context.parent
    return " ".join(names)


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
    first, *more = [*_names(words), ""]
    first = ALIASES.get(first, first)
    operation = OPERATIONS.get(first)
    command = " ".join([first, *more[:1]]).strip() if first in _WITH_PARTS else first
    if command == "run":
        named = _value(words, "--operation")
        operation = Operation(named) if named in set(Operation) else None
    if command == "snapshot prune":
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
    if _speaks_to_the_operator(words):
        data = {"v": VERSION, **as_result(result)}
    else:
        data = as_json(result, command if first in COMMANDS else "")
    if operation is None:  # better no word than one that nobody said
        del data["operation"]
    if _speaks_to_the_operator(words):
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False)
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
