"""What people ask for by annotation: try again, end it, roll back against the spec, look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.shop import BOOKS, FIRST, INDEX, SECOND, SHOP, THIRD, pair
from tests.e2e.states import condition, is_true, operation, reason
from tests.e2e.support import ALLOW_LOSS, KEY, NO_SNAPSHOT, pg_dump

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

SLEEPS = pair("0003_sleeps", "CREATE TABLE early (a int); SELECT pg_sleep(300);", "DROP TABLE early;")


def asleep(world: World, database: Database) -> None:
    query = f"SELECT pid FROM pg_stat_activity WHERE datname = '{database.name}' AND wait_event = 'PgSleep'"
    world.recorder.wait("the slow statement runs", lambda: database.sql(query), seconds=30)


def busy(database: Database) -> list[object]:
    """Statements that run in the database, beside the one that asks."""
    query = (
        f"SELECT pid FROM pg_stat_activity WHERE datname = '{database.name}' AND state <> 'idle'"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    return [row[0] for row in database.sql(query)]


def at(state: Object) -> str:
    """Where the status says that the schema is."""
    return str(state["status"].get("schema", {}).get("current", ""))


def test_an_abort_cancels_the_statement_and_leaves_ledger_and_schema_in_agreement(
    world: World, database: Database
) -> None:
    shop = world.migration(database, BOOKS | INDEX | SLEEPS)
    asleep(world, database)

    token = shop.ask("abort")
    stalled = shop.stalled("Aborted")

    world.recorder.wait("the statement does not run on", lambda: not busy(database), seconds=5)
    assert database.applied() == [FIRST, SECOND]
    assert "early" not in str(database.contents()), "what the aborted file had done is undone"
    assert stalled["status"]["lastHandled"]["abort"] == token
    shop.until("the status says where it stands", lambda one: at(one) == SECOND)
    assert world.steps()[0] == "migrate"

    shop.refile(BOOKS | INDEX | pair("0003_sleeps", "CREATE TABLE early (a int);", "DROP TABLE early;"))
    shop.succeeded(after=operation(stalled)["id"])
    assert database.applied() == [FIRST, SECOND, "0003_sleeps"]


def test_an_abort_during_the_snapshot_gives_the_database_back(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP, rollback=ALLOW_LOSS, snapshot=pg_dump())
    shop.succeeded()
    before = database.contents()
    shop.edit(target=FIRST)
    shop.running("snapshot")  # it waits for its claim

    shop.ask("abort")
    stalled = shop.stalled("Aborted")

    world.recorder.wait("the reservation is given back", lambda: database.reserved_by() is None, seconds=30)
    assert database.contents() == before
    world.recorder.wait("it may be deleted", lambda: not shop.now()["metadata"].get("finalizers"), seconds=20)

    world.claim()
    shop.annotate(retry=f"{operation(stalled)['id']}/1")
    shop.succeeded(after=operation(stalled)["id"])
    assert database.applied() == [FIRST]


def test_a_retry_begins_again_once(world: World, database: Database) -> None:
    broken = pair("0002_broken", "SELECT 1/(SELECT count(*) FROM books WHERE id > 2);", "SELECT 1;")
    shop = world.migration(database, BOOKS | broken)
    first = shop.stalled("SQLFailed")
    database.sql("INSERT INTO books VALUES (3, 'Persuasion', 'Jane Austen')")

    token = shop.ask("retry")
    shop.succeeded(after=operation(first)["id"])

    assert database.applied() == [FIRST, "0002_broken"]
    count = len(world.steps())
    shop.annotate(retry=token, unrelated="1")
    shop.annotate(retry=operation(first)["id"] + "/again")
    shop.answered("retry", operation(first)["id"] + "/again")
    assert len(world.steps()) == count, "what is bound to an old operation starts nothing"


def test_a_rollback_against_the_spec_stays_whatever_is_forgotten(world: World, database: Database) -> None:
    world.claim()
    shop = world.migration(database, SHOP, rollback=ALLOW_LOSS, snapshot=pg_dump())
    done = shop.succeeded()
    intent = operation(done)["intentDigest"]

    shop.annotate(rollback=f"{FIRST}/{intent}")
    stalled = shop.stalled("RolledBack", after=operation(done)["id"])

    assert is_true(stalled, "RolledBack")
    assert database.applied() == [FIRST]
    assert "snapshot" in world.steps()
    assert shop.now()["spec"]["target"] == "latest", "the operator never writes a spec"
    events = database.events()

    shop.annotate(rollback=None)
    shop.edit(reason="a sync of a GitOps tool")
    shop.seen()
    shop.wipe_status()
    shop.stalled("PreviouslyRolledBack")
    shop.delete()
    again = world.migration(database, SHOP, rollback=ALLOW_LOSS, snapshot=pg_dump())
    again.stalled("PreviouslyRolledBack")
    assert database.events() == events
    assert database.applied() == [FIRST]

    refused = operation(again.now())["id"]
    again.ask("retry")
    again.succeeded(after=refused)
    assert database.applied() == [FIRST, SECOND, THIRD]


def test_a_preview_shows_what_would_be_lost_and_changes_nothing(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP, snapshot=NO_SNAPSHOT)
    done = shop.succeeded()
    before, events = database.contents(), database.events()

    shop.annotate(preview=f"{FIRST}/1")
    shown = shop.answered("preview", f"{FIRST}/1")

    preview = shown["status"]["preview"]
    assert (preview["phase"], preview["direction"]) == ("Ready", "Backward")
    assert [step["id"] for step in preview["steps"]] == [THIRD, SECOND]
    assert "DataLoss" in preview["risks"]
    assert any("first" in loss for loss in preview["steps"][0]["losses"])
    assert operation(shown) == operation(done)
    assert is_true(shown, "Ready")
    assert (database.contents(), database.events()) == (before, events)


def test_a_preview_of_a_suspended_resource(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP, suspend=True)
    shop.until("is suspended", lambda state: reason(state, "Ready") == "Suspended")

    shop.annotate(preview="latest")
    shown = shop.answered("preview", "latest")

    assert [step["id"] for step in shown["status"]["preview"]["steps"]] == [FIRST, SECOND, THIRD]
    assert reason(shown, "Ready") == "Suspended"
    assert database.sql("SELECT to_regnamespace('switchback')") == [(None,)], "looking creates nothing"


def test_an_inspection_finds_what_somebody_else_has_done(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP, snapshot=NO_SNAPSHOT, rollback=ALLOW_LOSS)
    shop.succeeded()
    other = world.migration(
        database, SHOP, name="other", target=FIRST, snapshot=NO_SNAPSHOT, rollback=ALLOW_LOSS
    )
    other.succeeded()

    shop.annotate(inspect="1")
    stalled = shop.until("takes its success back", lambda state: is_true(state, "Stalled"))

    assert reason(stalled, "Stalled") == "SchemaDrifted"
    assert stalled["status"]["schema"]["current"] == FIRST
    assert FIRST in condition(stalled, "Ready")["message"]


@pytest.mark.parametrize("empty", [True, False], ids=["without a ledger", "with a ledger of its own"])
def test_the_same_secret_with_another_database(
    world: World, database: Database, new_database: Callable[[], Database], *, empty: bool
) -> None:
    other = new_database()
    if not empty:
        world.migration(other, BOOKS, name="owner-of-the-other").succeeded()
    shop = world.migration(database, SHOP)
    shop.succeeded()
    kept = other.contents()

    world.secret("shop-db", **{KEY: other.url})
    shop.annotate(inspect="1")
    changed = shop.until("takes its success back", lambda state: is_true(state, "Stalled"))
    assert reason(changed, "Stalled") == "DatabaseChanged"
    shop.refile(SHOP | pair("0009_late", "CREATE TABLE late (a int);", "DROP TABLE late;"))
    stalled = shop.stalled("DatabaseChanged", after=operation(changed)["id"])
    assert other.contents() == kept, "nothing was applied to a database that nobody named"

    world.secret("shop-db", **{KEY: database.url})
    shop.ask("retry")
    shop.succeeded(after=operation(stalled)["id"])
    assert database.applied()[-1] == "0009_late"


def test_a_rejected_plan(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS, approval={"migratePolicy": "Manual"})
    asked = shop.until("asks", lambda state: reason(state, "Ready") == "AwaitingApproval")
    assert asked["status"]["approval"]["wants"] == ["Migrate"]
    assert [step["id"] for step in operation(asked)["steps"]] == [FIRST]
    assert world.steps() == ["inspect"]
    world.recorder.wait("it may be deleted", lambda: not shop.now()["metadata"].get("finalizers"), seconds=20)

    shop.annotate(reject=asked["status"]["approval"]["token"])
    stalled = shop.stalled("ApprovalRejected")
    assert database.sql("SELECT to_regclass('books')") == [(None,)]

    shop.edit(reason="once more")
    again = shop.until(
        "asks anew",
        lambda state: (
            reason(state, "Ready") == "AwaitingApproval"
            and operation(state)["id"] != operation(stalled)["id"]
        ),
    )
    shop.annotate(approve=again["status"]["approval"]["token"])
    done = shop.succeeded()
    assert done["status"]["approval"]["approvedBy"] == world.kube.username
    assert database.applied() == [FIRST]


def test_an_approval_runs_out(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS, approval={"migratePolicy": "Manual", "timeoutSeconds": 3})
    stalled = shop.stalled("ApprovalExpired")
    assert stalled["status"]["history"][-1]["outcome"] == "Expired"
    assert database.sql("SELECT to_regclass('books')") == [(None,)]


def test_deleted_in_the_middle_of_a_migration(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS | SLEEPS)
    asleep(world, database)
    assert shop.now()["metadata"]["finalizers"] == ["switchback.dev/in-flight"]

    shop.delete()

    assert busy(database) == [], "it was waited for"
    assert database.applied() == [FIRST]
    world.recorder.wait("its Jobs are gone", lambda: not world.jobs(), seconds=30)


def test_deleted_in_the_middle_of_a_rollback(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP, rollback=ALLOW_LOSS, snapshot=pg_dump())
    shop.succeeded()
    before = database.contents()
    shop.edit(target=FIRST)
    shop.running("snapshot")  # it waits for its claim
    assert database.reserved_by() is not None

    shop.delete()

    assert database.reserved_by() is None, "nobody has to wait for its end"
    assert database.contents() == before
    other = world.migration(database, SHOP, name="other")
    other.succeeded()


def test_a_namespace_goes_in_the_middle(world: World, database: Database) -> None:
    place = world.elsewhere()
    place.migration(database, BOOKS | SLEEPS)
    asleep(world, database)

    world.kube.delete("Namespace", "", place.namespace)
    world.recorder.wait(
        "the namespace is gone",
        lambda: world.kube.find("Namespace", "", place.namespace) is None,
        seconds=120,
    )

    assert busy(database) == []
    assert database.applied() == [FIRST]
