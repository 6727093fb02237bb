"""The Job that lists what lies on a claim or in a bucket: it reads, and writes nothing. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.names import CONTAINER, uid_hash
from switchback.controller.observe import status_from
from switchback.controller.podspec import Body
from switchback.controller.restore_points import unfinished
from switchback.kubectl.own_jobs import Images, taken_literally
from switchback.kubectl.restore_job import around, spec_of
from switchback.snapshots import pgrestore

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.api.snapshots import S3, PgDump
    from switchback.api.spec import Spec
    from switchback.kubectl.resource import Object, Resource

WHAT = "scan"
DEADLINE_SECONDS = 600


def scan_job(resource: Resource, nonce: str) -> Callable[[Images], Object] | None:
    """Makes the Job once the image is known. None: the resource keeps no dumps.

    It tells as well what retention would do, by the rules and the status as they are now.

    Raises:
        Problem: the spec cannot be read.
    """
    if not (resource.spec.get("snapshot") or {}).get("pgDump"):
        return None
    spec = spec_of(resource)
    place = _place(spec.snapshot.pg_dump if spec.snapshot is not None else None)
    if not place:
        return None

    def make(images: Images) -> Object:
        container = {
            "name": CONTAINER,
            "image": images.ours,
            "imagePullPolicy": images.pull_policy,
            "args": ["snapshot", "list", *pgrestore.root(place), *_rules(resource, spec), "--json"],
            "env": pgrestore.credentials(place),
            "terminationMessagePolicy": "File",
            "volumeMounts": [pgrestore.mount(place)],
        }
        body = Body(
            containers=[taken_literally(container)],
            volumes=[pgrestore.volume(place)],
            deadline_seconds=DEADLINE_SECONDS,
        )
        return around(resource, spec, WHAT, body, nonce=nonce, annotations={})

    return make


def _place(dump: PgDump | None) -> str | S3:
    if dump is None:
        return ""
    claim = dump.persistent_volume_claim
    return dump.s3 or (claim.claim_name if claim is not None else "")


def _rules(resource: Resource, spec: Spec) -> list[str]:
    """What retention is asked to go by; the same as after an operation."""
    rules = spec.snapshot.retention if spec.snapshot is not None else None
    if rules is None:
        return []
    known = status_from(resource.data)
    stay = [one.name for one in known.snapshots if one.protected_by]
    return [
        *("--uid", resource.uid, "--uid-hash", uid_hash(resource.uid)),
        *("--minimum-count", str(rules.minimum_count)),
        *("--minimum-age-seconds", str(rules.minimum_age_seconds)),
        *(word for name in stay for word in ("--protect", name)),
        *(word for name in open_operations(resource) for word in ("--unfinished", name)),
    ]


def open_operations(resource: Resource) -> tuple[str, ...]:
    """Operations whose restore points stay: those that ended badly, and the one under way."""
    under_way = (resource.operation_id,) if resource.under_way else ()
    return (*unfinished(status_from(resource.data)), *under_way)
