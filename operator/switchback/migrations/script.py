"""One text of SQL taken apart: what to run, its statements with their lines, its directives, its faults."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from switchback.migrations import directives as d
from switchback.migrations import lexer
from switchback.migrations.errors import Problem, SourceProblem
from switchback.migrations.lexer import COMMENT, OTHER, WORD, Span, Token, Unterminated, word_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FINGERPRINT_PREFIX = "t1"
LEADING_WORDS = 8
_LATE = frozenset({"ISOLATION", "SNAPSHOT", "DEFERRABLE"})


@dataclass(frozen=True)
class Statement:
    """One statement, without the semicolon that ends it.

    Attributes:
        text: from its first token to its last, comments between them included.
        offset: where it begins in the script's body, in characters.
        line: line of the file, counted from 1.
        words: its leading key words and bare names in upper case, at most eight, up to the first token that
            is no word: `("CREATE", "UNIQUE", "INDEX", "CONCURRENTLY", "IX_A", "ON", "A")`.
    """

    text: str
    offset: int
    line: int
    words: tuple[str, ...]


@dataclass(frozen=True)
class Script:
    """A text taken apart.

    Attributes:
        body: what is sent to the server. As long as the text, character by character, so that the server's
            positions and lines are those of the file.
        statements: in order; none when the text holds comments and blanks alone.
        directives: from the format and from comments.
        notices: sentences for people, each with its place.
    """

    body: str
    statements: tuple[Statement, ...]
    directives: d.Directives
    notices: tuple[str, ...]


def fingerprint(text: str) -> str:
    """Hash over the tokens of `text` as `t1:<32 hex digits>`, literals included, comments and blanks not.

    Unquoted words count in one case, as the server folds them. A text that does not lex is hashed as it is.
    """
    try:
        parts = [
            lexer.upper(text[start:end]) if kind == WORD else text[start:end]
            for kind, start, end in lexer.tokens(text)
            if kind != COMMENT
        ]
    except Unterminated:
        parts = [text]
    return f"{FINGERPRINT_PREFIX}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"


def analyse(path: str, text: str, first_line: int = 1, preset: d.Directives | None = None) -> Script:
    """Take `text` apart.

    Args:
        path: the file's path, for messages.
        text: normalised text (LF, no byte order mark).
        first_line: line of the file on which `text` begins.
        preset: directives that the format states by other means.

    Raises:
        SourceProblem: with every problem found.
    """
    return _Reader(path, text, first_line, preset or d.Directives()).read()


class _Reader:
    def __init__(self, path: str, text: str, first_line: int, preset: d.Directives) -> None:
        self.path = path
        self.text = text
        self.first_line = first_line
        self.directives = preset
        self.problems: list[Problem] = []
        self.notices: list[str] = []
        self.spans: list[Span] = []
        self.blanked: list[tuple[int, int]] = []
        self.counted = (0, first_line)

    def read(self) -> Script:
        try:
            complete = self._cut()
        except Unterminated as error:
            complete = False
            self._problem(
                error.offset,
                f"the file ends inside {error.what} that begins here; it would swallow what runs after it.",
                "Close it.",
            )
        if complete:
            self._transaction_control()
            self._late_settings()
        if self.problems:
            raise SourceProblem(self.problems)
        return Script(
            self._body(),
            tuple(self._statement(span) for span in self.spans),
            self.directives,
            tuple(self.notices),
        )

    def _cut(self) -> bool:
        """Cut into statements; False when the rest is no SQL: what one could say about it would be noise."""
        try:
            for span in lexer.statements(self.text, self._tokens()):
                self.spans.append(span)
                if self._copies_inline(span):
                    return False
        except _PsqlCommandError:
            return False
        return True

    def _line(self, offset: int) -> int:
        """Counted from the place that was asked for before: a dump has a hundred thousand statements."""
        place, line = self.counted
        if place <= offset:
            line += self.text.count("\n", place, offset)
        else:
            line -= self.text.count("\n", offset, place)
        self.counted = (offset, line)
        return line

    def _problem(self, offset: int, message: str, advice: str) -> None:
        self.problems.append(Problem(message, self.path, self._line(offset), advice))

    def _tokens(self) -> Iterator[Token]:
        """The text's tokens; directives are read and psql's commands refused in passing."""
        for token in lexer.tokens(self.text):
            if token.kind == COMMENT:
                self._comment(token)
            elif token.kind == OTHER and self.text[token.start] == "\\":
                self._psql(token)
            yield token

    def _comment(self, token: Token) -> None:
        try:
            directive = d.in_comment(self.text[token.start : token.end])
            if directive is not None:
                self.directives = d.parse(directive, self.directives)
        except d.DirectiveError as error:
            self._problem(token.start, error.message, error.advice)

    def _psql(self, token: Token) -> None:
        name = re.match(r"\\[A-Za-z.!?]*", self.text[token.start :])
        command = name.group() if name else "\\"
        self._problem(
            token.start,
            f"`{command}` is a command of psql, not of the server.",
            "Remove it; for a dump use `pg_dump --inserts` and drop the lines that begin with a backslash.",
        )
        raise _PsqlCommandError

    def _copies_inline(self, span: Span) -> bool:
        if word_of(self.text, span.tokens[0]) != "COPY":
            return False
        words = [word_of(self.text, token) for token in span.tokens]
        for before, after in pairwise(words):
            if (before, after) == ("FROM", "STDIN"):
                self._problem(
                    span.start,
                    "COPY … FROM STDIN with its data in the file cannot be run.",
                    "Write the rows as INSERT; `pg_dump --inserts` does.",
                )
                return True
            if (before, after) == ("TO", "STDOUT"):
                self._problem(
                    span.start, "COPY … TO STDOUT has nobody to read it.", "Remove it, or copy into a table."
                )
        return False

    def _transaction_control(self) -> None:
        controls = [(i, _control(self.text, span)) for i, span in enumerate(self.spans)]
        found = [(i, kind) for i, kind in controls if kind is not None]
        last = len(self.spans) - 1
        if found == [(0, "open"), (last, "close")] and not self.directives.no_transaction:
            opening, closing = self.spans[0], self.spans[last]
            self.blanked = [(span.start, self._with_semicolon(span)) for span in (opening, closing)]
            self.notices.append(
                f"{self.path}:{self._line(opening.start)}: BEGIN and its COMMIT in line "
                f"{self._line(closing.start)} are left out: every migration runs in a transaction of its own."
            )
            self.spans = self.spans[1:last]
            return
        for i, _ in found:
            span = self.spans[i]
            words = " ".join(word_of(self.text, token) for token in span.tokens[:2] if token.kind == WORD)
            self._problem(
                span.start,
                f"{words} changes the transaction that keeps the migration and its record together.",
                "Remove it; Switchback opens and ends the transaction. Only one BEGIN as the first statement "
                "with its COMMIT as the last is left out by itself. For statements that cannot run in a "
                "transaction use `-- switchback: no-transaction` without BEGIN.",
            )

    def _late_settings(self) -> None:
        """What can be set only before anything has run in a transaction, where the record has."""
        for span in self.spans:
            if word_of(self.text, span.tokens[0]) != "SET":
                continue
            words = [word_of(self.text, token) for token in span.tokens[1:12]]
            rest = words[1:] if words[:1] in (["LOCAL"], ["SESSION"]) else words
            late = _LATE.intersection(rest) if rest[:1] == ["TRANSACTION"] else ()
            if late or rest[:1] in (["TRANSACTION_ISOLATION"], ["TRANSACTION_DEFERRABLE"]):
                what = " ".join(["SET", *rest[:1], *sorted(late)])
                self._problem(
                    span.start,
                    f"{what} comes too late: the migration's record is what its transaction begins with.",
                    "Remove it. Another level can be set beforehand: ALTER ROLE … SET "
                    "default_transaction_isolation = ….",
                )

    def _with_semicolon(self, span: Span) -> int:
        """Offset after the semicolon that ends a statement, or after the statement when none does."""
        for token in lexer.tokens(self.text[span.end :]):
            if token.kind != COMMENT:
                return span.end + token.end  # a statement ends at a semicolon or at the end of the text
        return span.end

    def _body(self) -> str:
        body = self.text
        for start, end in self.blanked:
            body = body[:start] + re.sub(r"[^\n]", " ", body[start:end]) + body[end:]
        return body

    def _statement(self, span: Span) -> Statement:
        words: list[str] = []
        for token in span.tokens[:LEADING_WORDS]:
            if token.kind != WORD:
                break
            words.append(word_of(self.text, token))
        text = self.text[span.start : span.end]
        return Statement(text, span.start, self._line(span.start), tuple(words))


class _PsqlCommandError(Exception):
    """Ends the lexing at a backslash."""


def _control(text: str, span: Span) -> str | None:
    """`open` or `close` for a plain BEGIN or COMMIT, `other` for control that cannot stay, None for the rest.

    Savepoints stay: they live inside the transaction.
    """
    words = [word_of(text, token) for token in span.tokens[:5]]
    first, rest = words[0], words[1:]
    if words[:2] == ["START", "TRANSACTION"]:
        return "other" if rest[1:] else "open"
    if words[:2] == ["PREPARE", "TRANSACTION"]:
        return "other"
    if first not in {"BEGIN", "COMMIT", "END", "ROLLBACK", "ABORT"}:
        return None
    if rest[:1] in (["WORK"], ["TRANSACTION"]):
        rest = rest[1:]
    if first == "BEGIN":
        return "other" if rest else "open"
    if first in {"COMMIT", "END"}:
        return "close" if rest in ([], ["AND", "NO", "CHAIN"]) else "other"
    return None if first == "ROLLBACK" and rest[:1] == ["TO"] else "other"
