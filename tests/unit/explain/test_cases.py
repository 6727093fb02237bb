"""Where the database may be, seen from the target."""

from __future__ import annotations

import pytest

from switchback.api.status import Status
from switchback.explain.cases import NEWEST, NOW, Case, Known, cases
from switchback.explain.files import Files
from tests.unit.explain.build import FILES, at, files, spec

IMAGE = Files(is_image=True)
IDS = ("0001_a", "0002_b", "0003_c")


def known(target: str, *applied: str, ids: tuple[str, ...] = ()) -> list[tuple[str, bool]]:
    return [(one.case.value, one.certain) for one in found(target, *applied, ids=ids)]


def found(target: str, *applied: str, ids: tuple[str, ...] = (), empty: bool = False) -> list[Known]:
    wanted = spec(target=target, **({"source": FILES} if ids else {}))
    status = at(wanted, *applied) if applied or empty else Status()
    return cases(wanted, status, target, files(wanted, *ids) if ids else IMAGE)


def test_nothing_is_known() -> None:
    assert known("0002") == [("Behind", False), ("Beyond", False)]
    assert known("latest") == [("Behind", False), ("AheadOfFiles", False)]
    assert known("base") == [("Beyond", False)]
    assert [(one.current, one.target) for one in found("latest")] == [(NOW, NEWEST)] * 2


def test_files_alone_tell_what_lies_where() -> None:
    behind, beyond = found("2", ids=IDS)
    assert (behind.target, behind.todo, beyond.todo) == ("0002_b", ("0001_a", "0002_b"), ("0003_c",))


@pytest.mark.parametrize(
    ("target", "case", "todo"),
    [
        ("0002_b", Case.AT, ()),
        ("2", Case.AT, ()),
        ("0001_a", Case.BEYOND, ("0002_b",)),
        ("base", Case.BEYOND, ("0002_b", "0001_a")),
        ("latest", Case.BEHIND, ("0003_c",)),
        ("3", Case.BEHIND, ("0003_c",)),
    ],
)
def test_ledger_and_files_together_are_certain(target: str, case: Case, todo: tuple[str, ...]) -> None:
    (one,) = found(target, "0001_a", "0002_b", ids=IDS)
    assert (one.case, one.todo, one.certain) == (case, todo, True)


def test_beyond_the_files() -> None:
    (one,) = found("latest", "0001_a", "0004_d", ids=("0001_a",))
    assert one.case is Case.AHEAD_OF_FILES
    assert known("latest", "0001_a", ids=("0001_a",)) == [("At", True)]


def test_the_ledger_alone() -> None:
    """Of an image nobody sees the files."""
    applied = ("0001_a", "0002_b")
    assert known("0001_a", *applied) == [("Beyond", True)]
    assert known("1", *applied) == [("Beyond", True)]
    assert known("0002", *applied) == [("At", True)]
    assert known("0003", *applied) == [("Behind", True)], "the list is not full, so it is all of them"
    assert known("latest", *applied) == [("Behind", False), ("AheadOfFiles", False)]


def test_a_list_that_may_have_been_cut_proves_nothing() -> None:
    applied = tuple(f"00{number:02}" for number in range(20, 30))
    assert known("0005", *applied) == [("Behind", False), ("Beyond", False)]


def test_an_empty_database() -> None:
    assert [one.case for one in found("2", ids=IDS, empty=True)] == [Case.BEHIND]
    assert [one.case for one in found("base", empty=True)] == [Case.AT]


def test_what_was_seen_of_another_database_does_not_count() -> None:
    wanted = spec()
    other = spec(database={"urlFrom": {"secretKeyRef": {"name": "other", "key": "url"}}})
    assert not any(one.certain for one in cases(wanted, at(other, "0002"), "0002", IMAGE))
