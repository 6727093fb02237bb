"""A person moves the traffic with the plugin: looks first, is asked, ends it in the middle, goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from switchback.contract.exits import ExitCode
from tests.cluster.run import wait_for
from tests.e2e.plugin_bed import Plugin
from tests.e2e.shop import BOOKS, FIRST, INDEX, SECOND
from tests.traffic.shop import healthy
from tests.traffic.slots import BLUE, GREEN, workload

if TYPE_CHECKING:
    from tests.e2e.postgres import Database
    from tests.traffic.shop import Move, Shop

pytestmark = pytest.mark.cluster

LONG_SOAK = 60


def plugin_of(shop: Shop) -> Plugin:
    return Plugin(shop.world.cluster.kubeconfig, shop.world.namespace)


def phase(plugin: Plugin) -> str:
    _, told = plugin.json("status", "shop")
    cutover: dict[str, Any] = told["status"].get("traffic", {}).get("cutover", {})
    return str(cutover.get("phase", ""))


def at_blue(shop: Shop, **fields: Any) -> Move:
    """Both slots run, and blue is live."""
    shop.slots.start()
    move = shop.traffic(BLUE, spec={"checks": [healthy()]}, **fields)
    move.succeeded()
    return move


@pytest.mark.timeout(300)
def test_look_move_and_see(shop: Shop) -> None:
    at_blue(shop)
    plugin = plugin_of(shop)
    code, plan = plugin.json("plan", "shop", "--slot", GREEN, "--exit-code")
    assert code == ExitCode.PENDING
    assert {one["result"] for one in plan["traffic"]["guards"]} == {"passed"}, plan
    code, moved = plugin.json("cutover", "shop", GREEN, "--reason", "release 1.5.0")
    assert (code, moved["from"], moved["live"]) == (ExitCode.OK, BLUE, GREEN), moved
    assert shop.slots.live() == GREEN
    shown = plugin("status", "shop").stdout
    assert "switch   ✔ Completed  blue → green" in shown
    assert "Checks     ✔" in shown
    assert plugin("wait", "shop", "--for", "traffic", "--timeout", "10s").returncode == ExitCode.OK
    assert "health: ok" in plugin("logs", "shop", "--step", "check").stdout


@pytest.mark.timeout(300)
def test_an_end_in_the_middle_brings_the_traffic_back(shop: Shop) -> None:
    at_blue(shop, soakPeriodSeconds=LONG_SOAK)
    plugin = plugin_of(shop)
    assert plugin("cutover", "shop", GREEN, "--yes", "--no-wait").returncode == ExitCode.OK
    wait_for("the soak has begun", lambda: phase(plugin) == "Soaking", timeout=60, pause=0.2)
    assert "◌ Soaking  blue → green" in plugin("status", "shop").stdout
    code, told = plugin.json("abort", "shop")
    assert (code, told["reason"]) == (ExitCode.OK, "Aborted"), told
    assert shop.slots.live() == BLUE
    assert phase(plugin) == "Restored"


@pytest.mark.timeout(300)
def test_a_bad_slot_goes_back_and_the_same_wish_once_more_is_refused(shop: Shop) -> None:
    move = at_blue(shop)
    move.edit(checks=[healthy(path="/no-such-page")], rollback={"automatic": "Traffic"})
    plugin = plugin_of(shop)
    done = plugin("cutover", "shop", GREEN, "--yes")
    assert done.returncode == ExitCode.FAILED, done.stdout
    assert "404" in done.stderr
    assert shop.slots.live() == BLUE
    assert "✖ health  AfterCutover" in plugin("status", "shop").stdout
    code, told = plugin.json("cutover", "shop", GREEN)
    assert (code, told["reason"]) == (ExitCode.REFUSED, "RolledBack")
    assert "kubectl switchback retry shop" in told["advice"]


@pytest.mark.timeout(300)
def test_a_bad_slot_that_stays_live_because_the_spec_says_so_is_shown_as_bad(shop: Shop) -> None:
    move = at_blue(shop)
    move.edit(checks=[healthy(path="/no-such-page")], rollback={"automatic": "Never"})
    plugin = plugin_of(shop)
    assert plugin("cutover", "shop", GREEN, "--yes").returncode == ExitCode.FAILED
    assert shop.slots.live() == GREEN
    shown = plugin("status", "shop").stdout
    assert "switch   ✖ Completed  blue → green" in shown
    assert "The traffic stays, because spec.rollback.automatic is Never." in shown


@pytest.mark.timeout(300)
def test_a_person_is_asked_and_sees_what_moves(shop: Shop) -> None:
    move = at_blue(shop)
    move.edit(approval={"cutoverPolicy": "Manual"})
    plugin = plugin_of(shop)
    done = plugin("cutover", "shop", GREEN, "--yes")
    assert done.returncode == ExitCode.PENDING, done.stdout + done.stderr
    assert "waits for a person to approve the cutover" in plugin("status", "shop").stdout
    assert shop.slots.live() == BLUE
    yes = plugin("approve", "shop", "--yes")
    assert "Traffic  blue → green   Service shop-web" in yes.stdout
    assert yes.returncode == ExitCode.OK, yes.stderr
    assert shop.slots.live() == GREEN


@pytest.mark.timeout(400)
def test_both_rails_go_back_by_one_edit_and_the_schema_is_not_taken_from_the_live_slot(
    shop: Shop, database: Database
) -> None:
    """The first index needs no consent to go, so nobody is asked."""
    shop.slots.start()
    slots = [
        {"name": BLUE, "workloadRef": {"name": workload(BLUE)}, "schema": {"minimum": FIRST}},
        {"name": GREEN, "workloadRef": {"name": workload(GREEN)}, "schema": {"minimum": SECOND}},
    ]
    spec = {"checks": [healthy()], "snapshot": {"none": {"acknowledge": True}}}
    move = shop.release(database, BOOKS | INDEX, GREEN, slots=slots, spec=spec)
    move.succeeded(seconds=120)
    plugin = plugin_of(shop)
    shown = plugin("status", "shop").stdout
    assert f"Schema     {SECOND}" in shown
    assert f"slot     green   Deployment shop-green · schema from {SECOND}" in shown

    code, told = plugin.json("rollback", "shop", "--target", FIRST)
    assert (code, told["reason"]) == (ExitCode.REFUSED, "SlotNeedsSchema"), told
    assert "--slot blue" in told["advice"]

    done = plugin("rollback", "shop", "--target", FIRST, "--slot", BLUE, "--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "traffic   green → blue first, then the schema" in done.stderr
    assert shop.slots.live() == BLUE
    assert f"Schema     {FIRST}" in plugin("status", "shop").stdout
    ended = plugin.json("history", "shop")[1]["history"]
    assert [one["direction"] for one in ended] == ["Backward", "Forward"]
