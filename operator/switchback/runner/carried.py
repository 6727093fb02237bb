"""Settings that a file without a transaction carries from one statement to the next.

Its session is made clean before every statement, and a resumed run has a new one. What the file has set is
therefore sent again, which can be done only where it stands there in so many words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.migrations import lexer
from switchback.migrations.errors import Problem, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchback.migrations.script import Statement
    from switchback.runner.plan import PlannedStep

_SET_CONFIG = "SET_CONFIG"
_IN_WORDS = ["SELECT", _SET_CONFIG, "(", lexer.STRING, ",", lexer.STRING, ",", "FALSE", ")"]


def is_setting(statement: Statement) -> bool:
    """Whether it changes the session for the statements after it, and nothing else."""
    words = statement.words
    if words[:1] in (("SET",), ("RESET",)):
        return words[1:2] not in (("LOCAL",), ("CONSTRAINTS",))
    return _may_call(statement) and _parts(statement) == _IN_WORDS


def refuse_uncarried(steps: Iterable[PlannedStep]) -> None:
    """Stop before anything runs where a setting could not be sent again: it would be lost in silence.

    Raises:
        SourceProblem: naming every such statement.
    """
    problems = [
        Problem(
            "set_config() with computed arguments, or beside something else, sets nothing for the statements "
            "after it in a file without a transaction.",
            step.half.path,
            statement.line,
            "Write SET name = value, or SELECT set_config('name', 'value', false) by itself.",
        )
        for step in steps
        if step.half is not None and step.half.directives.no_transaction
        for statement in step.half.statements
        if _may_call(statement) and not is_setting(statement) and _sets_session(_parts(statement))
    ]
    if problems:
        raise SourceProblem(problems)


def _may_call(statement: Statement) -> bool:
    """Cheap, for every statement is asked. What a CREATE holds is called later, by somebody else."""
    return "set_config" in statement.text.lower() and statement.words[:1] != ("CREATE",)


def _parts(statement: Statement) -> list[str]:
    """Words and punctuation as they are, strings as their kind; without comments and `pg_catalog.`."""
    text = statement.text
    found: list[str] = []
    for token in lexer.tokens(text):
        if token.kind == lexer.STRING:
            found.append(lexer.STRING)
        elif token.kind != lexer.COMMENT:
            found.append(lexer.upper(text[token.start : token.end]).strip('"'))
            if found[-2:] == ["PG_CATALOG", "."]:
                del found[-2:]
    return found


def _sets_session(parts: Sequence[str]) -> bool:
    """Whether a call of set_config is among them that is not local to its transaction."""
    calls = [at + 1 for at, part in enumerate(parts[:-1]) if part == _SET_CONFIG and parts[at + 1] == "("]
    return any(parts[_closing(parts, at) - 1] != "TRUE" for at in calls)


def _closing(parts: Sequence[str], opening: int) -> int:
    """Where the parenthesis ends that begins at `opening`."""
    depth = 0
    for at in range(opening, len(parts)):
        depth += (parts[at] == "(") - (parts[at] == ")")
        if not depth:
            return at
    return len(parts)
