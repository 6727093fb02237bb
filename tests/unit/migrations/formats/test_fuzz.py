"""Any folder is either read or refused with places and words, whatever its files are called and hold."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchback.migrations.errors import SourceProblem
from switchback.migrations.formats import FORMATS
from switchback.migrations.halves import Sql, normalise
from switchback.migrations.load import load

if TYPE_CHECKING:
    from switchback.migrations.formats import Format
    from switchback.migrations.model import Source

PIECES = (
    "-- migrate:up", "-- migrate:down", "-- migrate:up transaction:false", "--migrate:down x:y",
    " -- migrate:up",
    "-- +goose Up", "-- +goose Down", "-- +goose StatementBegin", "-- +goose StatementEnd", "-- +Goose Up",
    "--+goose no transaction", "-- +goose ENVSUB ON", "-- +goose", "--> statement-breakpoint",
    "SELECT 1--> statement-breakpoint", "CREATE INDEX CONCURRENTLY i ON t (a);", "SELECT '${a}';", "${",
    "VACUUM;", "SELECT 1", "SELECT 2;", ";", "'", '"', "$$", "$a$", "/*", "*/", "--", "BEGIN;", "COMMIT;",
    "\\connect x", "COPY t FROM STDIN;", "-- switchback: opaque", "-- switchback: opaqe",
    "-- switchback: irreversible", "", " ", "\t", "\0", "\ufeff", "\u2028", "\x1b[2J", "É", "1;",
    "executeInTransaction=false", "placeholderReplacement:x", "=",
)  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=9).flatmap(
    lambda parts: st.sampled_from(["\n", "\r\n", "\r", " "]).map(lambda end: end.join(parts))
)
RAW = TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=30)

STEMS = (
    "1_a", "01_b", "2_c", "10", "0_d", "99999999999999999999_x", "V1__a", "V1.0__b", "U1__a", "V_1__c",
    "Vx__y", "R__v", "B1__x", "afterMigrate", "0000_a", "0001_b", "x", "É", "1_\n", "1_\x1b", "1_a.down",
)  # fmt: skip
ENDS = (".sql", ".up.sql", ".down.sql", ".sql.conf", ".SQL", ".go", ".md", "")
FOLDERS = ("", "", "", "meta/", "sub/", "sub/deep/", "20260101000000_a/", "20260102000000_b/", "1/", "a.sql/")
NAMES = st.builds(
    lambda folder, stem, end: f"{folder}{stem}{end}", *map(st.sampled_from, (FOLDERS, STEMS, ENDS))
) | st.sampled_from(
    ["20260101000000_a/migration.sql", "20260101000000_a/down.sql", "20260102000000_b/migration.sql"]
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    st.lists,
    max_leaves=4,
)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"tag": st.sampled_from(["0000_a", "0001_b", "1_a", "x", "../x", "", "1_\n"]) | VALUES},
        optional={"when": VALUES, "idx": VALUES},
    )
    | VALUES,
    max_size=4,
)
JOURNALS = (
    st.fixed_dictionaries(
        {"entries": ENTRIES | VALUES}, optional={"dialect": st.sampled_from(["postgresql", "pg"]) | VALUES}
    ).map(lambda data: json.dumps(data, indent=1).encode())
    | VALUES.map(lambda data: json.dumps(data).encode())
    | RAW
)
FILES = st.dictionaries(NAMES, RAW, max_size=6)
WITH_JOURNAL = st.builds(
    lambda files, path, journal: {**files, path: journal},
    FILES,
    st.sampled_from(["meta/_journal.json", "_journal.json"]),
    JOURNALS,
)


def made(files: dict[str, bytes], folder: Path) -> dict[str, bytes]:
    """The files that could be written: one may be called like the folder of another."""
    written = {}
    for name, raw in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        except OSError:
            continue
        written[name] = raw
    return written


def look(source: Source, files: dict[str, bytes]) -> None:
    """Everything that a run asks of a source; halves have to be the lines of their files."""
    assert [migration.position for migration in source.migrations] == list(
        range(1, len(source.migrations) + 1)
    )
    assert len(source.by_id) == len(source.migrations)
    assert source.digest.startswith("f1:")
    for migration in source.migrations:
        for problem in migration.problems():
            assert problem.render().isprintable()
        for half in (migration.up, migration.down):
            if not isinstance(half, Sql):
                continue
            lines = normalise(files[half.path].decode()).split("\n")[half.first_line - 1 :]
            text = half.text.replace(";-- statement", "--> statement").split("\n")
            assert text[:-1] == [
                line.replace(";-- statement", "--> statement") for line in lines[: len(text) - 1]
            ]
            try:
                assert len(half.body) == len(half.text)
                assert all(statement.line >= half.first_line for statement in half.statements)
            except SourceProblem:
                assert migration.problems()


@pytest.mark.parametrize("name", ["Auto", "Dbmate", "Goose", "Flyway", "Drizzle", "Pairs"])
@settings(max_examples=80, deadline=None)
@given(files=FILES | WITH_JOURNAL)
def test_a_folder_is_read_or_refused(name: str, files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as place:
        written = made(files, Path(place))
        try:
            source = load(place, name)
        except SourceProblem as error:
            for problem in error.problems:
                assert problem.render().isprintable()
                assert problem.message.endswith(".")
                assert problem.line is None or problem.line >= 1
            return
        look(source, written)


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.NAME)
@settings(max_examples=50, deadline=None)
@given(st.text() | st.from_regex(r"V?[0-9_.]+(__)?[a-z]*"))
def test_short_forms_of_anything(known: Format, migration_id: str) -> None:
    """The ledger may hold ids of any format."""
    for form in known.short_forms(migration_id):
        assert form
