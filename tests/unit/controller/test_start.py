"""How the operator's process begins when what it needs is not there yet, or is gone again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.unit.controller.build import resource
from tests.unit.controller.test_main import LEASE, condition, ended, jobs, operator, watching

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.controller.fakes.api import FakeAPI

pytestmark = pytest.mark.asyncio


async def test_it_comes_up_once_the_crd_is_installed(api: FakeAPI, tmp_path: Path) -> None:
    api.kinds.discard("databasemigrations")
    async with operator(api, tmp_path) as process:
        code, lines = await ended(process)
    assert code == 1
    assert "is not installed" in lines[-1]["error"]
    assert LEASE not in api.objects, "nobody else has to wait for a Lease of one that could not begin"
    api.kinds.add("databasemigrations")
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"1.up.sql": "SELECT 1"}})
    await api.put("databasemigrations", resource())
    async with operator(api, tmp_path):
        await api.until(lambda: jobs(api), seconds=30)
    assert condition(api, "Reconciling") == "True"


async def test_one_that_stands_by_leads_soon_after_the_lease_is_deleted(api: FakeAPI, tmp_path: Path) -> None:
    lease = {"metadata": {"name": "switchback", "namespace": "system"}, "spec": {"holderIdentity": "other"}}
    await api.put("leases", lease)
    async with operator(api, tmp_path):
        await api.until(lambda: len(api.made("GET", "/leases")) >= 1, seconds=30)
        await api.drop("leases", "switchback", "system")
        deleted = asyncio.get_running_loop().time()
        await api.until(lambda: watching(api), seconds=30)
        assert asyncio.get_running_loop().time() - deleted < 8, "not only after the time of a Lease"
    assert api.objects[LEASE]["spec"]["holderIdentity"].startswith("operator-1_")
