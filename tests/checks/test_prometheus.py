"""Checks of kind prometheus against a real one."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from switchback.checks.model import Check, CheckError, Context
from switchback.checks.run import Plan, Run
from switchback.contract.words import CheckStage

if TYPE_CHECKING:
    from tests.checks.server import Prometheus


def asked(
    url: str, query: str, comparison: str = "Equal", wanted: str = "1", **wishes: Any
) -> tuple[str, list[str]]:
    """Why a check does not hold, empty when it does; and what was said meanwhile."""
    seconds = wishes.pop("seconds", 5)
    options = {
        "serverURL": url, "query": query, "comparison": comparison, "expectValue": wanted,
        "emptyResult": "Fail", "headers": [], **wishes,
    }  # fmt: skip
    said: list[str] = []
    check = Check("errors", "prometheus", options, 1, seconds, 1)
    plan = Plan(CheckStage.AFTER_MIGRATE, (check,))
    (one,) = asyncio.run(Run(plan, Context(say=said.append), lambda _: None).verdict()).checks
    assert one.passed is (one.error == "")
    return one.error, said


def error_of(
    server: Prometheus, query: str, comparison: str = "Equal", wanted: str = "1", **wishes: Any
) -> str:
    return asked(server.url, query, comparison, wanted, **wishes)[0]


@pytest.mark.parametrize(
    ("comparison", "holds"),
    [
        ("LessThan", {4}),
        ("LessThanOrEqual", {3, 4}),
        ("Equal", {3}),
        ("NotEqual", {2, 4}),
        ("GreaterThanOrEqual", {2, 3}),
        ("GreaterThan", {2}),
    ],
)
def test_comparisons(prometheus: Prometheus, comparison: str, holds: set[int]) -> None:
    for query in ("scalar(sum(shop_errors) - 1)", 'shop_errors{slot="green"}'):
        found = {
            wanted for wanted in (2, 3, 4) if not error_of(prometheus, query, comparison, f"{wanted}.0e0")
        }
        assert found == holds


def test_each_value_of_a_vector_has_to_hold(prometheus: Prometheus) -> None:
    assert error_of(prometheus, "shop_errors", "LessThan", "4") == ""
    error = error_of(prometheus, "shop_errors", "LessThan", "2.5")
    assert error.startswith('3 for {__name__="shop_errors",')
    assert error.endswith('slot="green"}: not < 2.5')
    assert "blue" not in error


def test_only_some_values_are_named(prometheus: Prometheus) -> None:
    assert error_of(prometheus, "vector(1) or (count_values('x', shop_errors))", "Equal", "7").startswith(
        "1, 1 "
    )
    many = " or ".join(f'label_replace(vector({n}), "n", "{n}", "", "")' for n in range(6))
    assert (
        error_of(prometheus, many, "Equal", "7")
        == '0 for {n="0"}, 1 for {n="1"}, 2 for {n="2"} and 3 more: not == 7'
    )


@pytest.mark.parametrize("query", ["shop_nothing", "scalar(shop_nothing)", "vector(0) / 0"])
@pytest.mark.parametrize("comparison", ["LessThan", "NotEqual", "GreaterThan", "Equal"])
def test_nan_never_holds(prometheus: Prometheus, query: str, comparison: str) -> None:
    assert error_of(prometheus, query, comparison, "5").startswith("NaN")


def test_infinity_is_a_number(prometheus: Prometheus) -> None:
    assert error_of(prometheus, "shop_everything", "GreaterThan", "1e300") == ""
    assert error_of(prometheus, "shop_everything", "LessThan", "1").startswith("+Inf for ")


def test_an_empty_result_is_what_the_spec_says(prometheus: Prometheus) -> None:
    nobody = 'shop_errors{slot="red"}'
    assert error_of(prometheus, nobody) == "the result is empty; emptyResult decides what that means"
    assert error_of(prometheus, nobody, emptyResult="Pass") == ""


def test_an_empty_result_with_a_warning_is_no_success(half_blind: Prometheus) -> None:
    error, said = asked(half_blind.url, "shop_errors", emptyResult="Pass")
    assert error.startswith("the result is empty, and Prometheus warns: ")
    assert said[0].startswith("errors: Prometheus warns: ")


def test_a_warning_alone_is_told_and_no_failure(half_blind: Prometheus) -> None:
    error, said = asked(half_blind.url, "absent(shop_errors)", "Equal", "1")
    assert error == ""
    assert said[0].startswith("errors: Prometheus warns: ")


@pytest.mark.parametrize(("query", "kind"), [("shop_errors[1m]", "matrix"), ('"text"', "string")])
def test_what_is_neither_scalar_nor_vector(prometheus: Prometheus, query: str, kind: str) -> None:
    assert error_of(prometheus, query) == f"the query gives a {kind}; a check needs a scalar or a vector"


def test_words_of_prometheus_are_shown(prometheus: Prometheus) -> None:
    assert error_of(prometheus, "sum(").startswith("Prometheus says bad_data: ")
    assert "parse error" in error_of(prometheus, "sum(")
    assert "duplicate" in error_of(prometheus, "shop_errors / on() shop_errors")


def test_a_long_query_arrives(prometheus: Prometheus) -> None:
    query = " + ".join(["scalar(sum(shop_errors))"] * 150)
    assert len(query) > 3500
    assert error_of(prometheus, query, "Equal", "600") == ""


def test_special_characters_arrive(prometheus: Prometheus) -> None:
    assert error_of(prometheus, 'count(shop_errors{slot!~"a+b&c=d%20#ü"})', "Equal", "2") == ""


def test_an_address_that_leads_elsewhere(prometheus: Prometheus) -> None:
    wrong = prometheus.url.removesuffix("/prometheus")
    assert asked(wrong, "up")[0] == "status 404, and no answer of Prometheus; serverURL is given without /api"
    assert asked(prometheus.url + "/", "sum(shop_errors)", "Equal", "4")[0] == ""


def test_one_that_hangs_costs_the_timeout(prometheus: Prometheus) -> None:
    prometheus.process.send_signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        error = error_of(prometheus, "up", seconds=0.5)
        assert time.monotonic() - begun < 5
    finally:
        prometheus.process.send_signal(signal.SIGCONT)
    assert error.startswith("no answer within 0.5 s while ")


def test_a_number_that_is_none() -> None:
    with pytest.raises(CheckError, match="expectValue e is no number"):
        asked("http://127.0.0.1:1", "up", wanted="e")


def test_the_query_on_the_page_is_0_where_nobody_has_asked(
    prometheus: Prometheus,
) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/write-checks.md").read_text()
    manifest = yaml.safe_load(re.findall(r"```yaml\n(apiVersion.*?)```", page, re.DOTALL)[0])
    (check,) = (one["prometheus"] for one in manifest["spec"]["checks"] if "prometheus" in one)
    assert error_of(prometheus, check["query"], "Equal", "0") == ""
    ours = re.sub(r"rate\([^)]*code[^)]*\)", "shop_errors * 2", check["query"])
    ours = re.sub(r"rate\([^)]*\)", "shop_errors * 10", ours)
    assert "http" not in ours
    assert error_of(prometheus, ours, "Equal", "0.2") == ""
    assert error_of(prometheus, ours.replace("* 10", "* 0"), "Equal", "0") == ""
