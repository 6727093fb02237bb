"""Manifests and stages for the tests of explain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchback.api.crd import definition
from switchback.api.spec import Spec
from switchback.api.status import (
    DatabaseIdentity,
    HistoryEntry,
    OperationState,
    Outcome,
    SchemaState,
    SourceState,
    Status,
)
from switchback.contract.words import Direction
from switchback.controller.intent import database_digest, intent_digest
from switchback.controller.observed import Observed, PolicyState, Source
from switchback.controller.settings import Settings
from switchback.explain.document import Document, documents
from switchback.explain.files import Files, files_of
from switchback.explain.scenes import NEW_UID, SceneKind
from switchback.explain.schema import Judge
from switchback.explain.stories import Stage, Told

if TYPE_CHECKING:
    from switchback.explain.findings import Finding

Object = dict[str, Any]

SCHEMA: Object = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
SETTINGS = Settings("runner:1", client_images={"18": "postgres:18"})
DUMP: Object = {"pgDump": {"persistentVolumeClaim": {"claimName": "dumps"}}}
NONE: Object = {"none": {"acknowledge": True}}

MANIFEST = """\
apiVersion: switchback.dev/v1alpha1
kind: DatabaseMigration
metadata:
  name: shop
spec:
  target: "0002"
  database:
    urlFrom:
      secretKeyRef: {name: shop-db, key: url}
  source:
    image:
      reference: registry.example/shop:1
"""


def document(text: str) -> Document:
    (one,) = documents(text, "shop.yaml")
    return one


def judged(text: str) -> tuple[Document, list[Finding]]:
    """The document and what the schema says to its spec."""
    one = document(text)
    judge = Judge(one.raw)
    judge.judge(SCHEMA, one.data["spec"], ("spec",))
    return one, judge.findings


def spec(**more: Any) -> Spec:
    return Spec.model_validate(
        {
            "target": "0002",
            "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "url"}}},
            "source": {"image": {"reference": "registry.example/shop:1"}},
            **more,
        }
    )


def config_map(*ids: str, **more: str) -> Object:
    files = {
        f"{one}.{half}.sql": f"SELECT {number};" for number, one in enumerate(ids) for half in ("up", "down")
    }
    return {"kind": "ConfigMap", "data": {**files, **more}}


def files(wanted: Spec, *ids: str) -> Files:
    return files_of(wanted, {"shop-files": config_map(*ids)})


FILES: Object = {"configMapRefs": [{"name": "shop-files"}]}


def at(wanted: Spec, *applied: str, server: int = 180000) -> Status:
    """A status in which the last run has seen these migrations applied, and succeeded."""
    current = applied[-1] if applied else "base"
    operation = OperationState(
        id="abc-1",
        intent_digest=intent_digest(wanted, Source()),
        database_digest=database_digest(wanted),
        target=current,
        to=current,
        direction=Direction.FORWARD,
        reached=True,
        attempt=1,
        generation=1,
    )
    return Status(
        operation=operation,
        schema_state=SchemaState(
            current=current,
            applied_tail=applied,
            database=DatabaseIdentity(
                name="shop", system_identifier="7", server_version=server, digest=database_digest(wanted)
            ),
        ),
        source=SourceState(),
        history=(
            HistoryEntry(
                operation_id="abc-1",
                to=current,
                outcome=Outcome.SUCCEEDED,
                reason="Succeeded",
                message="Done.",
            ),
        ),
    )


def stage(wanted: Spec, status: Status | None = None, source: Files | None = None, **more: Any) -> Stage:
    settings = more.pop("settings", SETTINGS)
    source = source or Files(is_image=True)
    world = Observed(
        namespace="team",
        name="shop",
        uid=NEW_UID if status is None else "11111111-2222-3333-4444-555555555555",
        resource_version="7",
        deleting=False,
        spec=wanted,
        status=status or Status(),
        now=datetime(2026, 1, 1, tzinfo=UTC),
        source=source.source,
        client_images=settings.client_images,
        **{
            "generation": 2,
            "annotations": {},
            "approval_policy": PolicyState.PRESENT,
            **more,
        },
    )
    return Stage(world, wanted, source, settings)


def steps(told: Told) -> list[str]:
    """What happens, in one word each."""
    return [
        str(scene.step) if scene.kind is SceneKind.JOB else str(scene.kind) for scene in told.story.scenes
    ]


def reasons(told: Told) -> list[str]:
    return [f"{one.reason} {one.condition}".strip() for one in told.refusals]
