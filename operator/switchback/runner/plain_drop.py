"""DROP statements of the plainest form, read from their tokens: most downs consist of nothing else."""

from __future__ import annotations

from switchback.migrations import lexer
from switchback.runner.effects import Drop, Name

KINDS = {"table": "table", "view": "view", "index": "index", "sequence": "sequence", "type": "type"}
SHORTEST = 3
"""DROP, kind, name."""
LONGEST_NAME = 63
"""The server cuts longer names; so does the grammar."""


def plain_drop(statement: str) -> Drop | None:
    """DROP <kind> [IF EXISTS] name[, …] [CASCADE | RESTRICT] with unquoted ASCII names; None for all else."""
    words = _words(statement)
    if words is None or words[:1] != ["drop"] or len(words) < SHORTEST or words[1] not in KINDS:
        return None
    if words[2] == "concurrently":
        return None  # no name of an index: DROP INDEX CONCURRENTLY cascade drops the index cascade
    kind, rest, cascade = KINDS[words[1]], words[2:], False
    if rest[:2] == ["if", "exists"]:
        rest = rest[2:]
    if rest[-1:] in (["cascade"], ["restrict"]) and len(rest) > 1 and rest[-2] not in {".", ","}:
        cascade = rest.pop() == "cascade"
    names: list[Name] = []
    for part in " ".join(rest).split(" , "):
        schema, dot, name = part.rpartition(" . ")
        if not name.isidentifier() or (dot and not schema.isidentifier()):
            return None
        names.append(Name(schema or None, name))
    return Drop(kind, tuple(names), cascade)


def _words(statement: str) -> list[str] | None:
    """Words in small letters, dots and commas; None when the statement holds anything else."""
    words: list[str] = []
    for token in lexer.tokens(statement):
        text = statement[token.start : token.end]
        if token.kind == lexer.WORD and text.isascii() and len(text) <= LONGEST_NAME:
            words.append(text.lower())
        elif text in {".", ","}:
            words.append(text)
        elif token.kind != lexer.COMMENT:
            return None
    return words
