"""The two kinds of snapshots that RDS has, in its own words: of an instance, and of a cluster."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One of them. Everything but `word` is a name of the API.

    Attributes:
        word: as people say it.
        create: action that takes a snapshot.
        describe: action that shows snapshots.
        delete: action that deletes one.
        items: where `describe` answers with them.
        item: where `create` answers with it.
        id: the snapshot's identifier.
        arn: the snapshot's ARN.
        source: identifier of what it is of.
        source_id: identity of that, which survives that it is renamed.
        encrypted: whether it is.
        filter: filter of `describe` that takes several identifiers.
        quota: name of the quota.
    """

    word: str
    create: str
    describe: str
    delete: str
    items: str
    item: str
    id: str
    arn: str
    source: str
    source_id: str
    encrypted: str
    filter: str
    quota: str


INSTANCE = Kind(
    word="instance",
    create="CreateDBSnapshot",
    describe="DescribeDBSnapshots",
    delete="DeleteDBSnapshot",
    items="DBSnapshots",
    item="DBSnapshot",
    id="DBSnapshotIdentifier",
    arn="DBSnapshotArn",
    source="DBInstanceIdentifier",
    source_id="DbiResourceId",
    encrypted="Encrypted",
    filter="db-snapshot-id",
    quota="ManualSnapshots",
)

CLUSTER = Kind(
    word="cluster",
    create="CreateDBClusterSnapshot",
    describe="DescribeDBClusterSnapshots",
    delete="DeleteDBClusterSnapshot",
    items="DBClusterSnapshots",
    item="DBClusterSnapshot",
    id="DBClusterSnapshotIdentifier",
    arn="DBClusterSnapshotArn",
    source="DBClusterIdentifier",
    source_id="DbClusterResourceId",
    encrypted="StorageEncrypted",
    filter="db-cluster-snapshot-id",
    quota="ManualClusterSnapshots",
)
