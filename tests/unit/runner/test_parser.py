"""Statements as effects: the plain path says what PostgreSQL's grammar says, nothing unknown is harmless."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from switchback.runner import effects as e
from switchback.runner import parser, search_path, statement_kinds
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
@example("INDEX", ["concurrently", "CASCADE"])
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
        ("DROP TABLE " + "a" * 64, None),
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
    assert parser.by_grammar("COMMENT ON TABLE a IS 'x'") == ()
    monkeypatch.setattr(statement_kinds, "HARMLESS", frozenset())
    (effect,) = parser.by_grammar("COMMENT ON TABLE a IS 'x'")
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CREATE TEMP TABLE a (b int) ON COMMIT DROP", [e.Create("table", Name("pg_temp", "a"), brief=True)]),
        ("CREATE OR REPLACE VIEW s.v AS SELECT 1", [e.Create("view", Name("s", "v"))]),
        ("CREATE SCHEMA AUTHORIZATION joe CREATE SEQUENCE q", [
            e.CreateSchema("joe"), e.Create("sequence", Name("joe", "q"))]),
        ("CREATE TYPE s.t", [e.CreateType(Name("s", "t"))]),
        ("CREATE DOMAIN d AS int", [e.CreateType(Name(None, "d"))]),
        ("ALTER DOMAIN d RENAME TO c", [e.RenameOther("type", Name(None, "d"), new_name="c")]),
        ("ALTER FUNCTION s.f(int) SET SCHEMA t", [e.RenameOther("function", Name("s", "f"), new_schema="t")]),
        ("ALTER TABLE a ATTACH PARTITION b DEFAULT", [e.Attach(Name(None, "a"), Name(None, "b"))]),
        ("ALTER TABLE a INHERIT b", [e.Attach(Name(None, "b"), Name(None, "a"))]),
        ("ALTER TABLE a ADD c int REFERENCES b, ADD FOREIGN KEY (d) REFERENCES s.b", [
            e.AddColumn(Name(None, "a"), "c"), e.Refer(Name(None, "a"), Name(None, "b")),
            e.Refer(Name(None, "a"), Name("s", "b"))]),
        ("ALTER TABLE a OF t", [e.Opaque("a table that comes to depend on a type")]),
        ("ALTER EXTENSION x ADD TABLE t", [e.Opaque("a change of what belongs to an extension")]),
        ("ALTER EXTENSION x SET SCHEMA s", [e.Opaque("a move of an extension")]),
        ("ROLLBACK TO a", [e.GoBack()]),
        ("SAVEPOINT a", []),
        ("SET search_path = '$user', s", [e.SearchPath(("$user", "s"))]),
        ("SET LOCAL search_path = s", [e.SearchPath(("s",), local=True)]),
        ("RESET search_path", [e.SearchPath(None)]),
        ("SET ROLE joe", [e.Role("joe")]),
        ("RESET ROLE", [e.Role(None)]),
        ("SET lock_timeout = 1", []),
    ],
)  # fmt: skip
def test_what_changes_the_meaning_of_names(text: str, expected: list[e.Effect]) -> None:
    assert list(parser.by_grammar(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()), ("a", ("a",)), (' "$user" , Public', ("$user", "public")), ('"A ""b"", c"', ('A "b", c',)),
    ],
)  # fmt: skip
def test_search_paths_are_read_as_the_server_reads_them(text: str, expected: tuple[str, ...]) -> None:
    assert search_path.split(text) == expected


def test_a_tree_that_nobody_has_thought_of_is_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> tuple[e.Effect, ...]:
        raise KeyError

    monkeypatch.setitem(parser.READERS, "create_stmt", fail)
    assert parser.by_grammar("CREATE TABLE a ()") == (e.Opaque("a statement that is not understood"),)
