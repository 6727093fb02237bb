"""Restore points of several places as one line each, and what retention says of them."""

from __future__ import annotations

from typing import Any

from switchback.api import names
from switchback.kubectl.points import Line, merged, of_object, of_status, of_volume
from switchback.kubectl.prune import verdicts_on
from switchback.kubectl.resource import Resource
from tests.unit.kubectl import statuses

UID, OTHER = statuses.UID, "5f0c3a52-0000-4000-8000-000000000009"
CLAIM = {"pgDump": {"persistentVolumeClaim": {"claimName": "points"}}}


def shop(*points: dict[str, Any], **status: Any) -> Resource:
    return Resource(
        {
            "metadata": {"name": "shop", "namespace": "team", "uid": UID},
            "spec": {
                **statuses.SPEC,
                "snapshot": {**CLAIM, "retention": {"minimumCount": 1, "minimumAgeSeconds": 3600}},
            },
            "status": {"snapshots": list(points), **status},
        }
    )


def point(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "phase": "Ready", "provider": "pgDump", **more}


def on_volume(name: str, state: str = "Sealed", uid: str = UID, **more: Any) -> dict[str, Any]:
    requester = {
        "namespace": "team", "resource": "shop", "uid": uid, "operation_id": f"{names.uid_hash(uid)}-1",
    }  # fmt: skip
    manifest = {
        "requester": requester, "restore_point": "2026-03-01T10:00:00Z", "files": [{"size": 3}, {"size": 4}],
        "ledger": {"current": "0003_names"},
    }  # fmt: skip
    return {"name": name, "state": state, "manifest": manifest, **more}


def snapshot(name: str, uid: str = UID, **status: Any) -> dict[str, Any]:
    notes = {
        "switchback.dev/restore-point": name,
        "switchback.dev/uid": uid,
        names.ANNOTATION_RESOURCE: "team/shop",
    }  # fmt: skip
    return {"metadata": {"name": name.lower(), "namespace": "team", "annotations": notes}, "status": status}


def names_of(lines: list[Line]) -> list[tuple[str, str]]:
    return [(line.name, line.phase) for line in lines]


def test_what_two_places_tell_is_one_line() -> None:
    lines = [*of_status(shop(point("a", digest="sha256:1"))), *of_volume("team", [on_volume("a")])]
    (line,) = merged(lines, {UID})
    assert line.seen == ("status", "volume")
    assert (line.digest, line.size, line.version) == ("sha256:1", 7, "0003_names")


def test_where_it_is_kept_it_may_be_damaged_or_gone() -> None:
    lines = [*of_status(shop(point("a"), point("b"))), *of_volume("team", [on_volume("a", "Damaged")])]
    assert names_of(merged(lines, {UID})) == [("b", "Ready"), ("a", "Damaged")]
    assert names_of(merged(lines, {UID}, {(UID, "pgDump")})) == [("b", "Missing"), ("a", "Damaged")]


def test_what_a_resource_that_is_gone_has_left_is_orphaned() -> None:
    lines = of_volume("team", [on_volume("a"), on_volume("b", uid=OTHER)])
    assert [(line.name, line.orphaned) for line in merged(lines, {UID})] == [("a", False), ("b", True)]
    (unknown,) = merged(
        of_volume("team", [{"name": "x.partial", "state": "Incomplete", "manifest": None}]), {UID}
    )
    assert not unknown.orphaned, "nobody knows whose it was"


def test_objects_of_the_cluster_and_words_of_others() -> None:
    assert of_object("volumeSnapshot", {"metadata": {"name": "theirs"}}) is None
    phases = [
        getattr(of_object("volumeSnapshot", snapshot("A", **status)), "phase", None)
        for status in ({"readyToUse": True}, {"error": {"message": "no"}}, {})
    ]
    assert phases == ["Ready", "Failed", "InProgress"]
    backup = of_object("cloudNativePG", snapshot("A", phase="completed"))
    assert backup is not None
    assert (backup.phase, backup.identity, backup.namespace) == ("Ready", "a", "team")


def verdicts(resource: Resource, lines: list[Line], *, complete: bool = True) -> dict[str, str]:
    found = verdicts_on(resource, lines, statuses.NOW, complete=complete)
    return {one.name: type(one).__name__ for one in found}


def test_a_plan_by_the_rules_of_the_spec() -> None:
    days = [statuses.ago(days=3), statuses.ago(days=2), statuses.ago(minutes=5)]
    resource = shop(*(point(name, completionTime=time) for name, time in zip("abc", days, strict=True)))
    lines = merged(of_status(resource), {UID})
    assert verdicts(resource, lines) == {"a": "Delete", "b": "Delete", "c": "Keep"}
    assert verdicts(resource, lines, complete=False) == {"a": "Keep", "b": "Keep", "c": "Keep"}


def test_what_an_operation_that_ended_badly_needs_stays() -> None:
    own = f"{names.uid_hash(UID)}-00000a"
    times = {"a": statuses.ago(days=3), "b": statuses.ago(days=2), "c": statuses.ago(days=1)}
    points = [
        point(name, completionTime=time, operationID=own if name == "a" else "")
        for name, time in times.items()
    ]
    resource = shop(*points, history=[{"operationID": own, "outcome": "Failed"}])
    assert verdicts(resource, merged(of_status(resource), {UID}))["a"] == "Keep"
    marked = shop(point("a", completionTime=times["a"], protectedBy="a restore reads it"), *points[1:])
    assert verdicts(marked, merged(of_status(marked), {UID}))["a"] == "Keep"


def test_where_they_are_kept_has_the_last_word() -> None:
    resource = shop(
        point("a", completionTime=statuses.ago(days=3)), point("b", completionTime=statuses.ago(days=1))
    )
    told = [
        on_volume("a", deletable=False, reason="it has a keep mark"),
        on_volume("b", deletable=True, reason="old"),
    ]
    lines = merged([*of_status(resource), *of_volume("team", told)], {UID})
    assert verdicts(resource, lines) == {"a": "Keep", "b": "Delete"}


def test_what_is_gone_is_not_counted() -> None:
    resource = shop(
        point("a", completionTime=statuses.ago(days=3)), point("b", completionTime=statuses.ago(days=1))
    )
    lines = merged([*of_status(resource)], {UID}, {(UID, "pgDump")})
    assert verdicts(resource, lines) == {}
