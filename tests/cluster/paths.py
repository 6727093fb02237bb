"""Where things are: the checkout, the cache shared by all checkouts, and the state of one bed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
# Not inside the checkout: a bed must still be found, and cleaned up, after its checkout was deleted.
BEDS = Path(os.environ.get("SWITCHBACK_BEDS", "/var/lib/switchback-bed"))
# Removing a lock would let two holders in, so locks stay, where a restart of the machine clears them.
LOCKS = Path("/run/lock/switchback-bed")


def cache_root() -> Path:
    """Return the cache that every checkout of this user shares."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "switchback"


def digest(*parts: bytes | str) -> str:
    """Return a short name for some inputs; each part is length-prefixed so that no two lists collide."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hasher.update(len(data).to_bytes(8, "big") + data)
    return hasher.hexdigest()[:16]


@dataclass(frozen=True)
class Bed:
    """One bed: one checkout, one network namespace, one folder of state.

    `word` tells several beds of one checkout apart.
    """

    checkout: Path
    word: str = ""

    @cached_property
    def name(self) -> str:
        """Six digits are enough here, and leave the veth's name below the kernel's 15 characters."""
        return "sb-" + hashlib.sha256(f"{self.checkout}{self.word}".encode()).hexdigest()[:6]

    @property
    def state(self) -> Path:
        return BEDS / self.name

    @property
    def lock(self) -> Path:
        return LOCKS / f"{self.name}.lock"

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def config(self) -> Path:
        return self.state / "config"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def volumes(self) -> Path:
        return self.state / "volumes"

    @property
    def audit_log(self) -> Path:
        return self.state / "audit" / "audit.log"

    @property
    def socket(self) -> Path:
        return self.state / "containerd" / "containerd.sock"

    @property
    def netns(self) -> Path:
        return Path("/run/netns") / self.name

    @property
    def cgroup(self) -> str:
        """The kubelet's root for pods; one per bed, or two kubelets would remove each other's pods."""
        return f"/{self.name}"

    @property
    def kubeconfig(self) -> Path:
        return self.checkout / ".cluster" / self.word / "kubeconfig"


def this_bed() -> Bed:
    """Return the bed of this checkout that SWITCHBACK_BED names."""
    return Bed(CHECKOUT, os.environ.get("SWITCHBACK_BED", ""))
