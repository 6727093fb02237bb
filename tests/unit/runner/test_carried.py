"""Which statements set the session for those after them, in a file whose session is made anew each time."""

from __future__ import annotations

import pytest

from switchback.contract.words import Direction
from switchback.migrations.errors import SourceProblem
from switchback.migrations.halves import Sql
from switchback.runner.carried import is_setting, refuse_uncarried
from switchback.runner.plan import PlannedStep, Way

MARK = "-- switchback: no-transaction\n"


def settings(text: str) -> list[bool]:
    return [is_setting(statement) for statement in Sql.of("0001_a.up.sql", MARK + text).script.statements]


def refused(text: str, mark: str = MARK) -> bool:
    half = Sql.of("0001_a.up.sql", mark + text)
    try:
        refuse_uncarried([PlannedStep(Direction.FORWARD, "0001_a", Way.UP, half)])
    except SourceProblem:
        return True
    return False


@pytest.mark.parametrize(
    "text",
    [
        "SET search_path = a",
        "SET SESSION search_path = a",
        "set role b",
        "RESET ALL",
        "SELECT set_config('search_path', 'a', false)",
        "select /* as */ pg_catalog . set_config ( 'search_path', E'a', False ) -- pg_dump",
        "SELECT \"set_config\"('search_path', $$a$$, false)",
    ],
)
def test_settings(text: str) -> None:
    assert settings(text) == [True]
    assert not refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "SET LOCAL search_path = a",
        "SET CONSTRAINTS ALL DEFERRED",
        "SELECT 'set_config(a, b, false)'",
        "SELECT set_config('search_path', 'a', true)",
        "SELECT set_config('a.b', lower('C'), true), set_config('a.c', 'd', true)",
        "SELECT set_config FROM t",
        "CREATE FUNCTION f() RETURNS text BEGIN ATOMIC SELECT set_config('a.b', 'c', false); END",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT set_config('a.b', 'c', false) $$",
    ],
)
def test_neither_kept_nor_missed(text: str) -> None:
    assert settings(text) == [False]
    assert not refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT set_config('search_path', lower('A'), false)",
        "SELECT set_config('search_path', 'a', false), 1",
        "SELECT set_config('a.b', 'c', true), set_config('a.d', 'e', false)",
        "SELECT set_config('a.b', 'c', is_local => false)",
        "UPDATE t SET a = set_config('a.b', 'c', false)",
    ],
)
def test_what_cannot_be_sent_again(text: str) -> None:
    assert settings(text) == [False]
    assert refused(text)
    assert not refused(text, mark=""), "within a transaction it holds to the end of its file"


@pytest.mark.parametrize(
    "text",
    [
        "SET client_encoding = 'LATIN1'",
        "SET SESSION client_encoding TO sql_ascii",
        "SET NAMES 'win1252'",
        "SELECT pg_catalog.set_config('client_encoding', 'LATIN1', false)",
    ],
)
def test_another_encoding_would_garble_what_follows(text: str) -> None:
    assert refused(text)
    assert not refused(text, mark=""), "in a transaction everything has arrived before it is set"


@pytest.mark.parametrize(
    "text",
    [
        "SET client_encoding = 'UTF8'",
        "set client_encoding to 'utf-8'",
        "SET NAMES unicode",
        "SET client_encoding TO DEFAULT",
        "RESET client_encoding",
        "SET app.names = 'LATIN1'",
        "SELECT set_config('client_encoding', 'UTF8', false)",
    ],
)
def test_its_own_encoding_may_be_set(text: str) -> None:
    assert not refused(text)
