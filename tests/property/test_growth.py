"""No file takes time that grows faster than the file: every reader, fed with runs of every piece of text.

Judged by how work grows when a run is doubled, never by how long it takes: twice is fine, four times is not.
"""

from __future__ import annotations

import string
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchback.migrations.errors import SourceProblem
from switchback.migrations.halves import Sql
from switchback.migrations.load import load

if TYPE_CHECKING:
    from collections.abc import Callable

ENOUGH = 0.02
"""Seconds of the processor's time that can be told from noise."""

LARGEST = 8_192
FASTER = 3.2
"""Doubled text may take twice the time, and some for the noise; a square takes four times."""

SINGLE = sorted({*string.printable, "é", "\u0301", "\x01", "\u2028"})
PIECES = (
    *SINGLE,
    "''", '""', "$$", "$a$", "$a", "/*", "*/", "/*/", "--", "\\'", "E'", "U&'", "'\n'", "' --x\n'", "''\n",
    "-- x\n", "--\n", "0.", "1.", "..", "1e", "0x", "::", ":=", "$1", "1_", "+-", "-+", "-/", "-*", "<-",
    "@-", "(;", ");", "a.", "a ", "BEGIN ATOMIC ", "CASE ", "END ", "COMMIT;", "BEGIN;", "select 1;",
    "SELECT 1;\n", "CREATE FUNCTION ", "COPY a TO STDOUT; ", "COPY a FROM STDIN;\n", "\\copy\n",
    "COPY a -- switchback: x\nTO STDOUT;", "-- switchback: no-transaction\n", "-- switchback ",
    "# switchback", "#\t", "# switchback: x\n", "--> statement-breakpoint\n", "--> statement-breakpoint",
    "-- +goose Up\n",
    "-- +goose StatementBegin\n", "-- +goose ", "-- migrate:up\n", "-- migrate:down\n", "-- migrate:", "${",
    "${a}", "\r\n", "\r", "def up(connection):\n", "x = 1\n", "'''", '"""', "f'{",
)  # fmt: skip
HEADS = ("", "'", '"', "/*", "-- ", "--", "$$", "E'", "SELECT ", "CREATE FUNCTION f() BEGIN ATOMIC ", "# ")
TAILS = ("", "'", ";", "\n", "x", "*/", "switchback", "switchback: x")
LAYOUTS = {
    "Pairs": ("1_a.up.sql", ""),
    "Dbmate": ("1_a.sql", "-- migrate:up\n"),
    "Goose": ("1_a.sql", "-- +goose Up\n"),
    "Flyway": ("V1__a.sql", ""),
    "Drizzle": ("20260101120000_a/migration.sql", ""),
    "Python": ("1_a.py", "def up(connection):\n    pass\n"),
}


def half(text: str) -> None:
    """All that is ever asked of SQL."""
    found = Sql.of("a.sql", text)
    assert found.fingerprint
    try:
        assert isinstance(found.statements, tuple)
    except SourceProblem:
        return


def folder(format_name: str) -> Callable[[str], None]:
    name, head = LAYOUTS[format_name]

    def read(text: str) -> None:
        with tempfile.TemporaryDirectory() as made:
            path = Path(made) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes((head + text).encode())
            try:
                for migration in load(made, format_name).migrations:
                    migration.problems()
            except SourceProblem:
                return

    return read


def seconds(work: Callable[[str], None], text: str) -> float:
    begun = time.process_time()
    work(text)
    return time.process_time() - begun


def grows_no_faster(work: Callable[[str], None], head: str, piece: str, tail: str) -> None:
    length = 256
    while length < LARGEST and seconds(work, head + piece * (length // len(piece)) + tail) < ENOUGH:
        length *= 2
    once = head + piece * (length // len(piece)) + tail
    twice = head + piece * (2 * length // len(piece)) + tail
    for _ in range(4):  # another process may have been in the way
        small, large = (min(seconds(work, text) for _ in range(3)) for text in (once, twice))
        if large < max(ENOUGH, small * FASTER):
            return
    pytest.fail(f"{length} characters of {piece!r} take {small:.3f} s, twice as many {large:.3f} s")


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
def test_a_run_of_one_piece(piece: str) -> None:
    grows_no_faster(half, "", piece, "")


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(HEADS), st.sampled_from(PIECES), st.sampled_from(TAILS))
def test_a_run_of_a_piece_inside_of_something(head: str, piece: str, tail: str) -> None:
    grows_no_faster(half, head, piece, tail)


@pytest.mark.parametrize("format_name", LAYOUTS)
@settings(max_examples=12, deadline=None)
@given(st.sampled_from(HEADS), st.sampled_from(PIECES), st.sampled_from(TAILS))
def test_a_run_of_a_piece_in_a_file_of_a_folder(format_name: str, head: str, piece: str, tail: str) -> None:
    grows_no_faster(folder(format_name), head, piece, tail)


@pytest.mark.parametrize("piece", ["#", "# ", "#\t", " #", "##switchback", "# switchback: x "])
def test_a_comment_in_python(piece: str) -> None:
    grows_no_faster(folder("Python"), "#", piece, "\n# switchback\n")
