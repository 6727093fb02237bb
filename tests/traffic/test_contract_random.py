"""Old pods that come and go in any order: what takes something away from them waits for the last one."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.crash.chance import CAMPAIGN, SEED
from tests.e2e.shop import BOOKS, FIRST, pair
from tests.e2e.states import condition, is_true
from tests.traffic.shop import SECONDS
from tests.traffic.slots import BLUE, other, workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.traffic.shop import Move, Shop

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600 if CAMPAIGN else 300)]

ROUNDS = 100 if CAMPAIGN else 3


def contract_file(number: int) -> dict[str, str]:
    table = f"gone_{number}"
    up = f"-- switchback: phase=contract\nCREATE TABLE {table} (id int);"
    return pair(f"{number:04}_contract", up, f"DROP TABLE {table};")


def test_contract_files_never_run_beside_an_old_pod(shop: Shop, database: Database) -> None:
    """Whoever counts replicas is wrong while pods end, and whoever waits for a time is wrong in any case."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable, no secret
    print(f"SWITCHBACK_SEED={SEED}, {ROUNDS} rounds")
    files, live = dict(BOOKS), BLUE
    shop.slots.start(replicas=1)
    with shop.oracle() as oracle:
        move = shop.release(database, files, live, soakPeriodSeconds=0, drainPeriodSeconds=0)
        move.succeeded()
        for number in range(2, ROUNDS + 2):
            old, live = live, other(live)
            file = f"{number:04}_contract"
            program = {"template": {"metadata": {"annotations": {"release": str(number)}}}}
            shop.world.kube.patch("Deployment", shop.slots.namespace, workload(live), {"spec": program})
            shop.slots.scale(live, 1)
            shop.slots.until_ready(live, 1)
            files |= contract_file(number)
            move.refile(files)
            _now(move, "a contract file waits", lambda one: _waits(one) and is_true(one, "Ready"))
            move.switch(live)
            move.succeeded()
            for _ in range(chance.randint(0, 2)):  # gone for the eye, and back before the last pod has ended
                shop.slots.scale(old, 0)
                time.sleep(chance.uniform(0, 0.3))
                shop.slots.scale(old, 1)
                time.sleep(chance.uniform(0, 0.5))
            assert file not in database.applied()
            shop.slots.scale(old, 0)
            _now(move, "it is applied", lambda one: not _waits(one) and is_true(one, "Ready"))
            assert file in database.applied()
    assert database.applied()[0] == FIRST
    assert oracle.violations() == []


def _now(move: Move, what: str, check: Callable[[Object], bool]) -> None:
    """Waits until the newest state is so. Those of before say nothing: each round looks like the last one."""

    def look() -> Object | None:
        state = move.now()
        return state if check(state) else None

    move.world.recorder.wait(what, look, seconds=SECONDS)


def _waits(state: Object) -> bool:
    return condition(state, "ContractApplied").get("status") == "False"
