"""What RDS refuses, in its words as far as they are known."""

from __future__ import annotations

import random
import re
import string
from typing import TYPE_CHECKING, Any

from moto.rds.exceptions import (
    DBClusterNotFoundError,
    DBClusterSnapshotAlreadyExistsError,
    DBInstanceNotFoundError,
    DBSnapshotAlreadyExistsError,
    InvalidParameterValue,
    RDSClientError,
    SnapshotQuotaExceededFault,
)
from moto.rds.models import DBCluster, DBSnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moto.rds.models import DBInstance, RDSBackend

    from tests.aws.life import Snapshot
    from tests.aws.world import World

MOST_TAGS = 50
READY = ("available", "storage-optimization")
_TAG = re.compile(r"[\w\s.:/=+\\@-]*")


def instance(backend: RDSBackend, name: str) -> DBInstance:
    """The instance of this name."""
    found = backend.databases.get(name)
    if found is None:
        raise DBInstanceNotFoundError(name)
    return found


def cluster(backend: RDSBackend, name: str) -> DBCluster:
    """The cluster of this name."""
    found = backend.clusters.get(name)
    if found is None:
        raise DBClusterNotFoundError(name)
    return found


def no_member(database: DBInstance) -> None:
    """A member of a cluster has no snapshots of its own."""
    if database.db_cluster_identifier is not None:
        raise InvalidParameterValue(
            "The specified instance is a member of a cluster and a snapshot cannot be created directly. "
            "Please use the CreateDBClusterSnapshot API instead."
        )


def free_and_ready(
    world: World, taken: Mapping[str, Snapshot], name: str, source: DBInstance | DBCluster
) -> None:
    """The name is free and the source may be asked for a snapshot. Which is looked at first is a setting."""
    if world.settings.state_before_name:
        _ready(source)
    _free(taken, name, source)
    _ready(source)


def _free(taken: Mapping[str, Snapshot], name: str, source: DBInstance | DBCluster) -> None:
    if name in taken:
        if isinstance(source, DBCluster):
            raise DBClusterSnapshotAlreadyExistsError(name)
        raise DBSnapshotAlreadyExistsError(name)


def _ready(source: DBInstance | DBCluster) -> None:
    if source.status in READY:
        return
    if isinstance(source, DBCluster):
        raise RDSClientError(
            "InvalidDBClusterStateFault",
            f"Can't create a snapshot because the database cluster {source.db_cluster_identifier} "
            "isn't currently in the available state.",
        )
    raise RDSClientError(
        "InvalidDBInstanceState",
        f"Cannot create a snapshot because the database instance {source.db_instance_identifier} "
        "is not currently in the available state.",
    )


def quota(taken: Mapping[str, Snapshot], most: int) -> None:
    """There is room for one more manual snapshot; automated ones do not count."""
    if sum(snapshot.snapshot_type == "manual" for snapshot in taken.values()) >= most:
        raise SnapshotQuotaExceededFault


def usable(snapshot: Snapshot) -> None:
    """Only what is finished can be copied or restored."""
    if snapshot.status != "available":
        raise _state(snapshot, f"The snapshot {snapshot.resource_id} is not in the available state.")


def deletable(snapshot: Snapshot) -> None:
    """Neither an automated one, nor one that is being made or deleted."""
    if snapshot.snapshot_type == "automated":
        of_instance = isinstance(snapshot, DBSnapshot)
        text = "automated snapshots cannot be deleted." if of_instance else _ONLY_MANUAL
        raise _state(snapshot, text)
    if snapshot.status in ("creating", "copying", "deleting"):
        raise _state(snapshot, f"Cannot delete the snapshot because it is in the {snapshot.status} state.")


_ONLY_MANUAL = "Only manual snapshots may be deleted."


def _state(snapshot: Snapshot, text: str) -> RDSClientError:
    if isinstance(snapshot, DBSnapshot):
        return RDSClientError("InvalidDBSnapshotState", text)
    return RDSClientError("InvalidDBClusterSnapshotStateFault", text)


def cluster_snapshot_name(world: World, backend: RDSBackend, name: str, parameter: str) -> None:
    """The rules of names, which moto checks for instance snapshots only."""
    backend.validate_db_snapshot_identifier(name, parameter)
    most = world.settings.cluster_snapshot_id_length
    if len(name) > most:
        raise InvalidParameterValue(
            f"The parameter {parameter} is not a valid identifier: it has more than {most} characters."
        )


def tags(wanted: Sequence[Any] | None, there: Sequence[Any] = ()) -> None:
    """How many tags a resource may have, and what may stand in them."""
    new = {tag["Key"]: tag.get("Value") or "" for tag in wanted or ()}
    for key, value in new.items():
        if key.lower().startswith("aws:"):
            raise InvalidParameterValue(f"Tag keys may not begin with the reserved prefix aws: {key}")
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise InvalidParameterValue("Tag keys have 1 to 128 characters, tag values at most 256.")
        for part, text in (("keys", key), ("values", value)):
            if not _TAG.fullmatch(text):
                raise InvalidParameterValue(
                    f"Tag {part} may only contain unicode letters, digits, whitespace, "
                    "or one of these symbols: _ . : / = + \\ - @"
                )
    if len({tag["Key"] for tag in there} | set(new)) > MOST_TAGS:
        raise InvalidParameterValue(f"A resource may have at most {MOST_TAGS} tags.")


def resource_id(prefix: str) -> str:
    """An identity that no other resource has."""
    letters = random.choices(string.ascii_uppercase + "234567", k=26)  # noqa: S311  # no secret
    return f"{prefix}-{''.join(letters)}"
