"""What a snapshot is taken of, an instance or its cluster, and the proof that it is the right one."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Failure
from switchback.snapshots.rds_kinds import CLUSTER, INSTANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from switchback.contract.points import Subject
    from switchback.snapshots.rds_kinds import Kind

LOOK_UP_SECONDS: Final = 30.0
"""Until a name that could not be looked up is looked up again."""


@dataclass(frozen=True, slots=True)
class Source:
    """An instance, or the cluster that it is a member of.

    Attributes:
        kind: which of the two.
        name: its identifier.
        region: where it is.
        account: whose it is.
        resource_id: its identity, which survives that it is renamed.
        status: in RDS' own word.
        encrypted: whether its storage is.
        kms_key: the key that it is encrypted with.
        endpoints: names under which it takes writes. Empty: it does not listen yet.
        port: of all of them.
        replica_of: what it is a replica of; empty: it is none.
        writer: the member that takes writes; empty: no cluster, or nobody does.
    """

    kind: Kind
    name: str
    region: str
    account: str
    resource_id: str
    status: str
    encrypted: bool
    kms_key: str = ""
    endpoints: tuple[str, ...] = ()
    port: int = 0
    replica_of: str = ""
    writer: str = ""

    @property
    def what(self) -> str:
        """For people, such as `the instance shop-prod in eu-central-1`."""
        return f"the {self.kind.word} {self.name} in {self.region}"


def of_instance(found: Mapping[str, Any], region: str) -> Source:
    """An instance that is no member of a cluster, as DescribeDBInstances shows it."""
    return Source(
        kind=INSTANCE,
        name=found["DBInstanceIdentifier"],
        region=region,
        account=_account(found.get("DBInstanceArn", "")),
        resource_id=found["DbiResourceId"],
        status=found.get("DBInstanceStatus", ""),
        encrypted=bool(found.get("StorageEncrypted")),
        kms_key=found.get("KmsKeyId") or "",
        endpoints=_endpoint(found),
        port=(found.get("Endpoint") or {}).get("Port") or 0,
        replica_of=found.get("ReadReplicaSourceDBInstanceIdentifier")
        or found.get("ReadReplicaSourceDBClusterIdentifier")
        or "",
    )


def of_cluster(found: Mapping[str, Any], region: str, *members: Mapping[str, Any]) -> Source:
    """A cluster as DescribeDBClusters shows it. `members`: those of its instances that are known."""
    writer = next(
        (
            one["DBInstanceIdentifier"]
            for one in found.get("DBClusterMembers") or ()
            if one["IsClusterWriter"]
        ),
        "",
    )
    own = (found["Endpoint"],) if found.get("Endpoint") else ()
    of_writer = [name for one in members if one["DBInstanceIdentifier"] == writer for name in _endpoint(one)]
    return Source(
        kind=CLUSTER,
        name=found["DBClusterIdentifier"],
        region=region,
        account=_account(found.get("DBClusterArn", "")),
        resource_id=found["DbClusterResourceId"],
        status=found.get("Status", ""),
        encrypted=bool(found.get("StorageEncrypted")),
        kms_key=found.get("KmsKeyId") or "",
        endpoints=(*own, *of_writer),
        port=found.get("Port") or 0,
        replica_of=found.get("ReplicationSourceIdentifier") or "",
        writer=writer,
    )


def replica(source: Source) -> Failure | None:
    """Why this is not where changes are made; None when it is."""
    if source.replica_of:
        return _mismatch(f"{source.what} is a replica of {source.replica_of}; name that one")
    if source.kind is CLUSTER and not source.writer:
        return _mismatch(f"{source.what} has no member that takes writes: it is a copy of another cluster")
    return None


def named(source: Source, subject: Subject) -> bool:
    """Whether the database is reached under one of the names that AWS has given."""
    return _same_port(source, subject) and _plain(subject.host) in map(_plain, source.endpoints)


def elsewhere(
    source: Source, subject: Subject, found: Iterable[str], unknown: Sequence[str] = ()
) -> Failure | None:
    """Why the database is another one, when its host is called otherwise; None when it is this one.

    It is when its address, by its own word or as the Job has looked it up, is one that leads to the source.

    Args:
        source: that would be kept.
        subject: that would be rolled back.
        found: addresses to which the source's names lead.
        unknown: those of its names that could not be looked up just now.
    """
    ours = _addresses(found)
    theirs = _addresses((subject.server_address, *subject.addresses))
    if _same_port(source, subject) and ours & theirs:
        return None
    if unknown and theirs and _same_port(source, subject):
        # A resolver that fails for a moment says nothing about the database.
        return _not_looked_up(source, subject, unknown)
    where = " or ".join(f"{name}:{source.port}" for name in source.endpoints) or "no place that is known"
    message = (
        f"{source.what} listens at {where} ({_told(ours)}); the database {subject.database} is at "
        f"{subject.host or '(a host that is not known)'}:{subject.port} ({_told(theirs)})"
    )
    return _mismatch(message)


def _same_port(source: Source, subject: Subject) -> bool:
    return bool(subject.port) and subject.port == source.port


def _account(arn: str) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 else ""  # noqa: PLR2004 - arn:aws:rds:region:account:...


def _endpoint(instance: Mapping[str, Any]) -> tuple[str, ...]:
    address = (instance.get("Endpoint") or {}).get("Address")
    return (address,) if address else ()


def _plain(host: str) -> str:
    return host.strip().rstrip(".").lower()


def _addresses(texts: Iterable[str]) -> frozenset[str]:
    """Addresses in one form: without a mask, and none of IPv4 in the guise of IPv6."""
    found = set()
    for text in texts:
        try:
            address = ipaddress.ip_interface(text.strip()).ip
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        found.add(str(mapped or address))
    return frozenset(found)


def _told(addresses: frozenset[str]) -> str:
    return ", ".join(sorted(addresses)) or "no address known"


def _not_looked_up(source: Source, subject: Subject, names: Sequence[str]) -> Failure:
    message = (
        f"{source.what} listens at {' and '.join(names)}, which cannot be looked up from the operator, so it "
        f"is not known whether {subject.host or 'the database'} leads there. Look at the DNS of its pod."
    )
    return Failure(
        ErrorClass.RETRY, OperatorReason.SNAPSHOT_PROVIDER_UNAVAILABLE, message, retry_after=LOOK_UP_SECONDS
    )


def _mismatch(message: str) -> Failure:
    return Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_SOURCE_MISMATCH, message)
