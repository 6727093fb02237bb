"""What every provider that works by calls has to do, done by the one for RDS: for instances and clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.suite import Conformance
from tests.unit.snapshots.rds_rig import RDSRig, fake

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

__all__ = ["fake"]


class TestInstance(Conformance):
    @pytest.fixture
    def rig(self, fake: FakeAws) -> RDSRig:
        return RDSRig(fake)


class TestCluster(Conformance):
    @pytest.fixture
    def rig(self, fake: FakeAws) -> RDSRig:
        return RDSRig(fake, cluster=True)
