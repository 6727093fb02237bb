"""The commands of `python -m tests.cluster`."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING

from tests.cluster import binaries, chart, chart_check, node, packages
from tests.cluster.backends.base import Images
from tests.cluster.backends.choice import choose
from tests.cluster.backends.local import Local
from tests.cluster.console import say
from tests.cluster.errors import BedError
from tests.cluster.handle import Cluster
from tests.cluster.paths import cache_root

if TYPE_CHECKING:
    from collections.abc import Callable


def main(argv: list[str] | None = None) -> int:
    """Run one command; a failure is one line on standard error."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    # As an exception, so that programs started here end with this one.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        return command(arguments)
    except BedError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("interrupted; the next run starts from what is left", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster", description="The cluster for tests and the demo."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, command: Callable[[argparse.Namespace], int], text: str, *flags: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        for flag in flags:
            sub.add_argument(flag, action="store_true")
        return sub

    add("doctor", _doctor, "say which cluster would be used, why, and what is missing")
    add("setup", _setup, "install system packages and build what the local node needs, without starting it")
    add("build", _build, "build the programs of the node and of make lint")
    add("up", _up, "start the cluster, or leave it as it is when it is healthy", "--dry-run")
    add("down", _down, "remove the cluster and every trace of it", "--dry-run")
    add("images", _images, "build the images that changed and load them into the cluster", "--dry-run")
    add("install", _install, "start the cluster if none runs, load the images, install the operator")
    add(
        "check-chart",
        _check_chart,
        "lint the chart, and validate what it renders against Kubernetes' own schemas",
    )
    volume = add("volume", _volume, "make a static PersistentVolume of limited size", "--remove")
    volume.add_argument("name")
    volume.add_argument("--size", default="256Mi", help="for example 64Mi (default: %(default)s)")
    add("status", _status, "say how the cluster is", "--json")
    add("prune", _prune, "remove local clusters whose checkout is gone")
    add("clean-cache", _clean_cache, "remove built programs and images of all checkouts")
    return parser


def _doctor(_: argparse.Namespace) -> int:
    backend, reason = choose()
    print(f"cluster: {backend.name} ({reason})")
    if isinstance(backend, Local):
        print(f"bed: {backend.bed.name}, state in {backend.bed.state}")
        print(f"missing packages: {', '.join(packages.missing()) or 'none'}")
        print(f"programs to build: {', '.join(binaries.missing(binaries.LOCAL)) or 'none'}")
        print(f"state: {node.trouble(backend.bed) or 'Ready'}")
    print(f"cache: {cache_root()}")
    return 0


def _setup(_: argparse.Namespace) -> int:
    backend, reason = choose()
    say(f"cluster: {backend.name} ({reason})")
    if isinstance(backend, Local):
        packages.ensure()
        binaries.ensure(*binaries.LOCAL)
    binaries.ensure("kubectl", "helm", *(["kind"] if backend.name == "kind" else []))
    packages.link_kubectl()
    return 0


def _build(_: argparse.Namespace) -> int:
    binaries.ensure(*binaries.LOCAL, "kubeconform")
    for name in (*binaries.LOCAL, "kubeconform"):
        print(binaries.path(name))
    return 0


def _up(arguments: argparse.Namespace) -> int:
    backend, reason = choose()
    say(f"cluster: {backend.name} ({reason})")
    backend.up(dry_run=arguments.dry_run)
    if arguments.dry_run:
        backend.load_images(dry_run=True)
    return 0


def _down(arguments: argparse.Namespace) -> int:
    choose()[0].down(dry_run=arguments.dry_run)
    return 0


def _images(arguments: argparse.Namespace) -> int:
    backend, _ = choose()
    if not arguments.dry_run:
        backend.up()
    images = backend.load_images(dry_run=arguments.dry_run)
    for name in (images.switchback, *images.postgres.values()):
        print(name)
    return 0


def _install(_: argparse.Namespace) -> int:
    started = time.monotonic()
    backend, reason = choose()
    say(f"cluster: {backend.name} ({reason})")
    backend.up()
    images = backend.load_images()
    chart.install(backend.kubeconfig, images)
    say(
        f"the operator runs in namespace {chart.NAMESPACE}; all of it took {time.monotonic() - started:.1f} s"
    )
    say(f"next: export KUBECONFIG={backend.kubeconfig}")
    return 0


def _check_chart(_: argparse.Namespace) -> int:
    chart_check.check()
    return 0


def _volume(arguments: argparse.Namespace) -> int:
    backend, _ = choose()
    cluster = Cluster(backend, Images(switchback=""))
    if arguments.remove:
        cluster.remove_volume(arguments.name)
    else:
        print(cluster.volume(arguments.size, arguments.name).name)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    backend, reason = choose()
    up = backend.is_up()
    answer = {"cluster": backend.name, "reason": reason, "up": up}
    if up:
        answer["kubeconfig"] = str(backend.kubeconfig)
        answer["processes"] = backend.processes()
        if isinstance(backend, Local):
            answer |= {
                "bed": backend.bed.name,
                "state": str(backend.bed.state),
                "logs": str(backend.bed.logs),
                "auditLog": str(backend.audit_log),
                "nodeIP": backend.node_ip,
                "networkNamespace": str(backend.bed.netns),
            }
    if arguments.json:
        print(json.dumps(answer, indent=1))
    else:
        for key, value in answer.items():
            print(f"{key}: {value}")
    return 0 if up else 3


def _prune(_: argparse.Namespace) -> int:
    for name in node.prune():
        print(name)
    return 0


def _clean_cache(_: argparse.Namespace) -> int:
    root = cache_root()
    shutil.rmtree(root, ignore_errors=True)
    say(f"removed {root}")
    return 0
