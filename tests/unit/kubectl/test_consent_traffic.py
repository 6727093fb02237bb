"""What a person is shown of a switch before saying yes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.kubectl import steer
from switchback.kubectl.consent import _show
from switchback.kubectl.screen import Screen
from switchback.kubectl.session import Session
from tests.unit.kubectl import traffic
from tests.unit.kubectl.test_cutover import Bed

if TYPE_CHECKING:
    from switchback.kubectl.resource import Resource


def shown(resource: Resource, capsys: pytest.CaptureFixture[str]) -> str:
    _show(Session(None, Screen("text"), "team-shop"), resource)  # type: ignore[arg-type]  # nobody is asked
    return capsys.readouterr().out


def test_a_resource_without_a_database_is_of_its_traffic_alone(capsys: pytest.CaptureFixture[str]) -> None:
    resource = traffic.waits_for_yes()
    for part in ("database", "source", "target"):
        resource.spec.pop(part, None)
    del resource.status["schema"]
    for end in ("from", "to"):
        resource.status["operation"].pop(end, None)
    head, *rest = shown(resource, capsys).splitlines()
    assert head.endswith("shop in team-shop: moves traffic only")
    assert "Traffic  blue → green" in rest[0]
    assert not any("Snapshot" in line for line in rest)


def test_with_a_schema_both_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(traffic.waits_for_yes(), capsys)
    assert "shop in team-shop: database shop (Secret shop-db), 0002_titles → 0003_names" in text
    assert "Snapshot before it: none; nothing is undone." in text


@pytest.mark.asyncio
async def test_the_question_before_an_abort_names_a_database_only_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    async def confirmed(_screen: Screen, text: str) -> None:
        asked.append(text)
        raise KeyboardInterrupt

    monkeypatch.setattr(steer, "may_ask", lambda: True)
    monkeypatch.setattr(steer, "confirm", confirmed)
    resource = traffic.soaking()
    for wished in (resource.spec, {"cutover": traffic.CUTOVER}):
        resource.data["spec"] = wished
        session = Bed(monkeypatch, None, resource).session
        with pytest.raises(KeyboardInterrupt):
            await steer.abort(session, name="shop", yes=False, seconds=None)
    with_schema, without = asked
    assert "on database shop (Secret shop-db)?" in with_schema
    assert "database" not in without
    assert without.startswith("End operation ")
    assert "The traffic of Service shop-web goes back to blue." in without
