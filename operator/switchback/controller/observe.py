"""Reading the world of one resource, live, in one go.

The order of the reads matters. The resource comes first and the pods last, so that what a Job is said to have
done is never older than the status that names it, and a Job that has ended never seems to have no pod.

While a switch is in flight, what its way back does not need may be unreadable: what decides then knows that.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from switchback.api import names
from switchback.api.reasons import OperatorReason
from switchback.api.spec import Spec
from switchback.api.status import Status
from switchback.api.traffic import IN_FLIGHT
from switchback.contract.digest import source_digest
from switchback.contract.reasons import Reason
from switchback.contract.result import bounded
from switchback.contract.words import Operation
from switchback.controller.admission import guard
from switchback.controller.cutovers import state_phase
from switchback.controller.kube.errors import KubeError, NotFoundError
from switchback.controller.kube.kinds import (
    CONFIG_MAPS,
    JOBS,
    MIGRATIONS,
    NAMESPACES,
    PODS,
)
from switchback.controller.log import logger
from switchback.controller.observe_traffic import read_traffic
from switchback.controller.observed import Kept, Namespace, Observed, PolicyState, Source, Trouble
from switchback.controller.pods import jobs_of
from switchback.controller.times import parse
from switchback.snapshots.registry import capabilities_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping, Sequence

    from switchback.contract.traffic import Traffic
    from switchback.controller.desk import Desk
    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Job, Pod
    from switchback.controller.queue import Key
    from switchback.controller.settings import Settings
    from switchback.controller.sources import SourceMemory

Object = dict[str, Any]

INVALID_BYTES = 400

SPARED_SECONDS = 5.0
"""For so long a look at a switch in flight waits for what it can do without."""

T = TypeVar("T")

_log = logger(__name__)


async def observe(
    client: Client, key: Key, settings: Settings, sources: SourceMemory, desk: Desk | None = None
) -> Observed | None:
    """The world of `key` as it is now; None when the resource is gone.

    Without a `desk` restore points that the operator asks for itself are not looked at.

    Raises:
        KubeError: the API server could not be asked. While a switch is in flight, that holds for the
            resource, its Jobs and pods, and the traffic; what else cannot be read then is marked `unread`.
    """
    try:
        resource = await client.get(MIGRATIONS, key.namespace, key.name)
    except NotFoundError:
        return None
    uid = resource["metadata"]["uid"]
    spec, invalid = spec_from(resource)
    status = status_from(resource)
    flies = state_phase(status) in IN_FLIGHT
    assumed = _assumed(status) if flies else None
    jobs, (source, versions), around, traffic = await asyncio.gather(
        client.find(JOBS, key.namespace, labels=selector(uid)),
        _spared(_source(client, key, uid, spec, sources), assumed, "source"),
        _spared(_around(client, key.namespace), ASKING if flies else None, "namespace"),
        _traffic(client, key.namespace, uid, spec),
    )
    pods = await client.find(PODS, key.namespace, labels=selector(uid))
    if not source.unread:
        sources.remember(key, uid, versions, source)
    known, strays = jobs_of(uid, jobs, pods, datetime.now(UTC))
    world = world_from(
        resource,
        spec,
        invalid,
        source=source,
        jobs=known,
        strays=strays,
        client_images=settings.client_images,
    )
    unknown = (PolicyState.UNKNOWN, "") if flies else None
    asked = _guard(client, settings.approval_policy, world.status, known)
    policy, seal = await _spared(asked, unknown, "admission policy")
    # No step of a switch asks for restore points, and their providers may be slow.
    kept = await desk.look(key, world) if desk is not None and not flies else Kept()
    return replace(
        world, around=around, approval_policy=policy, approval_seal=seal, kept=kept, traffic=traffic
    )


async def _spared(read: Awaitable[T], otherwise: T | None, what: str) -> T:
    """What was read; what cannot be read is `otherwise`, where there is such a thing.

    Raises:
        KubeError: it could not be read, and cannot be done without.
    """
    if otherwise is None:
        return await read
    try:
        async with asyncio.timeout(SPARED_SECONDS):
            return await read
    except (KubeError, TimeoutError) as error:
        _log.warning(
            "not everything can be read; only the switch in flight goes on",
            unread=what,
            error=str(error) or f"no answer within {SPARED_SECONDS:g} s",
        )
        return otherwise


def _assumed(status: Status) -> tuple[Source, tuple[str, ...]] | None:
    """The files that the operation works with; None where nobody knows which these are."""
    return (Source(status.source.digest, unread=True), ()) if status.source is not None else None


async def _traffic(client: Client, namespace: str, uid: str, spec: Spec | None) -> Traffic | None:
    if spec is None or spec.cutover is None:
        return None
    return await read_traffic(client, namespace, spec.cutover, uid, datetime.now(UTC))


def selector(uid: str) -> str:
    """Label selector for everything that belongs to the resource with this UID."""
    return f"{names.LABEL_UID}={names.uid_hash(uid)}"


def world_from(
    resource: Object,
    spec: Spec | None,
    invalid: str,
    *,
    source: Source,
    jobs: tuple[Job, ...],
    strays: tuple[Pod, ...],
    client_images: Mapping[str, str],
) -> Observed:
    """The frozen values, from what was read. Pure but for the clock."""
    metadata = resource["metadata"]
    return Observed(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=int(metadata.get("generation", 0)),
        deleting="deletionTimestamp" in metadata,
        annotations=metadata.get("annotations") or {},
        spec=spec,
        source=source,
        jobs=jobs,
        stray_pods=strays,
        client_images=client_images,
        provider=capabilities_of(spec.snapshot) if spec is not None else None,
        deletion_time=parse(metadata.get("deletionTimestamp", "")),
        invalid=invalid,
        **_written(resource),
    )


def renewed(world: Observed, resource: Object) -> Observed:
    """The same look, with the resource as our own write has left it.

    Nobody else has changed the resource since it was read, or the write would have been refused.
    """
    # What a provider showed was about the status of before.
    return replace(world, kept=Kept(), **_written(resource))


def _written(resource: Object) -> dict[str, Any]:
    """What a write of ours changes of a look: status, finalizers, their version and holders, and the time."""
    metadata = resource["metadata"]
    return {
        "resource_version": metadata["resourceVersion"],
        "status": status_from(resource),
        "finalizers": tuple(metadata.get("finalizers") or ()),
        "status_shared": any(map(_holds_status, metadata.get("managedFields") or ())),
        "now": datetime.now(UTC),
    }


def _holds_status(entry: Object) -> bool:
    """Whether this entry of managedFields keeps parts of the status from an apply of ours."""
    if entry.get("manager") == names.FIELD_MANAGER and entry.get("operation") == "Apply":
        return False
    return entry.get("subresource") == "status" or "f:status" in (entry.get("fieldsV1") or {})


ASKING = Namespace({names.LABEL_REQUIRE_APPROVAL: ""}, unread=True)
"""A namespace that could not be read: an empty label asks a person for everything."""


async def _around(client: Client, namespace: str) -> Namespace:
    try:
        return namespace_from(await client.get(NAMESPACES, "", namespace))
    except NotFoundError:
        return Namespace(terminating=True)


def namespace_from(body: Object) -> Namespace:
    """What decisions depend on, from the namespace as the API server has it."""
    metadata = body["metadata"]
    return Namespace(metadata.get("labels") or {}, terminating="deletionTimestamp" in metadata)


async def _guard(client: Client, name: str, status: Status, jobs: Iterable[Job]) -> tuple[PolicyState, str]:
    """Whether approvals can be trusted. Asked only where one is awaited, or may be asked for by this look."""
    if not name:
        return PolicyState.NOT_REQUIRED, ""
    approval = status.approval
    awaited = approval is not None and not approval.approved_by
    if not awaited and (approval is not None or not any(map(_plans, jobs))):
        return PolicyState.UNSEEN, ""
    return await guard(client, name)


def _plans(job: Job) -> bool:
    """Whether the Job has ended with a plan that a person may have to see."""
    result = job.result if job.ended else None
    if result is None:
        return False
    return result.operation is Operation.INSPECT or result.reason is Reason.BACKWARD


def spec_from(resource: Object) -> tuple[Spec | None, str]:
    """(the spec, "") or (None, why it cannot be read, naming the field)."""
    try:
        return Spec.model_validate(resource.get("spec") or {}), ""
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in ("spec", *first["loc"]))
        return None, bounded(f"{where}: {first['msg']}", INVALID_BYTES)


def status_from(resource: Object) -> Status:
    """The status; an empty one when it cannot be read, as after somebody has edited it by hand.

    Nothing is lost with it: Jobs carry labels, and the database knows what was done to it.
    """
    try:
        return Status.model_validate(resource.get("status") or {})
    except ValidationError:
        return Status()


async def _source(
    client: Client, key: Key, uid: str, spec: Spec | None, sources: SourceMemory
) -> tuple[Source, tuple[str, ...]]:
    """The source, and which versions of the ConfigMaps it was read from.

    They may be large, and a look happens for each step: what has not changed since is not read again.
    """
    if spec is None:
        return Source(), ()
    wanted = spec.config_maps
    now = versions_of(wanted, await _versions(client, key.namespace, wanted))
    known = sources.recall(key, uid, now) or sources.shared(key.namespace, now)
    if known is not None:
        return known, now
    return await read_source(client, key.namespace, wanted)


async def read_source(
    client: Client, namespace: str, wanted: Sequence[str]
) -> tuple[Source, tuple[str, ...]]:
    """The source as these ConfigMaps hold it now, and their versions."""
    found = await asyncio.gather(*(_config_map(client, namespace, name) for name in wanted))
    seen = {name: one["metadata"]["resourceVersion"] for name, one in zip(wanted, found, strict=True) if one}
    return source_from(wanted, found), versions_of(wanted, seen)


async def _versions(client: Client, namespace: str, names: Sequence[str]) -> dict[str, str]:
    found = await asyncio.gather(*(_config_map(client, namespace, name, metadata=True) for name in names))
    return {name: one["metadata"]["resourceVersion"] for name, one in zip(names, found, strict=True) if one}


def versions_of(wanted: Sequence[str], seen: Mapping[str, str]) -> tuple[str, ...]:
    """What tells one state of these ConfigMaps from another: name and resourceVersion of each."""
    return tuple(f"{name}@{seen.get(name, '')}" for name in wanted)


async def _config_map(client: Client, namespace: str, name: str, *, metadata: bool = False) -> Object | None:
    try:
        return await client.get(CONFIG_MAPS, namespace, name, metadata=metadata)
    except NotFoundError:
        return None


def source_from(wanted: Sequence[str], found: Sequence[Object | None]) -> Source:
    """The digest over the files of these ConfigMaps, or why there is none. Images have neither."""
    if not wanted:
        return Source()
    files: dict[str, bytes] = {}
    holder: dict[str, str] = {}
    for name, config_map in zip(wanted, found, strict=True):
        if config_map is None:
            return _problem(OperatorReason.CONFIG_MAP_MISSING, f"ConfigMap {name} does not exist")
        for file, content in _files(config_map):
            if file in holder:
                text = f"ConfigMaps {holder[file]} and {name} both hold the key {file}"
                return _problem(OperatorReason.SOURCE_CONFLICT, text)
            files[file], holder[file] = content, name
    return Source(digest=source_digest(files))


def _files(config_map: Object) -> list[tuple[str, bytes]]:
    """The files as the kubelet writes them. Names with a leading dot are not part of a source."""
    text = [(name, value.encode()) for name, value in (config_map.get("data") or {}).items()]
    binary = [(name, base64.b64decode(value)) for name, value in (config_map.get("binaryData") or {}).items()]
    return [(name, content) for name, content in (*text, *binary) if not name.startswith(".")]


def _problem(reason: OperatorReason, message: str) -> Source:
    return Source(problem=Trouble(reason, message))
