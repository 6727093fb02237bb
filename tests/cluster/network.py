"""The network namespace of a bed: a link to the host, no way out, and cut pod traffic on demand."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING

from tests.cluster.errors import BedError
from tests.cluster.paths import LOCKS
from tests.cluster.run import locked, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.paths import Bed

SERVICE_CIDR = "10.96.0.0/16"
SERVICE_IP = "10.96.0.1"
POD_CIDR = "10.244.0.0/24"
_TABLE = "switchback_faults"


def node_ip(index: int) -> str:
    """Return the address of the node inside its namespace."""
    return f"172.31.{index}.1"


def _host_ip(index: int) -> str:
    return f"172.31.{index}.2"


def create(bed: Bed) -> int:
    """Make the namespace and its link to the host; return the index of the /30 that was free."""
    with locked(LOCKS / "network.lock", "choosing a network", timeout=60):
        index = _free_index()
        run(["ip", "netns", "add", bed.name])
        run(["ip", "link", "add", bed.name, "type", "veth", "peer", "name", "eth0", "netns", bed.name])
        run(["ip", "addr", "add", f"{_host_ip(index)}/30", "dev", bed.name])
        run(["ip", "link", "set", bed.name, "up"])
    inside = ["ip", "-n", bed.name]
    run([*inside, "addr", "add", f"{node_ip(index)}/30", "dev", "eth0"])
    run([*inside, "link", "set", "eth0", "up"])
    run([*inside, "link", "set", "lo", "up"])
    # Without this route a client on the node itself cannot reach a ClusterIP: there is no default route.
    run([*inside, "route", "add", SERVICE_CIDR, "dev", "lo"])
    switches = {"net/ipv4/ip_forward": 1, "net/ipv4/conf/all/rp_filter": 0}
    script = "; ".join(f"echo {value} > /proc/sys/{key}" for key, value in switches.items())
    run(enter(bed.netns, "sh", "-ec", script))
    return index


def enter(netns: Path, *argv: str) -> list[str]:
    """Return a command that runs in the namespace; `ip netns exec` would hide the cgroup mounts."""
    return ["nsenter", f"--net={netns}", *argv]


def remove(bed: Bed) -> None:
    """Remove the namespace and the link, whichever of them is there."""
    if bed.netns.exists():
        run(["ip", "netns", "del", bed.name])
    # Normally gone with the namespace; left over when a run was killed between the two.
    run(["ip", "link", "del", bed.name], check=False)


def exists(bed: Bed) -> bool:
    """Say whether a link of this bed is left on the host."""
    return run(["ip", "link", "show", bed.name], check=False).returncode == 0


def _free_index() -> int:
    routes = json.loads(run(["ip", "-j", "-4", "route", "show", "table", "all"]).stdout)
    taken = [
        ipaddress.ip_network(route["dst"], strict=False)
        for route in routes
        if route["dst"] not in ("default", "broadcast", "local")
    ]
    for index in range(256):
        candidate = ipaddress.ip_network(f"172.31.{index}.0/30")
        if not any(candidate.overlaps(network) for network in taken):
            return index
    raise BedError(
        "no free network among 172.31.0.0/30 ... 172.31.255.0/30; `make cluster-down` in other checkouts"
    )


def drop_traffic(bed: Bed, pod_ip: str) -> None:
    """Drop every packet from and to a pod, so that not even the end of a connection arrives."""
    address = str(ipaddress.IPv4Address(pod_ip))
    rules = f"""
        add table inet {_TABLE}
        add set inet {_TABLE} cut {{ type ipv4_addr; }}
        add element inet {_TABLE} cut {{ {address} }}
    """
    chains = "".join(
        f"""
        add chain inet {_TABLE} {hook} {{ type filter hook {hook} priority raw; policy accept; }}
        flush chain inet {_TABLE} {hook}
        add rule inet {_TABLE} {hook} ip saddr @cut drop
        add rule inet {_TABLE} {hook} ip daddr @cut drop
        """
        for hook in ("prerouting", "output")
    )
    run(enter(bed.netns, "nft", "-f", "-"), stdin=rules + chains)


def restore_traffic(bed: Bed, pod_ip: str) -> None:
    """Undo `drop_traffic` for one pod."""
    address = str(ipaddress.IPv4Address(pod_ip))
    run(enter(bed.netns, "nft", "delete", "element", "inet", _TABLE, "cut", f"{{ {address} }}"), check=False)


def restore_all_traffic(bed: Bed) -> None:
    """Undo every cut, for example those of a test run that was killed."""
    run(enter(bed.netns, "nft", "delete", "table", "inet", _TABLE), check=False)
