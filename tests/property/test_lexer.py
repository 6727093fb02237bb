"""The lexer against itself on any text, and against the server's own scanner as libpg_query carries it."""

from __future__ import annotations

import postgast
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from switchback.migrations import lexer
from switchback.migrations.halves import Sql, normalise
from switchback.migrations.script import fingerprint

TRICKY = st.text(alphabet="'\"$-/*\\ \neEuUbxnN&a_é0.1;():=+<>@!,[]|", max_size=40)

STATEMENTS = st.sampled_from(
    [
        "SELECT 1",
        "select 'a;b', E'it\\'s; fine', \"odd;\"\"name\"",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
        "create or replace procedure p() begin atomic; insert into t values (1); end",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); INSERT INTO b VALUES (2))",
        "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN; PERFORM 1; END; $body$",
        "DO $$ BEGIN RAISE NOTICE 'a;'; END $$",
        "INSERT INTO t VALUES ($1, U&'d\\0061t\\+000061;', B'1', X'1F', N'n')",
        "SELECT /* outer; /* inner; */ still; */ 1 -- trailing; comment\n + 2",
        "SELECT 'one'\n'two;', E'one'\n'tw\\'o;'",
        "SELECT a$b$c, 1.5e3, .5, 0x1F, 1_000, a[1:2], b::int, x @> y, -1*-1",
        "CREATE FUNCTION k() RETURNS int BEGIN ATOMIC SELECT a.end, a.case AS end FROM a; SELECT 2; END",
        "CREATE FUNCTION h() RETURNS int RETURN (SELECT a.end FROM (SELECT 1 AS end) a)",
        'CREATE TABLE tab ("end" int, begin_ int DEFAULT (CASE WHEN 1=1 THEN 2 END))',
    ]
)


def cut(text: str) -> tuple[list[lexer.Token], lexer.Unterminated | None]:
    found: list[lexer.Token] = []
    try:
        found.extend(lexer.tokens(text))
    except lexer.Unterminated as error:
        return found, error
    return found, None


@given(st.one_of(TRICKY, st.text(max_size=60)))
def test_tokens_and_gaps_are_the_text(text: str) -> None:
    found, error = cut(text)
    position = 0
    for token in found:
        assert token.end > token.start >= position
        assert text[position : token.start].strip(lexer.BLANK) == ""
        position = token.end
    rest = text[position:].lstrip(lexer.BLANK)
    assert rest == ("" if error is None else text[error.offset :])


@given(
    st.lists(STATEMENTS, min_size=1, max_size=6), st.sampled_from([";", " ; ", ";\n-- c;\n", "; /* ; */ "])
)
def test_splitting_a_join_gives_the_statements_back(parts: list[str], glue: str) -> None:
    text = glue.join(parts) + glue
    assert [text[span.start : span.end] for span in lexer.statements(text)] == parts


@given(st.lists(STATEMENTS, min_size=1, max_size=6))
def test_the_server_s_parser_splits_alike(parts: list[str]) -> None:
    text = ";\n".join(parts)
    ours = [text[span.start : span.end] for span in lexer.statements(text)]
    theirs = [part.strip() for part in postgast.split(text, method="parser")]
    assert ours == theirs


@settings(max_examples=500, deadline=None)
@example("E'a'\n'b\\'c'")
@example("'a''b")
@example("$a$ $ab$ $a$b$a$")
@example("a-- \n->- @-- x")
@example("1.a .1 1..2 a.b")
@example("U&'a' U&\"b\" u & 'c' N'd'")
@given(TRICKY)
def test_the_server_s_scanner_cuts_alike(text: str) -> None:
    try:
        theirs = postgast.scan(text)
    except postgast.PgQueryError as error:
        # What it refuses for other reasons than a missing end (a bad number, a bad escape) says nothing.
        assume("unterminated" in str(error))
        assert cut(text)[1] is not None
        return
    ours, error_of_ours = cut(text)
    assert error_of_ours is None
    raw = text.encode()
    assert [text[token.start : token.end] for token in ours] == [
        raw[token.start : token.end].decode() for token in theirs.tokens
    ]


@given(st.lists(STATEMENTS, min_size=1, max_size=4), st.sampled_from([" ", "\n", "\t/* c */\n", " -- c\n"]))
def test_blanks_and_comments_leave_the_fingerprint(parts: list[str], blank: str) -> None:
    text = ";".join(parts)
    spread = "".join(
        text[token.start : token.end] + blank for token in lexer.tokens(text) if token.kind != lexer.COMMENT
    )
    assert fingerprint(text) == fingerprint(spread)


def test_the_fingerprint_sees_literals() -> None:
    assert fingerprint("SELECT 'a'") != fingerprint("SELECT 'b'")
    assert fingerprint("SELECT 'a'") != fingerprint("SELECT 'A'")
    assert fingerprint('SELECT "a"') != fingerprint('SELECT "A"')
    assert fingerprint("SELECT $$a$$") != fingerprint("SELECT $$b$$")
    assert fingerprint("SELECT a") == fingerprint("select A")


@given(st.text(alphabet="a\r\n\ufeff", max_size=30))
def test_line_ends_and_mark_leave_the_checksum(text: str) -> None:
    plain = Sql.of("a.sql", text)
    assert plain.checksum == Sql.of("a.sql", plain.text.replace("\n", "\r\n")).checksum
    assert plain.checksum == Sql.of("a.sql", "\ufeff" + text).checksum
    assert normalise(plain.text) == plain.text


@pytest.mark.parametrize(
    ("text", "what", "offset"),
    [
        ("SELECT 'a''b", "a string", 7),
        ("SELECT E'a\\'", "a string", 7),
        ('SELECT "a', "a quoted identifier", 7),
        ('SELECT U&"a""', "a quoted identifier", 7),
        ("SELECT $tag$ $other$", "the dollar quote $tag$", 7),
        ("/* a /* b */", "a comment", 0),
    ],
)
def test_what_does_not_end_is_named_with_its_place(text: str, what: str, offset: int) -> None:
    with pytest.raises(lexer.Unterminated) as caught:
        list(lexer.tokens(text))
    assert (caught.value.what, caught.value.offset) == (what, offset)
