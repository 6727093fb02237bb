"""Snapshots of Amazon RDS instances and Aurora clusters, asked for by the operator itself."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from switchback.api.reasons import OperatorReason
from switchback.aws.client import Trouble
from switchback.contract.points import (
    Capabilities,
    ErrorClass,
    Failure,
    Finding,
    Level,
    Listing,
    Observation,
    Phase,
    Place,
    Scope,
    Verification,
)
from switchback.snapshots import rds_room, rds_source, rds_state, rds_tags, rds_view
from switchback.snapshots.rds_access import Access, kinds
from switchback.snapshots.rds_kinds import CLUSTER
from switchback.snapshots.rds_names import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchback.api.snapshots import Snapshot
    from switchback.aws.caller import Caller
    from switchback.contract.points import Intent, Ownership
    from switchback.snapshots.provider import Tools
    from switchback.snapshots.rds_kinds import Kind
    from switchback.snapshots.rds_source import Source

SOURCE_SECONDS: Final = 3600.0
"""For so long, what a preflight has seen of an instance is what its snapshots are compared with."""

ROOM_SECONDS: Final = 60.0

_TAKEN = frozenset(("DBSnapshotAlreadyExists", "DBClusterSnapshotAlreadyExistsFault"))
_BUSY = frozenset(("InvalidDBInstanceState", "InvalidDBClusterStateFault"))
_GONE = frozenset(("DBSnapshotNotFound", "DBClusterSnapshotNotFoundFault"))
_NO_SOURCE = frozenset(("DBInstanceNotFound", "DBClusterNotFoundFault"))
_WRONG_KIND = frozenset(("InvalidParameterValue", "InvalidParameterCombination"))
_QUOTA = "SnapshotQuotaExceeded"


class RDS:
    """`spec.snapshot.rds` of one resource (`switchback.snapshots.provider.CallProvider`).

    Args:
        snapshot: `spec.snapshot`, in which `rds` is set.
        namespace: of the resource.
        tools: what the operator gives. Without `aws` a way to AWS is made for this one provider.
    """

    capabilities = Capabilities(
        Place.OPERATOR,
        Scope.INSTANCE,
        progress=True,
        experimental="tested against a stand-in for AWS only, never in a real account",
    )

    def __init__(self, snapshot: Snapshot, namespace: str, tools: Tools) -> None:
        if snapshot.rds is None:
            raise ValueError("spec.snapshot.rds is not set")
        self._tags = snapshot.rds.tags
        self._rds = Access(snapshot.rds, namespace, tools)

    # --- before ---------------------------------------------------------------------------------------------

    async def preflight(self, intent: Intent) -> tuple[Finding, ...]:
        """What stands in the way. Only reads: the instance, and how many snapshots there are."""
        try:
            caller = self._rds.caller()
            if wrong := rds_tags.refused(rds_tags.tags(intent, self._tags)):
                return (Finding(_refused(wrong)),)
            source = await self._rds.source(caller, 0)
            trouble = rds_state.source_trouble(source.what, source.status)
            # While it is being made it listens nowhere; when it is ready and does not, nothing is proven.
            listens = source.endpoints or trouble is None
            mismatch = await self._mismatch(caller, source, intent) if listens else None
            if mismatch or trouble:
                return tuple(Finding(one) for one in (mismatch, trouble) if one)
            found = rds_room.finding(await self._rds.room(caller, source, ROOM_SECONDS), source)
        except Trouble as trouble:
            return (Finding(trouble.failure),)
        return (found,) if found else ()

    async def _mismatch(self, caller: Caller, source: Source, intent: Intent) -> Failure | None:
        """Why this is not the database that would be rolled back; None when it is."""
        subject = intent.subject
        copy = rds_source.replica(source)
        if copy or rds_source.named(source, subject):
            return copy
        if source.kind is CLUSTER and len(source.endpoints) == 1:
            # The instance in the spec is a reader; the host may be the one that takes writes.
            source = await self._rds.with_writer(caller, source)
            if rds_source.named(source, subject):
                return None
        found = {name: await self._rds.aws.addresses(name) for name in source.endpoints}
        unknown = [name for name, addresses in found.items() if not addresses]
        return rds_source.elsewhere(source, subject, frozenset().union(*found.values()), unknown)

    # --- asking for it --------------------------------------------------------------------------------------

    async def request(self, intent: Intent) -> Observation:
        """Ask for the snapshot, or adopt the one of this very intent."""
        try:
            caller = self._rds.caller()
            source = await self._rds.source(caller, SOURCE_SECONDS)
            try:
                return await self._create(caller, source, intent)
            except Trouble as trouble:
                code = trouble.failure.code
                if code in _TAKEN or code in _BUSY:
                    return await self._adopt(caller, source, intent, trouble.failure)
                if code in _WRONG_KIND:
                    return await self._create_of_other_kind(caller, source, intent, trouble.failure)
                if code == _QUOTA:
                    raise await self._full(caller, source, trouble.failure) from None
                if code in _NO_SOURCE:
                    self._rds.forget_source(caller)
                raise
        except Trouble as trouble:
            return Observation(
                intent.name, Phase.UNKNOWN, failure=trouble.failure, retry_after=trouble.failure.retry_after
            )

    async def _create(self, caller: Caller, source: Source, intent: Intent) -> Observation:
        kind = source.kind
        wanted = rds_tags.tags(intent, self._tags)
        names = {kind.id: identifier(intent.name), kind.source: source.name}
        answer = await self._rds.aws.ask(caller, kind.create, **names, Tags=wanted)
        return self._judged(intent, kind, answer[kind.item], source)

    async def _create_of_other_kind(
        self, caller: Caller, source: Source, intent: Intent, why: Failure
    ) -> Observation:
        """Since it was seen, the instance has become a member of a cluster, or another has its name."""
        now = await self._rds.source(caller, 0)
        if now.kind is source.kind:
            raise Trouble(why)
        return await self._create(caller, now, intent)

    async def _adopt(self, caller: Caller, source: Source, intent: Intent, why: Failure) -> Observation:
        """Take what is there under the name, if it is ours: an answer was lost, or a call repeated."""
        name = identifier(intent.name)
        there = (await self._rds.found(caller, source, [name])).get(name)
        if there is None:
            if why.kind is ErrorClass.CONFLICT:
                # It is gone again, or not shown yet.
                why = dataclasses.replace(why, kind=ErrorClass.RETRY, retry_after=rds_state.FASTEST)
            raise Trouble(why)
        found = there[1]
        seen = rds_view.observation(intent.name, source.kind, found)
        conflict = rds_view.not_ours(intent.ownership, source.kind, found)
        other = None if conflict else rds_view.of_another(source.kind, found, source)
        if other is not None and other.reason == OperatorReason.SNAPSHOT_SOURCE_MISMATCH:
            conflict = dataclasses.replace(
                other, kind=ErrorClass.CONFLICT, reason=OperatorReason.SNAPSHOT_NAME_CONFLICT
            )
        if conflict is not None:
            return dataclasses.replace(seen, failure=conflict)
        return self._judged(intent, source.kind, found, source)

    async def _full(self, caller: Caller, source: Source, why: Failure) -> Trouble:
        """The quota is reached: say by whose snapshots."""
        try:
            room = await self._rds.room(caller, source, 0)
        except Trouble:
            return Trouble(why)
        told = room if room.most else dataclasses.replace(room, most=room.used)
        return Trouble(dataclasses.replace(why, message=f"{why.message} {told.told(source)}"))

    # --- looking at it --------------------------------------------------------------------------------------

    async def observe(self, intents: Sequence[Intent]) -> Mapping[str, Observation]:
        """Each restore point as it is now: one call for all, and for all who look at the same moment."""
        try:
            caller = self._rds.caller()
            source = await self._rds.source_if_any(caller, SOURCE_SECONDS)
            found = await self._rds.found(caller, source, [identifier(intent.name) for intent in intents])
        except Trouble as trouble:
            why = trouble.failure
            return {
                one.name: Observation(one.name, Phase.UNKNOWN, failure=why, retry_after=why.retry_after)
                for one in intents
            }
        seen = {}
        for intent in intents:
            there = found.get(identifier(intent.name))
            seen[intent.name] = (
                Observation(intent.name, Phase.ABSENT, retry_after=rds_state.pace(rds_view.age(intent)))
                if there is None
                else self._judged(intent, *there, source)
            )
        return seen

    def _judged(
        self, intent: Intent, kind: Kind, snapshot: Mapping[str, Any], source: Source | None
    ) -> Observation:
        """A snapshot, with what is wrong with it as the one of this intent."""
        seen = rds_view.observation(intent.name, kind, snapshot)
        wrong = rds_view.not_ours(intent.ownership, kind, snapshot) or seen.failure
        if wrong is None and seen.phase is Phase.AVAILABLE:
            wrong = rds_view.of_another(kind, snapshot, source) if source else self._rds.no_source()
        wait = 0.0 if seen.phase is Phase.AVAILABLE else rds_state.pace(rds_view.age(intent))
        return dataclasses.replace(seen, failure=wrong, retry_after=wait)

    async def list_owned(self, ownership: Ownership) -> Listing:
        """Every snapshot of the resource, by tags, from all pages."""
        points, foreign = [], 0
        try:
            caller = self._rds.caller()
            source = await self._rds.source_if_any(caller, SOURCE_SECONDS)
            for kind in kinds(source):
                found = await self._rds.aws.pages(caller, kind.describe, kind.items, SnapshotType="manual")
                for one in found:
                    owner = rds_tags.ownership(rds_tags.read(one))
                    ours = owner is not None and _same_resource(owner, ownership)
                    # A copy bears the tags of what it was copied from, and another identifier.
                    if owner is not None and ours and rds_view.is_original(kind, one):
                        points.append(rds_view.owned(kind, one, owner))
                    else:
                        foreign += 1
        except Trouble as trouble:
            return Listing(tuple(points), complete=False, foreign=foreign, failure=trouble.failure)
        return Listing(tuple(points), complete=True, foreign=foreign)

    async def verify(self, intent: Intent, level: Level) -> Verification:
        """Whether the snapshot is ours, of this instance as it is now, available and encrypted like it."""
        if level is not Level.METADATA:
            why = f"a snapshot of RDS cannot be read, only restored: {level} is not possible, Metadata is"
            return Verification(Level.METADATA, _refused(why))
        try:
            caller = self._rds.caller()
            source = await self._rds.source(caller, 0)
            found = await self._rds.found(caller, source, [identifier(intent.name)])
        except Trouble as trouble:
            return Verification(level, trouble.failure)
        there = found.get(identifier(intent.name))
        if there is None:
            text = f"there is no {source.kind.word} snapshot {identifier(intent.name)} in {source.region}"
            return Verification(level, Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_LOST, text))
        seen = self._judged(intent, *there, source)
        if seen.failure is None and seen.phase is not Phase.AVAILABLE:
            text = (
                f"the snapshot {identifier(intent.name)} is in the state {seen.raw_status}, not available yet"
            )
            lost = seen.phase is Phase.DELETING
            reason = OperatorReason.SNAPSHOT_LOST if lost else OperatorReason.SNAPSHOT_REFUSED
            again = ErrorClass.TERMINAL if lost else ErrorClass.RETRY
            return Verification(level, Failure(again, reason, text, seen.raw_status, seen.retry_after))
        return Verification(level, seen.failure)

    # --- deleting it ----------------------------------------------------------------------------------------

    async def delete(self, name: str, expect: Ownership) -> Observation:
        """Delete one snapshot that is ours, by its tags as they are now."""
        try:
            return await self._deleted(name, expect)
        except Trouble as trouble:
            if trouble.failure.code in _GONE:
                return Observation(name, Phase.ABSENT)
            why = trouble.failure
            return Observation(name, Phase.UNKNOWN, failure=why, retry_after=why.retry_after)

    async def _deleted(self, name: str, expect: Ownership) -> Observation:
        caller, wanted = self._rds.caller(), identifier(name)
        source = await self._rds.source_if_any(caller, SOURCE_SECONDS)
        there = (await self._rds.found(caller, source, [wanted])).get(wanted)
        if there is None:
            return Observation(name, Phase.ABSENT)
        kind, snapshot = there
        wrong = rds_view.not_ours(expect, kind, snapshot)
        if wrong is None and rds_tags.KEEP in rds_tags.read(snapshot):
            wrong = _refused(f"the {kind.word} snapshot {wanted} has the tag {rds_tags.KEEP}")
        seen = dataclasses.replace(rds_view.observation(name, kind, snapshot), failure=wrong)
        if wrong is not None or seen.phase is Phase.DELETING:
            return seen
        await self._rds.aws.ask(caller, kind.delete, **{kind.id: wanted})
        return dataclasses.replace(seen, phase=Phase.DELETING, retry_after=rds_state.FASTEST)


def _same_resource(one: Ownership, other: Ownership) -> bool:
    return (one.installation, one.uid) == (other.installation, other.uid)


def _refused(message: str) -> Failure:
    return Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_REFUSED, message)
