from __future__ import annotations

from typing import Any

import pytest

from switchback.api.names import ANNOTATION_CLAIMED_BY
from switchback.traffic.claim import Claim, claim_in, counts, rival

CLAIM = Claim("shop", "orders", "1")


@pytest.mark.parametrize("text", ["", "shop", "shop/orders", "shop/orders/", "a/b/c/d", "//"])
def test_what_cannot_be_read_is_no_claim(text: str) -> None:
    assert claim_in({ANNOTATION_CLAIMED_BY: text}) is None


def test_a_claim_names_one_life_of_a_resource() -> None:
    assert claim_in({}) is None
    assert claim_in({ANNOTATION_CLAIMED_BY: CLAIM.value}) == CLAIM
    assert CLAIM.text == "shop/orders"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"metadata": {"uid": "2"}}, False),
        ({"metadata": {"uid": "1", "deletionTimestamp": "now"}}, False),
        ({"spec": {}}, False),
        ({"spec": {"cutover": {"serviceName": "other"}}}, False),
    ],
)
def test_whether_it_still_means_it(change: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a table
    resource = {"metadata": {"uid": "1"}, "spec": {"cutover": {"serviceName": "web"}}, **change}
    assert counts(CLAIM, resource, "web") is expected


@pytest.mark.parametrize(
    ("namespace", "uid", "expected"),
    [("shop", "2", CLAIM), ("shop", "1", None), ("bank", "2", None)],
)
def test_only_another_resource_of_the_namespace_is_a_rival(
    namespace: str, uid: str, expected: Claim | None
) -> None:
    """A Service that was copied from another namespace brings the claim along."""
    assert rival({ANNOTATION_CLAIMED_BY: CLAIM.value}, namespace, uid) == expected
    assert rival({}, namespace, uid) is None
