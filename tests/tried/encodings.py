"""Bytes, line ends, sizes."""

from __future__ import annotations

from switchback.contract.reasons import Reason
from tests.tried.case import Case

MEGABYTES = 10
LONG, SHORT = 1000, 90


def _row(length: int) -> str:
    return "('" + "x" * length + "')"


def _one_statement() -> str:
    rows = ",\n".join([_row(SHORT)] * (MEGABYTES * 10_000))
    return f"CREATE TABLE a (v text);\nINSERT INTO a VALUES {rows};\n"


def _many_statements() -> str:
    return "CREATE TABLE a (v text);\n" + f"INSERT INTO a VALUES {_row(LONG)};\n" * (MEGABYTES * 1000)


A = frozenset({"a"})
CASES = (
    Case(
        "line ends of Windows (CRLF)",
        "CREATE TABLE a (v text);\r\nINSERT INTO a VALUES ('one\r\ntwo');\r\n",
        "runs; inside a string, too, a line end is LF",
        sees={"SELECT v FROM a": "one\ntwo"},
        tables=A,
    ),
    Case(
        "CRLF, and a mistake in line 3",
        "SELECT 1;\r\n\r\nSELECT nope;\r\n",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:3: 0001_x fails: column "nope" does not exist (SQLSTATE 42703).',
    ),
    Case(
        "line ends of old Macs (CR alone), with comments",
        "-- first\rCREATE TABLE a (v text); -- second\rINSERT INTO a VALUES ('x');\r",
        sees={"SELECT v FROM a": "x"},
        tables=A,
    ),
    Case("a byte order mark", "\ufeffCREATE TABLE a (v text);\n", tables=A),
    Case("two byte order marks", "\ufeff\ufeffCREATE TABLE a (v text);\n", tables=A),
    Case(
        "a byte order mark in the midst of the file, as joined files have it",
        "CREATE TABLE a (v text);\n\ufeffCREATE TABLE b (v text);\n",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:2: 0001_x fails: syntax error at or near "***" (SQLSTATE 42601).',
    ),
    Case(
        "Latin-1 bytes",
        "SELECT 1;\nSELECT 'é';\n".encode("latin-1"),
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: byte 0xe9 is not UTF-8.",
    ),
    Case(
        "UTF-16 with its mark",
        "SELECT 1;\n".encode("utf-16"),
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: the file is UTF-16, not UTF-8.",
    ),
    Case(
        "UTF-16 without a mark",
        "SELECT 1;\n".encode("utf-16-le"),
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: the file is UTF-16, not UTF-8.",
    ),
    Case(
        "a NUL byte",
        b"CREATE TABLE a (v text);\n\0CREATE TABLE b (v text);\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: the file holds a NUL byte; the server would silently drop everything "
        "after it.",
    ),
    Case(
        "half a surrogate pair in UTF-8",
        b"SELECT '\xed\xa0\x80';\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: byte 0xed is not UTF-8.",
    ),
    Case(
        "an overlong sequence",
        b"SELECT '\xc0\xaf';\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: byte 0xc0 is not UTF-8.",
    ),
    Case(
        "characters beyond 16 bits, before a mistake",
        "SELECT '𝄞𝄞', 'ä';\nSELECT '𝄞' FROM nowhere;\n",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:2: 0001_x fails: relation "nowhere" does not exist (SQLSTATE 42P01).',
    ),
    Case(
        "a no-break space instead of a blank",
        "CREATE\u00a0TABLE a (v text);\n",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:1: 0001_x fails: syntax error at or near "***" (SQLSTATE 42601).',
    ),
    Case(
        "typographic quotes",
        "SELECT \u2018a\u2019;\n",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:1: 0001_x fails: column "***" does not exist (SQLSTATE 42703).',
    ),
    Case(
        "a Ctrl-Z at the end",
        "SELECT 1;\n\x1a",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:2: 0001_x fails: syntax error at or near "***" (SQLSTATE 42601).',
    ),
    Case(
        "form feeds between statements",
        "CREATE TABLE a (v text);\f\nCREATE TABLE b (v text);\f",
        tables=frozenset("ab"),
    ),
    Case("an INSERT of 10 MB", _one_statement, sees={"SELECT count(*) FROM a": 100_000}, tables=A),
    Case("10 MB of INSERTs", _many_statements, sees={"SELECT count(*) FROM a": 10_000}, tables=A),
)
