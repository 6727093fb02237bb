"""Modules in Python: read as text, never imported; what cannot be seen from the text is refused."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchback.contract.reasons import Reason
from switchback.migrations import folder, module
from switchback.migrations.errors import SourceProblem
from switchback.migrations.formats import python
from switchback.migrations.halves import Code
from switchback.migrations.load import load
from switchback.migrations.model import DownKind, Migration, Reversal

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.migrations.errors import Problem

UP = "def up(connection):\n    connection.execute('SELECT 1')\n"
DOWN = "def down(connection):\n    connection.execute('SELECT 2')\n"


def one(folder: Path, text: str | bytes, name: str = "0001_books.py") -> Migration:
    """The only migration of a folder."""
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (migration,) = load(folder).migrations
    return migration


def refused(folder: Path, text: str | bytes, name: str = "0001_books.py", **wishes: str) -> list[str]:
    """Places and messages of everything that is wrong with one file."""
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SourceProblem) as caught:
        load(folder, **wishes)
    for problem in caught.value.problems:
        assert problem.reason is Reason.SOURCE_INVALID
        assert problem.message.endswith(".")
        assert problem.advice.endswith((".", "?"))
        assert "\n" not in problem.render()
    return [f"{problem.place} {problem.message}" for problem in caught.value.problems]


def test_a_module_says_who_it_is(tmp_path: Path) -> None:
    found = one(tmp_path, f'id = "2026-books"\ndescription: str = "Makes\\n  books"\n{UP}\n{DOWN}')
    assert (found.id, found.description, found.format) == ("2026-books", "Makes books", "Python")
    assert found.short_forms == ("2026",)
    assert found.down_kind is DownKind.FILE
    assert isinstance(found.up, Code)
    assert isinstance(found.down, Code)
    assert (found.up.function, found.up.first_line, found.up.count) == ("up", 3, 1)
    assert (found.down.function, found.down.first_line, found.down.path) == ("down", 6, "0001_books.py")
    assert found.reversal is Reversal.RUNS
    assert found.problems() == ()


def test_without_words_the_file_name_says_it(tmp_path: Path) -> None:
    found = one(tmp_path, UP, "0012_add_a__book.py")
    assert (found.id, found.description) == ("0012_add_a__book", "add a book")
    assert found.short_forms == ("0012", "12")
    assert (found.down, found.down_kind, found.reversal) == (None, DownKind.NONE, Reversal.ABSENT)
    assert python.short_forms("books") == ()


def test_order_is_that_of_the_file_names_with_numbers_as_numbers(tmp_path: Path) -> None:
    huge = "9" * 200
    for stem in ("10_ten", "9_nine", "002_two", "b", "a", "9_a", huge, "2024-01-31_x", "2024-01-02_y"):
        (tmp_path / f"{stem}.py").write_text(f"id = {stem!r}\n{UP}")
    names = [migration.up.path.removesuffix(".py") for migration in load(tmp_path).migrations]
    assert names == ["002_two", "9_a", "9_nine", "10_ten", "2024-01-02_y", "2024-01-31_x", huge, "a", "b"]


def test_looking_does_not_run_it(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    one(tmp_path, f"import pathlib\npathlib.Path({str(mark)!r}).write_text('ran')\n{UP}")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{UP}\n\n{DOWN}", f"{UP}\n\n{DOWN.replace('2', '3')}"),
        (f"{UP}\n\n{DOWN}", f"{DOWN}\n\n\n\n{UP}"),
        (f"import os\n\n{UP}", f"import os\n\n{UP}\n\n\n{DOWN}"),
        (f"{UP}\n\n{DOWN}", f"{UP}\n\n# The way back\n# is short.\n@staticmethod\n{DOWN}    # done\n\n"),
        (f"{UP}\n{DOWN}", f"{UP}\r\n{DOWN}".replace("\n", "\r\n").replace("\r\r", "\r")),
        (f"{UP}\n{DOWN}", f"\ufeff{UP}\n{DOWN}"),
    ],
    ids=["rewritten", "moved", "written later", "with words around it", "CRLF", "byte order mark"],
)
def test_the_way_back_is_no_part_of_the_way_there(tmp_path: Path, before: str, after: str) -> None:
    assert one(tmp_path, before).up.checksum == one(tmp_path, after).up.checksum


@pytest.mark.parametrize(
    "after",
    [
        UP.replace("1", "9"),
        f"import os\n{UP}",
        UP.replace("    ", "  "),
        f"X = '''a\n\nb'''\n{UP}",
        f"# x\n{UP}",
    ],
    ids=["body", "import", "indentation", "text", "comment"],
)
def test_all_the_rest_is(tmp_path: Path, after: str) -> None:
    first, then = one(tmp_path, f"{UP}\n{DOWN}"), one(tmp_path, f"{after}\n{DOWN}")
    assert first.up.checksum != then.up.checksum
    assert first.up.fingerprint != then.up.fingerprint
    assert first.up.checksum.startswith("s1:")


def test_a_name_is_no_part_of_what_runs(tmp_path: Path) -> None:
    """So a file can be renamed and keep its id, and its description can be mended."""
    plain = one(tmp_path, f"import os\n{UP}\n{DOWN}")
    said = one(tmp_path, f"import os\nid = 'x'\ndescription = (\n  'a'\n\n  'b'\n)\n{UP}\n{DOWN}")
    assert said.description == "ab"
    assert plain.up.checksum == said.up.checksum
    assert plain.down is not None
    assert said.down is not None
    assert plain.down.checksum == said.down.checksum
    beside = one(tmp_path, f"import os\nid = 'x'; os.x = 1\n{UP}\n{DOWN}")
    assert beside.id == "x"
    assert beside.up.checksum != plain.up.checksum


def test_blank_lines_count_inside_strings_only(tmp_path: Path) -> None:
    texts = [f"X = '''a\n{blank}b'''\n{UP}" for blank in ("", "\n", "  \n")]
    assert len({one(tmp_path, text).up.checksum for text in texts}) == 3
    assert one(tmp_path, f"X = 1\n\n\n{UP}").up.checksum == one(tmp_path, f"X = 1\n{UP}").up.checksum


def test_directives_of_a_half_and_of_both(tmp_path: Path) -> None:
    text = (
        "# switchback: phase=contract\n\n"
        "def up(connection):\n    # switchback: lock-timeout=5s\n    connection.execute('')\n\n"
        "# switchback: statement-timeout=1min\n# switchback: no-transaction\n"
        "def down(connection):\n    connection.execute('# switchback: irreversible')\n"
        "    # the last word\n    # switchback: lock-timeout=0\n"
    )
    found = one(tmp_path, text)
    assert found.down is not None
    up, down = found.up.directives, found.down.directives
    assert (up.phase, up.lock_timeout_ms, up.statement_timeout_ms, up.no_transaction) == (
        "contract", 5000, None, False,
    )  # fmt: skip
    assert (down.phase, down.lock_timeout_ms, down.statement_timeout_ms, down.no_transaction) == (
        "contract", 0, 60_000, True,
    )  # fmt: skip
    assert not found.directives.irreversible


@pytest.mark.parametrize(
    "said", ["transactional = False", "transactional: bool = False", "# switchback: no-transaction"]
)
def test_without_a_transaction(tmp_path: Path, said: str) -> None:
    found = one(tmp_path, f"{said}\n\n{UP}\n{DOWN}")
    assert found.up.directives.no_transaction
    assert found.down is not None
    assert found.down.directives.no_transaction
    assert not one(tmp_path, f"transactional = True\n{UP}").up.directives.no_transaction


def test_declared_ways_back(tmp_path: Path) -> None:
    assert one(tmp_path, f"# switchback: irreversible\n{UP}").reversal is Reversal.IRREVERSIBLE
    nothing = "def down(connection):\n    # switchback: down=none it is harmless\n    '''No.'''\n    return\n"
    assert one(tmp_path, f"{UP}\n{nothing}").reversal is Reversal.NOTHING_TO_UNDO
    assert one(tmp_path, f"{UP}\ndef down(connection): ...\n").reversal is Reversal.ABSENT
    (problem,) = one(tmp_path, f"# switchback: irreversible\n{UP}\n{DOWN}").problems()
    assert problem.place == "0001_books.py:5"


def test_an_up_that_does_nothing_is_refused_when_it_would_run(tmp_path: Path) -> None:
    (problem,) = one(tmp_path, "def up(connection):\n    '''Later.'''\n    pass\n").problems()
    assert problem.render().startswith("0001_books.py:1: up(connection) does nothing.")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{UP}x = (\n", ":3 this is no Python that can run: '(' was never closed."),
        (f"{UP}return 1\n", ":3 this is no Python that can run: 'return' outside function."),
        (f"{UP}x = “1”\n", ":3 this is no Python that can run: invalid character"),
        (f"{UP}\tx\n", ":3 this is no Python that can run: "),
        (f"{UP}x = {'(' * 300}{')' * 300}\n", ":3 this is no Python that can run: too many"),
        (f"{UP}x = {'-' * 50_000}1\n", ":1 it is nested too deeply to be read."),
        (f"{UP}x = '\0'\n", ":3 the file holds a NUL byte"),
        (f"{UP}# ".encode() + b"\xe9\n", ":3 byte 0xe9 is not UTF-8."),
        ("async def up(connection): pass\n", ":1 `up` is async; it would not run."),
        ("def up(): pass\n", ":1 `up` must take one argument, the connection."),
        ("def up(a, b=1): pass\n", ":1 `up` must take one argument"),
        ("def up(*a): pass\n", ":1 `up` must take one argument"),
        ("def up(a, *, b=1): pass\n", ":1 `up` must take one argument"),
        ("def up(**a): pass\n", ":1 `up` must take one argument"),
        ("def up(a):\n    def f():\n        yield 1\n    yield from f()\n", ":1 `up` is a generator"),
        (f"{UP}async def down(c): pass\n", ":3 `down` is async"),
        (f"{UP}{UP}", ":3 `up` is bound twice."),
        (f"{UP}if 1:\n    def up(c): pass\n", ":4 `up` is set in a way"),
        (f"{UP}up = print\n", ":3 `up` is set in a way"),
        (f"{UP}from os import path as down\n", ":3 `down` is set in a way"),
        (f"{UP}for down in []: pass\n", ":3 `down` is set in a way"),
        (f"{UP}print(id := 1)\n", ":3 `id` is set in a way"),
        (f"{UP}def f():\n    global id\n    id = 1\n", ":4 `id` is set in a way"),
        (f"{UP}import id\n", ":3 it imports id, which is not there"),
        (f"{UP}del up\n", ":3 `up` is set in a way"),
        (f"id = 1\n{UP}", ":1 `id` is no literal string."),
        (f"id = f'{{1}}'\n{UP}", ":1 `id` is no literal string."),
        (f"id = 'a' + 'b'\n{UP}", ":1 `id` is no literal string."),
        (f"id = ''\n{UP}", ":1 `id` is empty."),
        (f"id = 'a\\nb'\n{UP}", ":1 `id` holds characters that cannot be printed."),
        (f"id = '\\ud800'\n{UP}", ":1 `id` holds characters that cannot be printed."),
        (f"description = 'a\\0b'\n{UP}", ":1 `description` holds characters that cannot be printed."),
        (f"id = 'a'\nid = 'b'\n{UP}", ":2 `id` is bound twice."),
        (f"id = x = 'a'\n{UP}", ":1 `id` is set in a way"),
        (f"\nid = 'latest'\n{UP}", ":2 its id latest would mean something else as a target."),
        (f"id = '+1'\n{UP}", ":1 its id could not be named as a target."),
        (f"id = 'a/b'\n{UP}", ":1 its id could not be named as a target."),
        (f"id = '{'a' * 254}'\n{UP}", ":1 its id could not be named as a target."),
        (f"transactional = 0\n{UP}", ":1 `transactional` is neither True nor False."),
        (f"transactional = not True\n{UP}", ":1 `transactional` is neither True nor False."),
        (f"transactional = True\n# switchback: no-transaction\n\n{UP}", ":2 `no-transaction` contradicts"),
        (f"{UP}import requests\n", ":3 it imports requests, which is not there"),
        (f"{UP}    from numpy.random import x\n", ":3 it imports numpy.random, which"),
        (f"{UP}import psycopg_pool\n", ":3 it imports psycopg_pool, which"),
        (f"{UP}import switchback.runner\n", ":3 it imports switchback.runner, which"),
        (f"{UP}    from . import helpers\n", ":3 it imports from a file beside it"),
        (f"# switchback: no-transacton\n{UP}", ":1 the directive `no-transacton` is not known."),
        (f"#switchback no-transaction\n{UP}", ":1 `switchback no-transaction` lacks its colon"),
        (f"# switchback: lock-timeout=5\n{UP}", ":1 `lock-timeout=5` is not a duration."),
        (f"# switchback: opaque\n{UP}", ":1 `opaque` says nothing here."),
    ],
)  # fmt: skip
def test_refused_with_file_and_line(tmp_path: Path, text: str | bytes, wanted: str) -> None:
    said = refused(tmp_path, text)
    assert any(one.startswith(f"0001_books.py{wanted}") for one in said), said


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    said = refused(tmp_path, "import requests\nid = 1\ndef up(): pass\ntransactional = 1\n")
    assert [line.partition(" ")[0] for line in said] == [f"0001_books.py:{n}" for n in (1, 3, 2, 4)]


def test_what_looks_alike_and_is_allowed(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\nimport os.path, psycopg\nfrom psycopg.types.json import Jsonb\n"
        "names = [id for id in 'ab']\n"
        "class T:\n    id = 1\n    def up(self): yield 1\n"
        "def helper(up, id=1):\n    down = lambda: (yield)\n    return id\n"
        "def up(connection: psycopg.Connection, /) -> None:\n    rows = (x for x in 'ab')\n    helper(rows)\n"
        "    return None\n"
    )
    assert one(tmp_path, text).problems() == ()


def test_the_same_id_twice(tmp_path: Path) -> None:
    (tmp_path / "1_a.py").write_text(UP)
    assert refused(tmp_path, f"\nid = '1_a'\n{UP}", "2_b.py") == [
        "2_b.py:2 its id 1_a is also that of 1_a.py."
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("revision = 'a'\ndown_revision = None\ndef upgrade():\n    pass\n", "a revision of Alembic"),
        ("from yoyo import step\nsteps = [step('SELECT 1')]\n", "a migration of yoyo"),
        ("import django\nclass Migration(migrations.Migration):\n    x\n", "a migration of Django"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("named", [None, "Python", "Pairs"])
def test_other_tools_are_named(tmp_path: Path, text: str, what: str, named: str | None) -> None:
    wishes = {} if named is None else {"format": named}
    (said,) = refused(tmp_path, text, "4f3a_x.py", **wishes)
    assert said == f"4f3a_x.py this is {what}, and no part of this source."


def test_two_formats_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "1_a.up.sql").write_text("SELECT 1")
    (said,) = refused(tmp_path, UP)
    assert "Pairs (1_a.up.sql), Python (0001_books.py)" in said
    assert "0001_books.py this is a migration in Python" in refused(tmp_path, UP, format="Pairs")[0]
    assert "1_a.up.sql" in refused(tmp_path, UP, format="Python")[0]


def test_a_module_without_up_is_no_migration(tmp_path: Path) -> None:
    (tmp_path / "0002_x.py").write_text(UP)
    (tmp_path / "__init__.py").write_text("'''A package.'''\n")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"\0")
    assert refused(tmp_path, "def upp(c): pass\n") == ["0001_books.py:1 it has no function `up(connection)`."]
    (tmp_path / "0001_books.py").unlink()
    assert [found.id for found in load(tmp_path).migrations] == ["0002_x"]
    assert refused(tmp_path, UP, "__init__.py") == ["__init__.py:1 a migration needs a name of its own."]


def test_evidence_and_reading_are_cheap(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number:04}_x.py").write_text(f"{UP}\n{DOWN}")
    begun = time.process_time()
    assert len(load(tmp_path).migrations) == 1000
    assert time.process_time() - begun < 5


def test_warnings_of_the_compiler_reach_nobody(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one(tmp_path, f"x = '\\d'\ny = 1 is 1\n{UP}")
    assert capfd.readouterr() == ("", "")


PIECES = st.sampled_from(
    [
        "def up(c):", "def down(c):", "    pass", "\n", "\n\n", "id = ", "'a'", '"""', "'''",
        "# switchback: ", "no-transaction", "transactional = ", "False", "(", ")", "[", "f'{", "}'", "\\",
        "\t", "    ", "import os", "if 1:", "else:", "@", "lambda: ", "yield ", "async ", "global id", ":=",
        "class A:", "\x0c", "\r", "\x1a", "# -*- coding: latin-1 -*-", "\xe9", "\u2028", "match x:",
        "    case up:", ";", "=", "0_", "1e", "del up", "*", "type X = int", "def up[T](c): ", "return",
        "raise", "\ufeff", "from . import x", "b'\\xff'", "u'", "rb'",
    ]
)  # fmt: skip


