"""What ends a statement, what is no SQL of the server, what is a comment."""

from __future__ import annotations

from switchback.contract.reasons import Reason
from tests.tried.case import Case

A = frozenset({"a"})
AB = frozenset({"a", "b"})
_COPY = "CREATE TABLE a (i int, v text);\nCOPY a (i, v) FROM stdin;\n1\tone's\n2\ttwo\n\\.\n\nSELECT 1;\n"
_ATOMIC = """CREATE TABLE a (i int);
CREATE FUNCTION f(n int) RETURNS int BEGIN ATOMIC
  SELECT CASE WHEN n > 0 THEN 1 ELSE 2 END;
  SELECT n + 1;
END;
CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO a VALUES (1); INSERT INTO a VALUES (2); END;
CALL p();
"""
_RULE = """CREATE TABLE a (i int);
CREATE TABLE b (i int);
CREATE TABLE c (i int);
CREATE RULE r AS ON INSERT TO a DO ALSO (INSERT INTO b VALUES (new.i); INSERT INTO c VALUES (new.i););
INSERT INTO a VALUES (1);
"""
_NESTED = """CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $outer$
DECLARE v text;
BEGIN
  EXECUTE $inner$ SELECT 'a;b' || $$ ; -- no comment $$ $inner$ INTO v;
  RETURN v; -- $$ ; $tag$
END;
$outer$;
CREATE TABLE a AS SELECT f() AS v;
"""

