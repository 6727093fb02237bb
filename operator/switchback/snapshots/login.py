"""A password for containers of the tenant's where the database has none: a token of AWS, in a passfile.

Programs that read the variables of libpq find it by PGPASSFILE. The token is good for connecting for 15
minutes from when the container `login` has made it, right before theirs starts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchback.snapshots.layout import WORK_MOUNT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.snapshots.provider import PodObject, PodParts, SnapshotSettings

REGION = "SWITCHBACK_IAM_REGION"
LOGIN = "login"
VOLUME = "switchback-secrets"
PASSFILE = f"{WORK_MOUNT}/pgpass"
SIZE = "1Mi"


def with_login(parts: PodParts, database_env: Sequence[PodObject], settings: SnapshotSettings) -> PodParts:
    """`parts`, with a container in front that makes the password, if the environment asks for one."""
    if not any(one["name"] == REGION for one in database_env):
        return parts
    mount = {"name": VOLUME, "mountPath": WORK_MOUNT}
    login = {
        "name": LOGIN,
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "args": ["snapshot", "login", "--to", PASSFILE],
        "env": list(database_env),
        "volumeMounts": [mount],
        # It says in one line what it misses, and never a token.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    return replace(
        parts,
        init_containers=(login, *(_knowing(part, mount) for part in parts.init_containers)),
        volumes=(*parts.volumes, {"name": VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": SIZE}}),
    )


def _knowing(container: PodObject, mount: PodObject) -> PodObject:
    return {
        **container,
        "env": [*container["env"], {"name": "PGPASSFILE", "value": PASSFILE}],
        "volumeMounts": [*container["volumeMounts"], {**mount, "readOnly": True}],
    }
