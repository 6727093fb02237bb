"""What rests costs nothing, by the audit log. With SWITCHBACK_CAMPAIGN it is watched for 15 minutes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shop import BOOKS, FIRST, INDEX, SHOP, pair
from tests.e2e.states import is_true, operation, reason
from tests.e2e.support import ALLOW_LOSS, NO_SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import Migration, World

pytestmark = pytest.mark.cluster

CAMPAIGN = os.environ.get("SWITCHBACK_CAMPAIGN", "") not in {"", "0"}
QUIET_SECONDS = 900 if CAMPAIGN else 20
SETTLE_SECONDS = 3
OPERATOR = "system:serviceaccount:switchback-system:switchback"


def at_rest(world: World, new_database: Callable[[], Database]) -> list[Migration]:
    """Done, failed, rolled back, suspended: each has nothing to wait for."""
    done = world.migration(new_database(), SHOP, name="done")
    failed = world.migration(
        new_database(), BOOKS | pair("0002_no", "SELECT 1/0;", "SELECT 1;"), name="failed"
    )
    suspended = world.migration(new_database(), BOOKS, name="suspended", suspend=True)
    back = world.migration(
        new_database(), BOOKS | INDEX, name="back", rollback=ALLOW_LOSS, snapshot=NO_SNAPSHOT
    )
    done.succeeded()
    failed.stalled("SQLFailed")
    before = operation(back.succeeded())
    back.annotate(rollback=f"{FIRST}/{before['intentDigest']}")
    back.stalled("RolledBack", after=before["id"])
    suspended.until("is suspended", lambda state: reason(state, "Ready") == "Suspended")
    return [done, failed, suspended, back]


def managers(state: Object) -> set[tuple[str, str]]:
    """(manager, subresource) of whoever has written a status."""
    return {
        (one["manager"], one.get("subresource", ""))
        for one in state["metadata"]["managedFields"]
        if "f:status" in one.get("fieldsV1", {})
    }


@pytest.mark.timeout(QUIET_SECONDS + 600)
def test_what_rests_is_left_alone(world: World, new_database: Callable[[], Database]) -> None:
    resources = at_rest(world, new_database)
    world.recorder.wait(
        "all are let go",
        lambda: not any(one.now()["metadata"].get("finalizers") for one in resources),
        seconds=20,
    )
    versions = [one.now()["metadata"]["resourceVersion"] for one in resources]
    time.sleep(SETTLE_SECONDS)  # its own last write leads to one more look
    mark = world.cluster.audit_mark()

    time.sleep(QUIET_SECONDS)

    seen = world.cluster.audit(since=mark, user=OPERATOR, namespace=world.namespace)
    assert [(one.verb, one.resource, one.name) for one in seen] == []
    ours = world.cluster.audit(since=mark, user=OPERATOR)
    assert {one.resource for one in ours} >= {"leases"}, "the operator was at work meanwhile"
    assert [one.now()["metadata"]["resourceVersion"] for one in resources] == versions
    for one in resources:
        state = one.now()
        assert managers(state) == {("switchback", "status")}
        assert "kopf" not in str(state), "no trace of the library that watches"
        assert is_true(state, "Finished") or reason(state, "Ready") == "Suspended"