RAW = st.lists(PIECES | st.just(UP), max_size=9).map(lambda pieces: "".join(pieces).encode())


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES | st.text(max_size=8), max_size=30).map("".join))
def test_no_text_is_more_than_a_problem(text: str) -> None:
    for whole in (text, f"{UP}{text}", f"{text}\n{UP}"):
        problems: tuple[Problem, ...] = ()
        try:
            found = module.parse("x.py", whole.replace("\r", "\n"))
            assert "up" in found.functions
            assert found.hashed("up")
        except SourceProblem as error:
            problems = error.problems
        for problem in problems:
            assert problem.file == "x.py"
            assert problem.line
            assert problem.render().isprintable()


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["1_a.py", "1_b.py", "__init__.py", "x.py"]), st.binary() | RAW, min_size=1
    )
)
def test_no_bytes_are_more_than_a_problem(raw: dict[str, bytes]) -> None:
    listing = folder.Listing("x", raw, frozenset(), ())
    assert python.evidence(listing) in {"", *raw}
    found = python.read(listing)
    assert len(found) + len(listing.problems) >= len(python.claims(listing) - {"__init__.py"})
    assert len({one.id for one in found}) == len(found)


def test_the_limit_of_recursion_stays_what_it_was(tmp_path: Path) -> None:
    limit = sys.getrecursionlimit()
    refused(tmp_path, f"{UP}x = {'-' * 50_000}1\n")
    assert sys.getrecursionlimit() == limit


def test_short_forms_come_from_the_id() -> None:
    assert python.short_forms("0012_x") == ("0012", "12")
    assert python.short_forms("x") == ()


def test_a_new_module_waits_for_its_statements(tmp_path: Path) -> None:
    (draft,) = python.draft(
        folder.read(str(tmp_path)), 'The "new" \\ books', datetime(2026, 1, 31, tzinfo=UTC)
    )
    (tmp_path / draft.path).write_text(draft.text)
    (migration,) = load(tmp_path).migrations
    assert (migration.id, migration.description) == ("0001_the_new_books", "The 'new' / books")
    assert [problem.message for problem in migration.problems()] == ["up(connection) does nothing."]
    assert migration.reversal is Reversal.ABSENT
