"""`spec.jobTemplate`: what the pods of the Jobs need from the cluster they run in.

What is small is structural. What Kubernetes itself describes in thousands of lines (affinity, volumes, init
containers) is handed on as it is; the API server judges it when the Job is created. Names that begin with
`switchback` are the operator's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import ConfigDict, Field

from switchback.api.base import ATOMIC, ATOMIC_MAP, Model, ObjectName, Opaque, Quantity, list_map, rule, rules

MAX_ID = 2**31 - 1

_LABEL_VALUE = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
_CONTAINER_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


_OWN_KEYS_ONLY = rules(
    rule(
        "self.all(key, !key.startsWith('switchback.dev/') && !key.startsWith('batch.kubernetes.io/')"
        " && !(key in ['app.kubernetes.io/managed-by', 'controller-uid', 'job-name']))",
        "keys of switchback.dev and batch.kubernetes.io, app.kubernetes.io/managed-by, controller-uid and "
        "job-name are set by the operator and the Job controller",
    )
)
_NOT_OURS = rules(
    rule("!self.startsWith('switchback')", "names that begin with switchback are the operator's own")
)
_NO_CONTAINER_OF_OURS = rules(
    rule(
        "!self.startsWith('switchback') && !self.startsWith('check-') && !(self in ['source', 'downs',"
        " 'prepare', 'dump', 'reread', 'restore', 'snapshot', 'fence', 'login'])",
        "the operator's own names are source, downs, prepare, dump, reread, restore, snapshot, fence, login "
        "and those that begin with switchback or check-",
    )
)


LabelValue = Annotated[str, Field(max_length=63, pattern=_LABEL_VALUE)]
AnnotationValue = Annotated[str, Field(max_length=4096)]
ContainerName = Annotated[str, Field(min_length=1, max_length=63, pattern=_CONTAINER_NAME)]
GroupID = Annotated[int, Field(ge=0, le=MAX_ID)]


class TemplateMetadata(Model):
    """Labels and annotations for the Jobs and their pods, beside the operator's own."""

    labels: Annotated[
        Mapping[str, LabelValue],
        Field(default_factory=dict, max_length=32, json_schema_extra=_OWN_KEYS_ONLY),
    ]
    """Labels to add."""
    annotations: Annotated[
        Mapping[str, AnnotationValue],
        Field(default_factory=dict, max_length=32, json_schema_extra=_OWN_KEYS_ONLY),
    ]
    """Annotations to add."""


class Toleration(Model):
    """A taint that the pods tolerate."""

    key: Annotated[str, Field(max_length=317)] = ""
    """Key of the taint. Empty with operator Exists: every key."""
    operator: Annotated[str, Field(max_length=16)] = ""
    """Exists or Equal. Empty: Equal."""
    value: Annotated[str, Field(max_length=63)] = ""
    """Value of the taint, for Equal."""
    effect: Annotated[str, Field(max_length=16)] = ""
    """NoSchedule, PreferNoSchedule or NoExecute. Empty: all."""
    toleration_seconds: Annotated[int | None, Field(ge=-MAX_ID, le=MAX_ID)] = None
    """How long a NoExecute taint is tolerated. Absent: for ever."""


class Resources(Model):
    """Compute resources of each container."""

    limits: Annotated[Mapping[str, Quantity], Field(default_factory=dict, max_length=16)]
    """The most it may use."""
    requests: Annotated[Mapping[str, Quantity], Field(default_factory=dict, max_length=16)]
    """What is set aside for it."""


class EnvVar(Model):
    """An environment variable of each container."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$",
            json_schema_extra=rules(
                rule(
                    "self != 'DATABASE_URL' && !self.startsWith('PG') && !self.startsWith('PYTHON')"
                    " && !self.startsWith('LD_')",
                    "DATABASE_URL, PG*, PYTHON* and LD_* are not allowed here; "
                    "the connection belongs in spec.database",
                )
            ),
        ),
    ]
    """Name of the variable. Not DATABASE_URL, PG*, PYTHON* or LD_*."""
    value: Annotated[str, Field(max_length=4096)] = ""
    """Its value."""
    value_from: Opaque | None = None
    """Where its value is taken from, as in a pod."""


class Volume(Model):
    """A volume of the pods, as in a pod."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})

    name: Annotated[ContainerName, Field(json_schema_extra=_NOT_OURS)]
    """Name of the volume."""


