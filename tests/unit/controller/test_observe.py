from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

import pytest

from switchback.api import names
from switchback.api.status import Status
from switchback.contract.digest import source_digest
from switchback.controller.observe import observe, source_from, spec_from, status_from
from switchback.controller.observed import Source
from switchback.controller.queue import Key
from switchback.controller.sources import SourceMemory
from tests.unit.controller.build import SETTINGS, UID, Object, ended_pod, job, resource, result, spec, status

if TYPE_CHECKING:
    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Observed
    from tests.unit.controller.fakes.api import FakeAPI, Seen

KEY = Key("shop", "shop")


async def look(client: Client, sources: SourceMemory | None = None) -> Observed | None:
    async with asyncio.timeout(10):
        return await observe(client, KEY, SETTINGS, sources or SourceMemory())


def config_map(name: str = "shop-migrations", **data: str) -> Object:
    return {"metadata": {"name": name}, "data": data}


@pytest.mark.asyncio
async def test_a_look_sees_resource_jobs_pods_and_files(api: FakeAPI, client: Client) -> None:
    await api.put("databasemigrations", resource())
    await api.put("configmaps", config_map(**{"1.up.sql": "SELECT 1;"}))
    await api.put("jobs", job())
    await api.put("pods", ended_pod(result()))
    seen = await look(client)
    assert seen is not None
    assert (seen.namespace, seen.name, seen.uid, seen.generation) == ("shop", "shop", UID, 1)
    assert seen.source.digest == source_digest({"1.up.sql": b"SELECT 1;"})
    assert [one.name for one in seen.jobs] == ["j"]
    assert seen.jobs[0].result == result()
    assert seen.status.observed_generation == -1
    assert seen.client_images == SETTINGS.client_images


@pytest.mark.asyncio
async def test_a_resource_that_is_gone_is_no_world(client: Client) -> None:
    assert await look(client) is None


@pytest.mark.asyncio
async def test_pods_are_read_after_jobs_so_that_an_ended_job_has_its_pod(
    api: FakeAPI, client: Client
) -> None:
    """The pod and the Job's end come between two of our reads: nobody may think that the run said nothing."""
    await api.put("databasemigrations", resource())

    async def fault(seen: Seen) -> None:
        if seen.path.endswith("/pods"):
            api.fault = None
            await api.put("jobs", job(conditions=[{"type": "Complete", "status": "True"}]))
            await api.put("pods", ended_pod(result()))

    await api.put("jobs", job())
    api.fault = fault
    seen = await look(client)
    assert seen is not None
    assert seen.jobs[0].result == result()


@pytest.mark.asyncio
async def test_only_what_carries_the_label_of_this_life_is_read(api: FakeAPI, client: Client) -> None:
    await api.put("databasemigrations", resource())
    await look(client)
    for plural in ("jobs", "pods"):
        (read,) = api.made("GET", f"/{plural}")
        assert read.query == {"labelSelector": f"{names.LABEL_UID}={names.uid_hash(UID)}"}
    assert not any("secrets" in one.path for one in api.requests)


@pytest.mark.asyncio
async def test_an_unreadable_spec_is_told_with_its_field(api: FakeAPI, client: Client) -> None:
    await api.put("databasemigrations", resource(execution={"backoffLimit": "many"}))
    seen = await look(client)
    assert seen is not None
    assert seen.spec is None
    assert seen.invalid.startswith("spec.execution.backoffLimit: ")


@pytest.mark.asyncio
async def test_versions_of_the_files_are_remembered_for_the_resync(api: FakeAPI, client: Client) -> None:
    sources = SourceMemory()
    await api.put("databasemigrations", resource())
    stored = await api.put("configmaps", config_map(a="b"))
    seen = await look(client, sources)
    version = stored["metadata"]["resourceVersion"]
    assert seen is not None
    assert sources.recall(KEY, UID, (f"shop-migrations@{version}",)) == seen.source
    assert sources.recall(KEY, UID, ("shop-migrations@1",)) is None
    assert sources.recall(KEY, "another life", (f"shop-migrations@{version}",)) is None


