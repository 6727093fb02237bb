"""What all tests share."""

from __future__ import annotations

pytest_plugins = ["tests.cluster.plugin", "tests.consumers.plugin", "tests.postgres.loss_ground"]
