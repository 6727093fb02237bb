"""Every format on a real server: there and back, with the lines of the files where something fails."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from tests.postgres.running import Runner

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.runner.operations.perform import Ending


@dataclass(frozen=True)
class Layout:
    """One good migration and one more in a format.

    Attributes:
        name: the format.
        ids: of the two migrations.
        first: files of the first by path.
        second: paths and texts of the second; `{up}` and `{down}` stand for the statements.
        up: file and line of the first of those statements.
        down: the same for the way back.
        alone: what makes both halves of the second run without a transaction: its files, or words in them.
    """

    name: str
    ids: tuple[str, str]
    first: dict[str, str]
    second: dict[str, str]
    up: tuple[str, int]
    down: tuple[str, int]
    alone: dict[str, str]


UP, DOWN = "CREATE TABLE first (id int);", "DROP TABLE first;"


def journal(*tags: str) -> str:
    entries = [{"idx": n, "when": n, "tag": tag, "breakpoints": True} for n, tag in enumerate(tags)]
    return json.dumps({"version": "7", "dialect": "postgresql", "entries": entries})


LAYOUTS = [
    Layout(
        "Dbmate",
        ("1_a", "2_b"),
        {"1_a.sql": f"-- migrate:up\n{UP}\n-- migrate:down\n{DOWN}"},
        {"2_b.sql": "-- a word\n\n-- migrate:up\n{up}\n\n-- migrate:down\n\n{down}\n"},
        ("2_b.sql", 4),
        ("2_b.sql", 9),
        {"2_b.sql": "-- migrate:up transaction:false\n{up}\n-- migrate:down transaction:false\n{down}"},
    ),
    Layout(
        "Goose",
        ("00001_a", "00002_b"),
        {"00001_a.sql": f"-- +goose Up\n{UP}\n-- +goose Down\n{DOWN}"},
        {
            "00002_b.sql": "-- +goose Up\n-- +goose StatementBegin\n{up}\n-- +goose StatementEnd\n"
            "-- +goose Down\n-- a word\n{down}"
        },
        ("00002_b.sql", 3),
        ("00002_b.sql", 8),
        {"00002_b.sql": "-- +goose NO TRANSACTION\n-- +goose Up\n{up}\n-- +goose Down\n{down}"},
    ),
    Layout(
        "Flyway",
        ("V1__a", "V1_1__b"),
        {"V1__a.sql": UP, "U1__a.sql": DOWN},
        {"more/V1_1__b.sql": "\n{up}", "more/U1.1__back.sql": "\n\n{down}"},
        ("more/V1_1__b.sql", 2),
        ("more/U1.1__back.sql", 3),
        {
            "more/V1_1__b.sql": "{up}", "more/V1_1__b.sql.conf": "executeInTransaction=false",
            "more/U1.1__back.sql": "{down}", "more/U1.1__back.sql.conf": "executeInTransaction=false",
        },
    ),
    Layout(
        "Drizzle",
        ("0000_a", "0001_b"),
        {"meta/_journal.json": journal("0000_a", "0001_b"), "0000_a.sql": UP, "0000_a.down.sql": DOWN},
        {
            "0001_b.sql": "SELECT 1\n--> statement-breakpoint\nSELECT 2\n--> statement-breakpoint\n{up}",
            "0001_b.down.sql": "SELECT 1\n--> statement-breakpoint\n\n{down}",
        },
        ("0001_b.sql", 5),
        ("0001_b.down.sql", 4),
        {
            "0001_b.sql": "-- switchback: no-transaction\n{up}",
            "0001_b.down.sql": "-- switchback: no-transaction\n{down}",
        },
    ),
    Layout(
        "Drizzle",
        ("20260101000000_a", "20260102000000_b"),
        {"20260101000000_a/migration.sql": UP, "20260101000000_a/down.sql": DOWN},
        {
            "20260102000000_b/migration.sql": "SELECT 1--> statement-breakpoint\n{up}",
            "20260102000000_b/down.sql": "SELECT 1\n--> statement-breakpoint\n\n{down}",
        },
        ("20260102000000_b/migration.sql", 2),
        ("20260102000000_b/down.sql", 4),
        {
            "20260102000000_b/migration.sql": "-- switchback: no-transaction\n{up}",
            "20260102000000_b/down.sql": "-- switchback: no-transaction\n{down}",
        },
    ),
]  # fmt: skip
SECOND_UP, SECOND_DOWN = (
    "CREATE TABLE second (id int);\nCREATE TABLE third (id int);",
    "DROP TABLE second, third;",
)
ALONE_UP = "CREATE TABLE second (id int);\nCREATE INDEX CONCURRENTLY i ON second (id);"
ALONE_DOWN = "DROP INDEX CONCURRENTLY i;\nDROP TABLE second;"


def write(folder: Path, files: dict[str, str], up: str = "", down: str = "") -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{up}", up).replace("{down}", down))


@pytest.fixture(params=LAYOUTS, ids=lambda layout: f"{layout.name}-{layout.ids[0]}")
def layout(request: pytest.FixtureRequest) -> Layout:
    found: Layout = request.param
    return found


@pytest.fixture
def runner(layout: Layout, database: str, folder: Path) -> Runner:
    write(folder, layout.first)
    write(folder, layout.second, SECOND_UP, SECOND_DOWN)
    return Runner(database, folder)


def test_there_and_back(layout: Layout, runner: Runner) -> None:
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert runner.applied == list(layout.ids)
    assert runner.tables == {"first", "second", "third"}
    formats = runner.query("SELECT DISTINCT format FROM switchback.migrations")
    assert formats == [(layout.name,)]
    assert runner.up().result.reason is Reason.UP_TO_DATE
    assert runner.down(target=layout.ids[0]).result.reason is Reason.SUCCEEDED
    assert runner.tables == {"first"}
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert runner.down(target="base").result.reason is Reason.SUCCEEDED
    assert runner.tables == set()


def failed(done: Ending, place: str) -> bool:
    assert done.result.reason is Reason.SQL_FAILED
    return done.text.startswith(f"{place}:")


def test_the_way_there_fails_at_its_line(layout: Layout, runner: Runner) -> None:
    file, line = layout.up
    write(runner.folder, layout.second, "CREATE TABLE second (id int);\n\nDROP TABLE nowhere;", SECOND_DOWN)
    assert failed(runner.up(), f"{file}:{line + 2}")
    write(runner.folder, layout.second, "CREATE TABEL second ();", SECOND_DOWN)
    assert failed(runner.up(), f"{file}:{line}")
    assert runner.tables == {"first"}


def test_the_way_back_fails_at_its_line(layout: Layout, runner: Runner) -> None:
    write(runner.folder, layout.second, SECOND_UP, "DROP TABLE third;\nDROP TABLE nowhere;")
    assert runner.up().result.reason is Reason.SUCCEEDED
    file, line = layout.down
    assert failed(runner.down(), f"{file}:{line + 1}")
    assert runner.tables == {"first", "second", "third"}


def test_without_a_transaction_there_and_back(layout: Layout, runner: Runner) -> None:
    """The second way back is the ledger's, for the files are gone: it says by itself how it has to run."""
    write(runner.folder, layout.alone, ALONE_UP, ALONE_DOWN)
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert runner.down(target=layout.ids[0]).result.reason is Reason.SUCCEEDED
    assert runner.up().result.reason is Reason.SUCCEEDED
    assert runner.tables == {"first", "second"}
    for name in layout.alone:
        (runner.folder / name).unlink()
    if "meta/_journal.json" in layout.first:
        write(runner.folder, {"meta/_journal.json": journal("0000_a")})
    done, said = runner.told("rollback")
    assert done.result.reason is Reason.SUCCEEDED, done.text
    assert "the down half that the ledger keeps runs" in said.text
    assert runner.tables == {"first"}


@pytest.mark.parametrize("layout", [each for each in LAYOUTS if each.name == "Drizzle"], indirect=True)
def test_a_way_back_of_the_ledger_ends_its_statements(layout: Layout, runner: Runner) -> None:
    """Drizzle's marks end statements that have no semicolon; in the ledger, too."""
    assert runner.up().result.reason is Reason.SUCCEEDED
    (runner.folder / layout.down[0]).unlink()
    assert runner.down().result.reason is Reason.SUCCEEDED
    assert runner.tables == {"first"}