def test_an_unreadable_status_is_an_empty_one() -> None:
    assert status_from({"status": {"operation": {"id": 7, "attempt": "x"}}}) == Status()
    assert status_from({}) == Status()


def test_a_status_comes_back_as_it_was_written() -> None:
    assert status_from({"status": status().to_json()}) == status()


def test_the_value_of_a_bad_field_is_not_repeated() -> None:
    _, told = spec_from({"spec": {**spec(), "operationDeadlineSeconds": "hunter2"}})
    assert "hunter2" not in told
    assert "spec.operationDeadlineSeconds" in told


def test_files_of_several_maps_are_one_folder() -> None:
    binary: Object = {"metadata": {"name": "b"}, "binaryData": {"2.sql": base64.b64encode(b"\xff").decode()}}
    found = source_from(["a", "b"], [config_map("a", **{"1.sql": "é", ".hidden": "x"}), binary])
    assert found.digest == source_digest({"1.sql": "é".encode(), "2.sql": b"\xff"})


def test_a_missing_map_and_a_key_in_two_maps_are_problems_with_names() -> None:
    missing = source_from(["a", "b"], [config_map("a", x="1"), None]).problem
    assert missing is not None
    assert (missing.reason, missing.message) == ("ConfigMapMissing", "ConfigMap b does not exist")
    twice = source_from(["a", "b"], [config_map("a", x="1"), config_map("b", x="1")]).problem
    assert twice is not None
    assert (twice.reason, twice.message) == ("SourceConflict", "ConfigMaps a and b both hold the key x")


def test_an_image_has_no_digest_of_ours() -> None:
    assert source_from([], []).digest == ""


@pytest.mark.asyncio
async def test_files_that_have_not_changed_are_not_read_again(api: FakeAPI, client: Client) -> None:
    await api.put("databasemigrations", resource())
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"a": "1"}})
    memory = SourceMemory()
    first = await observe(client, KEY, SETTINGS, memory)
    before = len(api.requests)
    second = await observe(client, KEY, SETTINGS, memory)
    read = [one for one in api.requests[before:] if "configmaps" in one.path]
    assert first is not None
    assert second is not None
    assert second.source == first.source
    assert ["PartialObjectMetadata" in one.accept for one in read] == [True]
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"a": "2"}})
    third = await observe(client, KEY, SETTINGS, memory)
    assert third is not None
    assert third.source != first.source


@pytest.mark.asyncio
async def test_files_that_several_resources_read_are_read_once(api: FakeAPI, client: Client) -> None:
    await api.put("databasemigrations", resource())
    other = resource()
    other["metadata"] |= {"name": "other", "uid": "other-uid"}
    await api.put("databasemigrations", other)
    await api.put("configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"a": "1"}})
    memory = SourceMemory()
    first = await observe(client, KEY, SETTINGS, memory)
    before = len(api.requests)
    second = await observe(client, Key("shop", "other"), SETTINGS, memory)
    read = [one for one in api.requests[before:] if "configmaps" in one.path]
    assert first is not None
    assert second is not None
    assert second.source == first.source
    assert ["PartialObjectMetadata" in one.accept for one in read] == [True]


def test_what_a_resource_has_read_is_forgotten_with_the_last_that_read_it() -> None:
    memory, other, source = SourceMemory(), Key("shop", "other"), Source("f1:1")
    memory.remember(KEY, "uid", ("a@1",), source)
    memory.remember(other, "uid", ("a@1",), source)
    assert memory.shared("shop", ("a@1",)) == source
    assert memory.shared("bank", ("a@1",)) is None, "another namespace has other ConfigMaps"
    memory.remember(KEY, "uid", ("a@2",), Source("f1:2"))
    assert memory.shared("shop", ("a@1",)) == source
    memory.forget(other)
    assert memory.shared("shop", ("a@1",)) is None
    assert memory.shared("shop", ("a@2",)) == Source("f1:2")
