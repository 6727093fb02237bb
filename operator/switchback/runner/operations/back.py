"""Planning a rollback: which way back every migration has, and what would be lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchback.runner import paths, unbegun
from switchback.runner.downs import backward
from switchback.runner.elsewhere import Elsewhere
from switchback.runner.ledger import read, rights
from switchback.runner.operations.forward import refuse_overtaken
from switchback.runner.plan import Plan, Way
from switchback.runner.policy import DownFrom

if TYPE_CHECKING:
    from switchback.runner.compare import Comparison
    from switchback.runner.goal import Goal
    from switchback.runner.operations.base import Request
    from switchback.runner.session import Session


def plan_backward(session: Session, request: Request, comparison: Comparison, goal: Goal) -> Plan:
    """The plan that rolls back to the goal, checked from end to end, with its losses.

    Raises:
        SourceProblem: a down half is wrong inside.
        RunnerError: `FailedPartly`, `Irreversible`, `NoDown`, `FileMissing`, `FileChanged`,
            `LedgerWritableByOthers`, `AdoptionRefused`; `Usage` when the second folder is not there.
    """
    astray = paths.problem(session, comparison.source) if goal.beyond else None
    if astray is not None:  # a migration that is rolled back already may have made what is missing
        session.reporter.warn(f"{astray.message} Names without a schema may mean something else.")
    folder = request.down_folder
    elsewhere = None if folder is None else Elsewhere(folder, request.format, request.ignore)
    wanted = _wanted(comparison, goal, request) if comparison.ledger.meta is not None else []
    plan = backward(
        comparison,
        goal.beyond,
        goal.target,
        read.stored_downs(session.work, session.names, wanted),
        down_from=request.down_from,
        elsewhere=elsewhere,
        forget=request.force or request.forget_missing,
        unbegun=unbegun.among(session, goal.beyond),
    )
    refuse_overtaken(session, comparison, plan)
    if any(step.way is Way.LEDGER for step in plan.steps):
        rights.refuse_writable(session.work, session.names)
    return with_losses(session, _cascading(session, plan) if request.cascade else plan)


def _cascading(session: Session, plan: Plan) -> Plan:
    """The plan with CASCADE where a DROP would fail without it."""
    from switchback.runner.cascading import cascading  # noqa: PLC0415 - only who asks for it has to know

    halves = cascading([step.half for step in plan.steps], session.work)
    steps = []
    for step, half in zip(plan.steps, halves, strict=True):
        notice = step.notice
        if half is not step.half:
            notice = f"{notice} {step.id}: CASCADE is added where a DROP fails without it.".strip()
        steps.append(replace(step, half=half, notice=notice))
    return plan.with_steps(steps)


def with_losses(session: Session, plan: Plan) -> Plan:
    """The plan with what each step would destroy, looked up in the database as it is now."""
    if not plan.steps:
        return plan
    from switchback.runner import losses  # noqa: PLC0415 - only a rollback has to know them

    found = losses.assess([step.half for step in plan.steps], session.work)
    return plan.with_steps(
        [
            replace(step, severity=one.severity, losses=one.texts, risks=one.risks, consents=one.consents)
            for step, one in zip(plan.steps, found, strict=True)
        ]
    )


def _wanted(comparison: Comparison, goal: Goal, request: Request) -> list[str]:
    """Ids whose stored down half may be needed: the file is gone, has none, or has another one."""
    files = comparison.source.by_id

    def same(row_id: str, down_checksum: str) -> bool:
        file = files.get(row_id)
        return file is not None and file.down is not None and file.down.checksum == down_checksum

    every = request.down_from is DownFrom.LEDGER
    return [row.id for row in goal.beyond if every or not same(row.id, row.down_checksum)]
