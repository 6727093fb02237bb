"""The pod around a run: everything that is the same whatever the run does.

Our containers always meet Kubernetes' restricted profile. What the tenant adds by `spec.jobTemplate` is laid
over it, and cannot replace anything of ours. Pure: JSON in, JSON out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.api.policies import PullPolicy, SSLMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchback.api.job_template import SecurityContext
    from switchback.api.spec import Connection, Database, Spec

Part = dict[str, Any]
"""A container, volume, mount or variable as JSON."""

USER_ID = 65532
"""Who our image is built for; any other id works too."""

GRACE_SECONDS = 30
"""What a run gets to cancel its statement, roll back and write its result."""

SOURCE_MOUNT = "/switchback/source"
SOURCE_VOLUME = "switchback-source"
SOURCE_CONTAINER = "source"
DOWNS_MOUNT = "/switchback/downs"
DOWNS_CONTAINER = "downs"
CA_MOUNT = "/switchback/ca"
CA_FILE = "ca.crt"

IAM_REGION = "SWITCHBACK_IAM_REGION"
"""Variable that tells a run to make its password itself: a token of AWS, for this region."""
CA_VOLUME = "switchback-ca"
TMP_VOLUME = "switchback-tmp"
SOURCE_SIZE = "256Mi"
TMP_SIZE = "64Mi"

DEFAULT_REQUESTS = {"cpu": "50m", "memory": "64Mi"}

_FORBIDDEN = ("PG", "PYTHON", "LD_")
_COPIES = (SOURCE_CONTAINER, DOWNS_CONTAINER)


@dataclass(frozen=True, slots=True)
class Body:
    """What makes one run's pod different from another's."""

    containers: Sequence[Part]
    init_containers: Sequence[Part] = ()
    volumes: Sequence[Part] = ()
    deadline_seconds: int = 3600


def pod_spec(spec: Spec, body: Body) -> Part:
    """The pod's spec: `body` in the restricted frame, with the tenant's additions.

    Their init containers come first: a native sidecar may be the way to the database.
    """
    template = spec.job_template.spec if spec.job_template else None
    extra = template.to_json() if template else {}
    own_init = [_framed(part, extra) for part in body.init_containers]
    containers = [_framed(part, extra) for part in body.containers]
    theirs = [_modest(part) for part in extra.get("initContainers", [])]
    pod: Part = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": body.deadline_seconds,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _pod_security(template.security_context if template else None),
        "initContainers": [*theirs, *own_init],
        "containers": containers,
        "volumes": [
            {"name": TMP_VOLUME, "emptyDir": {"sizeLimit": TMP_SIZE}},
            *body.volumes,
            *extra.get("volumes", []),
        ],
    }
    for field in (
        "serviceAccountName",
        "nodeSelector",
        "tolerations",
        "affinity",
        "priorityClassName",
        "imagePullSecrets",
    ):
        if extra.get(field):
            pod[field] = extra[field]
    return {key: value for key, value in pod.items() if value != []}


@dataclass(frozen=True, slots=True)
class Files:
    """How files get into a pod: init containers, volumes, and the mounts of whoever reads them."""

    containers: tuple[Part, ...] = ()
    volumes: tuple[Part, ...] = ()
    mounts: tuple[Part, ...] = ()


def source_parts(spec: Spec) -> Files:
    """What brings the source to `SOURCE_MOUNT`."""
    image = spec.the_source.image
    if image is not None:
        return _copied(SOURCE_CONTAINER, image.reference, image.path, SOURCE_MOUNT, image.pull_policy)
    maps = [{"configMap": {"name": name}} for name in spec.config_maps]
    mount = {"name": SOURCE_VOLUME, "mountPath": SOURCE_MOUNT, "readOnly": True}
    return Files(volumes=({"name": SOURCE_VOLUME, "projected": {"sources": maps}},), mounts=(mount,))


def with_downs(files: Files, image: str, path: str) -> Files:
    """The same, and the files of an earlier image at `DOWNS_MOUNT`."""
    more = _copied(DOWNS_CONTAINER, image, path, DOWNS_MOUNT, PullPolicy.IF_NOT_PRESENT)
    return Files(
        (*files.containers, *more.containers),
        (*files.volumes, *more.volumes),
        (*files.mounts, *more.mounts),
    )


def _copied(name: str, image: str, path: str, place: str, pull: PullPolicy) -> Files:
    """A folder of an image, copied into a volume by the image's own `cp`."""
    volume = f"switchback-{name}"
    copy = {
        "name": name,
        "image": image,
        "imagePullPolicy": str(pull),
        "command": ["cp", "-R", literal(path.rstrip("/") + "/."), place],
        # `cp` says in one line what it misses; there is nothing secret in this container.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": volume, "mountPath": place}],
    }
    return Files(
        (copy,),
        ({"name": volume, "emptyDir": {"sizeLimit": SOURCE_SIZE}},),
        ({"name": volume, "mountPath": place, "readOnly": True},),
    )


