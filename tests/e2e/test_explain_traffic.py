"""`switchback explain` and a real Service: what it shows, what the files bring, what one may not see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.e2e.test_explain import Done, explain, server, with_token

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.kube import Kube, Object

pytestmark = pytest.mark.cluster

__all__ = ["explain", "server"]

SLOTS = ("blue", "green")


def manifest(active: str = "green", **spec: Any) -> str:
    slots = [{"name": slot, "workloadRef": {"name": f"shop-{slot}"}} for slot in SLOTS]
    cutover = {"serviceName": "shop-web", "slots": slots, "activeSlot": active}
    body = {
        "apiVersion": "switchback.dev/v1alpha1",
        "kind": "DatabaseMigration",
        "metadata": {"name": "shop"},
        "spec": {"cutover": cutover, **spec},
    }
    return yaml.safe_dump(body)


def service(**selector: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop-web"},
        "spec": {"selector": {"app": "shop", **selector}, "ports": [{"port": 80}]},
    }


def deployment(slot: str, replicas: int = 1) -> Object:
    labels = {"app": "shop", "slot": slot}
    container = {"name": "web", "image": "localhost/switchback:dev", "command": ["sleep", "600"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"shop-{slot}"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def steps(done: Done) -> list[str]:
    (story,) = done.data["stories"]
    return [one.get("step", one["kind"]) for one in story["steps"]]


MOVED = ["Claim", "check", "Switch", "Verify", "Soak", "Drain"]


def test_nothing_is_there(explain: Callable[..., Done]) -> None:
    done = explain(manifest())
    assert (done.code, done.reasons["spec.cutover"]) == (11, "ServiceMissing")
    assert done.data["traffic"] == {
        "service": "shop-web", "seen": True, "exists": False, "liveSlot": "",
        "slots": [
            {
                "name": slot, "kind": "Deployment", "workload": f"shop-{slot}",
                "exists": False, "ready": 0, "desired": 0,
            }
            for slot in SLOTS
        ],
    }  # fmt: skip


def test_the_files_bring_it_all(explain: Callable[..., Done]) -> None:
    parts = [service(), *(deployment(slot) for slot in SLOTS)]
    done = explain("---\n".join([manifest(), *map(json.dumps, parts)]).replace("}---", "}\n---"))
    assert done.code == 0, done.out
    assert steps(done) == MOVED
    half = explain("---\n".join([manifest(), json.dumps(parts[0]) + "\n", json.dumps(parts[1])]))
    assert (half.code, half.reasons["spec.cutover"]) == (11, "SlotMissing")


def test_what_the_cluster_shows(
    explain: Callable[..., Done],
    server: Kube,
    namespace: str,
) -> None:
    server.create(service(slot="blue"), namespace)
    for slot in SLOTS:
        server.create(deployment(slot, replicas=0 if slot == "green" else 1), namespace)
    done = explain(manifest())
    assert done.code == 0, "a slot that is not ready yet is waited for"
    assert (done.data["traffic"]["seen"], done.data["traffic"]["liveSlot"]) == (True, "blue")
    (story,) = done.data["stories"]
    assert [one["reason"] for one in story["refusals"]] == ["SlotNotReady"]
    assert steps(done) == MOVED
    there = explain(manifest("blue"))
    assert steps(there) == ["Claim"]
    written = {"annotations": {"switchback.dev/cutover-id": "an-earlier-one"}}
    server.patch(
        "Service", namespace, "shop-web", {"metadata": written, "spec": {"selector": {"slot": None}}}
    )
    unclear = explain(manifest())
    assert (unclear.code, unclear.reasons["spec.cutover"]) == (11, "SelectorAmbiguous")


def test_with_hardly_any_rights(
    explain: Callable[..., Done],
    server: Kube,
    namespace: str,
    tmp_path: Path,
) -> None:
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    server.json("POST", account, body={"kind": "ServiceAccount", "metadata": {"name": "weak"}})
    asked = server.json("POST", f"{account}/weak/token", body={"kind": "TokenRequest", "spec": {}})
    done = explain(manifest(), kubeconfig=with_token(server, asked["status"]["token"], tmp_path))
    assert done.code == 0, done.out
    assert done.reasons["spec.cutover"] == "Forbidden"
    assert done.data["traffic"]["seen"] is False
    assert steps(done) == MOVED
