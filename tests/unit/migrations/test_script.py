"""What a text may hold, what is sent to the server, and what is said about the rest."""

from __future__ import annotations

import pytest

from switchback.migrations.directives import Directives, from_words
from switchback.migrations.errors import Problem, SourceProblem
from switchback.migrations.halves import Sql
from switchback.migrations.model import DownKind, Migration, Reversal, Source


def problems(text: str, first_line: int = 1) -> list[Problem]:
    with pytest.raises(SourceProblem) as caught:
        _ = Sql.of("1_a.up.sql", text, first_line).script
    assert all(p.file == "1_a.up.sql" and p.advice for p in caught.value.problems)
    return list(caught.value.problems)


def migration(up: str, down: str | None = None) -> Migration:
    half = None if down is None else Sql.of("1_a.down.sql", down)
    kind = DownKind.NONE if down is None else DownKind.SQL
    return Migration("1_a", 1, "a", "Pairs", Sql.of("1_a.up.sql", up), half, kind)


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN;\nCREATE TABLE a ();\nCOMMIT;\n",
        "-- first\nbegin work ;\nSELECT 'BEGIN';\nCOMMIT WORK",
        "START TRANSACTION;\nSELECT 1;\nEND TRANSACTION;",
        "BEGIN TRANSACTION /* c\n */;\nSELECT 1;\ncommit and no chain ; -- bye",
    ],
)
def test_the_outermost_pair_is_left_out_and_lines_stay(text: str) -> None:
    script = Sql.of("1_a.up.sql", text).script
    assert len(script.body) == len(text)
    assert [i for i, c in enumerate(script.body) if c == "\n"] == [i for i, c in enumerate(text) if c == "\n"]
    assert len(script.statements) == 1
    (statement,) = script.statements
    assert script.body[statement.offset :].startswith(statement.text)
    assert statement.line == text.count("\n", 0, statement.offset) + 1
    assert "COMMIT" not in script.body.upper()
    (notice,) = script.notices
    assert notice.startswith("1_a.up.sql:")


def test_a_pair_around_nothing_leaves_nothing() -> None:
    assert Sql.of("a", "BEGIN; COMMIT;").script.statements == ()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("SELECT 1;\nCOMMIT;", [2]),
        ("BEGIN;\nSELECT 1;", [1]),
        ("BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 2;", [1, 3]),
        ("SET x.y = 1;\nBEGIN;\nSELECT 1;\nCOMMIT;", [2, 4]),
        ("BEGIN;\nCOMMIT;\nBEGIN;\nCOMMIT;", [1, 2, 3, 4]),
        ("BEGIN;\nSELECT 1;\nROLLBACK;", [1, 3]),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT 1;\nCOMMIT;", [1, 3]),
        ("START TRANSACTION READ ONLY;\nSELECT 1;\nCOMMIT;", [1, 3]),
        ("BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;", [1, 3]),
        ("SELECT 1;\nROLLBACK AND CHAIN;", [2]),
        ("ABORT;", [1]),
        ("END;", [1]),
        ("rollback\nwork;", [1]),
        ("COMMIT PREPARED 'a';", [1]),
        ("ROLLBACK PREPARED 'a';", [1]),
        ("\n\nPREPARE TRANSACTION 'a';", [3]),
        ("-- switchback: no-transaction\nBEGIN;\nSELECT 1;\nCOMMIT;", [2, 4]),
    ],
)
def test_other_transaction_control_is_refused_with_its_line(text: str, lines: list[int]) -> None:
    assert [p.line for p in problems(text)] == lines


@pytest.mark.parametrize(
    "text",
    [
        "SAVEPOINT a; ROLLBACK TO a; ROLLBACK WORK TO SAVEPOINT a; RELEASE a",
        "DO $$ BEGIN COMMIT; END $$",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
        "PREPARE p AS SELECT 1",
        'SELECT "BEGIN"; SELECT $$\nCOMMIT;\n$$',
        "SELECT 'x' /* ; COMMIT; */ -- ; COMMIT;",
    ],
)
def test_what_only_looks_like_control_stays(text: str) -> None:
    script = Sql.of("a", text).script
    assert (script.body, script.notices) == (text, ())


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("SELECT 1;\nSELECT 'it''s;\nDROP TABLE x;", 2, "ends inside a string"),
        ("SELECT 1;\n\nDO $do$ BEGIN $$;", 3, "ends inside the dollar quote $do$"),
        ('SELECT "a', 1, "ends inside a quoted identifier"),
        ("SELECT 1;\n/* a /* b */", 2, "ends inside a comment"),
        ("SELECT 1;\n\\connect other\nit's psql's", 2, "`\\connect` is a command of psql"),
        ("SELECT 1 \\gset", 1, "`\\gset` is a command of psql"),
        ("\\restrict token", 1, "psql"),
        ("SELECT 1;\nCOPY public.t (a, b) FROM stdin;\n1\tit's\n\\.\n", 2, "COPY … FROM STDIN"),
        ("BEGIN;\nCOPY t FROM\n STDIN WITH (FORMAT csv);\n1\n\\.\nCOMMIT;", 2, "COPY … FROM STDIN"),
        ("COPY t TO STDOUT", 1, "COPY … TO STDOUT"),
    ],
)
def test_what_the_server_would_misread_is_refused(text: str, line: int, words: str) -> None:
    (problem,) = problems(text)
    assert (problem.line, words in problem.message) == (line, True)


def test_lines_count_from_where_the_text_begins() -> None:
    assert problems("SELECT 1;\nCOMMIT;", first_line=10)[0].line == 11
    assert Sql.of("a", "\nSELECT 1", 10).script.statements[0].line == 11


