"""New migrations: named after all that there are, in the folder's own way, and readable at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from switchback.cli.new_work import write
from switchback.migrations import drafts
from switchback.migrations.errors import SourceProblem
from switchback.migrations.formats import FORMATS
from switchback.migrations.load import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 1, 31, 12, 30, 15, tzinfo=UTC)
STAMP = "20260131123015"


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("add users", "add_users"),
        ("  Add -- Users!  ", "add_users"),
        ("Kunden & Bücher", "kunden_bucher"),
        ("Größe, Ærø, Łódź, İstanbul", "grosse_aero_lodz_istanbul"),
        ("naïve café", "naive_cafe"),
        ("добавить таблицу", "добавить_таблицу"),
        ("ユーザー を 追加", "ユーザー_を_追加"),
        ("add 表 to orders", "add_to_orders"),
        ("v2: 3rd try", "v2_3rd_try"),
        ("../../etc/passwd", "etc_passwd"),
        ("x" * 300, "x" * 100),
        ("word " * 40, ("word_" * 20).rstrip("_")),
    ],
)
def test_slugs(title: str, slug: str) -> None:
    assert drafts.slug(title) == slug


@pytest.mark.parametrize(
    ("numbers", "following"),
    [
        ([], "first"),
        (["0001"], "0002"),
        (["1", "2", "10"], "11"),
        (["0009", "0010"], "0011"),
        (["99"], "100"),
        (["000099"], "000100"),
        (["20260101000000"], STAMP),
        (["20260131123015"], "20260131123016"),
        (["20260131235959"], "20260201000000"),
        (["20269999000000"], "20269999000001"),
        (["99991231235959"], "99991231235960"),
        (["1700000000"], str(int(NOW.timestamp()))),
        (["1900000000"], "1900000001"),
    ],
)
def test_numbers_go_on_as_they_are(numbers: list[str], following: str) -> None:
    assert drafts.next_number(numbers, NOW, "first") == following


def names(paths: list[Path], folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in paths]


def test_an_empty_folder_is_begun_with_pairs(tmp_path: Path) -> None:
    written = write(tmp_path / "new" / "folder", "create books", None, ())
    assert names(written, tmp_path) == [
        "new/folder/0001_create_books.up.sql", "new/folder/0001_create_books.down.sql",
    ]  # fmt: skip


FOLDERS: dict[str, tuple[dict[str, str], Callable[[str], bool]]] = {
    "Pairs": ({"07_a.up.sql": "SELECT 1;"}, lambda name: name.startswith("08_x.")),
    "Dbmate": (
        {"20200101000000_a.sql": "-- migrate:up\nSELECT 1;\n-- migrate:down\n"},
        lambda name: name > "2026" and name.endswith("_x.sql"),
    ),
    "Goose": ({"00041_a.sql": "-- +goose Up\nSELECT 1;\n"}, lambda name: name == "00042_x.sql"),
    "Flyway": (
        {"db/V1.9__a.sql": "SELECT 1;", "db/V1.2__b.sql": "SELECT 1;"},
        lambda name: name in {"db/V1.10__x.sql", "db/U1.10__x.sql"},
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_goes_on_in_its_own_way(tmp_path: Path, name: str) -> None:
    files, fits = FOLDERS[name]
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    written = write(tmp_path, "x", None, ())
    assert all(fits(each) for each in names(written, tmp_path)), written


ODD = "-- +goose Down; -- migrate:down switchback: opaque irreversible ${x} /* \x1b['"


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.NAME)
@pytest.mark.parametrize("title", ["add users", ODD, "switchback irreversible", "migrate:up", "+goose Up"])
def test_a_new_file_is_one_of_its_format_and_needs_only_statements(
    tmp_path: Path, known: object, title: str
) -> None:
    name: str = known.NAME  # type: ignore[attr-defined]
    if drafts.drafting(known) is None:  # type: ignore[arg-type]
        with pytest.raises(SourceProblem, match=f"for {name} there is no template"):
            write(tmp_path, title, name, ())
        return
    write(tmp_path, title, name, ())
    written = write(tmp_path, title, name if name == "Python" else None, ())
    source = load(tmp_path)
    assert source.format == name
    assert len(source.migrations) == 2
    assert all(path.read_text().startswith(("--", '"""')) for path in written)
    if name == "Python":
        return
    with pytest.raises(SourceProblem, match="the up half has no statement"):
        source.check()
    for path in tmp_path.iterdir():
        text = path.read_text()
        marker = next((m for m in ("\n-- migrate:down", "\n-- +goose Down") if m in text), None)
        filled = (
            text.replace(marker, f"SELECT 1;\n{marker}") + "SELECT 2;\n" if marker else text + "SELECT 1;\n"
        )
        path.write_text(filled)
    assert load(tmp_path).check() == ()
    assert all(migration.down is not None for migration in load(tmp_path).migrations)


def test_nothing_is_overwritten_and_nothing_stays_by_halves(tmp_path: Path) -> None:
    (tmp_path / "0001_x.down.sql").write_text("kept")
    with pytest.raises(SourceProblem, match=r"0001_x\.down\.sql is there already; nothing was written"):
        write(tmp_path, "x", "Pairs", ("0001_x.down.sql",))
    assert [path.name for path in tmp_path.iterdir()] == ["0001_x.down.sql"]
    assert (tmp_path / "0001_x.down.sql").read_text() == "kept"


@pytest.mark.parametrize("title", ["", "--", "!?"])
def test_a_title_has_letters(tmp_path: Path, title: str) -> None:
    with pytest.raises(SourceProblem, match="the title has no letter"):
        write(tmp_path, title, None, ())


def test_a_number_that_dbmate_would_sort_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "9_a.sql").write_text("-- migrate:up\nSELECT 1;\n")
    with pytest.raises(SourceProblem, match="the next number is 10, which dbmate sorts before 9"):
        write(tmp_path, "x", None, ())


def test_two_formats_in_one_folder_are_no_place(tmp_path: Path) -> None:
    (tmp_path / "1_a.up.sql").write_text("SELECT 1;")
    (tmp_path / "V1__a.sql").write_text("SELECT 1;")
    with pytest.raises(SourceProblem, match="more than one format"):
        write(tmp_path, "x", None, ())
