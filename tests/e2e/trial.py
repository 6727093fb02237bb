"""The kind under another group, which no operator watches: for what only the API server has to judge."""

from __future__ import annotations

import copy
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from switchback.api import crd
from tests.cluster.run import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.handle import Cluster


@contextmanager
def served(cluster: Cluster, resource: str) -> Iterator[None]:
    """The kind as `resource`, written `plural.group`, during a block."""
    definition = copy.deepcopy(crd.definition())
    definition["metadata"]["name"] = resource
    definition["spec"]["group"] = resource.partition(".")[2]
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(definition))
    wait_for(f"{resource} is served", lambda: _is_served(cluster, resource), timeout=20, pause=0.2)
    yield
    cluster.kubectl("delete", "crd", resource, "--wait=false")


def _is_served(cluster: Cluster, resource: str) -> bool:
    """Neither by `kubectl wait` nor by a JSONPath with a filter: both fail without conditions."""
    status = json.loads(cluster.kubectl("get", "crd", resource, "-o", "json")).get("status", {})
    conditions = status.get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
