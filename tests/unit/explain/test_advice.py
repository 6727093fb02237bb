"""What the files alone say of traffic and checks."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from switchback.api.spec import Spec
from switchback.explain.advice import advice
from switchback.explain.document import documents
from switchback.explain.findings import Level, spelled
from switchback.explain.references import companions
from tests.unit.explain.build import DUMP

SQL = {"sql": {"query": "SELECT true"}}
SLOTS: list[dict[str, Any]] = [
    {"name": name, "workloadRef": {"name": f"shop-{name}"}} for name in ("blue", "green")
]
CUTOVER: dict[str, Any] = {"serviceName": "shop-web", "slots": SLOTS, "activeSlot": "green"}
SCHEMA: dict[str, Any] = {
    "target": "latest",
    "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "url"}}},
    "source": {"image": {"reference": "shop:1"}},
}
IDS = ("0001_a", "0002_b", "0010_c")


def found(
    spec: dict[str, Any],
    *others: dict[str, Any],
    ids: tuple[str, ...] | None = None,
    annotations: dict[str, Any] | None = None,
) -> dict[str, str]:
    """Path to reason."""
    mine = {
        "kind": "DatabaseMigration",
        "metadata": {"name": "shop", "annotations": annotations or {}},
        "spec": spec,
    }
    read = documents(yaml.safe_dump_all([mine, *others]), "f")
    said = advice(read[0], Spec.model_validate(spec), ids, companions(read, "team"), "team")
    assert all(one.level in {Level.WARNING, Level.REFUSED} for one in said)
    return {spelled(one.path): one.reason for one in said}


def check(*stages: str) -> dict[str, Any]:
    return {"name": "x", "stages": list(stages), **SQL}


def test_a_whole_spec_has_nothing() -> None:
    spec = {**SCHEMA, "cutover": CUTOVER, "checks": [check("AfterMigrate", "BeforeCutover", "AfterCutover")]}
    assert found({**spec, "rollback": {"automatic": "TrafficAndSchema"}, "snapshot": DUMP}) == {}
    assert found({"cutover": CUTOVER}) == {}


def test_a_failing_check_that_moves_nothing() -> None:
    spec = {**SCHEMA, "cutover": CUTOVER, "checks": [check("AfterCutover")]}
    assert found(spec) == {"spec.rollback.automatic": "FailingChecksUndoNothing"}
    assert found({**spec, "rollback": {"automatic": "Traffic"}}) == {}


def test_a_soak_without_time() -> None:
    spec = {"cutover": {**CUTOVER, "soakPeriodSeconds": 0}, "rollback": {"automatic": "Traffic"}}
    get = {"name": "x", "stages": ["AfterCutover"], "httpGet": {"url": "http://shop"}}
    assert found({**spec, "checks": [get]}) == {"spec.cutover.soakPeriodSeconds": "SoakEmpty"}
    assert found(spec) == {}


@pytest.mark.parametrize("stage", ["BeforeCutover", "AfterCutover"])
def test_checks_of_a_switch_that_never_comes(stage: str) -> None:
    assert found({**SCHEMA, "checks": [check("AfterMigrate", stage)]}) == {
        "spec.checks[0].stages[1]": "CheckNeverRuns"
    }


@pytest.mark.parametrize("stage", ["AfterMigrate", "AfterRollback"])
def test_checks_of_a_schema_that_nobody_changes(stage: str) -> None:
    spec = {"cutover": CUTOVER, "database": SCHEMA["database"], "checks": [check(stage)]}
    assert found(spec) == {"spec.checks[0].stages[0]": "CheckNeverRuns"}


def test_a_schema_that_could_not_go_back_by_itself() -> None:
    wished = {"automatic": "TrafficAndSchema"}
    place = {"spec.rollback.automatic": "SchemaStays"}
    assert found({**SCHEMA, "rollback": wished}) == place
    assert found({**SCHEMA, "rollback": {**wished, "policy": "Deny"}, "snapshot": DUMP}) == place
    assert found({"cutover": CUTOVER, "rollback": wished}) == place
    assert found({**SCHEMA, "rollback": wished, "snapshot": DUMP}) == {}


@pytest.mark.parametrize(
    ("blue", "green", "ids", "apart"),
    [
        ({"maximum": "0002_b"}, {"minimum": "0010_c"}, IDS, True),
        ({"maximum": "0002_b"}, {"minimum": "0010_c"}, None, True),
        ({"maximum": "0002_b"}, {"minimum": "0010_c"}, ("0010_c", "0002_b"), False),
        ({"maximum": "0010_c"}, {"minimum": "0010_c"}, IDS, False),
        ({"maximum": "0010_c"}, {"minimum": "0002_b"}, None, False),
        ({"maximum": "9"}, {"minimum": "10"}, None, True),
        ({"minimum": "0010_c", "maximum": "0002_b"}, {}, IDS, True),
        ({"minimum": "0002_b"}, {"maximum": "0001_a"}, IDS, True),
    ],
)
def test_bounds_that_leave_no_version(
    blue: dict[str, str], green: dict[str, str], ids: tuple[str, ...] | None, *, apart: bool
) -> None:
    slots = [{**slot, "schema": bounds} for slot, bounds in zip(SLOTS, (blue, green), strict=True)]
    said = found({**SCHEMA, "cutover": {**CUTOVER, "slots": slots}}, ids=ids)
    assert list(said.values()) == (["SlotBoundsApart"] if apart else [])


def service(**selector: str) -> dict[str, Any]:
    return {"kind": "Service", "metadata": {"name": "shop-web"}, "spec": {"selector": selector}}


def test_a_service_in_git_that_holds_the_key() -> None:
    said = found({"cutover": CUTOVER}, service(app="shop", slot="blue"))
    assert said == {"spec.cutover.selectorKey": "SelectorInManifest"}
    assert found({"cutover": CUTOVER}, service(app="shop")) == {}
    elsewhere = service(app="shop", slot="blue")
    elsewhere["metadata"]["namespace"] = "other"
    assert found({"cutover": CUTOVER}, elsewhere) == {}


WAVE, HOOK = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/hook"


def workload(wave: str = "", kind: str = "Deployment", name: str = "shop-green") -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "annotations": {WAVE: wave} if wave else {}}, "spec": {}}


@pytest.mark.parametrize(
    ("mine", "theirs", "stuck"),
    [
        ({}, "", False),
        ({WAVE: "0"}, "1", True),
        ({WAVE: "-1"}, "", True),
        ({WAVE: "1"}, "1", False),
        ({WAVE: "2"}, "1", False),
        ({HOOK: "PreSync"}, "", True),
        ({HOOK: "PreSync", WAVE: "5"}, "1", True),
        ({HOOK: "PostSync"}, "9", False),
        ({HOOK: "Sync"}, "", False),
    ],
)
def test_a_wave_before_that_of_the_workloads(mine: dict[str, str], theirs: str, *, stuck: bool) -> None:
    said = found({"cutover": CUTOVER}, workload(theirs), annotations=mine)
    assert list(said.values()) == (["SyncWaveTooEarly"] if stuck else [])


def test_other_objects_may_come_in_any_wave() -> None:
    others = (workload("5", name="shop-api"), workload("5", kind="StatefulSet"))
    assert found({"cutover": CUTOVER}, *others) == {}
    assert found(SCHEMA, workload("5")) == {}
