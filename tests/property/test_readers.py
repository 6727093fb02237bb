"""Every reader, fed with damaged folders: it reads them, or says what is wrong in words that can be shown."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchback.contract.exits import ExitCode
from switchback.contract.words import BASE
from switchback.migrations import target
from switchback.migrations.errors import Problem, SourceProblem
from switchback.migrations.formats import FORMATS
from switchback.migrations.halves import Sql
from switchback.migrations.load import load
from switchback.runner.adoption import drizzle_files, flyway, numbers
from tests.formats.examples import LAYOUTS, Layout
from tests.formats.steps import TEN
from tests.tried.call import call

if TYPE_CHECKING:
    from switchback.migrations.model import Source

FEW = (TEN[0], TEN[4], TEN[7])
"""A plain step, one with a dollar quote, one without a transaction."""

ODD = (
    b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\n", b"\x1b[31m", b"\xe2\x80\xae",
    b"'", b'"', b"$$", b"$x$", b"/*", b"*/", b"--", b";", b"\\", b"\\copy", b"COPY a FROM STDIN;",
    b"COMMIT;", b"BEGIN;", b"((((", b"{", b"${x}", b"9" * 30, b"[" * 300, b"-" * 300, b"\n\t  ",
    b"-- switchback: ", b"-- switchback no-transaction\n", b"-- +goose Down\n", b"-- migrate:up\n",
    b"--> statement-breakpoint", b"\ndef up(connection):\n",
)  # fmt: skip


class Damage(NamedTuple):
    """One change to a folder: which file, where in it, what."""

    kind: str
    file: int
    place: int
    length: int
    bytes: bytes


DAMAGES = st.lists(
    st.builds(
        Damage,
        st.sampled_from(
            ["insert", "replace", "cut", "repeat", "truncate", "swap", "rename", "link", "lost", "folder"]
        ),
        st.integers(0, 30),
        st.integers(0, 4000),
        st.integers(1, 60),
        st.sampled_from(ODD) | st.binary(min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=4,
)


def damage(folder: Path, change: Damage) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    if not files:
        return
    path = files[change.file % len(files)]
    raw = path.read_bytes()
    at = change.place % (len(raw) + 1)
    rest = raw[at + change.length :]
    match change.kind:
        case "insert":
            path.write_bytes(raw[:at] + change.bytes + raw[at:])
        case "replace":
            path.write_bytes(raw[:at] + change.bytes + raw[at + len(change.bytes) :])
        case "cut":
            path.write_bytes(raw[:at] + rest)
        case "repeat":
            path.write_bytes(raw[: at + change.length] * 2 + rest)
        case "truncate":
            path.write_bytes(raw[:at])
        case "swap":
            other = files[change.place % len(files)]
            path.write_bytes(other.read_bytes())
            other.write_bytes(raw)
        case _:
            misplace(path, change)


def misplace(path: Path, change: Damage) -> None:
    """The file is somewhere else, or something else."""
    if change.kind == "rename":
        name = os.fsencode(path.name)
        at = change.place % (len(name) + 1)
        odd = change.bytes.replace(b"\0", b"\x07").replace(b"/", b"_")
        with contextlib.suppress(OSError):  # a name that is too long
            path.rename(path.with_name(os.fsdecode((name[:at] + odd + name[at:])[:250])))
        return
    path.unlink()
    if change.kind == "link":
        path.symlink_to(("nowhere", path.name, "/etc/hostname", ".", "..")[change.place % 5])
    elif change.kind == "folder":
        path.mkdir()


def shown(problems: tuple[Problem, ...] | list[Problem]) -> None:
    """What is wrong is one line each, and nothing that a terminal would obey."""
    assert problems
    for problem in problems:
        assert problem.render().isprintable(), repr(problem)
        assert problem.message.endswith("."), problem.message
        assert problem.line is None or problem.line >= 1


def adopted(source: Source) -> None:
    """What adopting another tool's table reads from the folder, whatever the table says."""
    assert numbers.by_number(source).keys() <= {numbers.plain(n) for n in numbers.by_number(source)}
    if source.format == drizzle_files.FORMAT:
        known = drizzle_files.known(source)
        assert known.keys() == source.by_id.keys()
        assert all(one.when is None or abs(one.when) < 2**63 for one in known.values())
    if source.format in flyway.FORMATS:
        for migration in source.migrations:
            if isinstance(migration.up, Sql):
                assert -(2**31) <= flyway.checksum(migration.up.text) < 2**31


