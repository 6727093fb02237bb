from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from switchback.api import names
from switchback.contract.points import Intent, Ownership, Purpose, Subject
from switchback.snapshots import marks

SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
LABEL = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")

texts = st.text(max_size=300)
resources = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?){0,3}", fullmatch=True
)
owners = st.builds(
    Ownership,
    installation=texts,
    uid=texts,
    namespace=resources,
    name=resources,
    purpose=st.sampled_from(Purpose),
    operation_id=texts,
    attempt=st.integers(min_value=1, max_value=99),
    schema_version=texts,
)


@given(name=st.one_of(texts, resources), limit=st.sampled_from([63, 253]))
def test_every_name_becomes_one_that_kubernetes_takes(name: str, limit: int) -> None:
    made = marks.object_name(name, limit)
    assert SUBDOMAIN.match(made)
    assert len(made) <= limit
    assert marks.object_name(name, limit) == made


@given(first=texts, second=texts, limit=st.sampled_from([63, 253]))
def test_names_that_differ_stay_different(first: str, second: str, limit: int) -> None:
    if first.lower() != second.lower():
        assert marks.object_name(first, limit) != marks.object_name(second, limit)


@given(resource=resources, attempt=st.integers(min_value=1, max_value=9))
def test_our_own_names_only_lose_their_capitals(resource: str, attempt: int) -> None:
    operation = names.operation_id("uid", "7")
    name = names.snapshot_name(Purpose.PRE_ROLLBACK, resource, operation, "2026-03-01T10:15:00Z", attempt)
    assert marks.object_name(name) == name.lower()


def test_a_short_limit_is_kept_by_a_hash() -> None:
    name = names.snapshot_name(Purpose.PRE_ROLLBACK, "s" * 40, "3f2a91c0-5b1e77", "2026-03-01T10:15:00Z", 2)
    made = marks.object_name(name, 63)
    assert made.startswith("pre-rollback-20260301t101500z-sss")
    assert len(made) == 63
    assert made != marks.object_name(name.replace("-2", "-3"), 63)


@given(owner=owners, source=texts)
def test_what_is_written_is_read_again(owner: Ownership, source: str) -> None:
    intent = Intent("a-name", "ns", Subject(database="shop"), owner)
    written = {"metadata": {"annotations": marks.annotate(intent, source)}}
    assert marks.ownership_of(written) == owner
    assert marks.point_of(written) == "a-name"


@given(owner=owners)
def test_labels_are_what_kubernetes_takes(owner: Ownership) -> None:
    for value in marks.labels(owner).values():
        assert LABEL.match(value)
        assert len(value) <= 63


def test_the_selector_finds_what_bears_the_labels() -> None:
    made = marks.labels(Ownership(uid="one", operation_id="3f2a91c0-5b1e77"))
    assert f"({made[names.LABEL_UID]})" in marks.selector({"one"})
    assert marks.selector({"one", "two"}).count(",") == 2


def test_what_bears_nothing_or_half_of_it_is_nobody_s() -> None:
    assert marks.ownership_of({"metadata": {}}) is None
    intent = Intent("a-name", "ns", Subject(), Ownership(uid="one"))
    whole = marks.annotate(intent)
    for key in (names.LABEL_ATTEMPT, marks.LABEL_PURPOSE):
        assert marks.ownership_of({"metadata": {"annotations": {**whole, key: "nonsense"}}}) is None
    del whole[names.ANNOTATION_RESOURCE]
    assert marks.ownership_of({"metadata": {"annotations": whole}}) is None
