"""What `check` does: the checks of a stage to a verdict, and a result that is written whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import traceback
from pathlib import Path
from typing import Any

from switchback.checks.model import CheckError, Context, from_environment
from switchback.checks.run import Plan, Run, Verdict
from switchback.cli.console import Console
from switchback.cli.outcome import as_json, laptop_id
from switchback.contract.reasons import Reason, meaning
from switchback.contract.result import Result, encode
from switchback.contract.words import CheckStage, Operation
from switchback.runner import clock
from switchback.runner.redact import Redactor
from switchback.runner.stop import SIGNALS


class _Stop:
    """Which signal has come. The second one ends the process at once."""

    def __init__(self) -> None:
        self.signum: int | None = None

    def install(self, task: asyncio.Task[Verdict]) -> None:
        """From here on a signal ends `task`, also one that came before and was held back."""
        loop = asyncio.get_running_loop()
        for signum in SIGNALS:
            loop.add_signal_handler(signum, self._come, signum, task)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _come(self, signum: int, task: asyncio.Task[Verdict]) -> None:
        if self.signum is not None:
            os._exit(128 + signum)
        self.signum = signum
        task.cancel()


def run(**values: Any) -> int:
    """Run the checks, tell how it ended, and give the exit code."""
    console = Console(json=values["as_json"])
    context = Context(
        operation_id=values["operation_id"] or laptop_id(),
        environment=os.environ,
        url=values["url"],
        role=values["role"],
        search_path=values["search_path"],
    )
    context.say = lambda text: console.say(Redactor(context.secrets).clean(text))
    stop = _Stop()
    try:
        plan, context = _plan(values, context, console)
        verdict = asyncio.run(_verdict(Run(plan, context, context.say), stop))
    except CheckError as error:
        verdict = Verdict(Reason.USAGE, str(error))
    except Exception as error:
        if values["debug"]:
            raise
        verdict = _of_bug(error, console)
    return _tell(verdict, values, context, console, stop)


async def _verdict(run_: Run, stop: _Stop) -> Verdict:
    task = asyncio.ensure_future(run_.verdict())
    stop.install(task)
    try:
        return await task
    except asyncio.CancelledError:
        if stop.signum is None:
            raise
        return run_.stopped(signal.Signals(stop.signum).name)


def _plan(values: dict[str, Any], context: Context, console: Console) -> tuple[Plan, Context]:
    """What is to be run, and by which context: a manifest also says who asks the database.

    Raises:
        CheckError: there is nothing to run, or it cannot be run as it is written.
    """
    stage = CheckStage(values["stage"])
    if values["file"] is not None:
        from switchback.cli import check_file  # noqa: PLC0415 - the models of the API take longer than a Job's start

        checks, context = check_file.read(values["file"], values["name"], stage, context, console.warn)
    else:
        checks = from_environment(os.environ)
        if not checks and not values["connect"]:
            raise CheckError("There is no check: give a manifest with -f, or --connect.")
    unknown = set(values["only"]) - {check.name for check in checks}
    if unknown:
        there = ", ".join(check.name for check in checks) or "none"
        raise CheckError(f"There is no check {', '.join(sorted(unknown))} at {stage}; there is {there}.")
    if values["only"]:
        checks = tuple(check for check in checks if check.name in values["only"])
    return Plan(
        stage=stage,
        checks=checks,
        seconds=values["seconds"],
        soak_seconds=values["soak_seconds"],
        connect=values["connect"],
        signal=values["signal_file"],
        wait_seconds=values["wait_seconds"],
    ), context


def _of_bug(error: Exception, console: Console) -> Verdict:
    """An error that nobody expected. Its text may hold anything, so it is not shown."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    way = " < ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in reversed(frames))
    console.more(f"  {type(error).__name__} ({way})")
    return Verdict(Reason.BUG, f"{type(error).__name__} in Switchback itself; the log says where.")


def _tell(verdict: Verdict, values: dict[str, Any], context: Context, console: Console, stop: _Stop) -> int:
    code = int(meaning(verdict.reason).exit_code)
    result = Result(
        operation=Operation.CHECK,
        operation_id=context.operation_id,
        reason=verdict.reason,
        message=verdict.message,
        at=clock.now(),
        exit_code=code
        if stop.signum is None or verdict.reason is not Reason.INTERRUPTED
        else 128 + stop.signum,
        checks=verdict.checks,
    )
    if values["result_file"] is not None:
        _leave(values["result_file"], encode(result, values["result_budget"]), console)
    if values["as_json"]:
        console.outcome(json.dumps(as_json(result), ensure_ascii=False, indent=2))
    elif verdict.reason is Reason.SUCCEEDED:
        console.outcome(result.message)
    else:
        console.error(result.message)
        if verdict.reason is Reason.BUG:
            console.more(meaning(verdict.reason).advice)
    return result.exit_code


def _leave(path: Path, text: str, console: Console) -> None:
    """Leave the result where the operator looks for it. What keeps it from being there is told in the log."""
    try:
        path.write_text(text)
    except OSError as error:
        console.error(f"The result could not be written to {path}: {error.strerror}.")
