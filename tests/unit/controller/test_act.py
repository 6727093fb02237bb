from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from switchback.api.status import Status
from switchback.contract.words import Operation
from switchback.controller.act import JobRefusedError, act
from switchback.controller.decision import CreateJob, DeleteJob
from switchback.controller.desk import Desk
from switchback.controller.kube.errors import ConflictError, KubeError, NotFoundError, UnreachableError
from switchback.controller.point import OutdatedError
from switchback.controller.write import write
from switchback.snapshots.provider import Tools
from tests.unit.controller.build import OPERATION, SETTINGS, job, resource, status, world
from tests.unit.controller.fakes.api import FakeAPI, Seen, refusal

if TYPE_CHECKING:
    from aiohttp import web

    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Observed

pytestmark = pytest.mark.asyncio

NAME = f"shop-{OPERATION}-migrate-1"
DESK = Desk(Tools(None))
CREATE = CreateJob(NAME, Operation.MIGRATE, 1)


async def stored(api: FakeAPI, told: Status | None = None) -> Observed:
    """The resource in the server, and the world as a look would have found it."""
    body = resource()
    body["status"] = (told or status()).to_json()
    kept = await api.put("databasemigrations", body)
    return replace(
        world(None, told), uid=kept["metadata"]["uid"], resource_version=kept["metadata"]["resourceVersion"]
    )


async def test_a_job_is_created_when_its_intent_is_stored(api: FakeAPI, client: Client) -> None:
    assert await act(client, await stored(api), CREATE, SETTINGS, DESK)
    assert ("jobs", "shop", NAME) in api.objects


async def test_nothing_is_created_for_an_intent_that_is_not_stored(api: FakeAPI, client: Client) -> None:
    seen = await stored(api, Status())
    with pytest.raises(OutdatedError):
        await act(client, replace(seen, status=status()), CREATE, SETTINGS, DESK)
    assert not api.made("POST", "/jobs")


async def test_nothing_is_created_over_a_resource_that_has_changed_meanwhile(
    api: FakeAPI, client: Client
) -> None:
    seen = await stored(api)
    with pytest.raises(OutdatedError):
        await act(client, replace(seen, resource_version="1"), CREATE, SETTINGS, DESK)
    with pytest.raises(OutdatedError):
        await act(client, replace(seen, uid="an earlier life"), CREATE, SETTINGS, DESK)
    assert not api.made("POST", "/jobs")


async def test_a_job_that_is_there_already_is_adopted(api: FakeAPI, client: Client) -> None:
    seen = await stored(api)
    assert await act(client, seen, CREATE, SETTINGS, DESK)
    assert not await act(client, seen, CREATE, SETTINGS, DESK)


async def test_somebody_elses_job_of_this_name_is_not_adopted(api: FakeAPI, client: Client) -> None:
    theirs = job(NAME)
    theirs["metadata"]["ownerReferences"][0]["uid"] = "somebody else"
    await api.put("jobs", theirs)
    with pytest.raises(JobRefusedError) as caught:
        await act(client, await stored(api), CREATE, SETTINGS, DESK)
    assert caught.value.name == NAME
    assert caught.value.trouble.reason == "JobRefused"
    assert "belongs to somebody else" in caught.value.trouble.message


@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (422, "Invalid"), (404, "NotFound")])
async def test_a_refused_job_is_told_with_the_servers_words(
    api: FakeAPI, client: Client, code: int, reason: str
) -> None:
    seen = await stored(api)

    async def fault(request: Seen) -> web.Response | None:
        return refusal(code, reason, "exceeded quota: jobs") if request.method == "POST" else None

    api.fault = fault
    with pytest.raises(JobRefusedError, match="exceeded quota: jobs"):
        await act(client, seen, CREATE, SETTINGS, DESK)


async def test_trouble_with_the_server_is_not_taken_for_a_refusal(api: FakeAPI, client: Client) -> None:
    seen = await stored(api)

    async def fault(request: Seen) -> web.Response | None:
        return refusal(500, "InternalError", "etcd") if request.method == "POST" else None

    api.fault = fault
    with pytest.raises(KubeError) as caught:
        await act(client, seen, CREATE, SETTINGS, DESK)
    assert not isinstance(caught.value, ConflictError)


async def test_a_lost_answer_leads_to_one_job(api: FakeAPI, client: Client) -> None:
    seen = await stored(api)

    async def fault(request: Seen) -> web.Response | None:
        if request.method == "POST":
            api.fault = None
            await api.put("jobs", request.body)
            await asyncio.sleep(30)
        return None

    api.fault = fault
    with pytest.raises((UnreachableError, TimeoutError)):
        async with asyncio.timeout(0.5):
            await act(client, seen, CREATE, SETTINGS, DESK)
    assert not await act(client, seen, CREATE, SETTINGS, DESK), "adopted, not created again"
    assert len([key for key in api.objects if key[0] == "jobs"]) == 1


async def test_deletion_is_harmless_when_it_is_done_already(api: FakeAPI, client: Client) -> None:
    await api.put("jobs", job(uid="one"))
    seen = await stored(api)
    with pytest.raises(OutdatedError):
        await act(client, seen, DeleteJob("j", "another life", "test"), SETTINGS, DESK)
    for _ in range(2):
        await act(client, seen, DeleteJob("j", "one", "test"), SETTINGS, DESK)
        assert not [key for key in api.objects if key[0] == "jobs"]


async def test_a_status_is_written_over_the_version_that_was_seen(api: FakeAPI, client: Client) -> None:
    seen = await stored(api, Status())
    assert await write(client, seen, status())
    assert api.objects["databasemigrations", "shop", "shop"]["status"] == status().to_json()
    with pytest.raises(ConflictError):
        await write(client, seen, status(Operation.INSPECT))


async def test_a_status_that_says_nothing_new_is_not_sent(api: FakeAPI, client: Client) -> None:
    seen = await stored(api)
    assert not await write(client, seen, status())
    assert not api.made("PATCH", "")


async def test_a_status_of_a_resource_that_is_gone_says_so(client: Client) -> None:
    with pytest.raises(NotFoundError):
        await write(client, world(None, Status()), status())


async def test_a_status_never_grows_beyond_its_limit(api: FakeAPI, client: Client) -> None:
    seen = await stored(api, Status())
    told = status()
    assert told.operation is not None
    await write(client, seen, told)
    sent = api.made("PATCH", "/status")[0].body
    assert set(sent) == {"apiVersion", "kind", "metadata", "status"}
    assert set(sent["metadata"]) == {"name", "namespace", "uid", "resourceVersion"}
