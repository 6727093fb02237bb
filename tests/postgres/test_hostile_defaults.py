"""What database and role have as defaults does not reach a run: it says itself what it depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Risk
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path

MARK = "-- switchback: no-transaction\n"
DEFAULTS = {
    "statement_timeout": "20ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "idle_session_timeout": "1ms",
    "transaction_timeout": "2s",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "standard_conforming_strings": "off",
    "client_min_messages": "error",
    "datestyle": "German",
    "intervalstyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "timezone": "Asia/Kathmandu",
    "search_path": "",
    "row_security": "off",
    "quote_all_identifiers": "on",
    "client_encoding": "latin1",
    "lc_messages": "C",
    "application_name": "somebody else",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "check_function_bodies": "off",
    "client_connection_check_interval": "0",
}


@pytest.mark.parametrize("whose", ["database", "role"])
def test_a_run_up_and_down(database: str, folder: Path, whose: str) -> None:
    runner = Runner(database, folder)
    name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    subject = f'DATABASE "{name}"' if whose == "database" else f'ROLE postgres IN DATABASE "{name}"'
    with psycopg.connect(database, autocommit=True) as admin:  # connected before there are any
        known = {row[0] for row in admin.execute("SELECT lower(name) FROM pg_settings").fetchall()}
        for setting in DEFAULTS.keys() & known:
            admin.execute(f"ALTER {subject} SET {setting} = '{DEFAULTS[setting]}'".encode())
        _up_and_down(runner, admin)


def _up_and_down(runner: Runner, admin: psycopg.Connection[tuple[object, ...]]) -> None:
    write(
        runner.folder,
        _0001_a_up="CREATE TABLE public.a (t text DEFAULT 'x\\y', ü text DEFAULT 'ä€');\n"
        "SELECT pg_sleep(2.3);",
        _0001_a_down="SELECT pg_sleep(0.1);\nDROP TABLE public.a;",
        _0002_b_up=MARK + "CREATE TABLE public.b (id int);\nSELECT pg_sleep(2.3);\n"
        "CREATE INDEX CONCURRENTLY b_id ON public.b (id);\nINSERT INTO public.b VALUES (1);",
        _0002_b_down=MARK + "DROP INDEX CONCURRENTLY public.b_id;\nSELECT pg_sleep(0.1);\n"
        "DROP TABLE public.b;",
    )
    ending = runner.up()
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    made = admin.execute("INSERT INTO a DEFAULT VALUES RETURNING t, ü").fetchone()
    assert made == ("x\\y", "ä€")
    ending = runner.down(target="base", accept=frozenset(Risk))
    assert ending.result.reason is Reason.SUCCEEDED, ending.text
    assert admin.execute("SELECT to_regclass('a'), to_regclass('b')").fetchone() == (None, None)
