"""What every provider that works by calls has to do, done by the one for RDS: for instances and clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.aws.plugin import aws
from tests.conformance.suite import Conformance
from tests.unit.snapshots.rds_rig import RDSRig

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

__all__ = ["aws"]


@pytest.fixture(autouse=True)
def environment(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)


class TestInstance(Conformance):
    @pytest.fixture
    def rig(self, aws: FakeAws) -> RDSRig:
        return RDSRig(aws)


class TestCluster(Conformance):
    @pytest.fixture
    def rig(self, aws: FakeAws) -> RDSRig:
        return RDSRig(aws, cluster=True)
