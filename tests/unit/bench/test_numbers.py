from __future__ import annotations

import math

import pytest

from tests.bench.numbers import Numbers, overlap, spread

TEXT = """\
# HELP rest_client_requests_total Requests.
# TYPE rest_client_requests_total counter
rest_client_requests_total{code="200",method="GET"} 12.0
rest_client_requests_total{code="409",method="PATCH"} 2.0
rest_client_requests_total{code="200",method="PATCH"} 1e+01
process_cpu_seconds_total 3.29
told{reason="a \\"word\\", quoted"} 1.0
"""


def histogram(*counts: float) -> Numbers:
    edges = ("0.1", "0.5", "1.0", "+Inf")
    return Numbers(
        tuple(("s_bucket", {"le": edge}, count) for edge, count in zip(edges, counts, strict=True))
    )


def test_series_are_added_up_by_their_labels() -> None:
    numbers = Numbers.parse(TEXT)
    assert numbers.sum("rest_client_requests_total") == 24
    assert numbers.sum("rest_client_requests_total", method="PATCH") == 12
    assert numbers.sum("rest_client_requests_total", method="PATCH", code="409") == 2
    assert numbers.sum("process_cpu_seconds_total") == 3.29
    assert numbers.sum("told", reason='a \\"word\\", quoted') == 1
    assert numbers.sum("unknown") == 0


def test_a_quantile_lies_within_its_bucket_in_proportion() -> None:
    numbers = histogram(0, 10, 20, 20)
    assert numbers.quantile("s", 0.25) == pytest.approx(0.3)
    assert numbers.quantile("s", 0.5) == 0.5
    assert numbers.quantile("s", 0.75) == 0.75


def test_a_quantile_of_what_came_since() -> None:
    before = histogram(100, 100, 100, 100)
    assert histogram(100, 110, 110, 110).quantile("s", 0.5, before) == pytest.approx(0.3)


def test_beyond_the_last_edge_nothing_is_known_but_that_edge() -> None:
    assert histogram(0, 0, 0, 5).quantile("s", 0.5) == 1.0


def test_of_nothing_there_is_no_quantile() -> None:
    assert math.isnan(histogram(0, 0, 0, 0).quantile("s", 0.5))
    assert all(math.isnan(one) for one in spread([]))


def test_spread() -> None:
    assert spread([float(number) for number in range(1, 101)]) == (50.5, 95.0, 100.0)
    assert spread([7.0]) == (7.0, 7.0, 7.0)


def test_what_ends_when_the_next_begins_was_not_there_at_once() -> None:
    assert overlap([]) == 0
    assert overlap([(0, 1), (1, 2)]) == 1
    assert overlap([(0, 3), (1, 2), (1.5, 4), (5, 6)]) == 3
