"""The life of one local node: up, health, down."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster import binaries, cgroups, components, faults, namespaces, network, packages, pki, record
from tests.cluster.console import say
from tests.cluster.errors import BedError
from tests.cluster.processes import init_of
from tests.cluster.record import Record
from tests.cluster.run import locked, run, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.paths import Bed

_READY_LIMIT = 90.0


def up(bed: Bed) -> Record:
    """Leave a Ready node behind, whatever was there before; a healthy one is kept."""
    prune()
    with locked(bed.lock, f"bed {bed.name}"):
        known = record.load(bed)
        if known is not None and (wrong := _trouble(bed, known, heal=True)) is None:
            _write_kubeconfig(bed, known)
            say(f"node {components.NODE} of {bed.name} is up already")
            return known
        if known is not None:
            say(f"bed {bed.name} is not whole ({wrong}): starting afresh")
        packages.ensure()
        binaries.ensure(*binaries.NODE)
        packages.link_kubectl()
        _remove(bed)
        return _start(bed)


def down(bed: Bed) -> None:
    """Remove every trace of a bed: processes, mounts, namespaces, links, control groups and files."""
    with locked(bed.lock, f"bed {bed.name}"):
        _remove(bed)
    with suppress(OSError):  # other beds
        bed.state.parent.rmdir()


def prune() -> list[str]:
    """Remove the beds of checkouts that no longer exist."""
    gone = [bed for bed, _ in record.all_beds() if not bed.checkout.is_dir()]
    for bed in gone:
        say(f"removing bed {bed.name}: its checkout {bed.checkout} is gone")
        down(bed)
    return [bed.name for bed in gone]


def trouble(bed: Bed) -> str | None:
    """Say in a few words what is wrong with a bed, or nothing when it is healthy."""
    known = record.load(bed)
    return "not started" if known is None else _trouble(bed, known, heal=False)


def kubectl(bed: Bed, *argv: str, timeout: float = 30, check: bool = True) -> str:
    """Run the bed's own kubectl as administrator."""
    words = [str(binaries.path("kubectl")), f"--kubeconfig={bed.pki / 'admin.kubeconfig'}", *argv]
    return run(words, timeout=timeout, check=check).stdout


def _trouble(bed: Bed, known: Record, *, heal: bool) -> str | None:
    if not known.this_boot():
        return "the machine was restarted"
    if known.ready_seconds is None:
        return "an earlier start did not finish"
    if known.init is None or not known.init.alive():
        return "its first process ended"
    ended = [name for name, process in known.processes.items() if not process.alive()]
    if ended:
        return f"{', '.join(ended)} ended"
    if heal:
        faults.settle(bed, known)
    frozen = [name for name, process in known.processes.items() if process.state == "T"]
    return f"{', '.join(frozen)} frozen" if frozen else _not_ready(bed)


def _not_ready(bed: Bed) -> str | None:
    try:
        wait_for("node Ready", lambda: _ready(bed), timeout=15, pause=0.5)
    except BedError:
        return "its node is not Ready"
    return None


def _ready(bed: Bed) -> bool:
    answer = kubectl(bed, "get", "node", components.NODE, "-o", "json", "--request-timeout=5s", check=False)
    with suppress(ValueError, KeyError):
        conditions = json.loads(answer)["status"]["conditions"]
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
    return False


def _answers(bed: Bed) -> bool:
    return kubectl(bed, "get", "--raw", "/readyz", "--request-timeout=5s", check=False).strip() == "ok"


def _start(bed: Bed) -> Record:
    began = time.monotonic()
    say(f"starting node {components.NODE} of {bed.name}")
    note = Record(checkout=str(bed.checkout))
    note.save(bed)
    note.index = network.create(bed)
    note.save(bed)
    components.write_config(bed, note.index)
    cgroups.create(bed)
    note.init = namespaces.create(bed)
    note.save(bed)

    def start(*names: str) -> None:
        assert note.init is not None
        for name in names:
            argv = components.command(bed, name, note.index)
            note.processes[name] = namespaces.start(note.init, argv, bed.logs / f"{name}.log")
            note.save(bed)

    start("etcd", "containerd")
    ip = network.node_ip(note.index)
    pki.create(bed.pki, node=components.NODE, node_ip=ip, service_ip=network.SERVICE_IP)
    start("kube-apiserver")
    _await(bed, note, "the API server", lambda: _answers(bed))
    _await(bed, note, "containerd", bed.socket.is_socket)
    start("kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy", "coredns")
    _await(bed, note, f"node {components.NODE} Ready", lambda: _ready(bed))
    ready = round(time.monotonic() - began, 1)
    # Pods are refused until this one exists.
    _await(bed, note, "the default service account", lambda: _has_service_account(bed))
    note.ready_seconds = ready
    note.save(bed)
    _write_kubeconfig(bed, note)
    accepting = time.monotonic() - began
    say(f"node {components.NODE} was Ready {ready} s after the start, and takes pods since {accepting:.1f} s")
    say(f"its kubeconfig is {bed.kubeconfig}")
    return note


def _has_service_account(bed: Bed) -> bool:
    return "default" in kubectl(bed, "get", "serviceaccount", "default", "-o", "name", check=False)


def _await(bed: Bed, note: Record, what: str, ready: Callable[[], bool]) -> None:
    """Wait for a part of the node; if one of its programs ends meanwhile, say which, with its last words."""

    def done() -> bool:
        for name, process in note.processes.items():
            if not process.alive():
                raise BedError(
                    f"{name} ended during the start; see {bed.logs / name}.log: {_tail(bed, name)}"
                )
        return ready()

    try:
        wait_for(what, done, timeout=_READY_LIMIT, pause=0.1)
    except BedError as error:
        raise BedError(f"{error}; the logs are in {bed.logs}") from None


def _tail(bed: Bed, name: str) -> str:
    lines = (bed.logs / f"{name}.log").read_text(errors="replace").splitlines()
    return " | ".join(lines[-3:])


def _write_kubeconfig(bed: Bed, note: Record) -> None:
    bed.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    pki.write_kubeconfig(bed.pki, "admin", f"https://{network.node_ip(note.index)}:6443", bed.kubeconfig)


def _remove(bed: Bed) -> None:
    known = record.load(bed)
    first = known.init if known is not None and known.this_boot() else None
    if first is None or not first.alive():
        first = init_of(bed.netns)
    if first is not None:
        say(f"ending the processes of {bed.name}")
        namespaces.destroy(first)
    network.remove(bed)
    cgroups.remove(bed)
    _unmount(bed)
    if bed.state.exists():
        shutil.rmtree(bed.state)
    bed.kubeconfig.unlink(missing_ok=True)
    with suppress(OSError):
        bed.kubeconfig.parent.rmdir()


def _unmount(bed: Bed) -> None:
    """Unmount what is below the state folder on the host: nothing, unless someone mounted there by hand."""
    prefix = f"{bed.state}/"
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(prefix)), reverse=True):
        run(["umount", "--lazy", mount])
