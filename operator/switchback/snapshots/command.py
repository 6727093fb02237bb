"""A container of the tenant's in one of our Jobs: what it is told, and who answers for it.

Its command runs first, as an init container; only when that has ended with 0 does the container `switchback`
start, and answer. How a command fails is told by the operator, which sees the pod (`controller.pods`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.names import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchback.snapshots.provider import PodObject, SnapshotSettings

SNAPSHOT = "snapshot"
FENCE = "fence"
"""Names of the tenant's containers."""


def variable(name: str, value: str) -> PodObject:
    """A variable that holds exactly `value`: the kubelet would replace `$(NAME)` in it."""
    return {"name": name, "value": value.replace("$", "$$")}


def tenants(
    name: str,
    image: str,
    command: Sequence[str],
    *,
    database_env: Sequence[PodObject],
    told: Mapping[str, str],
    mounts: Sequence[PodObject] = (),
) -> PodObject:
    """The container of a command of the tenant's.

    Args:
        name: `SNAPSHOT` or `FENCE`.
        image: of the tenant's.
        command: in place of the image's own.
        database_env: how every Job finds the database.
        told: further variables.
        mounts: of volumes.
    """
    return {
        "name": name,
        "image": image,
        "command": list(command),
        "env": [*database_env, *(variable(key, value) for key, value in told.items())],
        "volumeMounts": [dict(mount) for mount in mounts],
        # The end of its output tells why it failed, where nobody has to look for a log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def answering(
    settings: SnapshotSettings,
    args: Sequence[str],
    *,
    env: Sequence[PodObject] = (),
    mounts: Sequence[PodObject] = (),
) -> PodObject:
    """The container `switchback` with the words of `switchback snapshot accept`."""
    return {
        "name": CONTAINER,
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "args": ["snapshot", "accept", *args, "--result-file", "/dev/termination-log"],
        "env": list(env),
        "volumeMounts": [dict(mount) for mount in mounts],
        "terminationMessagePolicy": "File",
    }
