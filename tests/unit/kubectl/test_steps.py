"""From steps and short names to one version, by what a status tells."""

from __future__ import annotations

from typing import Any

import pytest

from switchback.contract.exits import ExitCode
from switchback.kubectl import steps
from switchback.kubectl.problems import Problem
from switchback.kubectl.resource import Resource

THREE = ["0001_books", "0002_titles", "0003_names"]
TEN = [f"{number:04}_m" for number in range(5, 15)]


def resource(tail: list[str], current: str | None = None) -> Resource:
    schema: dict[str, Any] = {"appliedTail": tail, "current": tail[-1] if current is None else current}
    return Resource({"metadata": {"name": "shop", "namespace": "team"}, "status": {"schema": schema}})


@pytest.mark.parametrize(
    ("tail", "number", "target"),
    [
        (THREE, 1, "0002_titles"),
        (THREE, 2, "0001_books"),
        (THREE, 3, "base"),
        (TEN, 9, "0005_m"),
        (["a"], 1, "base"),
    ],
)
def test_steps_are_counted_from_the_last_applied(tail: list[str], number: int, target: str) -> None:
    assert steps.step_back(resource(tail), number) == target


@pytest.mark.parametrize(
    ("shop", "number", "code", "reason", "words"),
    [
        (resource(THREE), 4, ExitCode.REFUSED, "TooFewApplied", "only 3 are applied"),
        (resource([], "base"), 1, ExitCode.REFUSED, "TooFewApplied", "nothing is applied"),
        (resource(TEN), 10, ExitCode.USAGE, "StepsUnknown", "--target base"),
        (resource(TEN), 11, ExitCode.USAGE, "StepsUnknown", "back to 0005_m"),
        (resource([], ""), 1, ExitCode.USAGE, "StepsUnknown", "switchback inspect shop -n team"),
        (resource(THREE, "0004_stock"), 1, ExitCode.USAGE, "StepsUnknown", "--target"),
        (Resource({"metadata": {"name": "shop"}}), 1, ExitCode.USAGE, "StepsUnknown", "--target"),
    ],
)
def test_where_the_status_does_not_reach_it_says_what_to_pass_instead(
    shop: Resource, number: int, code: ExitCode, reason: str, words: str
) -> None:
    with pytest.raises(Problem) as caught:
        steps.step_back(shop, number)
    assert (caught.value.code, caught.value.reason) == (code, reason)
    assert words in caught.value.text


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("0002_titles", "0002_titles"),
        ("0002", "0002_titles"),
        ("2", "0002_titles"),
        ("base", "base"),
        ("0009", ""),
        ("titles", ""),
        ("0", ""),
    ],
)
def test_short_names_are_those_of_the_files(target: str, found: str) -> None:
    assert steps.find(target, THREE) == found


def test_a_short_name_of_two_is_the_name_of_none() -> None:
    assert not steps.find("1", ["1_a", "01_b"])
    assert steps.find("01", ["1_a", "01_b"]) == ""
    assert steps.find("1_a", ["1_a", "01_b"]) == "1_a"


def test_what_is_undone_is_told_newest_first() -> None:
    assert steps.undone("0001_books", THREE) == ["0003_names", "0002_titles"]
    assert steps.undone("base", THREE) == THREE[::-1]
    assert steps.undone("0009", THREE) == []


@pytest.mark.parametrize("target", ["", "a/b", "-1", "+1", "~1", "^", "@{1}", " a", "a\nb", "a" * 254])
def test_what_can_be_no_target_is_not_sent(target: str) -> None:
    with pytest.raises(Problem) as caught:
        steps.named(target)
    assert caught.value.code is ExitCode.USAGE


def test_targets() -> None:
    for target in ("latest", "base", "0001", "0006 add the price's currency"):
        assert steps.named(target) == target
