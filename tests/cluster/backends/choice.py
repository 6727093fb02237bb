"""Which cluster is used, and why."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from tests.cluster.backends.current import Current
from tests.cluster.backends.kind import Kind, docker_answers
from tests.cluster.backends.local import Local
from tests.cluster.errors import BedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cluster.backends.base import Backend

NAMES = ("local", "kind", "current")


def choose() -> tuple[Backend, str]:
    """Return the backend of this run and the reason for it."""
    name, reason = decide(
        os.environ,
        engine=docker_answers,
        root=os.geteuid() == 0,
        linux=platform.system() == "Linux",
    )
    backend: Backend
    if name == "local":
        backend = Local()
    elif name == "kind":
        backend = Kind()
    else:
        backend = Current()
    return backend, reason


def decide(
    environment: Mapping[str, str], *, engine: Callable[[], bool], root: bool, linux: bool
) -> tuple[str, str]:
    """Return the name of the backend and the reason; pure, but for asking `engine` when that matters."""
    wanted = environment.get("CLUSTER", "")
    if wanted and wanted not in NAMES:
        raise BedError(f"CLUSTER={wanted} is unknown; it is one of {', '.join(NAMES)}", code=2)
    if wanted == "local" and not (root and linux):
        raise BedError("CLUSTER=local needs root on Linux: it makes namespaces and mounts", code=2)
    if wanted:
        return wanted, f"CLUSTER={wanted} is set"
    if engine():
        return "kind", "a Docker engine answers"
    if root and linux:
        return "local", "no Docker engine answers, and this is root on Linux"
    raise BedError(
        "no cluster can be made without root, Docker or a kubeconfig: run this as root on Linux, "
        "start Docker, or name a cluster of yours with CLUSTER=current and KUBECONFIG",
        code=2,
    )
