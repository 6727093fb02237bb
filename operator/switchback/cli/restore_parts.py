"""What the parts of a restore Job do. Imports the driver: the command imports it when it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from switchback.cli import outcome, work
from switchback.cli.restore_work import as_data, order_of, summary, told
from switchback.cli.snapshot_work import perform_here
from switchback.contract.reasons import Reason, meaning
from switchback.contract.result import encode
from switchback.runner.connect import Wishes
from switchback.runner.opening import Opener
from switchback.runner.operations.base import Answer
from switchback.runner.stop import Stop
from switchback.snapshots import restore_pod

if TYPE_CHECKING:
    from switchback.cli.console import Console
    from switchback.runner.operations.perform import Ending
    from switchback.snapshots.restore import Restored


def prepare(console: Console, **values: Any) -> int:
    """`switchback restore --part prepare`. Ends with 0 also when something is wrong; the last part tells."""
    order = order_of(values, values["operation_id"] or outcome.laptop_id())
    with Stop().installed() as stop:
        stop.unblock()
        opener = Opener(values["url"], Wishes(order.operation_id), console.warn, stop.wait)
        try:
            begun = restore_pod.prepare(order, values["work"], opener, console.say)
        except OSError as error:  # nobody can be told but the log
            console.error(f"{values['work']} cannot be written: {error.strerror}.")
            return int(meaning(Reason.RESTORE_FAILED).exit_code)
    if begun.trouble is not None:
        console.error(f"{begun.trouble.message} {begun.trouble.advice}")
    return 0


def finish(console: Console, **values: Any) -> int:
    """`switchback restore --part finish`."""
    order = order_of(values, values["operation_id"] or outcome.laptop_id())
    made: list[Restored] = []

    def act(opener: Opener) -> Answer:
        made.append(restore_pod.finish(order, values["work"], opener, console.say))
        return Answer(Reason.SUCCEEDED, summary(made[0], opener.address.where))

    def conclude(ending: Ending) -> None:
        if values["result_file"] is not None:
            text = encode(ending.result, values["result_budget"])
            work.write_result(values["result_file"], text, console)
        if values["as_json"]:
            # One line: it is read out of a log.
            console.outcome(json.dumps(outcome.as_result(ending.result) | as_data(made), ensure_ascii=False))
        elif ending.error is None:
            for line in told(made[0]):
                console.print(line)
            console.print(ending.result.message)

    flags = {"as_json": values["as_json"], "debug": values["debug"]}
    ending = perform_here(console, order.operation_id, act, url=values["url"], conclude=conclude, **flags)
    return ending.result.exit_code


PARTS = {"prepare": prepare, "finish": finish}
