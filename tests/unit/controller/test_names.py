"""Names: valid wherever they are used, and never shared by two lives of a resource."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from switchback.api import names
from switchback.contract.points import Purpose
from switchback.contract.words import Operation

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
RESOURCES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?", fullmatch=True)
UIDS = st.uuids().map(str)


@given(RESOURCES, UIDS, st.integers(1, 10**6).map(str), st.sampled_from(Operation), st.integers(1, 999))
def test_the_name_of_a_job_is_a_label(
    resource: str, uid: str, version: str, step: Operation, attempt: int
) -> None:
    operation = names.operation_id(uid, version)
    assert LABEL.fullmatch(operation)
    assert LABEL.fullmatch(names.job_name(resource, operation, step, attempt))


@given(RESOURCES, UIDS, UIDS, st.integers(1, 10**6).map(str))
def test_a_recreated_resource_has_other_jobs(resource: str, one: str, other: str, version: str) -> None:
    first, second = (names.operation_id(uid, version) for uid in (one, other))
    same = names.job_name(resource, first, Operation.MIGRATE, 1) == names.job_name(
        resource, second, Operation.MIGRATE, 1
    )
    assert same == (one == other)


def test_a_snapshot_says_what_it_is_and_when_it_was_decided() -> None:
    name = names.snapshot_name(Purpose.PRE_ROLLBACK, "shop", "3f2a91c0-5b1e77", "2026-01-31T09:30:00Z")
    assert name == "pre-rollback-20260131T093000Z-shop-3f2a91c0-5b1e77"
