"""Statements as effects: the plain path says what PostgreSQL's grammar says, nothing unknown is harmless."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchback.runner import effects as e
from switchback.runner import parser, statement_kinds
from switchback.runner.effects import Name
from switchback.runner.plain_drop import plain_drop

WORDS = [
    "a",
    "B",
    "_c1",
    "a_b",
    "if",
    "exists",
    "cascade",
    "restrict",
    "table",
    '"q x"',
    "é",
    "concurrently",
    "1",
]
PARTS = st.lists(
    st.sampled_from([*WORDS, ".", ",", ".", ",", "/* c */", "IF EXISTS", "CASCADE", "RESTRICT"]), max_size=8
)


@settings(deadline=None)
@given(st.sampled_from(["TABLE", "VIEW", "INDEX", "SEQUENCE", "TYPE", "SCHEMA", "FUNCTION"]), PARTS)
def test_the_plain_path_says_what_the_grammar_says(kind: str, parts: list[str]) -> None:
    text = f"drop {kind} " + " ".join(parts)
    plain = plain_drop(text)
    if plain is None:
        return
    parsed = parser.by_grammar(text)
    if not isinstance(parsed[0], e.Opaque):  # else the server refuses it, whatever is thought about it here
        assert parsed == (plain,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DROP TABLE a", e.Drop("table", (Name(None, "a"),), cascade=False)),
        (
            "DROP TABLE IF EXISTS S.A, b CASCADE",
            e.Drop("table", (Name("s", "a"), Name(None, "b")), cascade=True),
        ),
        ("drop view cascade", e.Drop("view", (Name(None, "cascade"),), cascade=False)),
        ('DROP TABLE "A"', None),
        ("DROP INDEX CONCURRENTLY a", None),
        ("DROP TABLE a b", None),
        ("DROP TABLE", None),
        ("DROP TABLE a.b.c", None),
        ("DROP SCHEMA a", None),
    ],
)
def test_what_the_plain_path_takes(text: str, expected: e.Drop | None) -> None:
    assert plain_drop(text) == expected


def test_plain_drops_never_import_the_parser_library() -> None:
    code = (
        "import sys; from switchback.runner import parser;"
        "parser.effects('DROP TABLE a');"
        "assert not [m for m in sys.modules if m.startswith(('postgast', 'google'))];"
        "parser.effects('DROP TABLE \"a\"'); assert 'postgast' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_kinds_of_statements_are_in_one_list_only() -> None:
    lists = [
        set(statement_kinds.OPAQUE),
        statement_kinds.ON_ROWS,
        statement_kinds.HARMLESS,
        set(parser.READERS),
    ]
    assert sum(map(len, lists)) == len(set().union(*lists))


def test_a_kind_that_nobody_listed_is_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parser.effects("COMMENT ON TABLE a IS 'x'") == ()
    monkeypatch.setattr(statement_kinds, "HARMLESS", frozenset())
    (effect,) = parser.effects("COMMENT ON TABLE a IS 'x'")
    assert isinstance(effect, e.Opaque)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0", True), ("'x'::text", True), ("'{}'::jsonb", True), ("-1.5", True), ("true", True),
        ("NULL", True), ("ARRAY['a'::text]", True), ("1 + 1", True),
        ("now()", False), ("CURRENT_TIMESTAMP", False), ("nextval('a')", False), ("(SELECT 1)", False),
        ("lower('x')", False), ("not sql at all", False),
    ],
)  # fmt: skip
def test_constants(expression: str, expected: bool) -> None:  # noqa: FBT001 - the expectation
    assert parser.is_constant(expression) is expected
