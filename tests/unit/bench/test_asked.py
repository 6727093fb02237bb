from __future__ import annotations

from typing import Any

import pytest

from tests.bench.asked import about, counted, first_writes, resyncs
from tests.cluster.audit import Event


def event(verb: str, resource: str, name: str = "", **more: Any) -> Event:
    at = more.get("at", 0.0)
    second = f"2026-01-01T12:{int(at) // 60:02}:{at % 60:09.6f}Z"
    return Event(
        {
            "verb": verb,
            "stage": more.get("stage", "ResponseComplete"),
            "objectRef": {
                "resource": resource,
                "subresource": more.get("subresource", ""),
                "namespace": more.get("namespace", "shop"),
                "name": name,
            },
            "responseStatus": {"code": more.get("code", 200)},
            "requestReceivedTimestamp": second,
            "stageTimestamp": second,
        }
    )


def test_the_lease_is_counted_by_itself_and_a_watch_when_it_begins() -> None:
    asked = counted(
        [
            event("get", "leases"),
            event("update", "leases"),
            event("watch", "pods", stage="ResponseStarted"),
            event("watch", "pods"),
            event("list", "pods"),
            event("list", "pods"),
            event("patch", "databasemigrations", subresource="status"),
        ]
    )
    assert asked.lease == 2
    assert asked.writes == 1
    assert (asked.verb("list"), asked.verb("watch"), asked.verb("get")) == (2, 1, 0)
    assert asked.text() == "2 list pods, 1 watch pods, 1 patch databasemigrations/status"
    assert asked.text(per=2).startswith("1.0 list pods, 0.5 watch pods")
    assert counted([]).text() == "nothing"


def test_of_a_namespace_is_what_is_in_it_and_itself() -> None:
    inside, itself = event("get", "pods"), event("get", "namespaces", "shop", namespace="")
    other = event("get", "namespaces", "cart", namespace="")
    assert about([inside, other, itself, event("get", "pods", namespace="cart")], "shop") == [inside, itself]


def test_lists_that_follow_each_other_are_one_resync() -> None:
    seen = [event("list", "jobs", at=at) for at in (0.0, 1.5, 2.0, 300.0, 303.0)]
    seen += [event("get", "pods", at=100.0)]
    assert resyncs(seen) == pytest.approx([2.0, 3.0])


def test_a_first_write_is_the_operators_first_status_of_what_was_created() -> None:
    created = [
        event("create", "databasemigrations", "a", at=10.0, code=201),
        event("create", "databasemigrations", "b", at=11.0, code=201),
        event("create", "databasemigrations", "a", at=12.0, code=409),
        event("create", "jobs", "j", at=9.0, code=201),
    ]
    written = [
        event("patch", "databasemigrations", "a", at=12.5, subresource="status"),
        event("patch", "databasemigrations", "a", at=10.25, subresource="status"),
        event("patch", "databasemigrations", "b", at=11.5, subresource="status", code=409),
        event("patch", "databasemigrations", "b", at=13.0, subresource="status"),
        event("patch", "databasemigrations", "b", at=11.1),
    ]
    assert first_writes(written, created) == pytest.approx([0.25, 2.0])
