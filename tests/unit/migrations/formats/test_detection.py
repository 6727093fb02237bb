"""Which format a folder is read in when nobody says it, and what is said when it could be several."""

from __future__ import annotations

import json
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from switchback.contract.words import SourceFormat
from switchback.migrations import folder as folders
from switchback.migrations.formats import BY_NAME, FORMATS
from switchback.migrations.load import load
from tests.unit.migrations.formats.reading import Files, assert_refused, problems, write

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES: dict[str, Files] = {
    "Pairs": {"0001_p.up.sql": "SELECT 1;", "0001_p.down.sql": "SELECT 2;"},
    "Dbmate": {"0002_d.sql": "-- a word\n-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;"},
    "Goose": {"0003_g.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;"},
    "Flyway": {"V4__f.sql": "SELECT 1;", "U4__f.sql": "SELECT 2;"},
    "Drizzle": {
        "meta/_journal.json": json.dumps({"entries": [{"tag": "0005_z"}]}),
        "0005_z.sql": "SELECT 1;", "0005_z.down.sql": "SELECT 2;",
    },
    "Python": {"0006_y.py": "def up(connection):\n    connection.execute('SELECT 1')\n"},
}  # fmt: skip
FOLDERS: Files = {"20260101000000_z/migration.sql": "SELECT 1;", "20260101000000_z/down.sql": "SELECT 2;"}
NESTED: Files = {"more/V4__f.sql": "SELECT 1;"}


def test_every_format_has_an_example() -> None:
    assert (
        list(EXAMPLES) == [each.NAME for each in FORMATS] == [each for each in SourceFormat if each != "Auto"]
    )


@pytest.mark.parametrize(
    ("name", "files"),
    [*EXAMPLES.items(), ("Drizzle", FOLDERS), ("Flyway", NESTED)],
    ids=lambda each: str(each)[:40],
)
def test_found_and_named(tmp_path: Path, name: str, files: Files) -> None:
    write(tmp_path, {**files, "README.md": "x"})
    found, named = load(tmp_path), load(tmp_path, name)
    assert (found.format, len(found.migrations)) == (name, 1)
    assert [(m.id, m.up.checksum) for m in named.migrations] == [
        (m.id, m.up.checksum) for m in found.migrations
    ]


@pytest.mark.parametrize(("one", "other"), list(combinations(EXAMPLES, 2)))
def test_two_formats_in_one_folder(tmp_path: Path, one: str, other: str) -> None:
    write(tmp_path, {**EXAMPLES[one], **EXAMPLES[other]})
    (problem,) = problems(tmp_path, {})
    assert problem.message.startswith("the folder holds files of more than one format")
    for name in (one, other):
        named = problem.message.partition(f"{name} (")[2].partition(")")[0]
        assert named in EXAMPLES[name]
    for name, left_out in ((one, other), (other, one)):
        ignore = [*EXAMPLES[left_out], *{path.partition("/")[0] for path in EXAMPLES[left_out]}]
        assert load(tmp_path, name, ignore).format == load(tmp_path, None, ignore).format == name


@pytest.mark.parametrize("name", EXAMPLES)
def test_files_of_the_others_are_named_with_their_format(tmp_path: Path, name: str) -> None:
    """What the chosen format takes for its own is judged by its own rules."""
    for files in EXAMPLES.values():
        write(tmp_path, files)
    found = problems(tmp_path, {}, name)
    told = {problem.file for problem in found}
    for other, files in EXAMPLES.items():
        if other != name:
            assert told & set(files), (other, told)
    hints = {word for problem in found for word in BY_NAME if f"--format {word}" in problem.advice}
    assert name not in hints
    assert hints or name in {"Dbmate", "Goose"}


@pytest.mark.parametrize("files", [*EXAMPLES.values(), FOLDERS, NESTED], ids=lambda each: next(iter(each)))
def test_looking_reads_nothing_in_sub_folders(tmp_path: Path, files: Files) -> None:
    write(tmp_path, {**files, "deep/er/x.txt": "x"})
    listing = folders.read(str(tmp_path))
    for known in FORMATS:
        known.evidence(listing)
    assert listing.nested == {}
    assert listing.problems == []


@pytest.mark.parametrize(
    ("files", "file", "hint"),
    [
        ({"1.sql": "-- migrate:up\nSELECT 1"}, "1.sql", "--format Dbmate"),
        ({"x.sql": "-- +goose Up\nSELECT 1"}, "x.sql", "--format Goose"),
        ({"V1__a.sql.conf": ""}, "V1__a.sql.conf", "--format Flyway"),
        ({"afterMigrate__b.sql": "SELECT 1"}, "afterMigrate__b.sql", "--format Flyway"),
        ({"x.sql": "SELECT 1;--> statement-breakpoint\n"}, "x.sql", "--format Drizzle"),
        ({"_journal.json": "{}"}, "_journal.json", "--format Drizzle"),
        ({"meta/_journal.json": "{}"}, "meta/_journal.json", "--format Drizzle"),
    ],
)
def test_which_format_to_name(tmp_path: Path, files: Files, file: str, hint: str) -> None:
    found = problems(tmp_path, {**EXAMPLES["Pairs"], **files}, "Pairs")
    assert_refused(found, file, None, "")
    assert hint in found[0].advice


def test_without_any_sign_the_first_format_says_what_it_expects(tmp_path: Path) -> None:
    found = problems(tmp_path, {"0001_a.sql": "SELECT 1;", "0002_b.sql": "SELECT 1;"})
    assert [problem.file for problem in found] == ["0001_a.sql", "0002_b.sql"]
    assert "Expected is <number>_<title>.up.sql" in found[0].advice
