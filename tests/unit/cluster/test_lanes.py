"""The lanes of the whole suite take every test once."""

from __future__ import annotations

import pytest

from tests.cluster.paths import CHECKOUT
from tests.lanes import Lane, plan

TESTS = CHECKOUT / "tests"


def takes(lane: Lane, file: str, *, cluster: bool) -> bool:
    """Whether pytest with these words would run a test of a file."""
    words = list(lane.arguments)
    named = [word for word in words if word.startswith("tests/")]
    ignored = [word.removeprefix("--ignore=") for word in words if word.startswith("--ignore=")]
    marked = words[words.index("-m") + 1] == ("cluster" if cluster else "not cluster")
    inside = not named or any(file.startswith(f"{folder}/") for folder in named)
    return marked and inside and not any(file.startswith(f"{folder}/") for folder in ignored)


@pytest.mark.parametrize("two_nodes", [True, False])
@pytest.mark.parametrize("cluster", [True, False])
def test_every_test_is_in_one_lane(*, two_nodes: bool, cluster: bool) -> None:
    stages = plan(two_nodes=two_nodes)
    for path in TESTS.rglob("test_*.py"):
        file = str(path.relative_to(CHECKOUT))
        found = [lane.name for stage in stages for lane in stage if takes(lane, file, cluster=cluster)]
        assert len(found) == 1, (file, found)


def test_lanes_that_run_at_a_time_have_a_node_each() -> None:
    for stage in plan(two_nodes=True):
        beds = [lane.bed for lane in stage if "cluster" in lane.arguments]
        assert len(set(beds)) == len(beds)
    for stage in plan(two_nodes=False):
        assert {lane.bed for lane in stage} == {""}
        assert sum("cluster" in lane.arguments for lane in stage) <= 1
