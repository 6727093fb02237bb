"""Each kind of check watches a slot that is live: the traffic stays, or it goes back, as the check says."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.checks.server import running, scraping
from tests.e2e.kube import RefusedError, url_path
from tests.e2e.shop import pair
from tests.traffic.load import at_the_node
from tests.traffic.shop import at, healthy
from tests.traffic.slots import BLUE, GREEN, PORT, SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.checks.server import Prometheus
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.traffic.shop import Shop

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

LONG_SOAK = 120
STATE = pair("0001_state", "CREATE TABLE shop_state AS SELECT true AS is_open;", "DROP TABLE shop_state;")
OPEN = "SELECT is_open FROM shop_state"
ERRORS = f'sum(http_requests_total{{slot="{GREEN}",code="500"}})'
ASK = (
    "import urllib.request as web; "
    f"told = web.urlopen('http://shop-web/health', timeout=1).read().decode(); print(told.strip()); "
    f"assert '{GREEN}' in told, 'somebody else'"
)


@pytest.fixture
def prometheus(shop: Shop, tmp_path: Path) -> Iterator[Prometheus]:
    """At the node, where it reads the metrics of every pod of both slots."""
    shop.slots.start()
    cluster = shop.world.cluster
    pods = [pod["status"]["podIP"] for slot in SLOTS for pod in shop.slots.pods(slot)]
    config = scraping(*(f"{address}:{PORT}" for address in pods))
    with running(tmp_path, config, place=at_the_node(cluster), address=cluster.node_ip) as made:
        made.until(ERRORS, 1)
        yield made


def watching(kind: str, asked: Object) -> Object:
    """A check of AfterCutover, every second."""
    check = {key: value for key, value in healthy(kind.lower()).items() if key != "httpGet"}
    return check | {kind: asked}


def checks(shop: Shop, prometheus: Prometheus) -> dict[str, Object]:
    """One of each kind."""
    image = shop.world.cluster.images.postgres["18"]
    few = {"serverURL": prometheus.url, "query": ERRORS, "comparison": "LessThan", "expectValue": "1"}
    return {
        "httpGet": watching("httpGet", {"url": "http://shop-web/health"}),
        "sql": watching("sql", {"query": OPEN}),
        "prometheus": watching("prometheus", few),
        # A program of its own takes longer to start on a busy machine than an answer does.
        "command": watching("command", {"image": image, "command": ["python3", "-c", ASK]})
        | {"timeoutSeconds": 10},
    }


def shut(database: Database) -> None:
    database.sql("UPDATE shop_state SET is_open = false")


def broken(shop: Shop) -> None:
    """Its pages are errors, and somebody has seen one."""
    shop.slots.fault(GREEN, unhealthy=True)
    name = shop.slots.pods(GREEN)[0]["metadata"]["name"]
    path = url_path("Pod", shop.world.namespace, f"{name}:{PORT}", "proxy").replace("%3A", ":")
    with contextlib.suppress(RefusedError):
        shop.world.kube.raw("GET", f"{path}/health")


def told(state: Object) -> dict[str, Object]:
    """`status.checks` of the soak, by name, without the 20 connections that are always made."""
    soak = [one for one in state["status"]["checks"] if one["stage"] == "AfterCutover"]
    return {one["name"]: one for one in soak if not one["name"].startswith("connect ")}


def test_a_slot_that_passes_all_kinds_stays(shop: Shop, prometheus: Prometheus, database: Database) -> None:
    kinds = checks(shop, prometheus)
    with shop.oracle() as oracle:
        move = shop.release(database, STATE, BLUE, spec={"checks": list(kinds.values())}, soakPeriodSeconds=5)
        move.succeeded(seconds=120)
        move.switch(GREEN)
        state = move.succeeded(seconds=120)

    assert shop.slots.live() == GREEN
    found = told(state)
    assert found.keys() == {kind.lower() for kind in kinds}
    assert all(one["passed"] for one in found.values()), found
    assert min(one["runs"] for one in found.values()) > 1, found
    assert oracle.violations() == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("sql", "the value is 'f' instead of 't'"),
        ("prometheus", "not < 1"),
        ("command", "HTTP Error 500"),
    ],
)
def test_a_slot_that_fails_one_goes_back(
    kind: str, words: str, shop: Shop, prometheus: Prometheus, database: Database
) -> None:
    spec: dict[str, Any] = {
        "checks": [checks(shop, prometheus)[kind]], "rollback": {"automatic": "Traffic"}
    }  # fmt: skip
    with shop.oracle() as oracle:
        move = shop.release(database, STATE, BLUE, spec=spec, soakPeriodSeconds=LONG_SOAK)
        move.succeeded(seconds=120)
        move.switch(GREEN)
        move.phase("Soaking")
        if kind == "sql":
            shut(database)
        else:
            broken(shop)
        state = move.stalled("RolledBack")

    assert shop.slots.live() == BLUE
    assert (at(state)["phase"], at(state)["reason"]) == ("Restored", "ChecksFailed")
    (one,) = told(state).values()
    assert one["passed"] is False
    assert words in one["lastError"]
    assert oracle.violations() == []
