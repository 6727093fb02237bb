"""The pods of the Jobs: admitted where only restricted ones are, from images too, kept for a while."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import source_image
from tests.e2e.kube import RefusedError
from tests.e2e.shop import BOOKS, FIRST, INDEX, SECOND, SHOP, THIRD
from tests.e2e.states import condition, operation, reason
from tests.e2e.support import pg_dump

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster


def image(reference: str, path: str = "/migrations") -> dict[str, Any]:
    return {"source": {"image": {"reference": reference, "path": path}}}


def test_files_from_an_image(world: World, database: Database, tmp_path: Path) -> None:
    """Restricted, like everything here: an unrestricted pod is refused in this namespace."""
    with pytest.raises(RefusedError, match="violates PodSecurity"):
        world.kube.create(_careless_pod(world), world.namespace)
    name = f"localhost/shop-migrations:{secrets.token_hex(4)}"
    source_image.load(world.cluster, name, "/sql/shop", SHOP, tmp_path)
    world.claim()

    shop = world.migration(database, snapshot=pg_dump(), target=SECOND, **image(name, "/sql/shop"))
    done = shop.succeeded()
    assert database.applied() == [FIRST, SECOND]
    assert done["status"]["source"]["image"].startswith(name)

    shop.edit(target=FIRST)
    shop.succeeded()
    assert database.applied() == [FIRST]
    assert world.steps()[-2:] == ["snapshot", "rollback"]


@pytest.mark.parametrize(
    ("reference", "why", "word"),
    [
        ("localhost/pause:1", "SourceImageUnusable", "cp"),
        ("localhost/nobody-has-it:1", "ImagePullFailed", "nobody-has-it"),
    ],
    ids=["no cp in it", "no such image"],
)
def test_an_image_that_cannot_serve_is_named(
    world: World, database: Database, reference: str, why: str, word: str
) -> None:
    shop = world.migration(database, execution={"backoffLimit": 0}, **image(reference))

    def told(state: Object) -> bool:
        return reason(state, "SchemaReady") == why and word in condition(state, "SchemaReady")["message"]

    shop.until(f"{why} with {word}", told)
    assert database.applied() == []


GONE = {"name": "gone", "secret": {"secretName": "gone"}}
STUCK: dict[str, tuple[str, dict[str, Any]]] = {
    "no such service account": ("PodNotCreated", {"serviceAccountName": "nobody"}),
    "no such volume": (
        "VolumeNotMounted",
        {"volumes": [GONE], "volumeMounts": [{"name": "gone", "mountPath": "/gone"}]},
    ),
}


@pytest.mark.parametrize("why", STUCK)
def test_a_job_that_never_starts_says_so_and_an_edit_mends_it(
    world: World, database: Database, why: str
) -> None:
    word, template = STUCK[why]
    limits = {"backoffLimit": 0}
    shop = world.migration(database, BOOKS, execution=limits, jobTemplate={"spec": template})
    shop.retrying(word)
    shop.edit(jobTemplate={"spec": dict.fromkeys(template)})
    shop.succeeded()
    assert database.applied() == [FIRST]
    assert world.steps() == ["migrate", "migrate"]
    assert len(world.jobs()) == 1, "the Job that could not start is gone"


def test_only_so_many_jobs_are_kept(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP, target=FIRST, jobHistoryLimit=1)
    shop.succeeded()
    for target in (SECOND, THIRD):
        shop.edit(target=target)
        shop.succeeded()
    (first, second, third) = [one.name for one in world.jobs_created()]

    def kept() -> bool:
        return [job["metadata"]["name"] for job in world.jobs()] == [third]

    world.recorder.wait(f"{first} and {second} are deleted, {third} is kept", kept, seconds=20)


def test_suspend_takes_effect_between_two_steps(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS | INDEX, snapshot=pg_dump())
    shop.succeeded()
    before = database.contents()
    shop.edit(target=FIRST)
    shop.running("snapshot")  # it waits for its claim

    shop.edit(suspend=True)
    world.claim()
    shop.until(
        "is suspended",
        lambda state: reason(state, "Ready") == "Suspended" and not operation(state).get("jobName"),
    )

    assert "rollback" not in world.steps()
    assert database.contents() == before
    assert [job["status"].get("succeeded") for job in world.jobs() if "-snapshot-" in job["metadata"]["name"]]

    shop.edit(suspend=False)
    shop.succeeded()
    assert database.applied() == [FIRST]
    assert world.steps().count("snapshot") == 1
    assert world.steps().count("rollback") == 1


def _careless_pod(world: World) -> Object:
    container = {"name": "main", "image": world.cluster.images.switchback}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "careless"},
        "spec": {"containers": [container]},
    }
