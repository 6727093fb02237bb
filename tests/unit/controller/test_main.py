"""The process as a whole, on the fake server: how it begins, works, and ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from switchback.contract.reasons import Reason
from tests.unit.controller.build import ended_pod, resource, result
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal
from tests.unit.controller.test_kube_client import kubeconfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

pytestmark = pytest.mark.asyncio

LEASE = ("leases", "system", "switchback")
LOGS: dict[int, Path] = {}
"""What each process has said, by its id."""


@asynccontextmanager
async def operator(api: FakeAPI, folder: Path, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`switchback operator`, as its own process."""
    (folder / "config").write_text(json.dumps(kubeconfig(api.url)))
    keep = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
    env = {
        **keep,
        "KUBECONFIG": str(folder / "config"),
        "SWITCHBACK_RUNNER_IMAGE": "registry/switchback:1",
        "SWITCHBACK_PORT": "0",
        "POD_NAMESPACE": "system",
        "POD_NAME": "operator-1",
        **more,
    }
    log = folder / "operator.log"
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("switchback")), "operator", env=env, stdout=sink, stderr=sink
        )
    LOGS[process.pid] = log
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ended(process: asyncio.subprocess.Process, seconds: float = 15) -> tuple[int | None, list[Any]]:
    """Exit code and the lines of the log."""
    log = LOGS[process.pid]
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        raise AssertionError(f"the operator has not ended within {seconds} s:\n{log.read_text()}") from None
    return process.returncode, [json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{"]


def watching(api: FakeAPI) -> bool:
    """What kopf watches: what resources name is watched once there are any."""
    return {path.rpartition("/")[2] for path in api.watched} >= {"databasemigrations", "jobs", "pods"}


async def test_without_the_crd_it_says_so_and_ends(api: FakeAPI, tmp_path: Path) -> None:
    api.kinds.discard("databasemigrations")
    async with operator(api, tmp_path) as process:
        code, lines = await ended(process)
    assert code == 1
    (line,) = lines
    assert "databasemigrations.switchback.dev" in line["error"]
    assert "switchback crd | kubectl apply" in line["error"]
    assert LEASE not in api.objects


async def test_without_a_server_it_says_so_and_ends(tmp_path: Path) -> None:
    async with operator(FakeAPI(url="http://127.0.0.1:1"), tmp_path) as process:
        code, lines = await ended(process)
    assert code == 1
    assert "the API server cannot be asked" in lines[-1]["error"]


async def test_sigterm_gives_the_lease_back_and_ends_with_0(api: FakeAPI, tmp_path: Path) -> None:
    async with operator(api, tmp_path) as process:
        await api.until(lambda: watching(api), seconds=30)
        assert api.objects[LEASE]["spec"]["holderIdentity"].startswith("operator-1_")
        process.send_signal(signal.SIGTERM)
        started = asyncio.get_running_loop().time()
        code, _ = await ended(process)
    assert code == 0
    assert asyncio.get_running_loop().time() - started < 8
    assert api.objects[LEASE]["spec"]["holderIdentity"] == ""


async def test_one_that_stands_by_serves_probes_and_ends_with_0(api: FakeAPI, tmp_path: Path) -> None:
    lease = {"metadata": {"name": "switchback", "namespace": "system"}, "spec": {"holderIdentity": "other"}}
    await api.put("leases", lease)
    async with operator(api, tmp_path) as process:
        await api.until(lambda: len(api.made("GET", "/leases")) >= 2, seconds=30)
        assert not watching(api)
        process.send_signal(signal.SIGTERM)
        code, _ = await ended(process)
    assert code == 0
    assert api.objects[LEASE]["spec"]["holderIdentity"] == "other"


async def test_losing_the_lease_ends_the_process(api: FakeAPI, tmp_path: Path) -> None:
    async with operator(api, tmp_path) as process:
        await api.until(lambda: watching(api), seconds=30)
        body = api.objects[LEASE]
        await api.put("leases", {**body, "spec": {**body["spec"], "holderIdentity": "thief"}})
        code, lines = await ended(process)
    assert code == 1
    assert any("leadership lost" in line["event"] for line in lines)
    assert api.objects[LEASE]["spec"]["holderIdentity"] == "thief"


async def test_a_dying_watch_ends_the_process(api: FakeAPI, tmp_path: Path) -> None:
    async with operator(api, tmp_path) as process:
        await api.until(lambda: watching(api), seconds=30)

        async def fault(seen: Seen) -> web.Response | None:
            watch = seen.query.get("watch") == "true" and seen.path.endswith("/databasemigrations")
            return refusal(404, "NotFound", "the CRD was deleted") if watch else None

        api.fault = fault
        await api.cut_watches()
        code, lines = await ended(process, 25)
    assert code == 1
    assert any("has failed" in line["event"] and line.get("part") == "watches" for line in lines)
    assert not any("Traceback" in json.dumps(line) for line in lines)
    assert api.objects[LEASE]["spec"]["holderIdentity"] == "", "nothing of it acts any more"


async def test_a_resource_goes_all_the_way(api: FakeAPI, tmp_path: Path) -> None:
    """From the watch to the status, in the real process; only Job controller and kubelet are played."""
    async with operator(api, tmp_path) as process:
        await api.until(lambda: watching(api), seconds=30)
        await api.put(
            "configmaps", {"metadata": {"name": "shop-migrations"}, "data": {"1.up.sql": "SELECT 1"}}
        )
        await api.put("databasemigrations", resource())
        await api.until(lambda: jobs(api))
        (job,) = jobs(api)
        said = result(Reason.SUCCEEDED, operation_id=job["metadata"]["labels"]["switchback.dev/operation"])
        pod = ended_pod(said, job_uid=job["metadata"]["uid"])
        pod["metadata"].update(job["spec"]["template"]["metadata"])
        await api.put("pods", pod)
        await api.until(lambda: condition(api, "Finished") == "True")
        await api.until(
            lambda: not api.objects["databasemigrations", "shop", "shop"]["metadata"].get("finalizers")
        )
        process.send_signal(signal.SIGTERM)
        assert (await ended(process))[0] == 0
    assert condition(api, "Ready") == "True"
    assert len(jobs(api)) == 1
    told = json.dumps([one.body for one in api.requests if one.method != "GET"])
    assert "kopf" not in told
    beside = [one.body["metadata"] for one in api.made("PATCH", "") if not one.path.endswith("/status")]
    assert [one["finalizers"] for one in beside] == [["switchback.dev/in-flight"], []]
    assert all(set(one) == {"finalizers", "resourceVersion"} for one in beside)


def jobs(api: FakeAPI) -> list[Any]:
    return [body for key, body in api.objects.items() if key[0] == "jobs"]


def condition(api: FakeAPI, kind: str) -> str:
    status = api.objects["databasemigrations", "shop", "shop"].get("status", {})
    return next((str(one["status"]) for one in status.get("conditions", []) if one["type"] == kind), "")
