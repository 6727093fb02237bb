"""Names in RDS: allowed, the same each time, another one for each restore point. And tags that AWS takes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.api.names import snapshot_name
from switchback.contract.points import Purpose
from switchback.snapshots import rds_tags
from switchback.snapshots.rds_names import identifier
from tests.unit.snapshots.rds_rig import DECIDED, OWNER, intent

ALLOWED = re.compile(r"[a-z](-?[a-z0-9])*")
"""By RDS' own rules: a letter first, no two hyphens, none at the end."""


def test_it_is_read_like_the_name_in_status() -> None:
    name = snapshot_name(Purpose.PRE_ROLLBACK, "shop", "3f2a91c0-5b1e77", DECIDED)
    assert name == "pre-rollback-20260301T101500Z-shop-3f2a91c0-5b1e77"
    assert re.fullmatch("pre-rollback-20260301t101500z-shop-3f2a91c0-5b1e77-[0-9a-f]{8}", identifier(name))


@given(st.text(max_size=300))
def test_whatever_a_name_is_the_identifier_is_allowed(name: str) -> None:
    assert ALLOWED.fullmatch(identifier(name))
    assert len(identifier(name)) <= 63
    assert identifier(name) == identifier(name)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("shop.eu", "shop-eu-"),
        ("shop--eu", "shop-eu-"),
        ("1shop", "s-1shop-"),
        ("-shop-", "shop-"),
        ("Shop", "shop-"),
        ("käse", "k-se-"),
        ("", "s-"),
        ("." * 80, "s-"),
        ("x" * 300, "x" * 54 + "-"),
        ("x" * 53 + "-y", "x" * 53 + "-"),
    ],
)
def test_each_rule_of_identifiers(name: str, begins: str) -> None:
    assert ALLOWED.fullmatch(identifier(name))
    assert identifier(name).startswith(begins)
    assert re.fullmatch("[0-9a-f]{8}", identifier(name).rpartition("-")[2])


@given(st.text(max_size=80), st.text(max_size=80))
def test_two_names_never_share_an_identifier(one: str, other: str) -> None:
    assert (identifier(one) == identifier(other)) == (one == other)


def test_names_that_would_become_the_same_stay_apart() -> None:
    names = ("a.b", "a-b", "A-B", "a--b", "a_b", "x" * 70, "x" * 71)
    assert len({identifier(name) for name in names}) == len(names)


def test_tags_say_whose_it_is_and_are_read_back() -> None:
    wanted = {tag["Key"]: tag["Value"] for tag in rds_tags.tags(intent(2), {"team": "shop"})}
    assert wanted == {
        "team": "shop",
        "switchback.dev/installation": "cluster-one",
        "switchback.dev/uid": OWNER.uid,
        "switchback.dev/namespace": "shop",
        "switchback.dev/name": "shop",
        "switchback.dev/purpose": "pre-rollback",
        "switchback.dev/operation": "3f2a91c0-5b1e77",
        "switchback.dev/attempt": "2",
        "switchback.dev/schema-version": "0042_add_orders",
        "switchback.dev/restore-point": intent(2).name,
    }
    assert rds_tags.ownership(wanted) == replace(OWNER, attempt=2)


def test_nobody_takes_the_place_of_our_tags() -> None:
    asked = replace(intent(), tags={"switchback.dev/name": "other", "cost": "1"})
    wanted = {tag["Key"]: tag["Value"] for tag in rds_tags.tags(asked, {"switchback.dev/uid": "mine"})}
    assert wanted["switchback.dev/uid"] == OWNER.uid
    assert wanted["switchback.dev/name"] == "shop"
    assert wanted["cost"] == "1"


def test_an_installation_without_a_name_is_no_tag_and_is_read_back() -> None:
    owner = replace(OWNER, installation="", schema_version="")
    wanted = {tag["Key"]: tag["Value"] for tag in rds_tags.tags(intent(owner=owner), {})}
    assert "switchback.dev/installation" not in wanted
    assert rds_tags.ownership(wanted) == owner


@given(st.text(max_size=400))
def test_a_version_of_any_name_makes_a_tag_that_aws_takes(version: str) -> None:
    wanted = rds_tags.tags(intent(owner=replace(OWNER, schema_version=version)), {})
    assert rds_tags.refused(wanted) == ""


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("aws:team", "shop", "no tag with the key 'aws:team'"),
        ("AWS:team", "shop", "no tag with the key 'AWS:team'"),
        ("a" * 129, "shop", "no tag with the key"),
        ("team!", "shop", "no tag with the key 'team!'"),
        ("team", "shop;", "the value of the tag team"),
        ("team", "shop\tbank", "the value of the tag team"),
        ("te\nam", "shop", "no tag with the key"),
        ("team", "x" * 257, "the value of the tag team"),
    ],
)
def test_tags_that_aws_would_refuse_are_named(key: str, value: str, told: str) -> None:
    assert told in rds_tags.refused(rds_tags.tags(intent(), {key: value}))


def test_there_are_at_most_fifty_tags() -> None:
    more = {f"tag-{number}": "x" for number in range(41)}
    assert rds_tags.refused(rds_tags.tags(intent(), more)) == ""
    assert rds_tags.refused(rds_tags.tags(intent(), {**more, "one": "more"})).startswith("51 tags")


@pytest.mark.parametrize("without", [rds_tags.UID, rds_tags.PURPOSE, rds_tags.ATTEMPT])
def test_half_of_our_tags_are_nobodys(without: str) -> None:
    found = {tag["Key"]: tag["Value"] for tag in rds_tags.tags(intent(), {})}
    assert rds_tags.ownership({**found, without: ""}) is None
    assert rds_tags.ownership({key: value for key, value in found.items() if key != without}) is None
    assert rds_tags.ownership({**found, rds_tags.ATTEMPT: "one"}) is None
