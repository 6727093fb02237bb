"""Migrations applied and rolled back in random splits leave exactly what they should."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from tests.postgres.conftest import database, pg15, pg18, server
from tests.postgres.running import Runner

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["database", "pg15", "pg18", "server"]
pytestmark = pytest.mark.postgres

MARK = "-- switchback: no-transaction\n"
STATEMENTS = st.sampled_from(
    [
        ("CREATE TABLE {t} (id int)", "DROP TABLE {t}"),
        ("CREATE TABLE {t} (id int);\n-- a comment; 'a quote\nINSERT INTO {t} VALUES (1)", "DROP TABLE {t};"),
        ("CREATE FUNCTION {t}() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
         "DROP FUNCTION {t}"),
        ("CREATE TYPE {t} AS ENUM ('a;b', 'c''d')", "DROP TYPE {t}"),
        ("BEGIN;\nCREATE VIEW {t} AS SELECT $$;$$ AS x;\nCOMMIT;", "BEGIN; DROP VIEW {t}; COMMIT"),
        (MARK + "CREATE TABLE {t} (id int);\nCREATE INDEX CONCURRENTLY {t}_i ON {t} (id)",
         MARK + "DROP INDEX CONCURRENTLY {t}_i;\nDROP TABLE {t}"),
        ("SET search_path = pg_catalog; CREATE TABLE public.{t} (id int)", "DROP TABLE {t}"),
    ]
)  # fmt: skip
MOVES = st.lists(st.integers(0, 8), min_size=1, max_size=6)

SCHEMA = """
SELECT 'class', relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT 'proc', proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'type', typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
ORDER BY 1, 2
"""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(STATEMENTS, min_size=1, max_size=8), moves=MOVES)
def test_round_trips(database: str, files: Sequence[tuple[str, str]], moves: Sequence[int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        runner = Runner(database, Path(name))
        for number, (up, down) in enumerate(files, 1):
            (runner.folder / f"{number:04d}_f.up.sql").write_text(up.format(t=f"t{number}"))
            (runner.folder / f"{number:04d}_f.down.sql").write_text(down.format(t=f"t{number}"))
        runner.query(
            "DROP SCHEMA IF EXISTS switchback CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public"
        )
        seen: dict[int, object] = {0: runner.query(SCHEMA)}
        at = 0
        for move in moves:
            to = min(move, len(files))
            ending = go(runner, at, to)
            assert ending in {Reason.SUCCEEDED, Reason.UP_TO_DATE}
            at = to
            if at:
                assert runner.applied == [f"{n:04d}_f" for n in range(1, at + 1)]
            assert seen.setdefault(at, runner.query(SCHEMA)) == runner.query(SCHEMA)
        go(runner, at, 0)
        assert runner.query(SCHEMA) == seen[0]


def go(runner: Runner, at: int, to: int) -> Reason:
    target = f"{to:04d}_f" if to else "base"
    if to > at:
        return runner.up(target=target).result.reason
    ending = runner.down(target=target, accept=frozenset(Risk))
    return ending.result.reason
