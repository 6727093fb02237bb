"""What takes something away from the old program waits until no pod of it exists."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shop import BOOKS, FIRST, pair
from tests.e2e.states import is_true, reason
from tests.traffic.rules import PHASE
from tests.traffic.slots import BLUE, GREEN

if TYPE_CHECKING:
    from tests.e2e.postgres import Database
    from tests.traffic.shop import Shop

pytestmark = pytest.mark.cluster

LAST = "0002_no_author"
CONTRACT = pair(
    LAST,
    "-- switchback: phase=contract\nALTER TABLE books DROP COLUMN author;",
    "ALTER TABLE books ADD COLUMN author text;",
)


def test_contract_files_wait_for_the_end_of_the_old_pods(shop: Shop, database: Database) -> None:
    shop.slots.start(replicas=1)
    with shop.oracle() as oracle:
        move = shop.release(database, BOOKS, BLUE)
        move.succeeded()
        move.refile(BOOKS | CONTRACT)
        move.says("ContractApplied", "WaitingForOldSlot")
        move.switch(GREEN)
        state = move.succeeded()
        assert reason(state, "ContractApplied") == "WaitingForOldSlot"
        time.sleep(2)
        assert database.applied() == [FIRST]
        assert not contract_jobs(shop)

        shop.slots.scale(BLUE, 0)
        move.until("the contract files are applied", lambda one: is_true(one, "ContractApplied"))
        move.again("it is Ready again")

    assert database.applied() == [FIRST, LAST]
    assert contract_jobs(shop)
    assert len(oracle.switches()) == 1
    assert oracle.violations() == []


def contract_jobs(shop: Shop) -> list[str]:
    """Names of Jobs of this phase that were ever made here."""
    created = shop.world.jobs_created("migrate")
    labels = [one.response["metadata"].get("labels") or {} for one in created]
    return [one.name for one, found in zip(created, labels, strict=True) if found.get(PHASE) == "contract"]
