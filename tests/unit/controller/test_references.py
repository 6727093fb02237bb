from __future__ import annotations

import asyncio
from typing import Any

import pytest

from switchback.controller.kube.kinds import CONFIG_MAPS, DEPLOYMENTS, PODS, SERVICES, STATEFUL_SETS
from switchback.controller.queue import Key
from switchback.controller.references import Reference, References, references_in

KEY, OTHER = Key("shop", "shop"), Key("shop", "other")
A, B = Reference(CONFIG_MAPS, "a"), Reference(CONFIG_MAPS, "b")


def spec() -> dict[str, Any]:
    return {
        "source": {"configMapRefs": [{"name": "files"}]},
        "cutover": {
            "serviceName": "web",
            "selectorKey": "side",
            "slots": [
                {"name": "blue", "workloadRef": {"kind": "StatefulSet", "name": "web-blue"}},
                {"name": "green", "workloadRef": {"name": "web-green"}},
            ],
            "activeSlot": "green",
        },
    }


def test_a_spec_names_files_service_workloads_and_the_label_of_its_pods() -> None:
    assert references_in(spec()) == {
        Reference(CONFIG_MAPS, "files"),
        Reference(SERVICES, "web"),
        Reference(STATEFUL_SETS, "web-blue"),
        Reference(DEPLOYMENTS, "web-green"),
        Reference(PODS, "side"),
    }


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"source": None, "cutover": None},
        {"source": {"configMapRefs": None}, "cutover": {"slots": None}},
        {"source": {"configMapRefs": [{}]}, "cutover": {"slots": [{"workloadRef": {"kind": "Job"}}]}},
    ],
)
def test_a_spec_that_the_models_refuse_names_what_can_be_read(broken: dict[str, Any]) -> None:
    assert {one.kind for one in references_in(broken)} <= {PODS}


def test_the_index_follows_the_spec() -> None:
    index = References()
    index.refer(KEY, [A, B])
    index.refer(OTHER, [B])
    assert index.readers(CONFIG_MAPS, "shop", "b") == {KEY, OTHER}
    assert index.readers(CONFIG_MAPS, "bank", "b") == frozenset()
    assert index.readers(SERVICES, "shop", "b") == frozenset()
    index.refer(KEY, [A])
    assert index.readers(CONFIG_MAPS, "shop", "b") == {OTHER}
    index.forget(OTHER)
    assert index.readers(CONFIG_MAPS, "shop", "b") == frozenset()
    assert index.all_readers(CONFIG_MAPS) == {KEY}
    assert index.all_readers(CONFIG_MAPS, "bank") == frozenset()
    assert index.named(CONFIG_MAPS) == {("shop", "a")}


@pytest.mark.asyncio
async def test_a_kind_is_wanted_while_somebody_names_one_of_it() -> None:
    index = References()
    waiting = asyncio.create_task(index.wanted(CONFIG_MAPS, "shop"))
    elsewhere = asyncio.create_task(index.wanted(CONFIG_MAPS, "bank"))
    await asyncio.sleep(0)
    index.refer(KEY, [A])
    assert await asyncio.wait_for(waiting, 1) is True
    assert await asyncio.wait_for(index.wanted(CONFIG_MAPS, "shop"), 1) is False, "it did not have to wait"
    assert not elsewhere.done()
    index.forget(KEY)
    again = asyncio.create_task(index.wanted(CONFIG_MAPS))
    await asyncio.sleep(0)
    assert not again.done()
    index.refer(OTHER, [B])
    assert await asyncio.wait_for(again, 1) is True
    elsewhere.cancel()
