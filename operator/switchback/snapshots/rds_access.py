"""In whose name RDS is asked for one resource, and what it is asked about."""

from __future__ import annotations

import dataclasses
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from switchback.api.reasons import OperatorReason
from switchback.aws.caller import Caller
from switchback.aws.client import Aws, Trouble
from switchback.contract.points import ErrorClass, Failure
from switchback.snapshots import rds_room, rds_source
from switchback.snapshots.rds_kinds import CLUSTER, INSTANCE
from switchback.snapshots.rds_memory import Memory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchback.api.snapshots import RDS
    from switchback.snapshots.provider import Allowance, Tools
    from switchback.snapshots.rds_kinds import Kind
    from switchback.snapshots.rds_room import Room
    from switchback.snapshots.rds_source import Source

NO_SOURCE: Final = frozenset(("DBInstanceNotFound", "DBClusterNotFoundFault"))
"""Codes that say that the instance or the cluster is not there."""


class Access:
    """The way of one resource to RDS.

    Args:
        wish: `spec.snapshot.rds`.
        namespace: of the resource.
        tools: what the operator gives.
    """

    def __init__(self, wish: RDS, namespace: str, tools: Tools) -> None:
        self._wish = wish
        self._namespace = namespace
        self._allow = tools.allow
        self._installation = tools.installation
        self.aws: Aws = tools.aws if tools.aws is not None else Aws()
        self._memory = self.aws.kept(Memory)

    def caller(self) -> Caller:
        """In whose name RDS is asked.

        Raises:
            Trouble: the installation does not allow it. Then nothing is asked at all.
        """
        wish = self._wish
        for allowance in self._allow:
            if self._allowed_by(allowance):
                role = wish.role or allowance.role
                if not role:
                    return Caller(wish.region)
                return Caller(wish.region, role, allowance.external_id, self._namespace)
        text = f"the namespace {self._namespace} may not use the instance {wish.instance}"
        if wish.role:
            text += f" with the role {wish.role}"
        raise Trouble(Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_NOT_ALLOWED, text))

    def _allowed_by(self, allowance: Allowance) -> bool:
        wish = self._wish
        roles = (*allowance.roles, allowance.role) if allowance.role else allowance.roles
        return (
            any(fnmatchcase(self._namespace, pattern) for pattern in allowance.namespaces)
            and any(fnmatchcase(wish.instance.lower(), pattern.lower()) for pattern in allowance.instances)
            and (not wish.role or any(fnmatchcase(wish.role, pattern) for pattern in roles))
        )

    async def source(self, caller: Caller, seconds: float) -> Source:
        """The instance or its cluster; as it was seen at most so many seconds ago, 0: as it is now.

        Raises:
            Trouble: it cannot be told, or is not there.
        """
        known = self._memory.sources.get(self._key(caller), seconds) if seconds else None
        if known is not None:
            return known
        asked = {"DBInstanceIdentifier": self._wish.instance}
        (instance,) = (await self.aws.ask(caller, "DescribeDBInstances", **asked))["DBInstances"]
        cluster = instance.get("DBClusterIdentifier")
        if cluster:
            asked = {"DBClusterIdentifier": cluster}
            (found,) = (await self.aws.ask(caller, "DescribeDBClusters", **asked))["DBClusters"]
            source = rds_source.of_cluster(found, caller.region, instance)
        else:
            source = rds_source.of_instance(instance, caller.region)
        self._memory.sources.put(self._key(caller), source)
        return source

    async def source_if_any(self, caller: Caller, seconds: float) -> Source | None:
        """The same; None when it is not there."""
        try:
            return await self.source(caller, seconds)
        except Trouble as trouble:
            if trouble.failure.code not in NO_SOURCE:
                raise
            return None

    def forget_source(self, caller: Caller) -> None:
        """It is not what it was: the next one looks again."""
        self._memory.sources.forget(self._key(caller))

    def no_source(self) -> Failure:
        """That what a snapshot was taken of is not there any more."""
        text = f"there is no instance {self._wish.instance} in {self._wish.region} any more"
        return Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_SOURCE_NOT_FOUND, text)

    async def with_writer(self, caller: Caller, source: Source) -> Source:
        """A cluster, with the name of the member that takes writes."""
        wanted = [{"Name": "db-cluster-id", "Values": [source.name]}]
        members = await self.aws.pages(caller, "DescribeDBInstances", "DBInstances", Filters=wanted)
        names = (
            one["Endpoint"]["Address"]
            for one in members
            if one["DBInstanceIdentifier"] == source.writer and one.get("Endpoint")
        )
        return dataclasses.replace(source, endpoints=(*source.endpoints, *names))

    async def found(
        self, caller: Caller, source: Source | None, names: Sequence[str]
    ) -> dict[str, tuple[Kind, Mapping[str, Any]]]:
        """The snapshots of these identifiers that there are."""
        found: dict[str, tuple[Kind, Mapping[str, Any]]] = {}
        for kind in kinds(source):
            rows = await self._memory.look(self.aws, caller, kind, names)
            found |= {name: (kind, row) for name, row in rows.items()}
        return found

    async def room(self, caller: Caller, source: Source, seconds: float) -> Room:
        """How full the account is; as counted at most so many seconds ago, 0: as it is now, thoroughly."""
        key = (source.account, source.region, source.kind.word)
        known = self._memory.rooms.get(key, seconds) if seconds else None
        if known is None:
            known = await rds_room.counted(
                self.aws, caller, source, self._installation, thoroughly=not seconds
            )
            self._memory.rooms.put(key, known)
        return known

    def _key(self, caller: Caller) -> tuple[Caller, str]:
        return caller, self._wish.instance.lower()


def kinds(source: Source | None) -> tuple[Kind, ...]:
    """Which snapshots are looked at: those of the source's kind; when it is gone, of both."""
    return (source.kind,) if source else (INSTANCE, CLUSTER)
