"""Every row of the table of situations, as a resource on the cluster passes through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.shop import BOOKS, FIRST, INDEX, SHOP, pair
from tests.e2e.states import condition, is_true, operation, reason
from tests.e2e.support import ALLOW_LOSS, NO_SNAPSHOT

if TYPE_CHECKING:
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import Migration, World

pytestmark = pytest.mark.cluster

MAIN = ("Ready", "Reconciling", "Stalled", "Finished")
WORKING = ("Unknown/Progressing", "True", "False", "False")
RETRYING = ("False/Retrying", "True", "False", "False")
WAITING = ("False/WaitingForDatabase", "True", "False", "False")
AWAITING = ("Unknown/AwaitingApproval", "True", "False", "False")
SUSPENDED = ("Unknown/Suspended", "True", "False", "False")
SUSPENDED_REACHED = ("True/Suspended", "False", "False", "True")
DONE = ("True/Succeeded", "False", "False", "True")
ROLLING_BACK = ("False/RollingBack", "True", "False", "False")
ROLLED_BACK = ("False/RolledBack", "False", "True", "True")


def failed(why: str) -> tuple[str, ...]:
    return (f"False/{why}", "False", "True", "True")


def row(state: Object) -> tuple[str, ...]:
    """The four conditions of a state, Ready with its reason."""
    first, *others = (condition(state, kind) for kind in MAIN)
    return (f"{first.get('status')}/{first.get('reason')}", *(str(one.get("status")) for one in others))


def rows(shop: Migration) -> list[tuple[str, ...]]:
    """The rows of all its states since the last change of the test, each once in a run of equal ones."""
    seen: list[tuple[str, ...]] = []
    for state in shop.states():
        if "conditions" in state.get("status", {}) and seen[-1:] != [row(state)]:
            seen.append(row(state))
    return seen


def generations_fit(shop: Migration) -> bool:
    """In each state, every condition is of the generation that the status has observed."""
    return all(
        one["observedGeneration"] == state["status"]["observedGeneration"]
        for state in shop.states()
        for one in state.get("status", {}).get("conditions", [])
    )


def reached(shop: Migration, wanted: tuple[str, ...]) -> Object:
    return shop.until(f"is {wanted}", lambda state: row(state) == wanted)


def test_unseen_working_done_and_rolling_back(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP, rollback=ALLOW_LOSS, snapshot=NO_SNAPSHOT)
    shop.succeeded()
    unseen = shop.states()[0]
    assert unseen["status"] == {"observedGeneration": -1}
    assert rows(shop) == [WORKING, DONE]
    assert generations_fit(shop)

    shop.edit(target=FIRST)
    shop.succeeded()
    assert rows(shop)[-2:] == [ROLLING_BACK, DONE]
    assert set(rows(shop)) <= {DONE, WORKING, ROLLING_BACK}
    assert generations_fit(shop)


def test_suspended_before_and_after(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS, suspend=True)
    reached(shop, SUSPENDED)
    assert reason(shop.now(), "Reconciling") == "Suspended"
    shop.edit(suspend=False)
    reached(shop, DONE)
    shop.edit(suspend=True)
    reached(shop, SUSPENDED_REACHED)
    shop.edit(target="base")
    reached(shop, SUSPENDED)


def test_waiting_for_people_and_what_they_say(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS, approval={"migratePolicy": "Manual"})
    asked = reached(shop, AWAITING)
    shop.annotate(reject=asked["status"]["approval"]["token"])
    reached(shop, failed("ApprovalRejected"))

    shop.edit(approval={"migratePolicy": "Manual", "timeoutSeconds": 1})
    reached(shop, failed("ApprovalExpired"))

    shop.edit(approval={"migratePolicy": "Manual", "timeoutSeconds": 600})
    shop.until("asks anew", lambda state: row(state) == AWAITING and not is_true(state, "Stalled"))
    shop.ask("abort")
    reached(shop, failed("Aborted"))


def test_failed_retrying_and_waiting_for_the_database(world: World, database: Database) -> None:
    broken = world.migration(database, BOOKS | pair("0002_no", "SELECT 1/0;", "SELECT 1;"), name="broken")
    reached(broken, failed("SQLFailed"))

    missing = {"urlFrom": {"secretKeyRef": {"name": "nobody-has-it", "key": "url"}}}
    retrying = world.migration(database, BOOKS, name="retrying", database=missing)
    reached(retrying, RETRYING)
    retrying.delete()

    database.sql(
        "UPDATE switchback.meta SET reserved_by = 'somebody-else', reserved_until = now() + interval '1 hour'"
    )
    waiting = world.migration(
        database, BOOKS, name="waiting", source={"configMapRefs": [{"name": "broken-files"}]}
    )
    told = reached(waiting, WAITING)
    assert reason(told, "Reconciling") == "Reserved"
    assert operation(told)["nextAttemptTime"]
    database.sql("UPDATE switchback.meta SET reserved_by = NULL, reserved_until = NULL")
    waiting.refile(BOOKS)


def test_rolled_back_and_being_deleted(world: World, database: Database) -> None:
    slow = pair("0003_slow", "SELECT pg_sleep(300);", "SELECT 1;")
    shop = world.migration(database, BOOKS | INDEX, rollback=ALLOW_LOSS, snapshot=NO_SNAPSHOT)
    done = shop.succeeded()
    shop.annotate(rollback=f"{FIRST}/{operation(done)['intentDigest']}")
    reached(shop, ROLLED_BACK)
    assert ROLLING_BACK in rows(shop)

    shop.refile(BOOKS | INDEX | slow)
    shop.running("migrate")
    before = reached(shop, WORKING)
    shop.delete()
    states = world.recorder.states("DatabaseMigration", world.namespace, shop.name)
    leaving = [one for one in states if "deletionTimestamp" in one["metadata"]]
    told = [one for one in leaving if reason(one, "Reconciling") == "Deleting"]
    assert told, "it is said that it is being deleted"
    assert condition(told[-1], "Ready")["status"] == condition(before, "Ready")["status"]
    assert row(told[-1])[1:] == ("True", "False", "False")
