"""The plugin and the operator together: what is asked for on the command line happens in the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api import names
from tests.e2e.kube import url_path
from tests.e2e.plugin_bed import Plugin
from tests.e2e.shop import BOOKS, FIRST, INDEX, SECOND, SHOP, THIRD, pair
from tests.e2e.states import operation, reason
from tests.e2e.support import ALLOW_LOSS, NO_SNAPSHOT, Migration, pg_dump

if TYPE_CHECKING:
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

SLEEPS = pair("0003_sleeps", "SELECT pg_sleep(300);", "SELECT 1;")


@pytest.fixture
def plugin(world: World) -> Plugin:
    return Plugin(world.cluster.kubeconfig, world.namespace)


def at_latest(world: World, database: Database, **spec: Any) -> tuple[Migration, dict[str, object]]:
    """A shop that went to the second version and then to the last; and what the second one looked like."""
    shop = world.migration(database, SHOP, target=SECOND, **spec)
    shop.succeeded()
    before = database.contents()
    shop.edit(target="latest")
    shop.succeeded()
    return shop, before


def test_plan_rollback_approve(world: World, database: Database, plugin: Plugin) -> None:
    """The way of an incident: look, ask for it, see what would be lost, say yes."""
    world.claim()
    shop, before = at_latest(world, database, snapshot=pg_dump())
    latest = database.contents()

    code, told = plugin.json("plan", "shop", "--steps", "1", "--exit-code")
    assert (code, told["preview"]["target"], told["preview"]["direction"]) == (3, SECOND, "Backward")
    losses = " ".join(told["preview"]["steps"][0]["losses"])
    assert "books.first" in losses
    assert database.contents() == latest

    asked = plugin("rollback", "shop", "--steps", "1", "--reason", "INC-4711")
    assert asked.returncode == 3, asked.stderr
    assert f"kubectl switchback approve shop -n {world.namespace}" in asked.stderr
    assert shop.now()["spec"]["target"] == SECOND
    assert database.contents() == latest, "nothing has happened so far"

    seen = plugin("status", "shop").stdout
    assert "⏸ shop  AwaitingApproval" in seen
    assert f"undo  {THIRD}  Data" in seen
    token = shop.now()["status"]["approval"]["token"]
    assert token in seen

    done = plugin("approve", "shop", "--token", token, "--timeout", "3m")
    assert done.returncode == 0, done.stderr
    assert "✔ shop: Succeeded." in done.stdout
    assert database.contents() == before
    assert database.applied() == [FIRST, SECOND]
    status = shop.now()["status"]
    me = json.loads(world.cluster.kubectl("auth", "whoami", "-o", "json"))["status"]["userInfo"]["username"]
    assert status["approval"]["approvedBy"] == me

    lines = plugin("history", "shop").stdout.splitlines()
    assert "Backward" in lines[1]
    assert "INC-4711" in lines[1]
    assert THIRD in plugin("logs", "shop", "--step", "rollback").stdout
    assert plugin("wait", "shop", "--for", "ready", "--timeout", "10s").returncode == 0
    assert plugin("approve", "shop", "--yes").returncode == 11, "nothing waits any more"


def test_a_no_leaves_the_database_alone(world: World, database: Database, plugin: Plugin) -> None:
    shop, _ = at_latest(world, database, snapshot=NO_SNAPSHOT)
    latest = database.contents()
    assert plugin("rollback", "shop").returncode == 3

    done = plugin("reject", "shop")
    assert done.returncode == 0, done.stderr
    assert reason(shop.now(), "Stalled") == "ApprovalRejected"
    assert database.contents() == latest


def test_beside_a_spec_that_a_gitops_tool_keeps(world: World, database: Database, plugin: Plugin) -> None:
    shop, before = at_latest(world, database, rollback=ALLOW_LOSS, snapshot=NO_SNAPSHOT)
    applied(world, shop.now()["spec"])

    done = plugin("rollback", "shop", "--target", "2", "--timeout", "3m")
    assert done.returncode == 0, done.stderr
    assert "Argo CD owns the spec" in done.stderr
    assert "RolledBack" in done.stdout
    assert database.contents() == before
    assert shop.now()["spec"]["target"] == "latest"
    assert reason(shop.now(), "Ready") == "RolledBack"
    assert plugin("status", "shop").stdout.startswith("⚠ shop  RolledBack")

    again = plugin("retry", "shop", "--timeout", "3m")
    assert again.returncode == 0, again.stderr
    assert database.applied() == [FIRST, SECOND, THIRD]


def applied(world: World, spec: Object) -> None:
    """As Argo CD keeps a resource: by server-side apply of its own field manager."""
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "shop"},
        "spec": spec,
    }
    world.kube.json(
        "PATCH", url_path(names.KIND, world.namespace, "shop"), body=body,
        query={"fieldManager": "argocd-controller", "force": "true"},
        content_type="application/apply-patch+yaml",
    )  # fmt: skip


def test_an_abort_and_a_retry(world: World, database: Database, plugin: Plugin) -> None:
    shop = world.migration(database, BOOKS | INDEX | SLEEPS)
    query = f"SELECT pid FROM pg_stat_activity WHERE datname = '{database.name}' AND wait_event = 'PgSleep'"
    world.recorder.wait("the slow statement runs", lambda: database.sql(query), seconds=30)

    done = plugin("abort", "shop")
    assert done.returncode == 0, done.stderr
    assert "Aborted" in done.stdout
    assert database.applied() == [FIRST, SECOND]
    assert plugin("wait", "shop", "--timeout", "10s").returncode == 8

    shop.refile(BOOKS | INDEX | pair("0003_sleeps", "SELECT 1;", "SELECT 1;"))
    assert plugin("wait", "shop", "--for", "ready", "--timeout", "2m").returncode in {0, 8}
    if reason(shop.now(), "Ready") == "Aborted":
        assert plugin("retry", "shop", "--timeout", "2m").returncode == 0
    shop.until("all is applied", lambda _: database.applied() == [FIRST, SECOND, "0003_sleeps"])


def test_a_failure_and_what_is_told_of_it(world: World, database: Database, plugin: Plugin) -> None:
    broken = pair("0002_broken", "SELECT 1/(SELECT count(*) FROM books WHERE id > 2);", "SELECT 1;")
    shop = world.migration(database, BOOKS | broken)

    waited = plugin("wait", "shop", "--timeout", "2m")
    assert waited.returncode == 8
    assert "SQLFailed" in waited.stderr
    seen = plugin("status", "shop").stdout
    assert seen.startswith("✖ shop  SQLFailed")
    assert "0002_broken.up.sql" in seen
    assert "✖ Job migrate 1" in seen
    assert "exit 8" in seen
    assert "0002_broken" in plugin("logs", "shop").stdout

    failed = operation(shop.now())["id"]
    database.sql("INSERT INTO books VALUES (3, 'Persuasion', 'Jane Austen')")
    again = plugin("retry", "shop", "--timeout", "2m")
    assert again.returncode == 0, again.stderr
    assert operation(shop.now())["id"] != failed
    assert database.applied() == [FIRST, "0002_broken"]


def test_looks_change_nothing(world: World, database: Database, plugin: Plugin) -> None:
    no_way = {name: text for name, text in INDEX.items() if ".down." not in name}
    shop = world.migration(database, BOOKS | no_way, snapshot=NO_SNAPSHOT)
    shop.succeeded()
    before, events = database.contents(), database.events()

    assert plugin("plan", "shop").returncode == 0
    assert plugin("plan", "shop", "--exit-code").returncode == 0
    back = plugin("plan", "shop", "--target", "base")
    assert back.returncode == 5, back.stdout
    assert "NoDown" in back.stderr
    inspected = plugin("inspect", "shop")
    assert inspected.returncode == 0, inspected.stderr
    assert f"is at {SECOND}" in inspected.stdout
    assert database.contents() == before
    assert database.events() == events


def test_the_brake(world: World, database: Database, plugin: Plugin) -> None:
    shop = world.migration(database, BOOKS)
    shop.succeeded()
    assert plugin("suspend", "shop").returncode == 0
    shop.refile(SHOP)
    assert plugin("wait", "shop", "--for", "approval", "--timeout", "5s").returncode in {3, 12}
    assert database.applied() == [FIRST]
    assert plugin("resume", "shop").returncode == 0
    shop.until("all is applied", lambda _: database.applied() == [FIRST, SECOND, THIRD])
