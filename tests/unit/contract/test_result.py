"""Result v1: what is said survives the way, whatever is cut off behind it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.contract.reasons import MEANINGS, Reason, Retry
from switchback.contract.result import (
    CORE_BYTES,
    DEFAULT_BUDGET,
    MESSAGE_BYTES,
    Database,
    Marker,
    Result,
    ResultError,
    Snapshot,
    Step,
    bounded,
    decode,
    encode,
)
from switchback.contract.words import Direction, Operation, Risk, Severity

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
IDS = st.text("0123456789abcdef_-", min_size=1, max_size=60)

RESULTS = st.builds(
    Result,
    operation=st.sampled_from(Operation),
    operation_id=IDS,
    reason=st.sampled_from(Reason),
    message=st.text(st.characters(exclude_categories=["Cs"]), max_size=1000),
    at=st.just("2026-01-01T00:00:00Z"),
    exit_code=st.integers(0, 143),
    database=st.none()
    | st.builds(
        Database,
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=15),
        st.just("7300000000000000000"),
        st.integers(150000, 189999),
        st.sampled_from(["", "172e0a85-2228-4dc9-855e-dd0c2cc59999"]),
    ),
    direction=st.sampled_from(Direction),
    current=IDS,
    target=IDS,
    pending=st.integers(0, 10_000),
    plan_digest=st.just("p1:0123"),
    risks=st.lists(st.sampled_from(Risk), unique=True).map(tuple),
    snapshot=st.none() | st.builds(Snapshot, IDS, st.just("f1:1"), st.integers(1, 10**12), IDS),
    marker=st.none() | st.builds(Marker, IDS, IDS, IDS, st.integers(-1, 10**9)),
    kept=st.integers(0, 1000),
    by_operation=st.integers(0, 10_000),
    begun_at=st.just("") | IDS,
    deleted=st.lists(IDS, max_size=3).map(tuple),
    applied_tail=st.lists(IDS, max_size=10).map(tuple),
    steps=st.lists(
        st.builds(
            Step,
            st.sampled_from(Direction),
            IDS,
            st.sampled_from(Severity),
            st.lists(TEXT.map(lambda text: text[:60]), max_size=3).map(tuple),
        ),
        max_size=40,
    ).map(tuple),
)


@given(RESULTS, st.integers(CORE_BYTES, 4096))
def test_a_result_keeps_its_budget_and_counts_what_it_leaves_out(result: Result, budget: int) -> None:
    text = encode(result, budget)
    assert len(text.encode()) <= budget
    assert len(text.split("\n")[0].encode()) <= CORE_BYTES
    back = decode(text)
    assert back.steps == result.steps[: len(back.steps)]
    assert len(back.steps) + back.steps_omitted == len(result.steps)
    assert (back.reason, back.operation_id, back.risks) == (result.reason, result.operation_id, result.risks)
    assert (back.database, back.snapshot) == (result.database, result.snapshot)
    assert (back.by_operation, back.begun_at) == (result.by_operation, result.begun_at)


def test_the_longest_names_that_a_file_system_allows() -> None:
    """Two ids of 246 characters leave no room in 1 KiB; the outcome is told all the same, and why."""
    result = Result(
        Operation.ROLLBACK,
        "0123456789-0123456789abcdef",
        Reason.LEDGER_WRITABLE_BY_OTHERS,
        "m" * 600,
        "2026-01-01T00:00:00Z",
        exit_code=11,
        database=Database('"' * 63, "7" * 19, 180018, "172e0a85-2228-4dc9-855e-dd0c2cc59999"),
        direction=Direction.BACKWARD,
        current="9" * 246,
        target="8" * 246,
        pending=10_000,
        plan_digest="p1:" + "a" * 32,
        source_digest="f1:" + "b" * 32,
        risks=tuple(Risk),
        reserved_until="2026-01-01T00:00:00Z",
        reserved_seconds=604_800,
        applied_tail=("9" * 246,) * 10,
        steps=(Step(Direction.BACKWARD, "9" * 246, Severity.DATA, ("x" * 100,)),) * 20,
    )
    for budget in (CORE_BYTES + 400, DEFAULT_BUDGET, 4096):
        text = encode(result, budget)
        assert len(text.encode()) <= budget
        back = decode(text)
        assert (back.database, back.current, back.target) == (result.database, result.current, result.target)
        assert len(back.steps) + back.steps_omitted == 20
        assert len(back.message) >= 100


@given(RESULTS, st.integers(0, 4096))
def test_the_outcome_survives_a_cut(result: Result, length: int) -> None:
    text = encode(result, 4096).encode()[: CORE_BYTES + length].decode(errors="ignore")
    assert decode(text).reason is result.reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Segmentation fault",
        "{",
        "[]",
        "null",
        '{"v":2}',
        '{"v":1}',
        '{"v":1,"operation":"migrate","reason":"Succeeded","reserved_seconds":99999999999999999999}',
        (
            '{"v":1,"operation":"snapshot","reason":"Succeeded","snapshot":'
            '{"path":"p","digest":"d","size":99999999999999999999,"restore_point":"r"}}'
        ),
        '{"v":1,"operation":"dance","reason":"Bug"}',
    ],
)
def test_what_is_no_result_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ResultError):
        decode(text)


def test_a_field_of_a_later_release_is_ignored() -> None:
    result = Result(Operation.MIGRATE, "a-b", Reason.SUCCEEDED, "ok", "2026-01-01T00:00:00Z")
    core = {**json.loads(encode(result)), "novelty": 1}
    assert decode(json.dumps(core)) == result


@given(st.text(), st.integers(0, 600))
def test_bounded_text_is_cut_at_a_character(text: str, limit: int) -> None:
    cut = bounded(text.encode(errors="ignore").decode(), limit)
    assert len(cut.encode()) <= limit


def test_messages_are_bounded() -> None:
    result = Result(Operation.MIGRATE, "a-b", Reason.SQL_FAILED, "ü" * 4000, "2026-01-01T00:00:00Z")
    assert len(decode(encode(result)).message.encode()) <= MESSAGE_BYTES


def test_every_reason_has_a_meaning_and_advice() -> None:
    assert set(MEANINGS) == set(Reason)
    assert all(meaning.advice.endswith((".", "!")) for meaning in MEANINGS.values())


def test_success_and_exit_code_agree() -> None:
    for reason, meaning in MEANINGS.items():
        if meaning.exit_code == 0:
            assert meaning.retry is Retry.DONE, reason
