from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.cluster import audit

if TYPE_CHECKING:
    from pathlib import Path


def entry(verb: str, resource: str, namespace: str, name: str = "", **more: Any) -> str:
    reference = {"resource": resource, "namespace": namespace, "name": name}
    event = {
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": "admin"},
        "objectRef": {key: value for key, value in reference.items() if value},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-01-01T00:00:00.000001Z",
        "stageTimestamp": "2026-01-01T00:00:00.000002Z",
        **more,
    }
    return json.dumps(event, separators=(",", ":")) + "\n"


def test_filters_choose_and_order_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(
        entry("create", "jobs", "shop", responseObject={"metadata": {"name": "migrate-1"}})
        + entry("get", "jobs", "shop", "migrate-1")
        + entry("create", "jobs", "other", "b")
        + entry("delete", "jobs", "shop", "migrate-1")
    )
    found = audit.read(log, namespace="shop", resource="jobs", writes=True)
    assert [(event.verb, event.name) for event in found] == [("create", "migrate-1"), ("delete", "migrate-1")]
    assert [event.verb for event in audit.read(log, verb=("get", "delete"))] == ["get", "delete"]


def test_reading_goes_on_from_a_mark_and_leaves_a_half_line(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    assert audit.size(log) == 0
    log.write_text(entry("create", "jobs", "a"))
    mark = audit.size(log)
    with log.open("a") as handle:
        handle.write(entry("delete", "jobs", "a") + entry("patch", "jobs", "a")[:-9])
    assert [event.verb for event in audit.read(log, since=mark)] == ["delete"]


def test_a_namespace_is_not_found_by_a_part_of_its_name(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(entry("create", "jobs", "shop-2") + entry("create", "jobs", "2", name="shop"))
    assert audit.read(log, namespace="shop") == []
