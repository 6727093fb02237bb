"""VolumeSnapshots do what every provider has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.suite import Conformance

if TYPE_CHECKING:
    from tests.cluster_snapshots.volumes import VolumeRig

pytestmark = pytest.mark.cluster


class TestVolumeSnapshots(Conformance):
    """On the real controllers, and a driver that is slow and fails as it is told."""

    @pytest.fixture
    def rig(self, volume_rig: VolumeRig) -> VolumeRig:
        return volume_rig
