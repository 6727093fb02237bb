"""Names of containers: what tenants may not use is what our pods use, all of it and nothing else."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from switchback.contract.words import Operation
from switchback.explain import rules
from switchback.snapshots import pgrestore
from tests.unit.controller.test_job_options import OWN_JOB, containers_with
from tests.unit.controller.test_jobs import DUMP
from tests.unit.explain.build import SCHEMA


def used() -> set[str]:
    """Names of the containers of every Job, also of those that only the plugin makes."""
    found: set[str] = set()
    for step, snapshot in product(Operation, (DUMP, OWN_JOB)):
        if (step, snapshot) != (Operation.PRUNE, OWN_JOB):  # they keep what they have made
            found |= set(containers_with({}, step, snapshot=snapshot))
    request = pgrestore.RestoreRequest(
        name="point",
        place="points",
        database="copy",
        operation_id="restore-1",
        image="ours:1",
        client_image="postgres:18",
        database_env=(),
    )
    parts = pgrestore.pod(request)
    return found | {one["name"] for one in (*parts.init_containers, *parts.containers)}


def allowed(name: str) -> bool:
    node: Any = SCHEMA
    for part in ("jobTemplate", "spec", "initContainers"):
        node = node["properties"][part]
    of_name = node["items"]["properties"]["name"]["x-kubernetes-validations"]
    return all(rules.holds(one["rule"], name) for one in of_name)


@pytest.mark.parametrize("name", sorted(used()))
def test_a_tenants_container_takes_no_name_of_ours(name: str) -> None:
    """The API server would refuse the pod, and only when a restore point is needed."""
    assert not allowed(name)


@pytest.mark.parametrize("name", ["mesh-proxy", "dump-2", "fences", "log"])
def test_other_names_are_free(name: str) -> None:
    assert allowed(name)
