"""The Job of a restore, from the resource as it is: connection, certificates, pod template. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.api import names
from switchback.contract.exits import ExitCode
from switchback.controller.observe import spec_from
from switchback.controller.podspec import Body, Part, ca_parts, database_env, pod_spec
from switchback.kubectl.own_jobs import DAY, Images, manifest, taken_literally
from switchback.kubectl.problems import Problem
from switchback.snapshots import pgrestore

if TYPE_CHECKING:
    from switchback.api.snapshots import S3
    from switchback.api.spec import Database, Spec
    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.restore_points import Chosen

WHAT = "restore"
POINT = f"{names.GROUP}/restore-point"


@dataclass(frozen=True, slots=True)
class Wish:
    """How it is restored.

    Attributes:
        database: name of the new one.
        nonce: what tells this Job from another.
        client_image: with pg_restore; empty: as it is known.
        admin_secret: `NAME/KEY` of a URL of a role that may create databases; empty: the resource's own.
        jobs: tables restored at the same time.
        owners: whether owners and rights are restored.
    """

    database: str
    nonce: str
    client_image: str = ""
    admin_secret: str = ""
    jobs: int = 2
    owners: bool = True


def spec_of(resource: Resource) -> Spec:
    """The spec as this release reads it.

    Raises:
        Problem: it cannot.
    """
    spec, why = spec_from(resource.data)
    if spec is None:
        raise Problem(
            ExitCode.USAGE,
            "SpecInvalid",
            f"the spec of {resource.name} in namespace {resource.namespace} cannot be read: {why}.",
            "Correct it, or use the plugin of the operator's own release.",
        )
    return spec


def job_for(resource: Resource, chosen: Chosen, images: Images, wish: Wish) -> Object:
    """The Job.

    Raises:
        Problem: the spec cannot be read, or which client image is right is not known.
    """
    spec = spec_of(resource)
    request = pgrestore.RestoreRequest(
        name=chosen.name,
        place=_place(spec, chosen),
        database=wish.database,
        operation_id=f"{WHAT}-{wish.nonce}",
        image=images.ours,
        client_image=wish.client_image or _client_image(resource, spec, chosen, images),
        database_env=_environment(spec.the_database, wish.admin_secret),
        pull_policy=images.pull_policy,
        digest=chosen.digest,
        jobs=wish.jobs,
        owners=wish.owners,
    )
    parts, ca = pgrestore.pod(request), ca_parts(spec.the_database)

    def ready(container: Object) -> Object:
        mounts = [*container.get("volumeMounts", []), *ca.mounts]
        return {**taken_literally(container), "volumeMounts": mounts}

    body = Body(
        containers=[ready(one) for one in parts.containers],
        init_containers=[ready(one) for one in parts.init_containers],
        volumes=[*parts.volumes, *ca.volumes],
        deadline_seconds=DAY,
    )
    return around(resource, spec, WHAT, body, nonce=wish.nonce, annotations={POINT: chosen.name})


def around(
    resource: Resource, spec: Spec, what: str, body: Body, *, nonce: str, annotations: dict[str, str]
) -> Object:
    """A Job of the plugin's around a pod, with what the resource's pod template adds."""
    theirs = spec.job_template.metadata if spec.job_template else None
    tail = f"-{what}-{nonce}"
    name = resource.name[: names.NAME_LIMIT - len(tail)].rstrip("-.").replace(".", "-") + tail
    labels = {key: value for key, value in (theirs.labels if theirs else {}).items() if _is_theirs(key)}
    return manifest(
        name,
        resource.namespace,
        what,
        pod_spec(spec, body),
        labels=labels,
        annotations={
            **(theirs.annotations if theirs else {}),
            names.ANNOTATION_RESOURCE: f"{resource.namespace}/{resource.name}",
            **annotations,
        },
    )


def _is_theirs(label: str) -> bool:
    """By ours, the operator would take the Job for one of its own."""
    return not label.startswith(f"{names.GROUP}/") and label != names.MANAGED_BY


def _environment(database: Database, admin_secret: str) -> list[Part]:
    """How the server is found: as by the operator's Jobs, or by the URL of somebody who may do more."""
    own = database_env(database)
    if not admin_secret:
        return own
    name, _, key = admin_secret.partition("/")
    if not name or not key:
        raise Problem(
            ExitCode.USAGE, "Usage", f"--admin-secret {admin_secret}: write it as NAME/KEY of a Secret's key."
        )
    trust = [one for one in own if one["name"] == "PGSSLROOTCERT"]
    reference = {"secretKeyRef": {"name": name, "key": key}}
    return [{"name": "DATABASE_URL", "valueFrom": reference}, *trust]


def _place(spec: Spec, chosen: Chosen) -> str | S3:
    dump = spec.snapshot.pg_dump if spec.snapshot is not None else None
    if chosen.claim or dump is None or dump.s3 is None:
        return chosen.claim
    return dump.s3


def _client_image(resource: Resource, spec: Spec, chosen: Chosen, images: Images) -> str:
    """As spec names it for this major version, as the newest dump used it, or PostgreSQL's own."""
    dump = spec.snapshot.pg_dump if spec.snapshot is not None else None
    by_spec = dump.client_images.get(str(chosen.major)) if dump is not None else None
    if by_spec:
        return by_spec
    if images.client:
        return images.client
    if not chosen.major:
        raise Problem(
            ExitCode.USAGE,
            "ClientImageMissing",
            f"which major version of PostgreSQL {chosen.name} of {resource.name} is of is not known.",
            "Name an image with pg_restore of that version with --client-image, such as postgres:18.",
        )
    return f"postgres:{chosen.major}"
