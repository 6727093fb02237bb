"""The schema is one that the API server takes: structural, bounded, described."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from switchback.api import crd
from switchback.api.emit import EmitError, structural

Schema = dict[str, Any]
ROOT: Schema = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def walk(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from walk(inner, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from walk(schema["additionalProperties"], f"{path}{{}}")


NODES = list(walk(ROOT))
OURS = [(path, node) for path, node in NODES if path not in {"", ".apiVersion", ".kind", ".metadata"}]


def test_the_walk_sees_the_whole_schema() -> None:
    paths = {path for path, _ in NODES}
    assert ".spec.jobTemplate.spec.env[].name" in paths
    assert ".spec.snapshot.pgDump.clientImages{}" in paths
    assert ".status.operation.steps[].losses[]" in paths
    assert len(paths) > 150


@pytest.mark.parametrize(("path", "node"), OURS, ids=[path for path, _ in OURS])
def test_every_part_is_structural_and_bounded(path: str, node: Schema) -> None:
    assert not set(node) & {"$ref", "$defs", "title", "const", "oneOf", "allOf", "nullable"}
    if node.get("x-kubernetes-int-or-string"):
        assert "type" not in node
        assert node["anyOf"] == [{"type": "integer"}, {"type": "string"}]
        assert node["maxLength"]
        return
    assert "anyOf" not in node
    assert isinstance(node["type"], str)
    match node["type"]:
        case "string":
            assert "enum" in node or node["maxLength"] <= 4096
        case "integer":
            assert "minimum" in node
        case "array":
            assert node["maxItems"] <= 64
            assert node["x-kubernetes-list-type"] in {"atomic", "map"}
            for key in node.get("x-kubernetes-list-map-keys", []):
                assert key in node["items"]["required"]
        case "object":
            known = bool(node.get("properties")) or node.get("x-kubernetes-preserve-unknown-fields")
            assert known or node["maxProperties"] <= 32
            assert set(node.get("required", [])) <= set(node.get("properties", {}))
        case other:
            assert other == "boolean"


def test_every_field_has_a_description() -> None:
    texts = {path: node.get("description", "") for path, node in OURS if not path.endswith(("[]", "{}"))}
    assert len(texts) > 150
    assert {
        path: text for path, text in texts.items() if len(text) < 8 or "\n" in text or text[-1] != "."
    } == {}


def test_every_rule_has_a_message() -> None:
    found = [rule for _, node in NODES for rule in node.get("x-kubernetes-validations", [])]
    assert len(found) >= 10
    assert all(set(rule) == {"rule", "message"} and len(rule["message"]) > 8 for rule in found)


def test_a_status_has_one_default_only() -> None:
    defaults = {path: node["default"] for path, node in NODES if "default" in node and ".status" in path}
    assert defaults == {".status": {"observedGeneration": -1}}


def test_defaults_are_those_of_the_design() -> None:
    defaults = {path: node["default"] for path, node in NODES if "default" in node and ".spec" in path}
    assert defaults == {
        ".spec.approval": {},
        ".spec.approval.cutoverPolicy": "Automatic",
        ".spec.approval.migratePolicy": "Automatic",
        ".spec.approval.rollbackPolicy": "Automatic",
        ".spec.checks[].failureThreshold": 3,
        ".spec.checks[].httpGet.expectStatus": 200,
        ".spec.checks[].periodSeconds": 5,
        ".spec.checks[].prometheus.comparison": "LessThan",
        ".spec.checks[].prometheus.emptyResult": "Fail",
        ".spec.checks[].sql.expectValue": "t",
        ".spec.checks[].timeoutSeconds": 2,
        ".spec.cutover.allowNoReturn": False,
        ".spec.cutover.drainPeriodSeconds": 30,
        ".spec.cutover.driftPolicy": "Report",
        ".spec.cutover.minimumReadyPercent": 100,
        ".spec.cutover.selectorKey": "slot",
        ".spec.cutover.slotReadyDeadlineSeconds": 600,
        ".spec.cutover.slots[].workloadRef.kind": "Deployment",
        ".spec.cutover.soakPeriodSeconds": 60,
        ".spec.cutover.switchDeadlineSeconds": 60,
        ".spec.database.ledgerSchema": "switchback",
        ".spec.rollback.downSource": "Auto",
        ".spec.rollback.reasonPolicy": "Optional",
        ".spec.source.adoptionPolicy": "Never",
        ".spec.source.format": "Auto",
        ".spec.source.outOfOrderPolicy": "Refuse",
        ".spec.approval.timeoutSeconds": 86400,
        ".spec.database.connection.port": 5432,
        ".spec.database.connection.sslMode": "prefer",
        ".spec.execution": {},
        ".spec.execution.advisoryLockTimeoutSeconds": 60,
        ".spec.execution.backoffLimit": 3,
        ".spec.execution.lockTimeoutSeconds": 2,
        ".spec.jobHistoryLimit": 5,
        ".spec.jobTemplate.spec.volumeMounts[].readOnly": False,
        ".spec.operationDeadlineSeconds": 7200,
        ".spec.rollback": {},
        ".spec.rollback.automatic": "Never",
        ".spec.rollback.dataLossPolicy": "RequireApproval",
        ".spec.rollback.policy": "Allow",
        ".spec.snapshot.beforeMigratePolicy": "Never",
        ".spec.snapshot.deadlineSeconds": 1800,
        ".spec.snapshot.deletionPolicy": "Retain",
        ".spec.snapshot.fence.deadlineSeconds": 120,
        ".spec.snapshot.maxAgeSeconds": 1800,
        ".spec.snapshot.migrateFailurePolicy": "Abort",
        ".spec.snapshot.pgDump.jobs": 2,
        ".spec.snapshot.retention": {},
        ".spec.snapshot.retention.minimumAgeSeconds": 604800,
        ".spec.snapshot.retention.minimumCount": 3,
        ".spec.snapshot.volumeSnapshot.allowDeletePolicy": False,
        ".spec.snapshot.volumeSnapshot.otherVolumes": "Refuse",
        ".spec.snapshot.volumeSnapshot.waitFor": "Restorable",
        ".spec.source.aheadPolicy": "Refuse",
        ".spec.source.image.path": "/migrations",
        ".spec.source.image.pullPolicy": "IfNotPresent",
        ".spec.suspend": False,
    }


class Inner(BaseModel):
    word: Literal["only"]


class Outer(BaseModel):
    """Two parts.

    On several
    lines.
    """

    maybe: Annotated[Inner | None, Field(description="beside the reference")] = None
    number: Annotated[int | None, Field(ge=1)] = None
    fixed: Inner = Inner(word="only")
    names: tuple[str, ...] = ()
    labels: Mapping[str, str] = Field(default_factory=dict, max_length=3)
    text: str = ""
    on: bool = False


def test_references_and_null_are_resolved_in_place() -> None:
    assert structural(Outer) == {
        "type": "object",
        "description": "Two parts. On several lines.",
        "properties": {
            "maybe": {
                "type": "object",
                "description": "beside the reference",
                "properties": {"word": {"type": "string", "enum": ["only"]}},
                "required": ["word"],
            },
            "number": {"type": "integer", "minimum": 1},
            "fixed": {
                "type": "object",
                "properties": {"word": {"type": "string", "enum": ["only"]}},
                "required": ["word"],
                "default": {},
            },
            "names": {"type": "array", "items": {"type": "string"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 3},
            "text": {"type": "string"},
            "on": {"type": "boolean", "default": False},
        },
    }


def test_defaults_can_be_left_out() -> None:
    properties = structural(Outer, defaults=False)["properties"]
    assert not any("default" in node for node in properties.values())


class WithUnion(BaseModel):
    either: int | str


class WithMultiple(BaseModel):
    number: Annotated[int, Field(multiple_of=5)]


@pytest.mark.parametrize(
    ("model", "where"),
    [(WithUnion, "WithUnion.either: a union"), (WithMultiple, "WithMultiple.number: the keyword")],
)
def test_what_has_no_structural_form_is_refused_by_place(model: type[BaseModel], where: str) -> None:
    with pytest.raises(EmitError, match=where):
        structural(model)
