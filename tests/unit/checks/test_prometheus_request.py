"""How a query travels to Prometheus. What comes back is tested with a real one (tests/checks)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from switchback.checks.model import Check
from tests.unit.checks.web import run, serving

ANSWER = b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}'


def sent(query: str, path: str = "") -> bytes:
    with serving(lambda visit: visit.say(b"HTTP/1.1 200 OK\r\n\r\n" + ANSWER)) as server:
        options = {
            "serverURL": server.url(path), "query": query, "comparison": "Equal", "expectValue": "1",
            "emptyResult": "Fail", "headers": [{"name": "X-Scope-OrgID", "value": "shop"}],
        }  # fmt: skip
        assert run(Check("one", "prometheus", options, 1, 5, 1)).checks[0].passed
        (request,) = server.requests
        return request


@pytest.mark.parametrize("path", ["", "/", "/select/0/prometheus", "/prometheus/"])
def test_a_short_query_is_in_the_url(path: str) -> None:
    request = sent("up{a='+&#'}", path)
    method, url, _ = request.decode().split(" ", 2)
    assert (method, urlsplit(url).path) == ("GET", f"{path.rstrip('/')}/api/v1/query")
    assert parse_qs(urlsplit(url).query) == {"query": ["up{a='+&#'}"], "timeout": ["5s"]}
    assert b"\r\nX-Scope-OrgID: shop\r\n" in request


def test_what_the_address_asks_already_stays() -> None:
    _, url, _ = sent("up", "/?dedup=true").decode().split(" ", 2)
    assert parse_qs(urlsplit(url).query) == {"dedup": ["true"], "query": ["up"], "timeout": ["5s"]}


def test_a_long_query_is_a_form() -> None:
    """What is between us and the server may cut long URLs."""
    request = sent("1 + " * 700 + "1", "/?dedup=true")
    assert request.startswith(b"POST /api/v1/query?dedup=true HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/x-www-form-urlencoded\r\n" in request


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        b"[" * 100_000,
        b'{"status":"success","data":{"resultType":"vector","result":[]},"warnings":7}',
        b'{"status":"success","data":{"resultType":"vector","result":{"a":1}}}',
    ],
)
def test_what_is_no_answer_of_prometheus_is_no_defect_of_ours(answer: bytes) -> None:
    with serving(lambda visit: visit.say(b"HTTP/1.1 200 OK\r\n\r\n" + answer)) as server:
        options = {
            "serverURL": server.url(), "query": "up", "comparison": "Equal", "expectValue": "1",
            "emptyResult": "Fail",
        }  # fmt: skip
        (found,) = run(Check("one", "prometheus", options, 1, 5, 1)).checks
    assert not found.passed
    assert "in Switchback itself" not in found.error
