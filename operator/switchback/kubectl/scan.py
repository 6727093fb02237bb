"""The Job that lists what lies on a claim: it reads, and writes nothing. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.names import CONTAINER
from switchback.controller.podspec import Body
from switchback.kubectl.own_jobs import Images, taken_literally
from switchback.kubectl.restore_job import around, spec_of
from switchback.snapshots import pgrestore
from switchback.snapshots.layout import VOLUME_MOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.kubectl.resource import Object, Resource

WHAT = "scan"
DEADLINE_SECONDS = 600


def scan_job(resource: Resource, nonce: str) -> Callable[[Images], Object] | None:
    """Makes the Job once the image is known. None: the resource keeps no restore points on a claim.

    Raises:
        Problem: the spec cannot be read.
    """
    dump = (resource.spec.get("snapshot") or {}).get("pgDump") or {}
    claim = (dump.get("persistentVolumeClaim") or {}).get("claimName")
    if not claim:
        return None
    spec = spec_of(resource)

    def make(images: Images) -> Object:
        container = {
            "name": CONTAINER,
            "image": images.ours,
            "imagePullPolicy": images.pull_policy,
            "args": ["snapshot", "list", VOLUME_MOUNT, "--json"],
            "terminationMessagePolicy": "File",
            "volumeMounts": [pgrestore.mount()],
        }
        body = Body(
            containers=[taken_literally(container)],
            volumes=[pgrestore.volume(claim)],
            deadline_seconds=DEADLINE_SECONDS,
        )
        return around(resource, spec, WHAT, body, nonce=nonce, annotations={})

    return make
