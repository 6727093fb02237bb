"""Settings that a file without a transaction carries from one statement to the next.

Its session is made clean before every statement, and a resumed run has a new one. What the file has set is
therefore sent again, which can be done only where it stands there in so many words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchback.migrations import lexer
from switchback.migrations.errors import Problem, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchback.migrations.script import Statement
    from switchback.runner.plan import PlannedStep

_SET_CONFIG = "SET_CONFIG"
_ENCODING = re.compile(r"client_encoding|\bnames\b", re.IGNORECASE)
_IDLE = "IDLE_SESSION_TIMEOUT"
"""Ends the session between two statements, where it waits for nobody but us."""
_UTF8 = frozenset({"utf8", "unicode", "default"})
_IN_WORDS = ["SELECT", _SET_CONFIG, "(", lexer.STRING, ",", lexer.STRING, ",", "FALSE", ")"]


def is_setting(statement: Statement) -> bool:
    """Whether it changes the session for the statements after it, and nothing else."""
    words = statement.words
    if words[:1] in (("SET",), ("RESET",)):
        return words[1:2] not in (("LOCAL",), ("CONSTRAINTS",)) and _IDLE not in words[1:3]
    return _may_call(statement) and _parts(statement) == _IN_WORDS


def refuse_uncarried(steps: Iterable[PlannedStep]) -> None:
    """Stop before anything runs where a setting could not be sent again: it would be lost in silence.

    Raises:
        SourceProblem: naming every such statement.
    """
    stepwise = [
        (half, statement)
        for step in steps
        if (half := step.half) is not None and half.directives.no_transaction
        for statement in half.statements
    ]
    problems = [
        Problem(
            "set_config() with computed arguments, or beside something else, sets nothing for the statements "
            "after it in a file without a transaction.",
            half.path,
            statement.line,
            "Write SET name = value, or SELECT set_config('name', 'value', false) by itself.",
        )
        for half, statement in stepwise
        if _may_call(statement) and not is_setting(statement) and _sets_session(_parts(statement))
    ]
    problems += [
        Problem(
            f"client_encoding = {encoding} would garble the statements after it, which are sent in UTF-8.",
            half.path,
            statement.line,
            "Remove it: files are UTF-8, whatever the encoding of the database is.",
        )
        for half, statement in stepwise
        if (encoding := _other_encoding(statement))
    ]
    if problems:
        raise SourceProblem(problems)


def _other_encoding(statement: Statement) -> str:
    """The encoding that a statement says what is sent is in, when it is not UTF-8."""
    text = statement.text
    if not is_setting(statement) or not _ENCODING.search(text):
        return ""
    tokens = (token for token in lexer.tokens(text) if token.kind != lexer.COMMENT)
    words = [text[token.start : token.end].strip("'\"").lower() for token in tokens]
    words = [word for word in words if word not in {"=", "to", "session", ","}]
    named = {"client_encoding", "names"} if words[0] == "set" else {"client_encoding"}
    at = 1 if words[0] == "set" else words.index("client_encoding") if "client_encoding" in words else 0
    if words[at] not in named or at + 1 == len(words):
        return ""
    value = words[at + 1]
    return "" if re.sub(r"[^a-z0-9]", "", value) in _UTF8 else value


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
