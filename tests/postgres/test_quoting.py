"""Literals and names of the ledger mean what they should, whatever the session's settings are."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchback.runner.ledger.names import identifier, literal

ANY = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
AWKWARD = st.lists(st.sampled_from(["'", "\\", '"', "\\'", "''", "$$", "--", ";", "é", "\n"])).map("".join)


@pytest.mark.parametrize("conforming", ["on", "off"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY | AWKWARD)
def test_round_trip(database: str, conforming: str, text: str) -> None:
    with psycopg.connect(database, autocommit=True, client_encoding="UTF8") as connection:
        connection.execute(f"SET standard_conforming_strings = {conforming}".encode())
        assert connection.execute(f"SELECT {literal(text)}".encode()).fetchone() == (text,)


def test_null_and_names(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        assert connection.execute(f"SELECT {literal(None)}".encode()).fetchone() == (None,)
        name = 'a "b" c'
        cursor = connection.execute(f"SELECT 1 AS {identifier(name)}".encode())
        assert cursor.description is not None
        assert cursor.description[0].name == name
