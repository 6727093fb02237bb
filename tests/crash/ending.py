"""How a story has ended, without what differs between two runs of it: times, ids and names made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.crash.story import STEPS

if TYPE_CHECKING:
    from tests.crash.story import Story


@dataclass(frozen=True)
class Ending:
    """Resource, ledger and schema, and what was done on the way there."""

    conditions: dict[str, str]
    schema: dict[str, object]
    history: list[tuple[str, ...]]
    snapshots: list[str]
    in_flight: dict[str, object]
    metadata: dict[str, object]
    jobs: list[str]
    folders: int
    ledger: list[str]
    events: list[str]
    reserved_by: str | None
    contents: str


def ending(story: Story) -> Ending:
    """The end of a story that has come to rest."""
    resource = story.resource()
    metadata, status = resource["metadata"], resource["status"]
    operation, schema = status["operation"], status["schema"]
    return Ending(
        conditions={one["type"]: f"{one['status']}/{one['reason']}" for one in status["conditions"]},
        schema={key: schema.get(key) for key in ("current", "target", "pendingCount", "appliedTail")},
        history=[
            tuple(str(entry.get(key, "")) for key in ("direction", "from", "to", "outcome", "reason"))
            for entry in status["history"]
        ],
        snapshots=[one["phase"] for one in status.get("snapshots", [])],
        in_flight={key: operation[key] for key in ("jobName", "jobUID", "reservedUntil") if key in operation},
        metadata={
            "finalizers": metadata.get("finalizers", []),
            "annotations": sorted(metadata.get("annotations", {})),
            "managers": sorted({one["manager"] for one in metadata["managedFields"]}),
        },
        jobs=story.created(),
        folders=len(story.snapshots()),
        ledger=story.database.applied(),
        events=[f"{one.kind} {one.migration}" for one in story.database.events()],
        reserved_by=story.database.reserved_by(),
        contents=str(story.database.contents()),
    )


def check(found: Ending) -> None:
    """What every end of the whole story has to be, whatever went wrong on the way."""
    assert found.conditions["Ready"] == "True/Succeeded"
    assert found.conditions["Stalled"].startswith("False")
    assert [entry[0] + " " + entry[3] for entry in found.history] == [
        "Forward Succeeded",
        "Backward Succeeded",
    ]
    assert found.snapshots == ["Ready"]
    assert not found.in_flight
    assert found.metadata == {"finalizers": [], "annotations": [], "managers": ["e2e", "switchback"]}
    assert found.jobs == STEPS
    assert found.folders == 1
    assert found.ledger == ["0001_books"]
    changes = [event for event in found.events if not event.endswith("None")]
    assert len(set(changes)) == len(changes), f"something ran twice: {changes}"
    assert not found.reserved_by
    assert "stock" not in found.contents
    assert "price" not in found.contents
