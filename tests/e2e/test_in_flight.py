"""Things that happen while an operation is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e import judge
from tests.e2e.shop import BOOKS, FIRST, FOURTH, INDEX, NAMES, SECOND, SHOP, STOCK, THIRD, pair
from tests.e2e.states import condition, is_true, operation, reason
from tests.e2e.support import NO_SNAPSHOT, pg_dump

if TYPE_CHECKING:
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

SLOW = pair("0009_slow", "SELECT pg_sleep(5);", "SELECT 1;")


def asleep(world: World, database: Database) -> None:
    """Wait until the slow file runs."""
    query = f"SELECT pid FROM pg_stat_activity WHERE datname = '{database.name}' AND wait_event = 'PgSleep'"
    world.recorder.wait("the slow file runs", lambda: database.sql(query), seconds=30)


def awaits_approval(state: Object) -> bool:
    return reason(state, "Ready") == "AwaitingApproval"


def test_a_changed_mind_before_the_rollback(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS | INDEX, snapshot=pg_dump())
    shop.succeeded()
    before = database.contents()
    shop.edit(target=FIRST)
    shop.running("snapshot")  # it waits for its claim

    shop.edit(target="latest")
    shop.succeeded()

    world.recorder.wait("the reservation is given back", lambda: database.reserved_by() is None, seconds=20)
    assert database.contents() == before
    assert "rollback" not in world.steps()
    assert judge.reservations_kept(database) == 1


def test_an_edit_does_not_kill_what_changes_the_database(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS | INDEX | SLOW, snapshot=NO_SNAPSHOT)
    asleep(world, database)

    shop.edit(target=FIRST)
    shop.succeeded()

    assert database.applied() == [FIRST]
    kinds = [(event.kind, event.migration) for event in database.events() if event.migration]
    assert kinds[:3] == [("Applied", FIRST), ("Applied", SECOND), ("Applied", "0009_slow")]
    assert kinds[3:] == [("RolledBack", "0009_slow"), ("RolledBack", SECOND)]


def test_a_deleted_job_is_looked_after(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS | INDEX | SLOW)
    asleep(world, database)

    (job,) = world.jobs()
    world.kube.delete("Job", world.namespace, job["metadata"]["name"])
    shop.retrying("JobDeleted")
    shop.succeeded()

    applied = [event.migration for event in database.events() if event.kind == "Applied"]
    assert applied == [FIRST, SECOND, "0009_slow"]
    assert world.steps() == ["migrate", "inspect", "migrate"]


def test_an_approval_counts_for_the_plan_that_was_shown(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP, snapshot=NO_SNAPSHOT)
    shop.succeeded()
    shop.edit(target=SECOND)
    asked = shop.until("asks for approval", awaits_approval)
    token = asked["status"]["approval"]["token"]
    world.migration(database, SHOP | STOCK, name="other").succeeded()
    before = database.contents()

    shop.annotate(approve=token)
    again = shop.until(
        "asks anew", lambda state: awaits_approval(state) and state["status"]["approval"]["token"] != token
    )

    assert operation(again)["planDigest"] != operation(asked)["planDigest"]
    assert [step["id"] for step in operation(again)["steps"]] == [FOURTH, THIRD]
    assert database.contents() == before
    assert "rollback" not in world.steps()
    shop.annotate(approve=again["status"]["approval"]["token"])
    shop.succeeded()
    assert database.applied() == [FIRST, SECOND]


def test_a_quota_is_told_and_waited_for(world: World, database: Database) -> None:
    quota = f"/api/v1/namespaces/{world.namespace}/resourcequotas"
    limits = {"spec": {"hard": {"count/jobs.batch": "0"}}}
    world.kube.json("POST", quota, body={"metadata": {"name": "none"}, **limits})
    world.recorder.wait(
        "the quota counts",
        lambda: "hard" in world.kube.json("GET", f"{quota}/none").get("status", {}),
        seconds=10,
    )
    shop = world.migration(database, BOOKS, execution={"backoffLimit": 20})

    told = shop.retrying("JobRefused")
    assert "quota" in condition(told, "Reconciling")["message"]
    assert world.steps() == []

    world.kube.raw("DELETE", f"{quota}/none")
    shop.succeeded()
    assert database.applied() == [FIRST]


def test_a_deadline_ends_what_cannot_start(world: World, database: Database) -> None:
    reference = {"urlFrom": {"secretKeyRef": {"name": "nobody-has-it", "key": "url"}}}
    shop = world.migration(database, BOOKS, database=reference, operationDeadlineSeconds=5)

    stalled = shop.stalled("SecretMissing")

    assert "nobody-has-it" in condition(stalled, "Stalled")["message"]
    world.recorder.wait("its pod is gone", lambda: not world.pods(), seconds=20)
    assert database.applied() == []


def test_suspended_from_the_start(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS | INDEX | NAMES, suspend=True)
    waiting = shop.until("is suspended", lambda state: reason(state, "Ready") == "Suspended")
    assert not is_true(waiting, "Finished")
    assert world.steps() == []

    shop.edit(suspend=False)
    shop.succeeded()
    assert database.applied() == [FIRST, SECOND, THIRD]
