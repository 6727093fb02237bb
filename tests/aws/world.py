"""What the fake AWS knows beside moto: its settings, its clock, and what is to happen to whom."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.aws.life import Life

ACCOUNT = "123456789012"


@dataclass
class Settings:
    """How this AWS behaves. Every one may be changed at any time (`Control.settings`)."""

    region: str = "eu-central-1"
    """Where the control surface makes and changes things. Callers may use any region."""
    snapshot_seconds: float = 1.0
    """How long a snapshot is `creating`."""
    snapshot_outcome: str = "available"
    """What a snapshot becomes after that."""
    capture_share: float = 0.2
    """After which part of that time its moment is fixed. Before, SnapshotCreateTime is not in the answers."""
    database_lag: float = 1.0
    """How many seconds before that moment the last transaction was."""
    delete_seconds: float = 0.0
    """How long a snapshot is `deleting`. With 0 it is gone when the call is answered."""
    restore_seconds: float = 0.0
    """How long a restored instance or cluster is `creating`."""
    backing_up: bool = True
    """Whether a source is `backing-up` while a snapshot of it is made, so that a second one is refused."""
    state_before_name: bool = False
    """Whether the state of the source is looked at before the name. What AWS does is not documented."""
    instance_quota: int = 100
    """Manual snapshots of instances, per region."""
    cluster_quota: int = 100
    """Manual snapshots of clusters, per region."""
    cluster_snapshot_id_length: int = 63
    """By the API reference; instance snapshots may have 255."""


@dataclass
class Plan:
    """What happens to the next snapshot that is asked for."""

    seconds: float
    outcome: str
    stops_at: int = 100


@dataclass
class World:
    """All that lasts longer than one call."""

    settings: Settings = field(default_factory=Settings)
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held while moto handles a call: what is checked before it still holds when it is done."""
    lives: dict[str, Life] = field(default_factory=dict)
    """By the ARN of the snapshot."""
    plans: deque[Plan] = field(default_factory=deque)
    births: dict[str, float] = field(default_factory=dict)
    """When a restored instance or cluster is available, by its ARN."""
    endpoints: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Where an instance or cluster really listens, by its ARN."""
    encryption: dict[str, str] = field(default_factory=dict)
    """Of which buckets objects without that header are refused: `any`, `AES256`, `aws:kms`."""
    parts: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    """The checksums that came with the parts of uploads, by upload id and part number."""
    uploads: dict[str, float] = field(default_factory=dict)
    """When each upload in parts was begun, by its id; moto says 2010."""
    ahead: float = 0.0

    def now(self) -> float:
        """The time here, in seconds since 1970: the real one, and what the test has put on top."""
        return time.time() + self.ahead

    def plan(self) -> Plan:
        """What happens to the snapshot that is being asked for."""
        if self.plans:
            return self.plans.popleft()
        return Plan(self.settings.snapshot_seconds, self.settings.snapshot_outcome)

    def clear(self) -> None:
        """Forget everything."""
        self.settings = Settings()
        self.ahead = 0.0
        for what in (self.lives, self.births, self.endpoints, self.encryption, self.parts, self.uploads):
            what.clear()
        self.plans.clear()


def moment(seconds: float) -> datetime:
    """A time as moto's models hold it."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
