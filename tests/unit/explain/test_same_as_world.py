"""The pretended runs against the world of the property tests, which has a database that is really changed.

One thing that world does not have: an inspection that reserves at once.
"""

from __future__ import annotations

from typing import Any

import pytest

from switchback.api.names import ANNOTATION_APPROVE
from switchback.api.spec import Spec
from switchback.controller.decision import Settle
from switchback.explain.cases import Case
from switchback.explain.files import files_of
from switchback.explain.scenes import SceneKind
from switchback.explain.stories import stories
from tests.property.world import World
from tests.unit.explain.build import DUMP, FILES, NONE, config_map, stage

IDS = ("0001_a", "0002_b", "0003_c")
MOST = 60


def spec(**more: Any) -> dict[str, Any]:
    return {
        "target": IDS[1],
        "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "url"}}},
        "source": FILES,
        **more,
    }


def really(wanted: dict[str, Any], applied: tuple[str, ...], *, risky: bool) -> list[str]:
    """Steps of the Jobs that are created until the world is at rest, and how it ends."""
    world = World(wanted, files=IDS, risky=frozenset(IDS if risky else ()))
    world.postgres.applied = list(applied)
    for _ in range(MOST):
        decision = world.reconcile()
        for name in [name for name, running in world.jobs.items() if not running.ended]:
            world.run(name)
        approval = world.status.approval
        if approval is not None and not approval.approved_by:
            world.annotations = {ANNOTATION_APPROVE: approval.token}
        if isinstance(decision, Settle) and not any(not one.ended for one in world.jobs.values()):
            break
    reason = world.status.history[-1].reason if world.status.history else ""
    return [*(name.split("-")[-2] for name in world.created), str(reason)]


def pretended(wanted: dict[str, Any], case: Case, *, risky: bool) -> list[str]:
    read = Spec.model_validate(wanted)
    files = files_of(read, {"shop-files": config_map(*IDS)})
    (told,) = [one for one in stories(stage(read, source=files)) if one.known.case is case]
    story = told.risky if risky and told.risky is not None else told.story
    jobs = [str(scene.step) for scene in story.scenes if scene.kind is SceneKind.JOB]
    return [*jobs, str(story.ending.reason)]


@pytest.mark.parametrize("risky", [False, True], ids=["harmless", "risky"])
@pytest.mark.parametrize(
    ("applied", "case"), [((), Case.BEHIND), (IDS, Case.BEYOND)], ids=["behind", "beyond"]
)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"snapshot": NONE},
        {"snapshot": DUMP},
        {"snapshot": DUMP, "approval": {"migratePolicy": "Manual", "rollbackPolicy": "Manual"}},
        {"snapshot": NONE, "rollback": {"dataLossPolicy": "Allow"}},
        {"snapshot": NONE, "rollback": {"dataLossPolicy": "Deny"}},
        {"snapshot": NONE, "rollback": {"policy": "Deny"}},
        {"snapshot": NONE, "rollback": {"reasonPolicy": "Required"}},
    ],
    ids=str,
)
def test_the_same_jobs_and_the_same_end(
    more: dict[str, Any], applied: tuple[str, ...], case: Case, *, risky: bool
) -> None:
    wanted = spec(**more)
    assert pretended(wanted, case, risky=risky) == really(wanted, applied, risky=risky)


def test_ahead_of_the_files() -> None:
    wanted = spec(target="latest")
    assert pretended(wanted, Case.AHEAD_OF_FILES, risky=False) == really(
        wanted, (*IDS, "0004_d"), risky=False
    )
