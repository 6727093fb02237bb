"""What is sent to make a status the one that is wanted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.api.status import Status
from switchback.controller.observe import world_from
from switchback.controller.observed import Source
from switchback.controller.write import over

PARTS = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)
STATUSES = st.dictionaries(st.sampled_from("abcd"), PARTS, max_size=4)


def merged(stored: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    found = dict(stored) if isinstance(stored, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


@given(stored=STATUSES, wanted=STATUSES)
def test_over_what_somebody_else_holds_nothing_of_before_stays(stored: Any, wanted: Any) -> None:
    assert merged(stored, over(stored, wanted)) == wanted


APPLY = {"manager": "switchback", "operation": "Apply", "subresource": "status"}


@pytest.mark.parametrize(
    ("entry", "shared"),
    [
        (APPLY, False),
        ({**APPLY, "operation": "Update"}, True),
        ({**APPLY, "manager": "velero-server", "operation": "Update"}, True),
        ({"manager": "argocd-controller", "operation": "Apply", "fieldsV1": {"f:spec": {}}}, False),
        ({"manager": "old", "operation": "Update", "fieldsV1": {"f:status": {}}}, True),
    ],
)
def test_whoever_else_holds_parts_of_the_status_is_seen(entry: dict[str, Any], *, shared: bool) -> None:
    metadata = {"namespace": "a", "name": "b", "uid": "c", "resourceVersion": "1", "managedFields": [entry]}
    body = {"metadata": metadata, "status": Status().to_json()}
    world = world_from(body, None, "", source=Source(), jobs=(), strays=(), client_images={})
    assert world.status_shared is shared
