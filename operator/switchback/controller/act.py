"""The side effects: Jobs and our finalizer. Each is harmless when it is repeated.

A Job is created only if the live resource is the very version that was decided upon, so that its intent is in
the stored status. The name is the lock: whoever finds it taken looks whose it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never

from switchback.api import names
from switchback.api.reasons import OperatorReason
from switchback.api.status import OperationKind
from switchback.contract.words import Operation
from switchback.controller import point
from switchback.controller.decision import (
    CreateJob,
    DeleteJob,
    DeleteSnapshot,
    Hold,
    LetGo,
    MarkService,
    PointService,
    RequestSnapshot,
    TellProbe,
)
from switchback.controller.jobs import JobError, manifest, owned
from switchback.controller.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    RefusedError,
)
from switchback.controller.kube.kinds import JOBS, MIGRATIONS
from switchback.controller.observe_traffic import read_traffic
from switchback.controller.observed import Trouble
from switchback.controller.old_programs import is_gone
from switchback.controller.point import OutdatedError, OutpacedError
from switchback.controller.queue import Key
from switchback.controller.view import View

if TYPE_CHECKING:
    from switchback.controller.decision import Action
    from switchback.controller.desk import Desk
    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Observed
    from switchback.controller.settings import Settings


Object = dict[str, Any]


class JobRefusedError(Exception):
    """The Job that status names cannot be had. `trouble` says why, for the next look."""

    def __init__(self, name: str, trouble: Trouble) -> None:
        self.name = name
        self.trouble = trouble
        super().__init__(f"{name}: {trouble.message}")


async def act(  # noqa: PLR0911 - one answer per action
    client: Client, world: Observed, action: Action, settings: Settings, desk: Desk
) -> Object | None:
    """Does one thing. Returns what the API server answered; None when it was so already.

    Raises:
        OutdatedError: the decision was about an older version of the resource.
        JobRefusedError: the Job cannot be described, is not admitted, or its name is another owner's.
        KubeError: the API server could not be asked.
    """
    match action:
        case CreateJob():
            return await _create(client, world, action, settings)
        case DeleteJob():
            await _delete(client, world, action)
            return None
        case Hold():
            return await _finalizers(client, world, (*world.finalizers, names.FINALIZER))
        case LetGo():
            return await _finalizers(
                client, world, tuple(one for one in world.finalizers if one != names.FINALIZER)
            )
        case RequestSnapshot(name):
            await _still_named(client, world, ("operation", "snapshotName"), name)
            await desk.request(_key(world), world, name)
            return None
        case MarkService() | PointService() | TellProbe():
            return await _traffic(client, world, action)
        case DeleteSnapshot(name):
            gone = await desk.delete(_key(world), world, name)
            return {"name": name} if gone.failure is None else None
        case _:
            assert_never(action)


async def _traffic(
    client: Client, world: Observed, action: MarkService | PointService | TellProbe
) -> Object | None:
    match action:
        case MarkService() | PointService():
            return await _service(client, world, action)
        case TellProbe():
            return await point.tell(client, world, action)


async def _service(client: Client, world: Observed, action: MarkService | PointService) -> Object:
    """One write of the Service, for the very status that was decided upon.

    Raises:
        OutdatedError: the resource has changed, or of the Service anything that counts.
    """
    await _still_true(client, world)
    for _ in range(point.TRIES):
        try:
            if isinstance(action, MarkService):
                return await point.mark(client, world, action)
            return await point.point(client, world, action)
        except OutpacedError:
            # A try that is begun again must not do what another process has given up meanwhile.
            world, _ = await asyncio.gather(point.again(client, world), _still_true(client, world))
    raise OutdatedError("the Service changes again and again")


def _key(world: Observed) -> Key:
    return Key(world.namespace, world.name)


async def _still_true(client: Client, world: Observed) -> Object:
    """Make sure that the live resource is the version that was decided upon, and give its status.

    Raises:
        OutdatedError: it is another.
    """
    live = await client.get(MIGRATIONS, world.namespace, world.name)
    metadata = live["metadata"]
    if (metadata["uid"], metadata["resourceVersion"]) != (world.uid, world.resource_version):
        raise OutdatedError(world.name)
    return live.get("status") or {}


async def _still_named(client: Client, world: Observed, where: tuple[str, ...], name: str) -> None:
    """The same, and that its status names what will be done.

    Raises:
        OutdatedError: it is another, or names something else.
    """
    named: Any = await _still_true(client, world)
    for part in where:
        named = (named or {}).get(part)
    if named != name:
        raise OutdatedError(name)


async def _create(client: Client, world: Observed, action: CreateJob, settings: Settings) -> Object | None:
    where: tuple[str, ...] = ("operation", "jobName")
    if action.probe:
        where = ("traffic", "cutover", "probeJob")
    elif action.look:
        where = ("preview", "jobName")
    await _still_named(client, world, where, action.name)
    await _old_slot_is_gone(client, world, action)
    try:
        body = manifest(world, action, settings)
        return await client.create(JOBS, world.namespace, body)
    except JobError as error:
        raise JobRefusedError(action.name, error.trouble) from None
    except AlreadyExistsError:
        await _adopt(client, world, action)
        return None
    except (RefusedError, NotFoundError) as error:
        # 404: the namespace is going away.
        text = f"the API server refused Job {action.name}: {error.message}"
        raise JobRefusedError(action.name, Trouble(OperatorReason.JOB_REFUSED, text)) from None


async def _old_slot_is_gone(client: Client, world: Observed, action: CreateJob) -> None:
    """Look once more right before files of phase=contract may run: nothing brings back what they take away.

    Raises:
        OutdatedError: something that may need them runs by now.
    """
    operation, spec = world.status.operation, world.spec
    contract = operation is not None and operation.kind is OperationKind.CONTRACT
    if not contract or action.step is not Operation.MIGRATE or spec is None or spec.cutover is None:
        return
    now = await read_traffic(client, world.namespace, spec.cutover, world.uid, datetime.now(UTC))
    if not is_gone(View(world=replace(world, traffic=now), spec=spec, status=world.status)):
        raise OutdatedError(action.name)


async def _adopt(client: Client, world: Observed, action: CreateJob) -> None:
    """The name is taken: by an earlier try of ours, whose answer was lost, or by somebody else."""
    found = await client.get(JOBS, world.namespace, action.name)
    if owned(world, found):
        return
    text = f"a Job named {action.name} exists and belongs to somebody else; delete or rename it"
    raise JobRefusedError(action.name, Trouble(OperatorReason.JOB_REFUSED, text))


async def _finalizers(client: Client, world: Observed, wanted: tuple[str, ...]) -> Object | None:
    """The one thing beside status that is written to a resource, and only over the version that was seen."""
    body = {"metadata": {"resourceVersion": world.resource_version, "finalizers": list(wanted)}}
    try:
        return await client.merge(MIGRATIONS, world.namespace, world.name, body)
    except NotFoundError:
        return None
    except ConflictError:
        raise OutdatedError(world.name) from None


async def _delete(client: Client, world: Observed, action: DeleteJob) -> None:
    try:
        await client.delete(JOBS, world.namespace, action.name, uid=action.uid)
    except NotFoundError:
        return
    except ConflictError:
        raise OutdatedError(action.name) from None
