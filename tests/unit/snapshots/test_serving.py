from __future__ import annotations

from typing import Any

import pytest

from switchback.contract.points import Failure, Subject
from switchback.snapshots import serving


def pod(name: str, address: str, *claims: str, **spec: Any) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [
        {"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims
    ]
    return {
        "metadata": {"name": name},
        "spec": {"volumes": [*volumes, *spec.pop("volumes", [])], **spec},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]},
    }


def mismatch(found: serving.Serving | Failure) -> str:
    assert isinstance(found, Failure)
    return found.message


AT = Subject(server_address="10.0.0.5")


def test_the_pod_with_the_address_and_the_claim() -> None:
    pods = [pod("other", "10.0.0.4", "data"), pod("db-0", "10.0.0.5", "data")]
    assert serving.serving(pods, AT, "data") == serving.Serving("db-0")


@pytest.mark.parametrize("text", ["10.0.0.5/32", "::ffff:10.0.0.5"])
def test_an_address_is_known_in_every_form(text: str) -> None:
    pods = [pod("db-0", "10.0.0.5", "data")]
    assert serving.serving(pods, Subject(server_address=text), "data") == serving.Serving("db-0")


def test_the_second_address_of_a_pod_counts() -> None:
    both = pod("db-0", "10.0.0.5", "data")
    both["status"]["podIPs"].append({"ip": "fd00::5"})
    seen = Subject(server_address="fd00:0:0:0:0:0:0:5")
    assert serving.serving([both], seen, "data") == serving.Serving("db-0")


def test_what_the_server_says_of_itself_wins_over_where_its_name_leads() -> None:
    pods = [pod("db-0", "10.0.0.5", "data"), pod("pooler", "10.0.0.9", "data")]
    seen = Subject(server_address="10.0.0.5", addresses=("10.0.0.9",))
    assert serving.serving(pods, seen, "data") == serving.Serving("db-0")


def test_a_name_that_leads_to_several_pods_shows_nothing() -> None:
    pods = [pod("db-0", "10.0.0.5", "data"), pod("db-1", "10.0.0.6", "data-1")]
    seen = Subject(addresses=("10.0.0.5", "10.0.0.6"))
    assert "Several pods" in mismatch(serving.serving(pods, seen, "data"))


def test_an_address_of_the_node_shows_nothing() -> None:
    pods = [pod("db-0", "10.0.0.5", "data", hostNetwork=True)]
    assert "uses its node's address" in mismatch(serving.serving(pods, AT, "data"))


def test_no_address_shows_nothing() -> None:
    pods = [pod("db-0", "10.0.0.5", "data")]
    for seen in (Subject(), Subject(server_address="not one"), Subject(server_address="127.0.0.1")):
        assert "not known" in mismatch(serving.serving(pods, seen, "data"))


def test_a_pod_that_has_ended_has_no_address() -> None:
    ended = pod("db-0", "10.0.0.5", "data")
    ended["status"]["phase"] = "Failed"
    assert "No pod" in mismatch(serving.serving([ended], AT, "data"))


def test_everything_that_may_hold_files_is_named() -> None:
    more: list[dict[str, Any]] = [
        {"name": "disk", "hostPath": {"path": "/mnt"}},
        {"name": "scratch", "ephemeral": {}},
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "memory", "emptyDir": {}},
    ]
    found = serving.serving([pod("db-0", "10.0.0.5", "data", "wal", volumes=more)], AT, "data")
    assert found == serving.Serving("db-0", ("claim db-0-scratch", "claim wal", "hostPath volume disk"))