def judged(folder: Path, format_name: str | None) -> Source | None:
    """Read the folder as a run does, and look into everything; None when it is refused."""
    try:
        source = load(folder, format_name)
    except SourceProblem as error:
        shown(error.problems)
        return None
    adopted(source)
    for migration in source.migrations:
        assert migration.id.isprintable()
        assert target.resolve(migration.id, source) == migration.id
        problems = migration.problems()
        if problems:
            shown(problems)
            continue
        assert migration.reversal
        for half in (migration.up, migration.down):
            if isinstance(half, Sql):
                assert half.fingerprint
                lines = half.first_line + half.text.count("\n")
                assert all(half.first_line <= statement.line <= lines for statement in half.statements)
    for notice in source.notices:
        assert notice.isprintable(), notice
    try:
        assert all(notice.isprintable() for notice in source.check())
    except SourceProblem as error:
        shown(error.problems)
    return source


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_an_undamaged_folder_is_read_by_its_format_alone(tmp_path: Path, layout: Layout) -> None:
    ids = layout.write(tmp_path, TEN)
    source = judged(tmp_path, None)
    assert source is not None
    assert source.format == layout.format
    assert [migration.id for migration in source.migrations] == ids
    assert [problem for migration in source.migrations for problem in migration.problems()] == []


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@settings(max_examples=60, deadline=None)
@given(changes=DAMAGES, named=st.booleans())
def test_a_damaged_folder_is_read_or_refused(layout: Layout, changes: list[Damage], named: bool) -> None:  # noqa: FBT001 - drawn
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        layout.write(folder, FEW)
        for change in changes:
            damage(folder, change)
        judged(folder, layout.format if named else None)


@settings(max_examples=60, deadline=None)
@given(
    layout=st.sampled_from(LAYOUTS),
    format_name=st.sampled_from([known.NAME for known in FORMATS]),
    changes=DAMAGES,
)
def test_a_folder_of_another_format_is_read_or_refused(
    layout: Layout, format_name: str, changes: list[Damage]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        layout.write(folder, FEW)
        if len(changes) > 1:
            damage(folder, changes[0])
        judged(folder, format_name)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@settings(max_examples=15, deadline=None)
@given(changes=DAMAGES)
def test_no_traceback_reaches_a_user(layout: Layout, changes: list[Damage]) -> None:
    """Files are read before the server is asked, and nobody answers there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        layout.write(folder, FEW)
        for change in changes:
            damage(folder, change)
        done = call("postgresql://nobody@127.0.0.1:1/nowhere", "migrate", "--dir", folder)
        assert done.code in {ExitCode.SOURCE, ExitCode.CONNECTION}, done.err
        assert done.message
        assert (done.out + done.err).replace("\n", "").isprintable()


TAGS = st.sampled_from(["base", "latest", "0000_a", "1", "-1", "+1", "a\\b", "\u202e", " ", "e\u0301"])
VALUES = (
    st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=4)
    | st.integers(10**18, 10**30) | st.lists(st.integers(), max_size=2)
)  # fmt: skip
ENTRIES = st.fixed_dictionaries(
    {"tag": TAGS}, optional={"when": VALUES, "idx": VALUES, "breakpoints": VALUES}
)


@settings(max_examples=150, deadline=None)
@given(entries=st.lists(ENTRIES | VALUES, max_size=4), more=st.dictionaries(TAGS, VALUES, max_size=1))
def test_journals_by_chance(entries: list[object], more: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "meta").mkdir()
        text = json.dumps({"dialect": "postgresql", "entries": entries, **more}).replace("Infinity", "1e999")
        (folder / "meta" / "_journal.json").write_text(text)
        for entry in entries:
            if isinstance(entry, dict):
                (folder / f"{entry['tag']}.sql").write_text("SELECT 1;\n")
        judged(folder, None)


NAMES = st.text(alphabet="0123456789_.aupdownsqlUV- é\u0301\u202e\x1b\n'\"%\udcff", min_size=1, max_size=24)
PAIRS = st.dictionaries(
    st.builds("{}_{}.{}.sql".format, st.integers(0, 2**66), NAMES, st.sampled_from(["up", "down"])) | NAMES,
    st.binary(max_size=40) | st.lists(st.sampled_from(ODD), max_size=8).map(b" ".join),
    max_size=6,
)


@settings(max_examples=250, deadline=None)
@given(files=PAIRS)
def test_names_and_texts_by_chance(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        for file, raw in files.items():
            with contextlib.suppress(OSError):  # `.`, `..`
                (Path(name) / file).write_bytes(raw)
        judged(Path(name), None)


@settings(max_examples=150, deadline=None)
@given(layout=st.sampled_from(LAYOUTS), wish=st.text(max_size=12) | NAMES)
def test_any_word_is_a_target_or_is_refused(layout: Layout, wish: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        ids = layout.write(Path(name), FEW)
        source = load(name)
        try:
            assert target.resolve(wish, source) in {*ids, BASE}
        except SourceProblem as error:
            shown(error.problems)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_a_problem_is_one_line_whatever_it_is_about(message: str, file: str, advice: str) -> None:
    problem = Problem(message, file, 1, advice)
    assert problem.render().isprintable()
    assert SourceProblem([problem]).message.isprintable()
