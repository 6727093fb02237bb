"""What `run` does: one operation, and a result that is written whatever happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.cli.console import Console
from switchback.cli.options import Common
from switchback.cli.traffic_options import expected_undo, refuse_incomplete
from switchback.cli.work import work, write_result
from switchback.contract.result import encode
from switchback.contract.words import Operation, Risk
from switchback.runner.operations.base import Request
from switchback.runner.policy import Ahead, DownFrom, Policy
from switchback.runner.session import Limits

if TYPE_CHECKING:
    from switchback.runner.operations.perform import Ending


_DOWN_SOURCES = {"Auto": DownFrom.REFUSE, "Ledger": DownFrom.LEDGER, "Source": DownFrom.FILE}


def run(**values: Any) -> int:
    """Run one operation for the operator, and give the exit code that the result holds."""
    common = Common(
        url=None,
        folder=values["folder"],
        format=values["format_name"],
        ignore=values["ignore"],
        role=values["role"],
        ledger_schema=values["ledger_schema"],
        json=values["as_json"],
        debug=values["debug"],
        search_path=values["search_path"],
    )
    limits = Limits(
        lock_timeout_ms=round(values["lock_timeout_seconds"] * 1000),
        statement_timeout_ms=round(values["statement_timeout_seconds"] * 1000),
        advisory=values["advisory_lock_timeout_seconds"],
    )
    console = Console(json=common.json)

    def conclude(ending: Ending) -> None:
        text = encode(ending.result, values["result_budget"])
        if values["result_file"] is not None:
            write_result(values["result_file"], text, console)
        if common.json:
            console.outcome(text)
        elif ending.error is None:
            console.outcome(ending.result.message)

    ending = work(
        common,
        console,
        _request(common, **values),
        reason=values["reason"],
        intent_digest=values["intent_digest"],
        limits=limits,
        conclude=conclude,
    )
    return ending.result.exit_code


def _request(common: Common, **values: Any) -> Request:
    operation = Operation(values["operation"])
    refuse_incomplete(operation, values)
    return Request(
        operation,
        values["operation_id"],
        common.folder,
        target=values["target"],
        format=common.format,
        ignore=common.ignore,
        allow_non_empty=values["allow_non_empty"],
        accept=frozenset(Risk(risk) for risk in values["accept"]),
        expect_source=values["expect_source"],
        expect_plan=values["expect_plan"],
        reserve_unless_risky=values["reserve_unless_risky"],
        reserve_seconds=values["reserve_seconds"],
        own_reservation=operation is Operation.ROLLBACK,
        policy=Policy(
            Ahead(values["ahead_policy"]),
            values["out_of_order_policy"] == "Allow",
            values["adoption_policy"] == "IfNoLedger",
            values["hold_contract"] and operation is not Operation.ROLLBACK,
            values["hold_contract_unless_new"] and operation is not Operation.ROLLBACK,
        ),
        down_from=_DOWN_SOURCES[values["down_source"]],
        down_folder=values["down_folder"],
        expect_ledger=values["expect_ledger"],
        withdraw_intent=values["withdraw_intent"],
        allow_withdrawn=values["allow_withdrawn"],
        marker=values["marker_transaction"],
        slots=values["slots"],
        require_slots=frozenset(values["require_slots"]),
        undo=expected_undo(values),
        application_name=values["application_name"],
        drain_seconds=values["drain_seconds"],
    )
