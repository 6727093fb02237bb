"""A target is `latest`, `base`, an id, or a short form that means one migration."""

from __future__ import annotations

import pytest

from switchback.contract.reasons import Reason
from switchback.migrations.errors import SourceProblem
from switchback.migrations.formats.pairs import short_forms
from switchback.migrations.halves import Sql
from switchback.migrations.model import DownKind, Migration, Source
from switchback.migrations.target import resolve

IDS = ("0001_init", "0002_books", "0010_enum", "11_index")
SOURCE = Source(
    tuple(
        Migration(i, n, i, "Pairs", Sql.of(i, "SELECT 1"), None, DownKind.NONE, short_forms(i))
        for n, i in enumerate(IDS, start=1)
    ),
    "f1:0",
    "Pairs",
    "migrations",
)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("latest", "11_index"),
        ("base", "base"),
        ("0002_books", "0002_books"),
        ("0002", "0002_books"),
        ("2", "0002_books"),
        ("02", "0002_books"),
        ("00011", "11_index"),
        ("10", "0010_enum"),
        ("3", "0003_lost"),
        ("0003_lost", "0003_lost"),
    ],
)
def test_resolved(target: str, expected: str) -> None:
    assert resolve(target, SOURCE, ["0001_init", "0003_lost"]) == expected


def test_an_id_in_both_is_one() -> None:
    assert resolve("1", SOURCE, ["0001_init"]) == "0001_init"


def test_ambiguous_names_all() -> None:
    with pytest.raises(SourceProblem, match=r"1 may mean 0001_init or 0001_initial\.") as caught:
        resolve("1", SOURCE, ["0001_initial"])
    assert caught.value.reason is Reason.TARGET_AMBIGUOUS


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("0002_book", "0002_books"),
        ("99", "11_index"),
        ("books", "0002_books"),
        ("Latest", "Did you mean latest?"),
        ("-1", "--steps"),
        ("+2", "--steps"),
        ("", "latest, base"),
        ("²", "latest, base"),
        ("9" * 5000, "latest, base"),
        ("a\n\x1b[31m", "latest, base"),
    ],
)
def test_unknown_names_the_nearest(target: str, words: str) -> None:
    with pytest.raises(SourceProblem) as caught:
        resolve(target, SOURCE)
    assert caught.value.reason is Reason.TARGET_UNKNOWN
    assert words in caught.value.advice
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
