"""Forward: what runs, what stops it, and what does not start anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shop import BOOKS, FIRST, INDEX, NAMES, SECOND, SHOP, THIRD, pair
from tests.e2e.states import condition, is_true, operation, reason

if TYPE_CHECKING:
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

BAD = pair(
    SECOND,
    "ALTER TABLE books ADD COLUMN price numeric;\nALTER TABLE bocks ADD COLUMN isbn text;",
    "ALTER TABLE books DROP COLUMN price;",
)
LONG = pair(
    SECOND,
    "ALTER TABLE books ADD COLUMN price numeric;\n"
    "DO $$ BEGIN RAISE EXCEPTION '%', repeat('far too long ', 400); END $$;",
    "ALTER TABLE books DROP COLUMN price;",
)


def test_latest_applies_every_file_with_one_job(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP)

    done = shop.succeeded()

    assert database.applied() == [FIRST, SECOND, THIRD]
    assert database.sql("SELECT first, last FROM books ORDER BY id") == [
        ("George", "Eliot"),
        ("Jane", "Austen"),
    ]
    assert world.steps() == ["migrate"]
    assert is_true(done, "SchemaReady")
    assert done["status"]["schema"]["current"] == THIRD


def test_what_asks_for_nothing_new_starts_nothing(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP, reason="first")
    done = shop.succeeded()
    before = database.events()

    assert shop.apply(done["spec"])["metadata"]["generation"] == done["metadata"]["generation"]
    shop.annotate(note="nothing to see here")
    (job,) = world.jobs()
    world.kube.delete("Job", world.namespace, job["metadata"]["name"])
    world.recorder.wait("the Job is gone", lambda: not world.jobs(), seconds=20)
    # When the operator has seen this last edit, it has seen all the others too.
    shop.edit(reason="another wording")
    seen = shop.succeeded()

    assert operation(seen)["id"] == operation(done)["id"]
    assert world.steps() == ["migrate"]
    assert database.events() == before


@pytest.mark.parametrize(
    ("bad", "line", "state"), [(BAD, 2, "42P01"), (LONG, 2, "P0001")], ids=["wrong name", "endless message"]
)
def test_bad_sql_stops_between_two_files_until_it_is_mended(
    world: World, database: Database, bad: dict[str, str], line: int, state: str
) -> None:
    shop = world.migration(database, BOOKS | bad | NAMES)

    stalled = shop.stalled("SQLFailed")

    assert database.applied() == [FIRST]
    assert "public.books" in database.contents()["rows"]  # type: ignore[operator]
    assert not database.sql(
        "SELECT column_name FROM information_schema.columns WHERE column_name IN ('price', 'first')"
    )
    message = condition(stalled, "Stalled")["message"]
    assert re.search(rf"{SECOND}\.up\.sql:{line}\b", message), message
    assert state in message
    assert world.steps() == ["migrate"]

    shop.refile(SHOP)
    mended = shop.succeeded(after=operation(stalled)["id"])

    assert mended["metadata"]["generation"] == stalled["metadata"]["generation"] == 1
    assert database.applied() == [FIRST, SECOND, THIRD]


def test_an_older_source_undoes_nothing(world: World, database: Database) -> None:
    shop = world.migration(
        database, SHOP, rollback={"dataLossPolicy": "Allow"}, snapshot={"none": {"acknowledge": True}}
    )
    done = shop.succeeded()
    before, events = database.contents(), database.events()

    shop.refile(BOOKS | INDEX)
    stalled = shop.stalled("SourceBehindLedger", after=operation(done)["id"])

    assert reason(stalled, "SchemaReady") == "SourceBehindLedger"
    assert database.contents() == before
    assert database.events() == events
    assert set(world.steps()) == {"migrate"}
