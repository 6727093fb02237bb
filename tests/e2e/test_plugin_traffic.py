"""The plugin and the rail of the traffic: guards by a real Service, real endpoints and real workloads.

No operator is needed: the tests write the status, and everything else is as the cluster has it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from switchback.api import names
from switchback.api.conditions import Situation
from switchback.api.status import Status, TrafficState
from tests.cluster.run import wait_for
from tests.e2e.plugin_bed import Plugin, Shop, place, played, plugin
from tests.unit.kubectl import traffic as drawn

if TYPE_CHECKING:
    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube, Object

__all__ = ["place", "played", "plugin"]

pytestmark = pytest.mark.cluster

CUTOVER: dict[str, Any] = {
    "serviceName": "shop-web",
    "slots": [
        {"name": "blue", "workloadRef": {"name": "shop-blue"}},
        {"name": "green", "workloadRef": {"name": "shop-green"}},
    ],
    "activeSlot": "blue",
}


def service(**selector: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop-web"},
        "spec": {"selector": {"app": "shop", **selector}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def workload(slot: str, image: str, *, replicas: int = 1) -> Object:
    labels = {"app": "shop", "slot": slot}
    container = {"name": "web", "image": image, "imagePullPolicy": "IfNotPresent"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"shop-{slot}"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
            },
        },
    }


@pytest.fixture
def web(played: Cluster, kube: Kube, plugin: Plugin) -> Shop:
    """Blue is live, with one ready pod; green has one, too. Nobody else writes the Service."""
    space, image = plugin.namespace, played.images.switchback.rpartition("/")[0] + "/pause:1"
    for one in (workload("blue", image), workload("green", image)):
        kube.create(one, space)
    kube.create(service(slot="blue"), space)
    made = Shop(kube, space, "shop")
    kube.create(
        {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": "shop"},
            "spec": {"cutover": CUTOVER},
        },
        space,
    )
    made.stands(live("blue"), Situation.DONE, reason="Succeeded", message="blue is live.")
    for slot in ("blue", "green"):
        played.kubectl("rollout", "status", "-n", space, f"deployment/shop-{slot}", "--timeout=60s")
    wait_for("blue is an endpoint", lambda: endpoints(kube, space) == 1, timeout=20, pause=0.1)
    return made


def live(slot: str) -> Status:
    return Status(traffic=TrafficState(live_slot=slot, selector={"app": "shop", "slot": slot}))


def endpoints(kube: Kube, space: str) -> int:
    slices = kube.list("EndpointSlice", space)
    return sum(bool(one["conditions"]["ready"]) for each in slices for one in each.get("endpoints") or ())


def guards(told: Any) -> dict[str, Any]:
    return {one["name"]: one for one in told["traffic"]["guards"]}


def test_a_plan_judges_the_switch_before_anything_happens(plugin: Plugin, web: Shop) -> None:
    code, told = plugin.json("plan", "shop", "--slot", "green", "--exit-code")
    assert code == 3
    assert (told["traffic"]["from"], told["traffic"]["to"]) == ("blue", "green")
    assert {one["result"] for one in told["traffic"]["guards"]} == {"passed"}, told
    assert "preview" not in told, "it has no source, so nobody asks the database"
    assert web.annotation("preview") == ""
    text = plugin("plan", "shop", "--slot", "green").stdout
    assert "Traffic  blue → green   Service shop-web" in text
    assert "✔ slot-ready  Deployment shop-green: 1 " in text


def test_nothing_to_move_is_said(plugin: Plugin, web: Shop) -> None:
    done = plugin("plan", "shop", "--exit-code")
    assert done.returncode == 0, done.stderr
    assert "Traffic  blue is live: nothing to move   Service shop-web" in done.stdout
    assert web.annotation("preview") == ""


def test_a_slot_without_pods_stands_in_the_way_with_its_reason_and_advice(
    plugin: Plugin, web: Shop, played: Cluster
) -> None:
    played.kubectl("scale", "-n", web.namespace, "deployment/shop-green", "--replicas=0")

    def judged() -> bool:
        _, told = plugin.json("plan", "shop", "--slot", "green")
        return guards(told)["slot-rolled-out"]["result"] == "failed"

    wait_for("the guard sees it", judged, timeout=30)
    _, told = plugin.json("plan", "shop", "--slot", "green")
    seen = guards(told)["slot-rolled-out"]
    assert (seen["reason"], bool(seen["advice"])) == ("SlotNotReady", True)
    done = plugin("cutover", "shop", "green", "--no-wait")
    assert done.returncode == 0, done.stderr
    assert "✖ slot-rolled-out SlotNotReady:" in done.stderr
    assert "would hold it up now; it waits 600 s at most" in done.stderr
    assert web.now()["spec"]["cutover"]["activeSlot"] == "green"


def test_a_git_ops_tool_that_would_take_the_key_away_is_named_with_the_setting(
    plugin: Plugin, web: Shop, played: Cluster
) -> None:
    body = json.dumps(service())
    played.kubectl(
        "apply", "-n", web.namespace, "--server-side", "--force-conflicts",
        "--field-manager=kustomize-controller", "-f", "-", input=body,
    )  # fmt: skip
    _, told = plugin.json("plan", "shop", "--slot", "green")
    seen = guards(told)["selector-writer"]
    assert (seen["result"], seen["reason"]) == ("failed", "SelectorOwnedByGitOps")
    assert "kustomize-controller" in seen["message"]
    assert "kustomize.toolkit.fluxcd.io/ssa" in seen["message"] + seen["advice"]
    assert told["traffic"]["from"] == "blue", "the status knows, where the Service does not say"


def test_where_git_owns_the_wish_nothing_is_edited(plugin: Plugin, web: Shop, played: Cluster) -> None:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "shop"},
        "spec": {"cutover": CUTOVER},
    }
    played.kubectl(
        "apply", "-n", web.namespace, "--server-side", "--force-conflicts",
        "--field-manager=argocd-controller", "-f", "-", input=json.dumps(body),
    )  # fmt: skip
    code, told = plugin.json("cutover", "shop", "green", "--yes")
    assert (code, told["reason"]) == (11, "OwnedByGitOps")
    assert "activeSlot: green" in told["advice"]
    assert web.now()["spec"]["cutover"]["activeSlot"] == "blue"


def test_what_one_may_not_see_is_said_and_not_guessed(plugin: Plugin, web: Shop, played: Cluster) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "little"},
        "rules": [{"apiGroups": [names.GROUP], "resources": ["*"], "verbs": ["get", "list"]}],
    }
    played.kubectl("create", "-n", web.namespace, "-f", "-", input=json.dumps(role))
    played.kubectl("create", "rolebinding", "-n", web.namespace, "little", "--role=little", "--user=ann")
    code, told = plugin.json("plan", "shop", "--slot", "green", "--as", "ann")
    assert code == 0
    assert told["traffic"]["guards"] == []
    assert "the guards of the cutover are not shown: you (ann) may not" in told["traffic"]["note"]


def test_both_rails_on_the_real_server(plugin: Plugin, web: Shop) -> None:
    web.show(drawn.soaking())
    done = plugin("status", "shop")
    assert done.returncode == 0, done.stderr
    assert "switch   ◌ Soaking  blue → green" in done.stdout
    assert "contract ◷ 2 migrations (phase=contract) wait until no pod of green exists" in done.stdout
    web.show(drawn.restored())
    assert (
        "last error: GET https://shop-web/checkout/ping answered 503, expected 204" in plugin("status").stdout
    )
    assert "SLOT" in plugin("status", "-A").stdout


def test_slots_are_completed(plugin: Plugin, web: Shop) -> None:
    def words(*before: str) -> list[str]:
        return plugin("__complete", *before).stdout.splitlines()

    place_ = ("-n", web.namespace)
    assert words("cutover", *place_, "shop", "") == ["blue", "green", ":4"]
    assert words("cutover", *place_, "") == ["shop", "blue", "green", ":4"]
    assert words("rollback", *place_, "shop", "--slot", "g") == ["green", ":4"]
    assert words("plan", *place_, "shop", "--slot", "") == ["blue", "green", ":4"]