@pytest.mark.parametrize(
    "text", ["COPY t FROM '/x'", "COPY (SELECT 'FROM STDIN') TO PROGRAM 'x'", "SELECT copy"]
)
def test_other_copies_stay(text: str) -> None:
    assert len(Sql.of("a", text).script.statements) == 1


def test_leading_words_tell_statements_apart() -> None:
    script = Sql.of("a", 'create unique index concurrently i on t (a);;\nVACUUM "t"; /* */').script
    assert [s.words for s in script.statements] == [
        ("CREATE", "UNIQUE", "INDEX", "CONCURRENTLY", "I", "ON", "T"),
        ("VACUUM",),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-- switchback: no-transaction", Directives(no_transaction=True)),
        ("--switchback:irreversible", Directives(irreversible=True)),
        ("-- Switchback: opaque", Directives(opaque=True)),
        ("-- switchback: phase=contract", Directives(phase="contract")),
        ("-- switchback: down=none  it is kept = yes ", Directives(down_none="it is kept = yes")),
        ("-- switchback: lock-timeout=5s", Directives(lock_timeout_ms=5000)),
        ("-- switchback: lock-timeout = 500 ms", Directives(lock_timeout_ms=500)),
        ("-- switchback: statement-timeout=2h\n-- switchback: opaque", Directives(
            statement_timeout_ms=7_200_000, opaque=True)),
        ("-- switchback: lock-timeout=0", Directives(lock_timeout_ms=0)),
        ("-- switchback is a fine tool; phase=contract", Directives()),
        ("-- see switchback: opaque", Directives()),
        ("SELECT '-- switchback: opaque'", Directives()),
        ("SELECT 1; -- switchback: opaque", Directives(opaque=True)),
    ],
)  # fmt: skip
def test_directives(text: str, expected: Directives) -> None:
    found = Sql.of("a", text).script.directives
    assert found == expected
    assert from_words(found.words()) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no-transactions", "Did you mean `no-transaction`?"),
        ("notransaction", "Did you mean `no-transaction`?"),
        ("lock_timeout=5s", "Did you mean `lock-timeout=<duration>`?"),
        ("no-transaction please", "Did you mean `no-transaction`?"),
        ("phase=expand", "Did you mean `phase=contract`?"),
        ("down=nothing", "Did you mean `down=none <reason>`?"),
        ("frobnicate", "Known are: `no-transaction`"),
        ("", "Known are"),
        ("down=none", "<reason>"),
        ("lock-timeout=5", "such as 500ms or 5s"),
        ("lock-timeout=5 parsecs", "such as 500ms or 5s"),
        ("statement-timeout=999999h", "2147483647 ms"),
    ],
)
def test_a_directive_that_cannot_work_is_refused(text: str, words: str) -> None:
    (problem,) = problems(f"SELECT 1;\n-- switchback: {text}\n")
    assert (problem.line, words in problem.advice) == (2, True), problem


def test_a_directive_where_it_would_have_no_effect_is_refused() -> None:
    assert "colon" in problems("-- switchback no-transaction")[0].message
    assert "block comment" in problems("/* switchback: opaque */")[0].message


def test_contradicting_directives_are_refused() -> None:
    text = "-- switchback: lock-timeout=1s\n-- switchback: lock-timeout=2s"
    assert "contradicts" in problems(text)[0].message


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        ("SELECT 1", "SELECT 2", Reversal.RUNS),
        ("SELECT 1", None, Reversal.ABSENT),
        ("SELECT 1", "-- nothing here", Reversal.ABSENT),
        ("SELECT 1", "BEGIN; COMMIT;", Reversal.ABSENT),
        ("-- switchback: irreversible\nSELECT 1", None, Reversal.IRREVERSIBLE),
        ("SELECT 1", "-- switchback: irreversible", Reversal.IRREVERSIBLE),
        ("SELECT 1 -- switchback: down=none harmless", None, Reversal.NOTHING_TO_UNDO),
        ("SELECT 1", "-- switchback: down=none harmless", Reversal.NOTHING_TO_UNDO),
    ],
)
def test_what_a_rollback_finds(up: str, down: str | None, expected: Reversal) -> None:
    step = migration(up, down)
    assert step.problems() == ()
    assert step.reversal is expected


@pytest.mark.parametrize("word", ["irreversible", "down=none because"])
def test_a_down_against_the_declaration_is_refused(word: str) -> None:
    (problem,) = migration(f"SELECT 1 -- switchback: {word}", "\nDROP TABLE a").problems()
    assert problem.place == "1_a.down.sql:2"


@pytest.mark.parametrize("text", ["", " \n", "-- only a comment", ";;", "BEGIN; COMMIT;"])
def test_an_empty_up_is_refused(text: str) -> None:
    (problem,) = migration(text, "SELECT 1").problems()
    assert "no statement" in problem.message


def test_check_looks_at_the_named_ones_and_tells_all() -> None:
    good = migration("BEGIN; SELECT 1; COMMIT")
    bad = Migration(
        "2_b", 2, "b", "Pairs", Sql.of("2_b.up.sql", "COMMIT"), Sql.of("2_b.down.sql", "'"), DownKind.SQL
    )
    source = Source((good, bad), "f1:0", "Pairs", "migrations")
    assert len(source.check(["1_a"])) == 1
    with pytest.raises(SourceProblem) as caught:
        source.check()
    assert [p.place for p in caught.value.problems] == ["2_b.up.sql:1", "2_b.down.sql:1"]
