"""Whether an operation begins, and what would be followed of what people ask."""

from __future__ import annotations

from typing import Any

import pytest

from switchback.api import names
from switchback.api.status import LastHandled, Status
from switchback.controller.observed import Source
from switchback.controller.view import View
from switchback.explain.apply import three_way
from switchback.explain.changes import begin, changes
from switchback.explain.requests import Request, standing
from tests.unit.explain.build import FILES, at, files, spec, stage
from tests.unit.explain.test_stories import waiting


def view(wanted: Any, status: Status | None = None, **more: Any) -> View:
    here = stage(wanted, status, **more)
    return View(world=here.world, spec=here.spec, status=here.world.status)


def test_the_first_operation() -> None:
    found = begin(view(spec()), None)
    assert found.begins
    assert found.intent.startswith("i1:")


def test_the_same_wish_begins_nothing() -> None:
    wanted = spec()
    found = begin(view(spec(reason="again"), at(wanted, "0002")), (wanted, Source()))
    assert not found.begins
    assert found.before == found.intent


@pytest.mark.parametrize(
    ("after", "parts"),
    [
        ({"target": "0003"}, ("spec.target 0002 → 0003",)),
        ({"target": "latest"}, ("spec.target 0002 → latest",)),
        (
            {"source": {"image": {"reference": "x:2"}}},
            ("spec.source.image.reference registry.example/shop:1 → x:2",),
        ),
        (
            {"database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "other"}}}},
            ("spec.database (key) url → other",),
        ),
    ],
)
def test_the_part_of_the_intent_that_differs(after: dict[str, Any], parts: tuple[str, ...]) -> None:
    was = spec()
    found = begin(view(spec(**after), at(was, "0002")), (was, Source()))
    assert (found.begins, found.parts) == (True, parts)


def test_other_files() -> None:
    wanted = spec(source=FILES)
    before, after = files(wanted, "0001"), files(wanted, "0001", "0002")
    found = begin(view(wanted, at(wanted, "0001"), source=after), (wanted, before.source))
    assert found.parts == ("the files of the source",)


def test_what_differs_in_the_resource() -> None:
    found = list(changes({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"b": 2, "c": [1]}, "e": None}))
    assert [(one.path, one.before, one.after) for one in found] == [(("a", "b"), 1, 2), (("d",), 1, None)]


def test_the_patch_of_kubectl_apply() -> None:
    last = {"spec": {"a": 1, "b": {"c": 1, "d": 2}, "e": {"f": 1}}, "metadata": {"annotations": {"x": "1"}}}
    wanted = {"spec": {"a": 1, "b": {"c": 3}}, "metadata": {"annotations": {}}}
    assert three_way(last, wanted) == {
        "spec": {"a": 1, "b": {"c": 3, "d": None}, "e": None},
        "metadata": {"annotations": {"x": None}},
    }


def request(annotation: str, token: str, status: Status | None = None) -> Request:
    wanted = spec()
    (one,) = standing(view(wanted, status or at(wanted, "0002"), annotations={annotation: token}))
    return one


@pytest.mark.parametrize(
    ("annotation", "token", "followed"),
    [
        (names.ANNOTATION_APPROVE, "ap1", False),
        (names.ANNOTATION_REJECT, "ap1", False),
        (names.ANNOTATION_RETRY, "abc-1/1", False),
        (names.ANNOTATION_RETRY, "abc-0/1", False),
        (names.ANNOTATION_ABORT, "abc-1/1", False),
        (names.ANNOTATION_ROLLBACK, "0001", False),
        (names.ANNOTATION_ROLLBACK, "0001/i1:other", False),
        (names.ANNOTATION_PREVIEW, "0001/1", True),
        (names.ANNOTATION_INSPECT, "1", True),
        (names.ANNOTATION_RELEASE, "true", False),
    ],
)
def test_requests(annotation: str, token: str, *, followed: bool) -> None:
    assert request(annotation, token).followed is followed


def test_a_request_that_was_handled() -> None:
    status = at(spec(), "0002").model_copy(update={"last_handled": LastHandled(preview="0001/1")})
    found = request(names.ANNOTATION_PREVIEW, "0001/1", status)
    assert not found.followed
    assert "handled before" in found.why


def approved(token: str) -> dict[str, str]:
    return {names.ANNOTATION_APPROVE: token, names.ANNOTATION_APPROVED_BY: "ann"}


def test_the_token_that_waits() -> None:
    here, token = waiting()
    for given, followed in ((token, True), ("other", False)):
        world = stage(here.spec, here.world.status, annotations=approved(given)).world
        (one,) = standing(View(world=world, spec=here.spec, status=world.status))
        assert one.followed is followed


def test_a_token_without_a_name() -> None:
    here, token = waiting()
    world = stage(here.spec, here.world.status, annotations={names.ANNOTATION_APPROVE: token}).world
    (one,) = standing(View(world=world, spec=here.spec, status=world.status))
    assert not one.followed
    assert names.ANNOTATION_APPROVED_BY in one.why


def test_a_token_by_commit() -> None:
    (one,) = standing(view(spec(approval={"approvedPlan": "ap1:x"})))
    assert (one.kind, one.followed) == ("approvedPlan", False)