COPY_AND_PSQL = (
    Case(
        "`COPY … FROM stdin` with its data in the file",
        _COPY,
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: COPY … FROM STDIN with its data in the file cannot be run.",
    ),
    Case(
        "`COPY … FROM STDIN` without data",
        "CREATE TABLE a (i int);\nCOPY a FROM STDIN WITH (FORMAT csv);\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: COPY … FROM STDIN with its data in the file cannot be run.",
    ),
    Case(
        "`COPY … TO STDOUT`",
        "CREATE TABLE a (i int);\nCOPY a TO STDOUT;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: COPY … TO STDOUT has nobody to read it.",
    ),
    Case(
        "`\\connect`",
        "SELECT 1;\n\\connect other\nSELECT 2;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: `\\connect` is a command of psql, not of the server.",
    ),
    Case(
        "`\\restrict`, as newer versions of pg_dump write it",
        "\\restrict Abc123\n\nSELECT 1;\n\\unrestrict Abc123\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: `\\restrict` is a command of psql, not of the server.",
    ),
    Case(
        "`\\i` of another file",
        "\\i other.sql\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: `\\i` is a command of psql, not of the server.",
    ),
    Case(
        "`\\.` without a COPY before it",
        "SELECT 1;\n\\.\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: `\\.` is a command of psql, not of the server.",
    ),
    Case(
        "a command of psql behind a statement on its line",
        "SELECT 'CREATE TABLE a ()' \\gexec\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: `\\gexec` is a command of psql, not of the server.",
    ),
    Case(
        "a variable of psql",
        "\nCREATE TABLE :name (i int);\n",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:2: 0001_x fails: syntax error at or near "***" (SQLSTATE 42601).',
    ),
    Case(
        "a backslash in a string, a dollar quote, a comment or a quoted name",
        "CREATE TABLE a (\"c\\d\" text DEFAULT '\\connect'); -- \\i\n/* \\. */ SELECT $$\n\\q\n$$;\n",
        tables=A,
    ),
)
QUOTES = (
    Case(
        "dollar quotes in dollar quotes, with and without tags",
        _NESTED,
        tables=A,
        sees={"SELECT v FROM a": "a;b ; -- no comment "},
    ),
    Case(
        "names with dollar signs, which are no quotes",
        "CREATE TABLE a$x$y (i int); CREATE TABLE b$x$y (i int);",
        tables=frozenset({"a$x$y", "b$x$y"}),
    ),
    Case(
        "semicolons and comment marks in strings",
        "CREATE TABLE a (v text DEFAULT ';--/*', \"w;--\" int);",
        tables=A,
        sees={"SELECT count(*) FROM pg_attribute WHERE attrelid = 'a'::regclass AND attnum > 0": 2},
    ),
    Case(
        "`E''` strings with escaped quotes",
        "CREATE TABLE a AS SELECT E'it\\'s; \\\\' AS v;",
        tables=A,
        sees={"SELECT v FROM a": "it's; \\"},
    ),
    Case(
        "a string that goes on in the next line",
        "CREATE TABLE a AS SELECT 'one'\n  ';two' AS v;",
        tables=A,
        sees={"SELECT v FROM a": "one;two"},
    ),
    Case(
        "a string without an end",
        "SELECT 1;\nSELECT 'it''s;\nSELECT 2;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: the file ends inside a string that begins here; it would swallow what "
        "runs after it.",
    ),
    Case(
        "a quoted name without an end",
        'SELECT 1 AS "a;\n',
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: the file ends inside a quoted identifier that begins here; it would "
        "swallow what runs after it.",
    ),
    Case(
        "a dollar quote without an end",
        "SELECT 1;\n\nDO $do$ BEGIN END $$;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:3: the file ends inside the dollar quote $do$ that begins here; it would "
        "swallow what runs after it.",
    ),
    Case(
        "a comment without an end",
        "SELECT 1; /* one /* two */\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: the file ends inside a comment that begins here; it would swallow what "
        "runs after it.",
    ),
    Case(
        "functions and procedures with `BEGIN ATOMIC` bodies",
        _ATOMIC,
        tables=A,
        sees={"SELECT count(*) FROM a": 2, "SELECT f(4)": 5},
    ),
    Case(
        "a rule with several actions",
        _RULE,
        tables=frozenset("abc"),
        sees={"SELECT (SELECT count(*) FROM b) + (SELECT count(*) FROM c)": 2},
    ),
)
ENDS = (
    Case("no semicolon at the end", "CREATE TABLE a (i int)", tables=A),
    Case("a comment as the last line, without a line end", "CREATE TABLE a (i int); -- done", tables=A),
    Case("a comment behind a statement without a semicolon", "CREATE TABLE a (i int) -- done", tables=A),
    Case("empty statements", ";;\nCREATE TABLE a (i int);;\n;", tables=A),
    Case("nested block comments", "/* a /* ; */ b */ CREATE TABLE a (i int); /**/", tables=A),
    Case(
        "nothing but comments",
        "-- later\n/* perhaps */\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: the up half has no statement.",
    ),
    Case(
        "nothing but semicolons",
        ";\n;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: the up half has no statement.",
    ),
    Case(
        "an empty file",
        "",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: the up half has no statement.",
    ),
    Case(
        "nothing but `BEGIN` and `COMMIT`",
        "BEGIN;\nCOMMIT;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: the up half has no statement.",
    ),
    Case(
        "a mistake behind a long comment",
        "/*\n\n\n*/\nSELEC 1;\n",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:5: 0001_x fails: syntax error at or near "***" (SQLSTATE 42601).',
    ),
    Case(
        "a mistake in the last word of the file",
        "SELECT 1;\nSELECT (1",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:2: 0001_x fails: syntax error at or near "***" (SQLSTATE 42601).',
    ),
)
DIRECTIVES = (
    Case(
        "a directive in a string or in a dollar quote",
        "CREATE TABLE a AS SELECT '-- switchback: nonsense' AS v, $$\n-- switchback: nonsense\n$$ AS w;",
        "is no directive",
        tables=A,
    ),
    Case(
        "a directive in a block comment",
        "/* switchback: no-transaction */\nSELECT 1;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: a directive stands in a block comment.",
    ),
    Case(
        "a directive without its colon",
        "-- switchback no-transaction\nSELECT 1;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: `switchback no-transaction` lacks its colon and would have no effect.",
    ),
    Case(
        "a comment that begins with the word",
        "-- switchback is what runs this\n-- switchback, too\nCREATE TABLE a ();",
        "is no directive",
        tables=A,
    ),
    Case("a directive with the word in capitals", "-- SWITCHBACK: no-transaction\nVACUUM;\n", "counts"),
    Case(
        "a directive in capitals",
        "-- switchback: No-Transaction\nSELECT 1;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: the directive `No-Transaction` is not known.",
    ),
    Case(
        "a directive behind code on the same line",
        "CREATE TABLE a (i int); -- switchback: no-transaction\nVACUUM a;\n",
        "counts, for the whole file",
        tables=A,
    ),
    Case("a directive without blanks", "--switchback:no-transaction\nVACUUM;", "counts"),
    Case("a directive with more dashes", "---- switchback: no-transaction\nVACUUM;", "counts"),
    Case(
        "a directive as the last line, without a line end", "VACUUM;\n-- switchback: no-transaction", "counts"
    ),
    Case(
        "a directive that is not known",
        "-- switchback: no-transactions\nSELECT 1;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: the directive `no-transactions` is not known.",
    ),
    Case(
        "two directives on one line",
        "-- switchback: no-transaction opaque\nSELECT 1;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: the directive `no-transaction opaque` is not known.",
    ),
    Case(
        "directives that contradict each other",
        "-- switchback: lock-timeout=1s\n-- switchback: lock-timeout=2s\nSELECT 1;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:2: `lock-timeout=2s` contradicts an earlier directive.",
    ),
    Case(
        "a duration without its unit",
        "-- switchback: lock-timeout=5\nSELECT 1;\n",
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql:1: `lock-timeout=5` is not a duration.",
    ),
    Case(
        "`# switchback:` as in other languages",
        "# switchback: no-transaction\nSELECT 1;\n",
        reason=Reason.SQL_FAILED,
        message='0001_x.up.sql:1: 0001_x fails: syntax error at or near "***" (SQLSTATE 42601).',
    ),
)
