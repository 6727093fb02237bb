"""Indexes without a name that are to be built CONCURRENTLY: refused before anything runs.

After a build that was ended half-way, an index's name alone tells what is left of it from other indexes.
What was applied with one keeps its way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.migrations.errors import Problem, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.migrations.script import Statement
    from switchback.runner.plan import PlannedStep

_BEGINS = (("CREATE", "INDEX", "CONCURRENTLY", "ON"), ("CREATE", "UNIQUE", "INDEX", "CONCURRENTLY", "ON"))


def refuse(steps: Iterable[PlannedStep]) -> None:
    """Stop where a step would build an index CONCURRENTLY that has no name.

    Raises:
        SourceProblem: naming every such statement.
    """
    problems = [
        Problem(
            "this index has no name. If its building ends half-way, nothing tells what is left of it from "
            "other indexes.",
            step.half.path,
            statement.line,
            "Write CREATE INDEX CONCURRENTLY <name> ON …",
        )
        for step in steps
        if step.half is not None
        for statement in step.half.statements
        if _is_nameless(statement)
    ]
    if problems:
        raise SourceProblem(problems)


def _is_nameless(statement: Statement) -> bool:
    return any(statement.words[: len(words)] == words for words in _BEGINS)
