from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from switchback.api.names import job_name, operation_id, snapshot_name, uid_hash
from switchback.contract.points import Purpose
from switchback.contract.words import Operation

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
OBJECTS = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?){0,3}", fullmatch=True
)
UIDS = st.uuids().map(str)


@given(
    resource=OBJECTS,
    uid=UIDS,
    version=st.integers(1, 10**9),
    step=st.sampled_from(Operation),
    attempt=st.integers(1, 10**4),
)
def test_names_of_jobs_are_labels_whatever_the_resource_is_called(
    resource: str, uid: str, version: int, step: Operation, attempt: int
) -> None:
    name = job_name(resource, operation_id(uid, str(version)), step, attempt)
    assert len(name) <= 63
    assert LABEL.fullmatch(name)
    assert name.endswith(f"-{uid_hash(uid)}-{operation_id(uid, str(version)).split('-')[1]}-{step}-{attempt}")


@given(uid=UIDS, other=UIDS, version=st.integers(1, 10**9))
def test_an_operation_belongs_to_one_life_of_a_resource(uid: str, other: str, version: int) -> None:
    first = operation_id(uid, str(version))
    assert first == operation_id(uid, str(version))
    assert first.split("-")[0] == uid_hash(uid)
    if uid != other:
        assert uid_hash(uid) != uid_hash(other)


@given(resource=OBJECTS, uid=UIDS)
def test_names_of_restore_points_tell_when_and_for_what(resource: str, uid: str) -> None:
    operation = operation_id(uid, "1")
    name = snapshot_name(Purpose.PRE_ROLLBACK, resource, operation, "2026-01-31T09:30:00Z")
    assert name.startswith("pre-rollback-20260131T093000Z-")
    assert name.endswith(f"-{operation}")
    assert len(name) <= 128
    assert "/" not in name
