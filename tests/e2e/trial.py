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
    # Not by `kubectl wait`, which fails where there are no conditions yet.
    state = ("get", "crd", resource, "-o", "jsonpath={.status.conditions[?(@.type=='Established')].status}")
    wait_for(f"{resource} is served", lambda: cluster.kubectl(*state) == "True", timeout=20, pause=0.2)
    yield
    cluster.kubectl("delete", "crd", resource, "--wait=false")