def ca_parts(database: Database) -> Files:
    """The certificates of `database.caFrom`, for every container that connects."""
    ca = database.ca_from
    if ca is None:
        return Files()
    source: Part = {}
    if ca.secret_key_ref is not None:
        source = {"secret": {"secretName": ca.secret_key_ref.name, "items": [_item(ca.secret_key_ref.key)]}}
    elif ca.config_map_key_ref is not None:
        reference = ca.config_map_key_ref
        source = {"configMap": {"name": reference.name, "items": [_item(reference.key)]}}
    mount = {"name": CA_VOLUME, "mountPath": CA_MOUNT, "readOnly": True}
    return Files(volumes=({"name": CA_VOLUME, **source},), mounts=(mount,))


def _item(key: str) -> Part:
    return {"key": key, "path": CA_FILE}


def database_env(database: Database) -> list[Part]:
    """How a run finds the database: references to Secrets, which only the kubelet resolves."""
    trust = [_plain("PGSSLROOTCERT", f"{CA_MOUNT}/{CA_FILE}")] if database.ca_from is not None else []
    if database.url_from is not None:
        return [_from_secret("DATABASE_URL", database.url_from.secret_key_ref.to_json()), *trust]
    connection = database.connection
    if connection is None:
        return []
    if connection.ssl_mode is SSLMode.VERIFY_FULL and not trust:
        trust = [_plain("PGSSLROOTCERT", "system")]
    return [
        *trust,
        _plain("PGHOST", connection.host),
        _plain("PGPORT", str(connection.port)),
        _plain("PGDATABASE", connection.name),
        _plain("PGSSLMODE", str(connection.ssl_mode)),
        _from_secret("PGUSER", connection.username_from.secret_key_ref.to_json()),
        *_proof(connection),
    ]


def _proof(connection: Connection) -> list[Part]:
    """A password from a Secret, or the region for which the pod makes a token of its own."""
    if connection.password_from is not None:
        return [_from_secret("PGPASSWORD", connection.password_from.secret_key_ref.to_json())]
    if connection.iam is not None:
        return [_plain(IAM_REGION, connection.iam.region)]
    return []


def literal(text: str) -> str:
    """`text` for an argument or a variable's value.

    The kubelet replaces `$(NAME)` in both by the variable's value: a `spec.reason` of `$(DATABASE_URL)` would
    carry the password into the ledger and the log. Doubling the sign makes it stand for itself.
    """
    return text.replace("$", "$$")


def _plain(name: str, value: str) -> Part:
    return {"name": name, "value": literal(value)}


def _from_secret(name: str, reference: Part) -> Part:
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}


def _pod_security(wanted: SecurityContext | None) -> Part:
    chosen = wanted.to_json() if wanted is not None else {}
    return {
        "runAsUser": USER_ID,
        "runAsGroup": USER_ID,
        "fsGroup": USER_ID,  # without it a claim may not be writable
        "fsGroupChangePolicy": "OnRootMismatch",
        **chosen,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _framed(container: Part, extra: Part) -> Part:
    """A container that the operator describes, with what the template adds to each of them."""
    with_env = _with_env(container, extra.get("env", []))
    return _restricted(_with_mounts(with_env, extra.get("volumeMounts", [])), extra)


def _restricted(container: Part, extra: Part) -> Part:
    """One of our containers as it always is. Resources of the template count for each of them."""
    has_tmp = any(mount["mountPath"].rstrip("/") == "/tmp" for mount in container.get("volumeMounts", []))  # noqa: S108 - a mount point in the pod
    mounts = [] if has_tmp else [{"name": TMP_VOLUME, "mountPath": "/tmp"}]  # noqa: S108 - same
    return {
        **container,
        "volumeMounts": [*container.get("volumeMounts", []), *mounts],
        "resources": extra.get("resources") or {"requests": DEFAULT_REQUESTS},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _modest(container: Part) -> Part:
    """A container of the tenant's: restricted where it does not say otherwise; admission judges the rest."""
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {**container, "securityContext": {**context, **container.get("securityContext", {})}}


def _with_env(container: Part, theirs: Iterable[Part]) -> Part:
    """The template's variables, in front of the container's own, which win.

    They may hold credentials, and all that an image of files does is to copy: it gets none.
    The CRD refuses these names; a resource that was stored before the rule existed meets it here.
    """
    if container["name"] in _COPIES:
        return container
    ours = container.get("env", [])
    taken = {variable["name"] for variable in ours} | {"DATABASE_URL"}
    allowed = [
        variable
        for variable in theirs
        if variable["name"] not in taken and not variable["name"].startswith(_FORBIDDEN)
    ]
    env = [*allowed, *ours]
    return {**container, "env": env} if env else container


def _with_mounts(container: Part, theirs: Iterable[Part]) -> Part:
    """Certificates, for example, are needed wherever something connects: all these containers get them."""
    ours = container.get("volumeMounts", [])
    taken = {mount["mountPath"].rstrip("/") for mount in ours}
    allowed = [mount for mount in theirs if mount["mountPath"].rstrip("/") not in taken]
    return {**container, "volumeMounts": [*ours, *allowed]}
