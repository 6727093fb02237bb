"""The provider for Amazon RDS in front of the fake AWS."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from switchback.api.names import snapshot_name
from switchback.api.snapshots import Snapshot
from switchback.aws.client import Aws
from switchback.contract.points import Intent, Ownership, Purpose, Subject
from switchback.snapshots.provider import Allowance, Tools
from switchback.snapshots.rds import RDS
from switchback.snapshots.rds_names import identifier
from tests.aws.server import FakeAws
from tests.conformance.rig import Rig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

REGION = "eu-central-1"
HOST = "shop-prod.c0ffee.eu-central-1.rds.amazonaws.com"
DECIDED = "2026-03-01T10:15:00Z"
ALLOWED = Allowance(("shop",), ("shop-*",), role="")
OWNER = Ownership(
    installation="cluster-one",
    uid="6a5f2f0e-0c4f-4c9c-9d1c-2f1f6f0f9d11",
    namespace="shop",
    name="shop",
    operation_id="3f2a91c0-5b1e77",
    schema_version="0042_add_orders",
)


def wish(instance: str = "shop-prod", **more: Any) -> Snapshot:
    return Snapshot.model_validate({"rds": {"instance": instance, "region": REGION, **more}})


def provider(aws: Aws, *allow: Allowance, spec: Snapshot | None = None, namespace: str = "shop") -> RDS:
    """A provider as the operator makes one: anew for each look."""
    return RDS(spec or wish(), namespace, Tools(None, OWNER.installation, allow or (ALLOWED,), aws))


def intent(number: int = 1, *, owner: Ownership = OWNER, host: str = HOST, port: int = 5432) -> Intent:
    owner = replace(owner, attempt=number)
    name = snapshot_name(Purpose.PRE_ROLLBACK, owner.name, owner.operation_id, DECIDED, number)
    subject = Subject(database="shop", server_version=170005, host=host, port=port, current="0042_add_orders")
    return Intent(name, owner.namespace, subject, owner, DECIDED)


class RDSRig(Rig):
    """An instance, or with `cluster` an Aurora cluster with two members."""

    def __init__(self, fake: FakeAws, *, cluster: bool = False) -> None:
        self.fake = fake
        # Real clients try a call eight times; each try here is one that the tests wait for.
        self.aws = Aws(attempts=1)
        fake.settings(snapshot_seconds=0.0, backing_up=False)
        if cluster:
            self._source = "shop"
            fake.make_cluster("shop", address=HOST)
            self.provider = provider(self.aws, spec=wish("shop-instance-1"))
        else:
            self._source = "shop-prod"
            fake.make_instance("shop-prod", address=HOST)
            self.provider = provider(self.aws)

    @override
    def intent(self, number: int = 1) -> Intent:
        return intent(number)

    @override
    def intent_of_other_database(self) -> Intent:
        return intent(host="bank-prod.c0ffee.eu-central-1.rds.amazonaws.com")

    @override
    def intent_of_other_resource(self) -> Intent:
        other = replace(OWNER, uid="11111111-2222-3333-4444-555555555555", name="billing")
        return intent(owner=replace(other, operation_id="77aa00bb-c0d1e2"))

    @override
    async def slow(self) -> None:
        self.fake.settings(snapshot_seconds=3600.0)

    @override
    async def finish(self) -> None:
        self.fake.settings(snapshot_seconds=0.0)
        self.fake.advance(3600.0)

    @override
    async def fail(self) -> None:
        self.fake.settings(snapshot_outcome="failed")
        for one in self.fake.snapshots():
            if one["status"] == "creating":
                self.fake.set_snapshot(one["name"], "failed")

    @override
    async def vanish(self, name: str) -> None:
        self.fake.lose_snapshot(identifier(name))

    @override
    async def occupy(self, name: str) -> None:
        self.fake.make_snapshots(self._source, identifier(name))

    @override
    @asynccontextmanager
    async def unavailable(self) -> AsyncIterator[None]:
        rule = self.fake.fault("*", times=None, error="Throttling")
        yield
        self.fake.heal(rule)

    @override
    @asynccontextmanager
    async def denied(self) -> AsyncIterator[None]:
        rule = self.fake.fault("*", times=None, error="AccessDenied")
        yield
        self.fake.heal(rule)

    @override
    async def lose_next_answer(self) -> None:
        self.fake.fault("Create*", drop="after")

    @override
    async def count(self) -> int:
        return sum(one["type"] == "manual" for one in self.fake.snapshots())

    @override
    def calls(self) -> int:
        return sum(self.fake.counts().values())


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    """A fake AWS that this process' clients talk to."""
    with FakeAws() as started:
        for name, value in started.environment().items():
            monkeypatch.setenv(name, value)
        yield started


@pytest.fixture
def rig(fake: FakeAws) -> Iterator[RDSRig]:
    """An instance and a provider for it."""
    made = RDSRig(fake)
    yield made
    made.aws.close()
