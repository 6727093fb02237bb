"""Files that begin, end or leave transactions, and statements that want none."""

from __future__ import annotations

from switchback.contract.reasons import Reason
from tests.tried.case import Case

A = frozenset({"a"})
AB = frozenset({"a", "b"})
T = "CREATE TABLE a (i int);\n"
_PROCEDURE = (
    "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE a (i int); COMMIT; "
    "CREATE TABLE b (i int); END $$;\nCALL p();\n"
)
LEFT_OUT = "0001_x.up.sql:1: BEGIN and its COMMIT in line 3 are left out"
MARK = "-- switchback: no-transaction\n"

_DEFERRED = """CREATE TABLE p (i int PRIMARY KEY);
CREATE TABLE c (i int REFERENCES p DEFERRABLE INITIALLY DEFERRED);
INSERT INTO c VALUES (1);
SELECT 1;
"""
_MOOD = "CREATE TYPE mood AS ENUM ('sad')"

WRAPPED = (
    Case(
        "`BEGIN` at the beginning and `COMMIT` at the end",
        f"BEGIN;\n{T}COMMIT;\n",
        "runs without them, with a notice",
        tables=A,
        says=LEFT_OUT,
    ),
    Case(
        "the same behind comments, and with comments after it",
        f"-- one\nbegin work;\n{T}/* two */ commit transaction; -- three",
        tables=A,
    ),
    Case(
        "`START TRANSACTION` and `COMMIT`",
        f"START TRANSACTION;\n{T}COMMIT;\n",
        "runs without them, with a notice",
        says=LEFT_OUT,
        tables=A,
    ),
    Case(
        "`BEGIN` and `END`",
        f"BEGIN TRANSACTION;\n{T}END;\n",
        "runs without them, with a notice",
        says=LEFT_OUT,
        tables=A,
    ),
    Case(
        "`BEGIN` with an isolation level",
        f"BEGIN ISOLATION LEVEL SERIALIZABLE;\n{T}COMMIT;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: BEGIN ISOLATION changes the transaction that keeps the migration and "
        "its record together.",
    ),
    Case(
        "`BEGIN` without `COMMIT`",
        f"BEGIN;\n{T}",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: BEGIN changes the transaction that keeps the migration and its record "
        "together.",
    ),
    Case(
        "`COMMIT` without `BEGIN`",
        f"{T}COMMIT;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: COMMIT changes the transaction that keeps the migration and its record "
        "together.",
    ),
    Case(
        "a `COMMIT` in the midst",
        f"{T}COMMIT;\nCREATE TABLE b (i int);\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: COMMIT changes the transaction that keeps the migration and its record "
        "together.",
    ),
    Case(
        "a `COMMIT` in the midst of `BEGIN` and `COMMIT`",
        f"BEGIN;\n{T}COMMIT;\nBEGIN;\nSELECT 1;\nCOMMIT;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: BEGIN changes the transaction that keeps the migration and its record "
        "together.",
    ),
    Case(
        "`COMMIT AND CHAIN`",
        f"BEGIN;\n{T}COMMIT AND CHAIN;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: BEGIN changes the transaction that keeps the migration and its record "
        "together.",
    ),
    Case(
        "a `ROLLBACK` in the midst",
        f"{T}ROLLBACK;\nCREATE TABLE b (i int);\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: ROLLBACK changes the transaction that keeps the migration and its "
        "record together.",
    ),
    Case(
        "`BEGIN` and `ROLLBACK`",
        f"BEGIN;\n{T}ROLLBACK;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: BEGIN changes the transaction that keeps the migration and its record "
        "together.",
    ),
    Case(
        "`ABORT`",
        f"{T}ABORT;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: ABORT changes the transaction that keeps the migration and its record "
        "together.",
    ),
    Case(
        "savepoints, and `ROLLBACK TO SAVEPOINT`",
        f"SAVEPOINT s;\nCREATE TABLE gone (i int);\nROLLBACK TO SAVEPOINT s;\n{T}RELEASE s;\n",
        tables=A,
    ),
    Case(
        "`ROLLBACK TO` a savepoint that is not there",
        f"{T}ROLLBACK TO nowhere;\n",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:2: 0001_x fails: savepoint "nowhere" does not exist (SQLSTATE 3B001).',
    ),
    Case(
        "`PREPARE TRANSACTION`",
        f"{T}PREPARE TRANSACTION 'x';\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: PREPARE TRANSACTION changes the transaction that keeps the migration "
        "and its record together.",
    ),
    Case(
        "a `COMMIT` in a `DO` block",
        "\nDO $$ BEGIN CREATE TABLE a (i int); COMMIT; END $$;\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:2: 0001_x fails: invalid transaction termination (SQLSTATE 2D000).",
    ),
    Case(
        "a `COMMIT` in a `DO` block, without a transaction",
        f"{MARK}DO $$ BEGIN CREATE TABLE a (i int); COMMIT; END $$;\n",
        tables=A,
    ),
    Case(
        "a procedure that commits",
        _PROCEDURE,
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:2: 0001_x fails: invalid transaction termination (SQLSTATE 2D000).",
    ),
    Case("a `COMMIT` in a procedure, without a transaction", MARK + _PROCEDURE, tables=AB),
    Case(
        "a `ROLLBACK` in a `DO` block",
        "DO $$ BEGIN ROLLBACK; END $$;\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:1: 0001_x fails: invalid transaction termination (SQLSTATE 2D000).",
    ),
    Case(
        "`BEGIN` and `COMMIT`, without a transaction",
        f"{MARK}BEGIN;\n{T}COMMIT;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: BEGIN changes the transaction that keeps the migration and its record "
        "together.",
    ),
    Case(
        "a procedure that is called in a transaction and does not commit",
        "CREATE PROCEDURE p() LANGUAGE sql AS $$ CREATE TABLE a (i int) $$;\nCALL p();\n",
        tables=A,
    ),
    Case(
        "`SET TRANSACTION ISOLATION LEVEL`",
        f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n{T}",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: SET TRANSACTION ISOLATION comes too late: the migration's record is "
        "what its transaction begins with.",
    ),
    Case(
        "`SET TRANSACTION ISOLATION LEVEL`, without a transaction",
        f"{MARK}SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n{T}",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: SET TRANSACTION ISOLATION comes too late: the migration's record is "
        "what its transaction begins with.",
    ),
    Case(
        "`SET TRANSACTION READ ONLY`",
        f"{T}SET TRANSACTION READ ONLY;\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:2: 0001_x cannot be recorded: cannot execute INSERT in a read-only "
        "transaction (SQLSTATE 25006).",
    ),
    Case(
        "`SET transaction_read_only = on`",
        f"SET transaction_read_only = on;\n{T}",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:2: 0001_x fails: cannot execute CREATE TABLE in a read-only transaction "
        "(SQLSTATE 25006).",
    ),
    Case(
        "a deferred constraint that does not hold at `COMMIT`",
        _DEFERRED,
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:3: 0001_x fails at COMMIT: insert or update on table "c" violates foreign '
        'key constraint "c_i_fkey" (SQLSTATE 23503).',
    ),
)
ALONE = (
    Case(
        "`CREATE INDEX CONCURRENTLY`",
        f"{T}CREATE INDEX CONCURRENTLY a_i ON a (i);\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:2: 0001_x fails: CREATE INDEX CONCURRENTLY cannot run inside a "
        "transaction block (SQLSTATE 25001).",
    ),
    Case(
        "`CREATE INDEX CONCURRENTLY`, without a transaction",
        f"{MARK}{T}CREATE INDEX CONCURRENTLY a_i ON a (i);\nINSERT INTO a VALUES (1);\n",
        tables=A,
        sees={
            "SELECT count(*) FROM pg_index WHERE indexrelid = 'a_i'::regclass AND indisvalid": 1,
            "SELECT count(*) FROM a": 1,
        },
    ),
    Case(
        "`VACUUM`",
        "\nVACUUM;\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:2: 0001_x fails: VACUUM cannot run inside a transaction block (SQLSTATE "
        "25001).",
    ),
    Case("`VACUUM`, without a transaction", f"{MARK}{T}VACUUM (ANALYZE) a;\n", tables=A),
    Case(
        "`CREATE DATABASE`",
        "CREATE DATABASE switchback_tried;\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:1: 0001_x fails: CREATE DATABASE cannot run inside a transaction block "
        "(SQLSTATE 25001).",
    ),
    Case(
        "`CREATE DATABASE`, without a transaction",
        f"{MARK}CREATE DATABASE switchback_tried;\n",
        sees={"SELECT count(*) FROM pg_database WHERE datname = 'switchback_tried'": 1},
        after="DROP DATABASE switchback_tried",
    ),
    Case(
        "`ALTER SYSTEM`",
        "ALTER SYSTEM SET work_mem = '5MB';\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:1: 0001_x fails: ALTER SYSTEM cannot run inside a transaction block "
        "(SQLSTATE 25001).",
    ),
    Case(
        "`ALTER SYSTEM`, without a transaction",
        f"{MARK}ALTER SYSTEM SET work_mem = '5MB';\n",
        after="ALTER SYSTEM RESET work_mem",
    ),
    Case(
        "`DISCARD ALL`",
        "DISCARD ALL;\n",
        reason=Reason.SQL_FAILED,
        message="0001_x.up.sql:1: 0001_x fails: DISCARD ALL cannot run inside a transaction block "
        "(SQLSTATE 25001).",
    ),
    Case(
        "`DISCARD ALL`, without a transaction",
        f"{MARK}{T}DISCARD ALL;\nINSERT INTO a VALUES (1);\n",
        tables=A,
    ),
    Case(
        "a new enum value, used in the same file",
        "ALTER TYPE mood ADD VALUE 'ok';\nCREATE TABLE a (v mood DEFAULT 'ok');\n",
        before=_MOOD,
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:2: 0001_x fails: unsafe use of new value "***" of enum type mood '
        "(SQLSTATE 55P04).",
    ),
    Case(
        "a new enum value, used in the next file",
        "ALTER TYPE mood ADD VALUE 'ok';\n",
        files={"0002_y.up.sql": "CREATE TABLE a (v mood DEFAULT 'ok');\nINSERT INTO a VALUES ('ok');\n"},
        before=_MOOD,
        tables=A,
        sees={"SELECT v FROM a": "ok"},
    ),
)