class VolumeMount(Model):
    """A volume mounted into each container."""

    name: ContainerName
    """Name of the volume."""
    mount_path: Annotated[
        str,
        Field(
            min_length=1,
            max_length=512,
            json_schema_extra=rules(
                rule(
                    "self.startsWith('/') && !self.matches('^/+(switchback(/.*)?)?$')",
                    "must be an absolute path, not / and not below /switchback, which is the operator's own",
                )
            ),
        ),
    ]
    """Where it is mounted."""
    sub_path: Annotated[str, Field(max_length=512)] = ""
    """Folder of the volume that is mounted. Empty: its root."""
    read_only: bool = False
    """Whether it is mounted read-only."""


class InitContainer(Model):
    """A container that ends before the run begins, or a native sidecar (restartPolicy Always)."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})

    name: Annotated[ContainerName, Field(json_schema_extra=_NO_CONTAINER_OF_OURS)]
    """Name of the container."""


class PullSecret(Model):
    """A Secret with credentials of a registry."""

    name: ObjectName
    """Name of the Secret."""


class SELinuxOptions(Model):
    """SELinux context of the pods."""

    level: Annotated[str, Field(max_length=253)] = ""
    """Level part of the context."""
    role: Annotated[str, Field(max_length=253)] = ""
    """Role part of the context."""
    type: Annotated[str, Field(max_length=253)] = ""
    """Type part of the context."""
    user: Annotated[str, Field(max_length=253)] = ""
    """User part of the context."""


class SecurityContext(Model):
    """Who the pods run as. The rest is fixed: they always meet the restricted profile."""

    run_as_user: Annotated[int | None, Field(ge=1, le=MAX_ID)] = None
    """User id; never 0."""
    run_as_group: GroupID | None = None
    """Group id."""
    fs_group: GroupID | None = None
    """Group that owns the mounted volumes."""
    supplemental_groups: Annotated[tuple[GroupID, ...], Field(max_length=32, json_schema_extra=ATOMIC)] = ()
    """Further groups."""
    se_linux_options: SELinuxOptions | None = None
    """SELinux context."""


class PodTemplate(Model):
    """The parts of a pod that may be set."""

    service_account_name: ObjectName | None = None
    """ServiceAccount of the pods. Its token is not mounted."""
    node_selector: Annotated[
        Mapping[str, LabelValue], Field(default_factory=dict, max_length=32, json_schema_extra=ATOMIC_MAP)
    ]
    """Labels that the node must carry."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32, json_schema_extra=ATOMIC)] = ()
    """Taints that the pods tolerate."""
    affinity: Opaque | None = None
    """Affinity, as in a pod."""
    priority_class_name: ObjectName | None = None
    """PriorityClass of the pods."""
    resources: Resources | None = None
    """Compute resources of each container."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=64, json_schema_extra=list_map("name"))] = ()
    """Environment of each container and of your commands; what they set wins. Not for source and downs."""
    volumes: Annotated[tuple[Volume, ...], Field(max_length=32, json_schema_extra=list_map("name"))] = ()
    """Volumes, as in a pod."""
    volume_mounts: Annotated[
        tuple[VolumeMount, ...], Field(max_length=32, json_schema_extra=list_map("mountPath"))
    ] = ()
    """Mounts of each container, also of your commands."""
    init_containers: Annotated[
        tuple[InitContainer, ...], Field(max_length=8, json_schema_extra=list_map("name"))
    ] = ()
    """Containers that run before the operator's, and native sidecars, as in a pod."""
    image_pull_secrets: Annotated[
        tuple[PullSecret, ...], Field(max_length=16, json_schema_extra=list_map("name"))
    ] = ()
    """Credentials for the registries of the images."""
    security_context: SecurityContext | None = None
    """Who the pods run as."""


class JobTemplate(Model):
    """What the Jobs and their pods get beside what the operator gives them."""

    metadata: TemplateMetadata | None = None
    """Labels and annotations."""
    spec: PodTemplate | None = None
    """Parts of the pod."""
