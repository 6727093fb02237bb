r"""PostgreSQL's lexical rules, as far as it takes to cut a text into tokens and statements.

Rules are those of the server's own `scan.l` with `standard_conforming_strings` on: `E''` with backslashes,
`U&''`, dollar quotes with tags, nested block comments, quoted identifiers, positional parameters, operators
that end before a comment begins. Statements are split as `psqlscan.l` does: a semicolon ends one unless it is
inside parentheses (`CREATE RULE … DO (…; …)`) or inside a `BEGIN ATOMIC … END` body.

A token is a plain tuple `(kind, start, end)` with offsets into the text in characters, so that a thousand
small files cost milliseconds. Blanks are the gaps between tokens; comments are tokens.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COMMENT = "comment"
STRING = "string"
QUOTED = "quoted identifier"
WORD = "word"
NUMBER = "number"
PARAM = "parameter"
OPERATOR = "operator"
PUNCTUATION = "punctuation"
OTHER = "other"

BLANK = " \t\n\r\f\v"


class Token(NamedTuple):
    """One token: its kind (a constant of this module) and its place."""

    kind: str
    start: int
    end: int


class Unterminated(Exception):  # noqa: N818 - it is the text that is not terminated
    """The text ends inside what begins at `offset`; `what` names it for people."""

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(f"the text ends inside {what}")
        self.what = what
        self.offset = offset


_START = r"[A-Za-z_\x80-\U0010ffff]"
_CONTINUED = r"[ \t\f\v]*+(?:--[^\n\r]*+)?[\n\r](?:[ \t\n\r\f\v]++|--[^\n\r]*+[\n\r])*+'"
"""Between two parts of one literal: blanks with a line end, and line comments (`quotecontinue` in scan.l)."""

_PLAIN = r"[^']*+(?:''[^']*+)*+'"
_ESCAPED = r"[^'\\]*+(?:(?:''|\\.)[^'\\]*+)*+'"

_TOKEN = rf"""
      (?P<blank>  [ \t\n\r\f\v]++ )
    | (?P<escape> [eE]'{_ESCAPED}(?:{_CONTINUED}{_ESCAPED})*+ )
    | (?P<plain>  (?:[uU]&|[bBxX])?'{_PLAIN}(?:{_CONTINUED}{_PLAIN})*+ )
    | (?P<quoted> (?:[uU]&)?"[^"]*+(?:""[^"]*+)*+" )
    | (?P<openquote> (?:[eEbBxX]|[uU]&)?' )
    | (?P<openident> (?:[uU]&)?" )
    | (?P<word>   {_START}[A-Za-z_0-9$\x80-\U0010ffff]*+ )
    | (?P<line>   --[^\n\r]*+ )
    | (?P<block>  /\* )
    | (?P<dollar> \$(?:{_START}[A-Za-z_0-9\x80-\U0010ffff]*+)?\$ )
    | (?P<param>  \$[0-9]++ )
    | (?P<number> 0[xX][0-9A-Fa-f_]++ | 0[oO][0-7_]++ | 0[bB][01_]++
                | (?:[0-9][0-9_]*+(?:\.(?!\.)[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9]++)? )
    | (?P<op>     (?:(?!--|/\*)[~!@\#^&|`?+\-*/%<>=])++ )
    | (?P<punct>  ::|:=|\.\.|[,()\[\].;:] )
    | (?P<other>  . )
"""
_KIND = {
    "escape": STRING,
    "plain": STRING,
    "quoted": QUOTED,
    "word": WORD,
    "line": COMMENT,
    "param": PARAM,
    "number": NUMBER,
    "op": OPERATOR,
    "punct": PUNCTUATION,
    "other": OTHER,
}


@cache
def _token() -> re.Pattern[str]:
    """Compiled when a text is looked into: where nothing is to be done, none is."""
    return re.compile(_TOKEN, re.VERBOSE | re.DOTALL)


_NEST = re.compile(r"/\*|\*/")
_SIGN_MAY_END = frozenset("~!@#^&|`?%")
"""An operator of several characters ends in + or - only when it holds one of these."""


def tokens(text: str) -> Iterator[Token]:
    """Tokens of `text`, comments included; what lies between them is blank.

    Raises:
        Unterminated: while iterating, at a literal or comment that has no end.
    """
    match, kinds, new = _token().match, _KIND, Token._make
    position, length = 0, len(text)
    while position < length:
        found = match(text, position)
        assert found is not None  # noqa: S101 - the last alternative takes any character
        group = found.lastgroup
        start, position = position, found.end()
        if group == "blank":
            continue
        if group == "op":
            yield from _operators(found.group(), start)
            continue
        if group not in kinds:
            kind, position = _long(text, group or "", start, position)
            yield new((kind, start, position))
            continue
        yield new((kinds[group], start, position))


def _operators(run: str, start: int) -> Iterator[Token]:
    """One operator, and behind it, each as one of its own, the signs that may not end it.

    A run is looked into once, however long it is.
    """
    first = len(run)
    if run[-1] in "+-" and _SIGN_MAY_END.isdisjoint(run):
        first = len(run.rstrip("+-")) or 1
    yield Token(OPERATOR, start, start + first)
    for place in range(start + first, start + len(run)):
        yield Token(OPERATOR, place, place + 1)


def _long(text: str, group: str, start: int, position: int) -> tuple[str, int]:
    """Kind and end of what no regular expression can match, or that has no end."""
    if group == "dollar":
        tag = text[start:position]
        end = text.find(tag, position)
        if end < 0:
            raise Unterminated(f"the dollar quote {tag}", start)
        return STRING, end + len(tag)
    if group == "block":
        depth = 1
        for found in _NEST.finditer(text, position):
            depth += 1 if found.group() == "/*" else -1
            if depth == 0:
                return COMMENT, found.end()
        raise Unterminated("a comment", start)
    raise Unterminated("a quoted identifier" if group == "openident" else "a string", start)


class Span(NamedTuple):
    """One statement: its significant tokens, without the semicolon that ends it. Never empty."""

    tokens: tuple[Token, ...]

    @property
    def start(self) -> int:
        """Offset of the first character."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return self.tokens[-1].end


def statements(text: str, stream: Iterable[Token] | None = None) -> Iterator[Span]:
    """Statements of `text` in order; empty ones (`;;`, comments alone) are left out.

    Args:
        text: what the tokens point into.
        stream: tokens of `text`, when the caller reads them on the way; else they are made here. They are
            taken one by one: a statement is given before anything behind its semicolon is lexed.

    Raises:
        Unterminated: as `tokens`.
    """
    current: list[Token] = []
    parens = 0
    body = _Body(text)
    for token in tokens(text) if stream is None else stream:
        kind, start, _ = token
        if kind == COMMENT:
            continue
        if kind == PUNCTUATION:
            character = text[start]
            if character == ";" and parens == 0 and body.depth == 0:
                if current:
                    yield Span(tuple(current))
                current, body = [], _Body(text)
                continue
            if character == "(":
                parens += 1
            elif character == ")":
                parens = max(0, parens - 1)
        elif kind == WORD and parens == 0:
            body.see(current, token)
        current.append(token)
    if current:
        yield Span(tuple(current))


class _Body:
    """Depth inside the `BEGIN ATOMIC … END` of one CREATE FUNCTION or CREATE PROCEDURE."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0

    def see(self, before: list[Token], token: Token) -> None:
        """Take notice of a word outside parentheses; `before` are the statement's tokens so far."""
        if not before or token.end - token.start not in {3, 4, 6}:
            return
        word = word_of(self.text, token)
        previous = word_of(self.text, before[-1])
        if word == "ATOMIC" and previous == "BEGIN" and self.depth == 0:
            if self._creates_routine(before):
                self.depth = 1
        elif self.depth and previous not in {".", "AS"}:
            if word == "CASE":
                self.depth += 1
            elif word == "END":
                self.depth -= 1

    def _creates_routine(self, before: list[Token]) -> bool:
        words = [word_of(self.text, token) for token in before[:4]]
        if words[1:3] == ["OR", "REPLACE"]:
            del words[1:3]
        return words[:2] in (["CREATE", "FUNCTION"], ["CREATE", "PROCEDURE"])


def word_of(text: str, token: Token) -> str:
    """The token's text with ASCII letters in upper case, to compare key words with."""
    return upper(text[token.start : token.end])


def upper(text: str) -> str:
    """ASCII letters in upper case; others stay, as in the server's own folding."""
    return text.upper() if text.isascii() else "".join(c.upper() if c.isascii() else c for c in text)
