"""VolumeSnapshots do what every provider has to do."""

from __future__ import annotations

import pytest

from tests.cluster_snapshots.volumes import VolumeRig
from tests.conformance.suite import Conformance

pytestmark = pytest.mark.cluster


class TestVolumeSnapshots(Conformance):
    """On the real controllers, and a driver that is slow and fails as it is told."""

    @pytest.fixture
    def rig(self, volume_rig: VolumeRig) -> VolumeRig:
        return volume_rig
