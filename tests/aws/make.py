"""Instances, clusters and snapshots, made without asking: as if they had been there for long."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.rds.models import rds_backends

from tests.aws import gates, life
from tests.aws.life import Life
from tests.aws.world import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.rds.models import DBCluster, DBInstance, RDSBackend

    from tests.aws.life import Snapshot
    from tests.aws.world import World


@dataclass
class Traits:
    """What instances and clusters have. What a member of a cluster has, it has from the cluster."""

    engine: str
    engine_version: str = "17.5"
    status: str = "available"
    address: str = ""
    """Where it listens. Empty: a name as AWS gives it, behind which there is nothing."""
    port: int = 5432
    resource_id: str = ""
    storage_encrypted: bool = True
    kms_key_id: str = ""
    multi_az: bool = False
    backup_retention_period: int = 7
    database: str = "shop"
    tags: Mapping[str, str] = field(default_factory=dict)
    copy_tags_to_snapshot: bool = False
    deletion_protection: bool = False
    replica_of: str = ""


def region(world: World) -> RDSBackend:
    """RDS of the region that the control surface is about, with everything up to date."""
    backend: RDSBackend = rds_backends[ACCOUNT][world.settings.region]
    life.refresh(world, backend)
    return backend


def instance(world: World, name: str, traits: Traits, cluster: str | None = None) -> DBInstance:
    """Make an instance, or a member of a cluster."""
    backend = region(world)
    asked: dict[str, Any] = {
        "db_instance_identifier": name,
        "db_instance_class": "db.t4g.micro",
        "engine": traits.engine,
        "port": traits.port,
        "db_name": traits.database,
        "multi_az": traits.multi_az,
        "tags": _tags(traits.tags),
        "copy_tags_to_snapshot": traits.copy_tags_to_snapshot,
        "deletion_protection": traits.deletion_protection,
        "enable_iam_database_authentication": True,
    }
    if cluster:
        asked["db_cluster_identifier"] = cluster
    else:
        asked |= _storage(world, traits) | {"allocated_storage": 20}
    made = backend.create_db_instance(asked)
    made.source_db_instance_identifier = traits.replica_of or None
    made.dbi_resource_id = (not cluster and traits.resource_id) or gates.resource_id("db")
    made.status = traits.status
    if cluster or not traits.backup_retention_period:
        _without_automated(world, backend, name)
    if traits.address:
        world.endpoints[made.arn] = (traits.address, traits.port)
    return made


def cluster(world: World, name: str, traits: Traits, members: int) -> DBCluster:
    """Make a cluster and its members, which are called `<name>-instance-1` and so on."""
    backend = region(world)
    made = backend.create_db_cluster(
        {
            "db_cluster_identifier": name,
            "engine": traits.engine,
            "port": traits.port,
            "database_name": traits.database,
            "tags": _tags(traits.tags),
            "copy_tags_to_snapshot": traits.copy_tags_to_snapshot,
            "deletion_protection": traits.deletion_protection,
            "enable_iam_database_authentication": traits.engine.startswith("aurora-"),
            **_storage(world, traits),
        }
    )
    if traits.resource_id:
        made.db_cluster_resource_id = traits.resource_id
    made.status = traits.status
    if traits.address:
        world.endpoints[made.arn] = (traits.address, traits.port)
    for number in range(1, members + 1):
        instance(world, f"{name}-instance-{number}", Traits(traits.engine, port=traits.port), cluster=name)
    return made


def snapshot(world: World, source: str, name: str, *, automated: bool, tags: Mapping[str, str]) -> Snapshot:
    """Make a finished snapshot of an instance or a cluster."""
    backend = region(world)
    kind = "automated" if automated else "manual"
    made: Snapshot
    if source in backend.clusters:
        made = backend.create_db_cluster_snapshot(source, name, kind, _tags(tags))
    else:
        made = backend.create_db_snapshot(source, name, kind, _tags(tags))
    now = world.now()
    world.lives[made.arn] = Life(now, 0.0, "available", 100, now, now - world.settings.database_lag, None)
    life.refresh(world, backend)
    return made


def find_source(world: World, name: str) -> DBInstance | DBCluster:
    """An instance, or a cluster, by its name."""
    backend = region(world)
    found = backend.databases.get(name) or backend.clusters.get(name)
    if found is None:
        raise KeyError(f"neither an instance nor a cluster in {backend.region_name} is called {name!r}")
    return found


def find_snapshot(world: World, name: str) -> Snapshot:
    """A snapshot of either kind, by its name."""
    backend = region(world)
    found: Snapshot | None = backend.database_snapshots.get(name) or backend.cluster_snapshots.get(name)
    if found is None:
        raise KeyError(f"no snapshot in {backend.region_name} is called {name!r}")
    return found


def _storage(world: World, traits: Traits) -> dict[str, Any]:
    key = traits.kms_key_id or f"arn:aws:kms:{world.settings.region}:{ACCOUNT}:key/aws-rds"
    return {
        "engine_version": traits.engine_version,
        "master_username": "postgres",
        "master_user_password": secrets.token_urlsafe(16),
        "storage_encrypted": traits.storage_encrypted,
        "backup_retention_period": traits.backup_retention_period,
        **({"kms_key_id": key} if traits.storage_encrypted else {}),
    }


def _without_automated(world: World, backend: RDSBackend, name: str) -> None:
    """Remove the automated snapshot that moto makes also where AWS would make none."""
    for there in list(backend.database_snapshots.values()):
        if there.db_instance_identifier == name:
            life.forget(world, backend, there)


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
