"""What `switchback snapshot accept` and `login` do, for Jobs that run a tenant's command."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchback.cli import work
from switchback.cli.snapshot_work import perform_here
from switchback.contract.reasons import Reason, meaning
from switchback.contract.result import Snapshot, encode
from switchback.contract.words import Operation
from switchback.runner.connect import Wishes
from switchback.runner.errors import RunnerError
from switchback.runner.opening import Opener
from switchback.runner.operations.base import Answer
from switchback.runner.stop import Stop
from switchback.snapshots import report
from switchback.snapshots.libpq import write_passfile
from switchback.snapshots.store import size_text

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.cli.console import Console
    from switchback.runner.operations.perform import Ending

_FENCES = {
    "raise": (Operation.FENCE, "The fence is up: its command ended with 0."),
    "lower": (Operation.UNFENCE, "The fence is down: its command ended with 0."),
}


def run(console: Console, **values: Any) -> int:
    """Answer for the tenant's command, which has ended with 0: else this container would not run."""
    made: list[Snapshot] = []
    operation, fence = _FENCES.get(values["fence"], (Operation.SNAPSHOT, ""))

    def act(opener: Opener) -> Answer:
        if fence:
            return Answer(Reason.SUCCEEDED, fence)
        with contextlib.suppress(RunnerError):
            opener.address  # noqa: B018 - from here on the redactor knows its secrets
        made.append(
            report.read(values["report"], values["name"], _begun(values["begin"]), opener.redactor().clean)
        )
        return Answer(Reason.SUCCEEDED, _summary(values["name"], made[0]))

    def conclude(ending: Ending) -> None:
        result = ending.result
        if made and ending.error is None:
            result = replace(result, snapshot=made[0])
        text = encode(result, values["result_budget"])
        if values["result_file"] is not None:
            work.write_result(values["result_file"], text, console)
        if values["as_json"]:
            console.outcome(text)
        elif ending.error is None:
            console.print(result.message)

    flags = {"as_json": values["as_json"], "debug": values["debug"], "operation": operation}
    ending = perform_here(console, values["operation_id"], act, conclude=conclude, **flags)
    return ending.result.exit_code


def _begun(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except OSError as error:
        raise RunnerError(Reason.USAGE, f"{path} cannot be looked at: {error.strerror}.") from None


def _summary(name: str, made: Snapshot) -> str:
    return (
        f"Restore point {name} is at {made.path} ({size_text(made.size)}), and holds all that was committed "
        f"before {made.restore_point}: so the command says; nobody has verified it."
    )


def login(console: Console, passfile: Path) -> int:
    """Write the passfile. What goes wrong is one line: the operator sees the last one."""
    with Stop().installed() as stop:
        stop.unblock()
        opener = Opener(None, Wishes(), console.warn, stop.wait)
        try:
            write_passfile(passfile, _token(opener))
        except RunnerError as error:
            console.error(opener.redactor().clean(f"{error.message} {error.advice}"))
            return int(meaning(error.reason).exit_code)
        except OSError as error:
            console.error(f"{passfile} cannot be written: {error.strerror}.")
            return int(meaning(Reason.USAGE).exit_code)
    console.say(
        f"A token for {opener.address.user} is in {passfile}; it is good for connecting for 15 minutes."
    )
    return 0


def _token(opener: Opener) -> str:
    address = opener.address
    if address.tokens is None:
        raise RunnerError(
            Reason.USAGE, "No token was asked for: the address has a password, or names no region of AWS."
        )
    return address.tokens.make(address.hosts[0], address.user)
