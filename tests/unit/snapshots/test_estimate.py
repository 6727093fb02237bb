"""What is refused before a dump begins, and what is only said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots.estimate import MB, Estimate, refuse_too_large, refuse_too_slow

GB = 1000 * MB
sizes = st.integers(0, 10**15).flatmap(
    lambda tables: st.builds(Estimate, st.just(tables), st.integers(0, tables))
)


def test_the_measured_example_is_far_from_being_refused() -> None:
    """1.66 GB of tables took 5.2 s with one job and 4.5 s with two, and 1.3 s to read back."""
    example = Estimate(1660 * MB, 1300 * MB)
    assert 5.2 + 1.3 < example.seconds(1, uploads=False) < 30
    assert 4.5 + 1.3 < example.seconds(2, uploads=False) < example.seconds(1, uploads=False)
    assert example.least < 0.6 * 82 * MB


def test_the_largest_table_may_decide() -> None:
    spread, lumped = Estimate(100 * GB, GB), Estimate(100 * GB, 100 * GB)
    assert spread.seconds(8, uploads=False) < lumped.seconds(8, uploads=False)
    assert lumped.seconds(8, uploads=False) == lumped.seconds(1, uploads=False)


@given(sizes, st.integers(1, 31))
def test_more_jobs_never_take_longer_and_an_upload_takes_some_time(estimate: Estimate, jobs: int) -> None:
    for uploads in (False, True):
        assert estimate.seconds(jobs + 1, uploads=uploads) <= estimate.seconds(jobs, uploads=uploads)
    assert estimate.seconds(jobs, uploads=True) >= estimate.seconds(jobs, uploads=False)


def test_what_cannot_end_in_time_is_refused_with_its_numbers() -> None:
    estimate = Estimate(1000 * GB, 700 * GB)
    with pytest.raises(RunnerError) as refusal:
        refuse_too_slow(estimate, "shop", 2, 1800, uploads=False)
    assert refusal.value.reason is Reason.SNAPSHOT_TOO_SLOW
    for word in (
        "shop",
        "150 minutes",
        "30 minutes",
        "931.3 GiB",
        "651.9 GiB",
        "2 jobs",
        "Nothing was dumped",
    ):
        assert word in refusal.value.message
    assert "deadlineSeconds" in refusal.value.advice
    refuse_too_slow(estimate, "shop", 2, 0, uploads=False)
    refuse_too_slow(estimate, "shop", 2, 9001, uploads=False)


def test_what_cannot_fit_is_refused_and_what_may_not_is_said() -> None:
    estimate = Estimate(100 * GB, 10 * GB)

    def told(free: int, *, uploads: bool = False) -> str:
        return refuse_too_large(estimate, "shop", free, 200 * GB, "/snapshots", uploads=uploads)

    assert told(100 * GB) == ""
    assert "may not fit" in told(99 * GB)
    assert "may not fit" in told(5 * GB // 2)
    with pytest.raises(RunnerError) as refusal:
        told(5 * GB // 2 - 1)
    assert refusal.value.reason is Reason.SNAPSHOT_VOLUME_FULL
    for word in ("shop", "93.1 GiB", "2.3 GiB", "/snapshots", "186.3 GiB", "Nothing was dumped"):
        assert word in refusal.value.message
    assert "claim" in refusal.value.advice
    with pytest.raises(RunnerError) as refusal:
        told(0, uploads=True)
    assert "before it is uploaded" in refusal.value.advice


def test_an_empty_database_fits_everywhere() -> None:
    assert refuse_too_large(Estimate(0, 0), "shop", 0, 0, "/snapshots", uploads=False) == ""
