from __future__ import annotations

from typing import Any

import pytest

from switchback.api.names import ANNOTATION_CLAIMED_BY, FINALIZER
from switchback.traffic.claim import NOBODY, Claim, Holder, claim_in, holder, rival

CLAIM = Claim("shop", "orders", "1")


@pytest.mark.parametrize("text", ["", "shop", "shop/orders", "shop/orders/", "a/b/c/d", "//"])
def test_what_cannot_be_read_is_no_claim(text: str) -> None:
    assert claim_in({ANNOTATION_CLAIMED_BY: text}) is None


def test_a_claim_names_one_life_of_a_resource() -> None:
    assert claim_in({}) is None
    assert claim_in({ANNOTATION_CLAIMED_BY: CLAIM.value}) == CLAIM
    assert CLAIM.text == "shop/orders"


GOES = {"uid": "1", "deletionTimestamp": "now"}
HELD = {**GOES, "finalizers": ["somebody/else", FINALIZER]}
HAS, LEAVES = Holder("shop/orders"), Holder("shop/orders", leaving=True)


def at(phase: str) -> dict[str, Any]:
    return {"traffic": {"cutover": {"phase": phase}}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, HAS),
        ({"metadata": {"uid": "2"}}, NOBODY),
        ({"metadata": GOES}, NOBODY),
        ({"metadata": GOES, "status": at("Restoring")}, NOBODY),
        ({"metadata": HELD}, NOBODY),
        ({"metadata": HELD, "status": at("Restored")}, NOBODY),
        ({"metadata": HELD, "status": at("Completed")}, NOBODY),
        ({"metadata": HELD, "status": at("Soaking")}, LEAVES),
        ({"metadata": HELD, "status": at("Restoring")}, LEAVES),
        ({"spec": {}}, NOBODY),
        ({"spec": {"cutover": {"serviceName": "other"}}}, NOBODY),
    ],
)
def test_whether_it_still_means_it(change: dict[str, Any], expected: Holder) -> None:
    resource = {"metadata": {"uid": "1"}, "spec": {"cutover": {"serviceName": "web"}}, **change}
    assert holder(CLAIM, resource, "web") == expected
    assert holder(CLAIM, None, "web") == NOBODY


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
