"""The pretended traffic against the street of the property tests, whose Service is really pointed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from switchback.api.names import ANNOTATION_APPROVE
from switchback.api.spec import Spec
from switchback.controller.decision import Settle
from switchback.explain import rail
from switchback.explain.cases import Case
from switchback.explain.files import files_of
from switchback.explain.scenes import SceneKind
from switchback.explain.stories import stories
from tests.property.street import CUTOVER, KEY, Street
from tests.unit.explain.build import FILES, NONE, config_map, stage

IDS = ("0001", "0002", "0003")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOST = 200
SCHEMA: dict[str, Any] = {
    "target": "0002",
    "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "url"}}},
    "source": FILES,
    "snapshot": NONE,
}
CHECK = {
    "name": "up",
    "stages": ["AfterMigrate", "BeforeCutover", "AfterCutover", "AfterRollback"],
    "httpGet": {"url": "http://shop-web/"},
}


def really(wanted: dict[str, Any], applied: tuple[str, ...]) -> list[str]:
    """Steps of the Jobs that are created until all is at rest, where the Service points, and how it ends."""
    street = Street(wanted, files=IDS, contract=frozenset())
    street.postgres.applied = list(applied)
    for _ in range(MOST):
        street.settle_slices()
        decision = street.reconcile()
        for name, job in list(street.jobs.items()):
            if not job.ended and not ("-c-check-" in name and not job.told):
                street.run(name)
        approval = street.status.approval
        if approval is not None and not approval.approved_by:
            street.annotations = {ANNOTATION_APPROVE: approval.token}
        if isinstance(decision, Settle) and all(job.ended for job in street.jobs.values()):
            break
        street.tick(decision)
    reason = street.status.history[-1].reason if street.status.history else ""
    return [*(name.split("-")[-2] for name in street.created), street.selector[KEY], str(reason)]


def pretended(wanted: dict[str, Any], case: Case) -> list[str]:
    read = Spec.model_validate(wanted)
    assert read.cutover is not None
    files = files_of(read, {"shop-files": config_map(*IDS)})
    traffic = rail.pretended(read.cutover, rail.Beside(), NOW, "blue")
    told = next(one for one in stories(stage(read, source=files, traffic=traffic)) if one.known.case is case)
    jobs = [str(scene.step) for scene in told.story.scenes if scene.kind is SceneKind.JOB]
    switched = [scene.slot for scene in told.story.scenes if scene.kind is SceneKind.SWITCH]
    return [*jobs, (switched or ["blue"])[-1], str(told.story.ending.reason)]


MORE: list[dict[str, Any]] = [
    {},
    {"checks": [CHECK]},
    {"checks": [CHECK], "rollback": {"automatic": "TrafficAndSchema"}},
    {"approval": {"cutoverPolicy": "Manual"}},
    {"approval": {"migratePolicy": "Manual", "rollbackPolicy": "Manual", "cutoverPolicy": "Manual"}},
]


@pytest.mark.parametrize("more", MORE, ids=str)
@pytest.mark.parametrize("slot", ["blue", "green"])
@pytest.mark.parametrize(
    ("applied", "case"), [((), Case.BEHIND), (IDS, Case.BEYOND)], ids=["behind", "beyond"]
)
def test_schema_and_traffic(more: dict[str, Any], slot: str, applied: tuple[str, ...], case: Case) -> None:
    wanted = {**SCHEMA, "cutover": {**CUTOVER, "activeSlot": slot}, **more}
    told, done = pretended(wanted, case), really(wanted, applied)
    if "automatic" in more.get("rollback", {}):  # an inspection reserves at once, which that world does not
        told, done = ([step for step in steps if step != "reserve"] for steps in (told, done))
    assert told == done


@pytest.mark.parametrize("more", MORE[:1] + MORE[3:4], ids=str)
@pytest.mark.parametrize("slot", ["blue", "green"])
def test_traffic_alone(more: dict[str, Any], slot: str) -> None:
    wanted = {"cutover": {**CUTOVER, "activeSlot": slot}, **more}
    assert pretended(wanted, Case.NO_SCHEMA) == really(wanted, ())
