"""A fence by a command of one's own: up before the restore point, down after the rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.shop import BOOKS, FIRST, INDEX, SECOND
from tests.e2e.states import condition
from tests.e2e.support import pg_dump

if TYPE_CHECKING:
    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

NOTE = (
    'psql --no-psqlrc --quiet --dbname="$DATABASE_URL" --command '
    "\"INSERT INTO fences.log VALUES ('$SWITCHBACK_FENCE', '$SWITCHBACK_OPERATION_ID', "
    "'$SWITCHBACK_NAMESPACE/$SWITCHBACK_RESOURCE')\""
)


def fenced(world: World, script: str) -> Object:
    """A restore point on a claim, behind a fence that a shell script raises and lowers."""
    image = world.cluster.images.postgres["18"]
    return {
        **pg_dump(),
        "fence": {"image": image, "command": ["/bin/sh", "-c", script], "deadlineSeconds": 60},
    }


def with_log(database: Database) -> None:
    database.sql("CREATE SCHEMA fences")
    database.sql("CREATE TABLE fences.log (word text, operation text, resource text, at serial)")
    database.sql(f"GRANT USAGE ON SCHEMA fences TO {database.name}")
    database.sql(f"GRANT ALL ON ALL TABLES IN SCHEMA fences TO {database.name}")
    database.sql(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA fences TO {database.name}")


def log(database: Database) -> list[tuple[str, str, str]]:
    rows = database.sql("SELECT word, operation, resource FROM fences.log ORDER BY at")
    return [(str(word), str(operation), str(resource)) for word, operation, resource in rows]


def test_the_fence_is_up_around_restore_point_and_rollback(world: World, database: Database) -> None:
    world.claim()
    shop = world.migration(database, BOOKS | INDEX, snapshot=fenced(world, NOTE))
    shop.succeeded()
    with_log(database)
    assert log(database) == []

    shop.edit(target=FIRST)
    done = shop.succeeded()

    assert database.applied() == [FIRST]
    world.recorder.wait("the fence is down", lambda: len(log(database)) > 1, seconds=60)
    operation = done["status"]["history"][-1]["operationID"]
    whose = f"{world.namespace}/shop"
    assert log(database) == [("raise", operation, whose), ("lower", operation, whose)]
    steps = [step for step in world.steps() if step in {"fence", "snapshot", "rollback", "unfence"}]
    assert steps == ["fence", "snapshot", "rollback", "unfence"]


def test_a_fence_that_cannot_be_raised_is_told_and_nothing_is_rolled_back(
    world: World, database: Database
) -> None:
    world.claim()
    script = f'[ "$SWITCHBACK_FENCE" = lower ] || {{ echo "no such gate" >&2; exit 4; }}; {NOTE}'
    shop = world.migration(
        database, BOOKS | INDEX, snapshot=fenced(world, script), execution={"backoffLimit": 0}
    )
    shop.succeeded()
    with_log(database)

    shop.edit(target=FIRST)
    stalled = shop.stalled("FenceCommandFailed")

    message = condition(stalled, "Stalled")["message"]
    assert "the command of spec.snapshot.fence ended with code 4: no such gate" in message
    assert database.applied() == [FIRST, SECOND]
    assert {"snapshot", "rollback"}.isdisjoint(world.steps())
    world.recorder.wait(
        "it is lowered all the same", lambda: [one[0] for one in log(database)] == ["lower"], seconds=60
    )
