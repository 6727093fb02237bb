"""Files that change their session, or reach for the ledger."""

from __future__ import annotations

from switchback.contract.reasons import Reason
from tests.tried.case import Case

A = frozenset({"a"})
T = "CREATE TABLE a (i int);\n"
MARK = "-- switchback: no-transaction\n"
_ROLE = (
    "DO $$ BEGIN CREATE ROLE tried; EXCEPTION WHEN duplicate_object THEN NULL; END $$; "
    "GRANT ALL ON SCHEMA public TO tried"
)
_OWNER = "SELECT tableowner FROM pg_tables WHERE tablename = 'a'"

SETTINGS = (
    Case("`SET ROLE`", f"SET ROLE tried;\n{T}", before=_ROLE, tables=A, sees={_OWNER: "tried"}),
    Case(
        "`SET ROLE` to one that is not there",
        f"SET ROLE nobody_here;\n{T}",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:1: 0001_x fails: role "nobody_here" does not exist (SQLSTATE 22023).',
    ),
    Case(
        "`SET SESSION AUTHORIZATION`",
        f"SET SESSION AUTHORIZATION tried;\n{T}",
        before=_ROLE,
        tables=A,
        sees={_OWNER: "tried"},
    ),
    Case(
        "`SET ROLE`, without a transaction",
        f"{MARK}SET ROLE tried;\n{T}",
        before=_ROLE,
        tables=A,
        sees={_OWNER: "tried"},
    ),
    Case("`RESET ALL`", f"SET work_mem = '5MB';\nRESET ALL;\n{T}", tables=A),
    Case(
        "`DISCARD TEMP`, `DISCARD PLANS`, `DISCARD SEQUENCES`",
        f"DISCARD TEMP;\nDISCARD PLANS;\nDISCARD SEQUENCES;\n{T}",
        tables=A,
    ),
    Case(
        "`set_config('search_path', '', false)`, as pg_dump writes it",
        "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a (i int);\n",
        tables=A,
    ),
    Case(
        "`set_config('search_path', '', false)`, as pg_dump writes it, without a transaction",
        f"{MARK}SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a (i int);\n",
        tables=A,
    ),
    Case(
        "`SET search_path` to a schema that is not there",
        f"SET search_path = nowhere;\n{T}",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:2: 0001_x fails: no schema has been selected to create in (SQLSTATE 3F000).",
    ),
    Case(
        "`SET session_replication_role = replica`", f"SET session_replication_role = replica;\n{T}", tables=A
    ),
    Case(
        "`SET default_transaction_read_only = on`", f"SET default_transaction_read_only = on;\n{T}", tables=A
    ),
    Case(
        "`SET default_transaction_read_only = on`, without a transaction",
        f"{MARK}SET default_transaction_read_only = on;\n{T}",
        tables=A,
    ),
    Case(
        "`SET default_transaction_read_only = on`, and a statement that runs alone",
        f"{MARK}{T}SET default_transaction_read_only = on;\nVACUUM a;\n",
        tables=A,
    ),
    Case(
        "`SET default_transaction_isolation = serializable`",
        f"SET default_transaction_isolation = serializable;\n{T}",
        files={"0002_y.up.sql": "CREATE TABLE b AS SELECT current_setting('transaction_isolation') AS v;"},
        tables=frozenset("ab"),
        sees={"SELECT v FROM b": "read committed"},
    ),
    Case(
        "`SET client_encoding = 'LATIN1'`, and a string behind it",
        "SET client_encoding = 'LATIN1';\nCREATE TABLE a AS SELECT 'é' AS v;\n",
        tables=A,
        sees={"SELECT v FROM a": "é"},
    ),
    Case(
        "`SET client_encoding = 'LATIN1'`, and a string behind it, without a transaction",
        f"{MARK}SET client_encoding = 'LATIN1';\nCREATE TABLE a AS SELECT 'é' AS v;\n",
        tables=A,
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: client_encoding = latin1 would garble the statements after it, which "
        "are sent in UTF-8.",
    ),
    Case(
        "`SET standard_conforming_strings = off`",
        "SET standard_conforming_strings = off;\nCREATE TABLE a AS SELECT 'a\\' AS v;\n",
        tables=A,
        sees={"SELECT v FROM a": "a\\"},
    ),
    Case(
        "`SET standard_conforming_strings = off`, without a transaction",
        f"{MARK}SET standard_conforming_strings = off;\nCREATE TABLE a AS SELECT 'a\\' AS v;\n",
        tables=A,
    ),
    Case(
        "`SET backslash_quote = off`",
        "SET backslash_quote = off;\nCREATE TABLE a AS SELECT E'a\\'b' AS v;\n",
        tables=A,
        sees={"SELECT v FROM a": "a'b"},
    ),
    Case(
        "`SET DateStyle = 'German'`",
        "SET DateStyle = 'German';\nCREATE TABLE a AS SELECT '03.02.2026'::date AS v;\n",
        tables=A,
        sees={"SELECT v::text FROM a": "2026-02-03"},
    ),
    Case(
        "`SET statement_timeout = '1ms'`, and a statement that takes longer",
        "SET statement_timeout = '1ms';\nSELECT pg_sleep(1);\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:2: 0001_x fails: canceling statement due to statement timeout (SQLSTATE "
        "57014).",
    ),
    Case(
        "`SET statement_timeout = '10ms'` as the last statement",
        f"{T}SET statement_timeout = '10ms';\n",
        tables=A,
    ),
    Case(
        "`SET idle_session_timeout = '1ms'`, without a transaction",
        f"{MARK}SET idle_session_timeout = '1ms';\n{T}INSERT INTO a VALUES (1);\nVACUUM a;\n",
        tables=A,
    ),
    Case(
        "`SET idle_in_transaction_session_timeout = '1ms'`",
        f"SET idle_in_transaction_session_timeout = '1ms';\n{T}",
        tables=A,
    ),
    Case("`SET client_min_messages = error`", f"SET client_min_messages = error;\n{T}", tables=A),
)
LEFT = (
    Case(
        "temporary tables that hide real ones",
        f"{T}CREATE TEMP TABLE a (v text);\nINSERT INTO a VALUES ('x');\n",
        files={"0001_x.down.sql": "DROP TABLE a;"},
        tables=A,
        sees={"SELECT count(*) FROM public.a": 0},
    ),
    Case(
        "a temporary table with the name of a table of the ledger",
        "CREATE TEMP TABLE migrations (id text);\nCREATE TEMP TABLE events (id text);\n",
    ),
    Case("`LISTEN` and `NOTIFY`", f"LISTEN x;\nNOTIFY x, 'y';\n{T}", tables=A),
    Case("`PREPARE` and `EXECUTE`", f"PREPARE p AS SELECT 1;\nEXECUTE p;\n{T}", tables=A),
    Case(
        "`PREPARE` of the same name in two files",
        f"PREPARE p AS SELECT 1;\n{T}",
        files={"0002_a.up.sql": "PREPARE p AS SELECT 2;"},
        tables=A,
    ),
    Case("`DECLARE CURSOR`", f"DECLARE c CURSOR FOR SELECT 1;\nFETCH c;\n{T}", tables=A),
    Case(
        "`DECLARE CURSOR … WITH HOLD` of the same name in two files",
        f"DECLARE c CURSOR WITH HOLD FOR SELECT 1;\n{T}",
        files={"0002_a.up.sql": "DECLARE c CURSOR WITH HOLD FOR SELECT 1;"},
        tables=A,
    ),
    Case("`pg_advisory_unlock_all()`", f"SELECT pg_advisory_unlock_all();\n{T}", tables=A),
    Case("a session's advisory lock", f"SELECT pg_advisory_lock(1);\n{T}", tables=A),
    Case(
        "`LOCK TABLE` on the ledger",
        "LOCK TABLE switchback.migrations, switchback.events, switchback.meta IN ACCESS EXCLUSIVE MODE;\n"
        + T,
        tables=A,
    ),
    Case(
        "`LOCK TABLE` on the ledger, without a transaction",
        f"{MARK}DO $$ BEGIN LOCK TABLE switchback.migrations IN ACCESS EXCLUSIVE MODE; END $$;\n{T}",
        tables=A,
    ),
    Case(
        "`DROP SCHEMA switchback CASCADE`",
        f"{T}DROP SCHEMA switchback CASCADE;\n",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql: 0001_x cannot be recorded: relation "switchback.migrations" does not exist '
        "(SQLSTATE 42P01).",
    ),
    Case(
        "`DELETE FROM switchback.migrations`",
        f"{T}DELETE FROM switchback.migrations;\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql: 0001_x has removed its own record from the ledger, so it was rolled back.",
    ),
    Case(
        "`TRUNCATE switchback.migrations`",
        f"{T}TRUNCATE switchback.migrations;\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql: 0001_x has removed its own record from the ledger, so it was rolled back.",
    ),
    Case(
        "`UPDATE switchback.migrations`",
        f"{T}UPDATE switchback.migrations SET description = 'x';\n",
        tables=A,
    ),
    Case(
        "`ALTER TABLE switchback.migrations RENAME`",
        f"{T}ALTER TABLE switchback.migrations RENAME TO elsewhere;\n",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql: 0001_x cannot be recorded: relation "switchback.migrations" does not exist '
        "(SQLSTATE 42P01).",
    ),
    Case(
        "the session ended: `pg_terminate_backend(pg_backend_pid())`",
        f"{T}SELECT pg_terminate_backend(pg_backend_pid());\n",
        reason=Reason.CONNECTION_LOST,
        message="0001_x.up.sql: The connection broke during 0001_x (terminating connection due to "
        "administrator command). The ledger shows that it was rolled back.",
    ),
    Case(
        "the statement ended: `pg_cancel_backend(pg_backend_pid())`",
        f"{T}SELECT pg_cancel_backend(pg_backend_pid());\nSELECT pg_sleep(1);\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:2: 0001_x fails: canceling statement due to user request (SQLSTATE 57014).",
    ),
)
