"""Digests: equal for equal content, different for anything that would run differently."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.contract.digest import HEX_DIGITS, canonical, intent_digest, plan_digest, source_digest

FILES = st.dictionaries(st.text("abc01.", min_size=1, max_size=4), st.binary(max_size=8), max_size=4)
ROWS = st.lists(st.tuples(st.text("ab", max_size=3), st.text("xy", max_size=3)), max_size=4)

HERE = ("7", "5", "shop")


@given(FILES, FILES)
def test_sources_have_the_same_digest_exactly_when_they_are_the_same(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    assert (source_digest(one) == source_digest(other)) == (one == other)


@given(FILES)
def test_the_order_of_files_does_not_matter(files: dict[str, bytes]) -> None:
    assert source_digest(dict(reversed(files.items()))) == source_digest(files)


@given(ROWS, ROWS)
def test_plans_that_start_elsewhere_differ(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    assert (plan_digest(HERE, one, []) == plan_digest(HERE, other, [])) == (one == other)


def test_the_same_plan_for_another_database_is_another_plan() -> None:
    step = ("Backward", "0002", "s1:u", "s1:d")
    digests = {plan_digest(where, [], [step]) for where in (HERE, ("7", "5", "shop2"), ("8", "5", "shop"))}
    assert len(digests) == 3


def test_the_border_between_state_and_steps_counts() -> None:
    assert plan_digest(HERE, [("a", "b")], []) != plan_digest(HERE, [], [("a", "b", "", "")])


def test_an_intent_does_not_depend_on_the_order_of_keys() -> None:
    assert intent_digest({"a": 1, "b": [1, 2]}) == intent_digest({"b": [1, 2], "a": 1})
    assert intent_digest({"a": 1}).startswith("i1:")


@given(st.dictionaries(st.text(max_size=8), st.binary(max_size=4), max_size=6))
def test_a_source_s_digest_is_that_of_its_canonical_form(files: dict[str, bytes]) -> None:
    """Plain names go a shorter way."""
    hashes = [[name, hashlib.sha256(files[name]).hexdigest()] for name in sorted(files)]
    assert source_digest(files) == f"f1:{hashlib.sha256(canonical(hashes)).hexdigest()[:HEX_DIGITS]}"


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\x7f", "a\nb", "ä", "\ud800", "0001_a.up.sql"])
def test_names_that_json_writes_in_another_way(name: str) -> None:
    pairs = [[name, hashlib.sha256(b"").hexdigest()]]
    assert source_digest({name: b""}) == f"f1:{hashlib.sha256(canonical(pairs)).hexdigest()[:HEX_DIGITS]}"
