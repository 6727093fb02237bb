"""The way back when the operator may not read everything any more: its rights were narrowed meanwhile."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.shop import BOOKS
from tests.e2e.states import is_true
from tests.traffic.shop import at
from tests.traffic.slots import BLUE, GREEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.handle import Cluster
    from tests.e2e.postgres import Database
    from tests.traffic.shop import Shop

pytestmark = pytest.mark.cluster

ROLE = "switchback"
UNREAD = {"configmaps", "namespaces"}


@contextlib.contextmanager
def without_rights(cluster: Cluster) -> Iterator[None]:
    """The operator may not read ConfigMaps and namespaces inside the block."""
    role = cluster.kubectl("get", "clusterrole", ROLE, json=True)
    left = [
        {**rule, "resources": kept}
        for rule in role["rules"]
        if (kept := [one for one in rule.get("resources", []) if one not in UNREAD])
    ]
    assert left != role["rules"]
    set_rules(cluster, left)
    try:
        yield
    finally:
        set_rules(cluster, role["rules"])


def set_rules(cluster: Cluster, rules: list[dict[str, Any]]) -> None:
    cluster.kubectl("patch", "clusterrole", ROLE, "--type=merge", "--patch", json.dumps({"rules": rules}))


@pytest.mark.timeout(300)
def test_a_slot_that_dies_is_left_although_files_and_namespace_cannot_be_read(
    shop: Shop, database: Database
) -> None:
    shop.slots.start()
    with shop.oracle() as oracle:
        move = shop.release(database, BOOKS, BLUE, soakPeriodSeconds=120)
        move.succeeded(seconds=120)
        move.switch(GREEN)
        move.phase("Soaking")
        with without_rights(shop.world.cluster):
            shop.slots.fault(GREEN, unready=True)
            move.until("the traffic is back", lambda one: at(one).get("phase") == "Restored", seconds=60)
            assert shop.slots.live() == BLUE
        state = move.stalled("RolledBack", seconds=120)

    assert at(state)["reason"] == "SlotDied"
    assert is_true(state, "Finished")
    assert [write.after["slot"] for write in oracle.switches()] == [GREEN, BLUE]
    assert oracle.violations() == []
