"""Debian packages that the local node and the images need; only missing ones are installed."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.console import say
from tests.cluster.errors import BedError
from tests.cluster.paths import cache_root
from tests.cluster.run import locked, run, run_long

_NODE = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "conntrack",
    "nftables",
    "iptables",
    "iproute2",
    "ethtool",
    "socat",
    "tini",
    "util-linux",
    "openssl",
)
_IMAGES = ("buildah", "debootstrap", "busybox-static")
_PEOPLE = ("postgresql-client",)
PACKAGES = _NODE + _IMAGES + _PEOPLE
_ENV = {"DEBIAN_FRONTEND": "noninteractive"}
_KUBECTL = Path("/usr/local/bin/kubectl")


def missing() -> list[str]:
    """Return the packages that are not installed."""
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        raise BedError(
            "the local node needs Debian or Ubuntu (apt-get and dpkg are not here); "
            "use CLUSTER=kind with Docker, or CLUSTER=current with a cluster of yours",
            code=2,
        )
    query = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *PACKAGES], check=False)
    installed = {line.split()[0] for line in query.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in PACKAGES if package not in installed]


def ensure() -> None:
    """Install what is missing, without leaving a service behind that was not there before."""
    if not missing():
        return
    with locked(cache_root() / "packages.lock", "system packages"):
        wanted = missing()
        if not wanted:
            return
        had_containerd = "containerd" not in wanted
        log = cache_root() / "logs" / "apt.log"
        install = ["apt-get", "install", "-y", "--no-install-recommends", *wanted]
        # A run that was killed in the middle leaves packages unpacked but not configured.
        run(["dpkg", "--configure", "-a"], env=_ENV, timeout=600)
        if not _known(wanted):
            run_long("refreshing the package lists", ["apt-get", "update"], log=log, env=_ENV, timeout=900)
        label = f"installing {', '.join(wanted)}"
        try:
            run_long(label, install, log=log, env=_ENV, timeout=1800)
        except BedError:
            # Lists that are older than the archive name files that are no longer there.
            run_long("refreshing the package lists", ["apt-get", "update"], log=log, env=_ENV, timeout=900)
            run_long(label, install, log=log, env=_ENV, timeout=1800)
        if not had_containerd:
            _stop_system_containerd()


def _known(wanted: list[str]) -> bool:
    policy = run(["apt-cache", "policy", *wanted], check=False).stdout
    candidates = [line for line in policy.splitlines() if line.strip().startswith("Candidate:")]
    return len(candidates) == len(wanted) and not any("(none)" in line for line in candidates)


def _stop_system_containerd() -> None:
    """The bed runs a containerd of its own; the service that the package starts is of no use to anyone."""
    if not Path("/run/systemd/system").is_dir():
        return
    say("switching off the containerd service that the package started (the bed runs its own)")
    run(["systemctl", "disable", "--now", "containerd.service"], check=False, timeout=60)


def link_kubectl() -> None:
    """Put our kubectl on PATH where there is none; one that is there stays."""
    if shutil.which("kubectl") is not None:
        return
    target = binaries.path("kubectl")
    if _KUBECTL.is_symlink():  # dangling, or `which` would have found it
        _KUBECTL.unlink()
    _KUBECTL.symlink_to(target)
    say(f"linked {_KUBECTL} to the kubectl that was built for the bed")
