"""Trouble on the way to the database: each its own reason while it lasts, and none once it is mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.shop import BOOKS, FIRST
from tests.e2e.support import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

SECRET = "access"
USER, PASSWORD = "user", "password"


def by_url(database: Database) -> dict[str, Any]:
    return {"urlFrom": {"secretKeyRef": {"name": SECRET, "key": KEY}}}


def by_parts(database: Database) -> dict[str, Any]:
    return {
        "connection": {
            "host": database.server.host,
            "name": database.name,
            "usernameFrom": {"secretKeyRef": {"name": SECRET, "key": USER}},
            "passwordFrom": {"secretKeyRef": {"name": SECRET, "key": PASSWORD}},
        }
    }


@dataclass
class Trouble:
    """What the Secret holds at first (None: there is none), and the word for what comes of it."""

    reason: str
    spec: Callable[[Database], dict[str, Any]]
    at_first: Callable[[Database], Mapping[str, str] | None]


def right(database: Database) -> Mapping[str, str]:
    return {KEY: database.url, USER: database.name, PASSWORD: database.password}


TROUBLES = {
    "wrong password": Trouble(
        "AuthenticationFailed", by_url, lambda database: {KEY: database.url_with(password="wrong")}
    ),
    "wrong password in parts": Trouble(
        "AuthenticationFailed", by_parts, lambda database: {USER: database.name, PASSWORD: "wrong"}
    ),
    "unknown host": Trouble(
        "UnknownHost", by_url, lambda database: {KEY: database.url_with(host="nowhere.example.invalid")}
    ),
    "missing Secret": Trouble("SecretMissing", by_url, lambda _: None),
    "missing key": Trouble("SecretKeyMissing", by_parts, lambda database: {USER: database.name}),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_trouble_has_a_name_until_it_is_mended(world: World, database: Database, trouble: Trouble) -> None:
    values = trouble.at_first(database)
    if values is not None:
        world.secret(SECRET, **values)
    shop = world.migration(database, BOOKS, database=trouble.spec(database), execution={"backoffLimit": 10})

    shop.retrying(trouble.reason)
    assert database.applied() == []

    world.secret(SECRET, **right(database))
    shop.succeeded()
    assert database.applied() == [FIRST]


def test_a_config_map_may_come_later(world: World, database: Database) -> None:
    shop = world.migration(database)

    shop.retrying("ConfigMapMissing")
    assert world.steps() == []

    world.files("shop-files", BOOKS)
    shop.succeeded()
    assert database.applied() == [FIRST]
    assert world.steps() == ["migrate"]


def test_wrong_for_too_long_ends_it_and_an_edit_begins_anew(world: World, database: Database) -> None:
    world.secret(SECRET, **{KEY: database.url_with(password="wrong")})
    shop = world.migration(database, BOOKS, database=by_url(database), execution={"backoffLimit": 1})

    shop.stalled("AuthenticationFailed")
    assert world.steps() == ["migrate", "migrate"]

    world.secret(SECRET, **right(database))
    shop.edit(reason="the password is right now")
    shop.succeeded()
    assert database.applied() == [FIRST]
