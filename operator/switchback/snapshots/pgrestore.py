"""The pod that restores a dump beside its original: the mirror image of `pgdump`.

Three containers, one after the other. `prepare` (our image) verifies every byte, makes the empty database and
writes connection files to memory; `restore` (the client image of the dump's major version) runs pg_restore,
and reports without failing; `switchback` (our image) judges, proves and binds the ledger, and answers.
A claim is mounted to be read only; what lies in a bucket is downloaded into the pod's own storage first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.api.names import CONTAINER
from switchback.contract.result import DEFAULT_BUDGET
from switchback.snapshots.layout import VOLUME_MOUNT, WORK_MOUNT, client_script
from switchback.snapshots.pgdump import VOLUME, WORK_VOLUME, keys
from switchback.snapshots.provider import PodObject, PodParts
from switchback.snapshots.toc import PART

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.api.snapshots import S3

WORK_SIZE = "64Mi"
"""The list of contents is in it: about a hundred bytes for each object of the database, twice."""


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """Which restore point becomes which database.

    Attributes:
        name: of the restore point, which is the name of its folder.
        place: the claim or the bucket that holds it.
        database: name of the new database.
        operation_id: on whose behalf; stands in the ledger of the copy.
        image: ours.
        client_image: with pg_restore of the dump's major version.
        database_env: environment that names the server (DATABASE_URL, or PGHOST, PGPASSWORD, ...).
        pull_policy: of our image.
        digest: that the manifest must have; empty: any.
        jobs: tables restored at the same time.
        owners: whether owners and rights are restored.
    """

    name: str
    place: str | S3
    database: str
    operation_id: str
    image: str
    client_image: str
    database_env: Sequence[PodObject]
    pull_policy: str = "IfNotPresent"
    digest: str = ""
    jobs: int = 2
    owners: bool = True


def pod(request: RestoreRequest) -> PodParts:
    """The pod's parts. See `PodParts` for what the caller adds."""
    return PodParts(
        init_containers=(_prepare(request), _client(request)),
        containers=(
            {
                **_ours(request, CONTAINER, "finish", "--json", *_result()),
                "terminationMessagePolicy": "File",
            },
        ),
        volumes=(
            volume(request.place),
            {"name": WORK_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": WORK_SIZE}},
        ),
    )


def volume(place: str | S3) -> PodObject:
    """The restore points of a claim, to be read only, or room for one of a bucket."""
    if isinstance(place, str):
        return {"name": VOLUME, "persistentVolumeClaim": {"claimName": place, "readOnly": True}}
    return {"name": VOLUME, "emptyDir": {}}


def mount(place: str | S3) -> PodObject:
    """The same in a container."""
    read_only = {"readOnly": True} if isinstance(place, str) else {}
    return {"name": VOLUME, "mountPath": VOLUME_MOUNT, **read_only}


def root(place: str | S3) -> tuple[str, ...]:
    """Where restore points are, in words of the command line, and how a bucket is reached."""
    if isinstance(place, str):
        return (VOLUME_MOUNT,)
    return (
        f"s3://{place.bucket}/{place.prefix}".rstrip("/"),
        *(("--region", place.region) if place.region else ()),
        *(("--endpoint-url", place.endpoint) if place.endpoint else ()),
    )


def credentials(place: str | S3) -> list[PodObject]:
    """Variables with the keys of a bucket."""
    return [] if isinstance(place, str) else keys(place)


def _prepare(request: RestoreRequest) -> PodObject:
    return _ours(request, "prepare", "prepare", more_env=credentials(request.place))


def _result() -> tuple[str, ...]:
    return "--result-file", "/dev/termination-log", "--result-budget", str(DEFAULT_BUDGET)


def _ours(
    request: RestoreRequest, name: str, part: str, *more: str, more_env: Sequence[PodObject] = ()
) -> PodObject:
    where, *how = root(request.place)
    scratch = () if isinstance(request.place, str) else ("--scratch", VOLUME_MOUNT)
    return {
        "name": name,
        "image": request.image,
        "imagePullPolicy": request.pull_policy,
        "args": [
            *("restore", f"{where}/{request.name}", *how, *scratch, "--part", part, "--work", WORK_MOUNT),
            *("--database", request.database, "--operation-id", request.operation_id),
            *("--jobs", str(request.jobs)),
            *(("--digest", request.digest) if request.digest else ()),
            *(() if request.owners else ("--no-owner",)),
            *more,
        ],
        "env": [dict(variable) for variable in (*request.database_env, *more_env)],
        "volumeMounts": _mounts(request.place),
    }


def _client(request: RestoreRequest) -> PodObject:
    return {
        "name": PART,
        "image": request.client_image,
        "command": ["/bin/sh", "-c", client_script(), "client.sh", PART],
        "env": [{"name": "SWITCHBACK_WORK", "value": WORK_MOUNT}, {"name": "HOME", "value": WORK_MOUNT}],
        "volumeMounts": _mounts(request.place),
    }


def _mounts(place: str | S3) -> list[PodObject]:
    return [mount(place), {"name": WORK_VOLUME, "mountPath": WORK_MOUNT}]
