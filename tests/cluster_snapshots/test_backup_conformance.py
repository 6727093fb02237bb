"""Backups of CloudNativePG do what every provider has to do, as far as that can be played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.suite import Conformance

if TYPE_CHECKING:
    from tests.cluster_snapshots.backups import BackupRig

pytestmark = pytest.mark.cluster


class TestBackups(Conformance):
    """On the real kinds and real VolumeSnapshots, with CloudNativePG itself played."""

    @pytest.fixture
    def rig(self, backup_rig: BackupRig) -> BackupRig:
        return backup_rig
