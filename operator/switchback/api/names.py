"""Group, labels, annotations and the names of everything that the operator makes.

Names are deterministic: they are written into status before the call that uses them, and asking twice for
the same thing gives the same name. Each holds a hash of the resource's UID, so that a recreated resource
never meets the Jobs of the one before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.digest import short

if TYPE_CHECKING:
    from switchback.contract.points import Purpose
    from switchback.contract.words import Operation

GROUP = "switchback.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "DatabaseMigration"
PLURAL = "databasemigrations"
FIELD_MANAGER = "switchback"

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY_VALUE = "switchback"
LABEL_UID = f"{GROUP}/uid-hash"
LABEL_OPERATION = f"{GROUP}/operation"
LABEL_STEP = f"{GROUP}/step"
LABEL_ATTEMPT = f"{GROUP}/attempt"
LABEL_PHASE = f"{GROUP}/phase"
"""`contract` on Jobs that apply files of phase=contract."""

ANNOTATION_RESOURCE = f"{GROUP}/resource"
ANNOTATION_INTENT = f"{GROUP}/intent-digest"
ANNOTATION_APPROVE = f"{GROUP}/approve"
ANNOTATION_APPROVED_BY = f"{GROUP}/approved-by"
ANNOTATION_REJECT = f"{GROUP}/reject"
ANNOTATION_REJECTED_BY = f"{GROUP}/rejected-by"
ANNOTATION_RETRY = f"{GROUP}/retry"
ANNOTATION_ABORT = f"{GROUP}/abort"
ANNOTATION_ROLLBACK = f"{GROUP}/rollback"
ANNOTATION_PREVIEW = f"{GROUP}/preview"
ANNOTATION_INSPECT = f"{GROUP}/inspect"
ANNOTATION_RELEASE = f"{GROUP}/release"

# On a Service, beside its selector.
ANNOTATION_CUTOVER = f"{GROUP}/cutover-id"
ANNOTATION_FROM_SLOT = f"{GROUP}/from-slot"
ANNOTATION_VERIFIED = f"{GROUP}/verified"
"""Id of the last switch whose soak was good. Another one than that of cutover-id: nobody knows that yet."""
ANNOTATION_CLAIMED_BY = f"{GROUP}/claimed-by"
"""`<namespace>/<name>/<uid>` of the resource that moves its traffic."""
ANNOTATION_OLD_PROGRAM = f"{GROUP}/old-program"
"""`<slot>/<pod template>/<digest of the files>`: whose end files of phase=contract wait for."""
ANNOTATION_ROLLED_BACK = f"{GROUP}/rolled-back"
"""Digest of the intent whose switch was undone: a wiped status, or a new resource, does not try it again."""

ANNOTATION_SWITCHED = f"{GROUP}/switched"
"""On the pod that checks a new slot: the traffic goes there now. Its value is the id of the cutover."""

FINALIZER = f"{GROUP}/in-flight"
"""On a resource while something of it is in flight, so that a deletion waits for its end."""

LABEL_REQUIRE_APPROVAL = f"{GROUP}/require-approval"
"""On a namespace: which plans always wait for a person there: `rollback`, `migrate` or `migrate.rollback`.

A label's value takes no commas."""

CONTAINER = "switchback"
"""The one container whose result is read. Sidecars may do as they please."""

NAME_LIMIT = 63
"""Names of Jobs become label values of their pods, so a label's limit holds."""


def uid_hash(uid: str) -> str:
    """Eight hex digits that stand for one object's life."""
    return short(uid, 8)


def operation_id(uid: str, resource_version: str) -> str:
    """Id of an operation that begins over this version of the resource, such as `3f2a91c0-5b1e77`.

    The first half is the resource's `uid_hash`: a later operation of the same resource may take over a
    reservation of an earlier one, and nobody else may.
    """
    return f"{uid_hash(uid)}-{short(uid + resource_version, 6)}"


def look_id(uid: str, request: str) -> str:
    """Id under which a look that was asked for runs; no operation has a `p` there."""
    return f"{uid_hash(uid)}-p{short(uid + request, 6)}"


def is_look(operation: str) -> bool:
    """Whether an id is one of `look_id`."""
    return operation.partition("-")[2].startswith("p")


def job_name(resource: str, operation: str, step: Operation, attempt: int) -> str:
    """Name of the Job of one attempt: `<resource>-<operation id>-<step>-<attempt>`, at most 63 characters."""
    tail = f"-{operation}-{step}-{attempt}"
    return resource[: NAME_LIMIT - len(tail)].rstrip("-.").replace(".", "-") + tail


def cutover_id(operation: str) -> str:
    """Id of the switch of an operation: there is one at most."""
    return f"{operation}-cutover"


def snapshot_name(purpose: Purpose, resource: str, operation: str, taken_at: str, attempt: int = 1) -> str:
    """Name of a restore point: `pre-rollback-<yyyymmddThhmmssZ>-<resource>-<operation id>[-<attempt>]`.

    `taken_at` is the RFC 3339 time at which the snapshot was decided, fixed once in status. The first try has
    no number at its end.
    """
    stamp = taken_at.replace("-", "").replace(":", "").split(".")[0].rstrip("Z") + "Z"
    tail = f"-{attempt}" if attempt > 1 else ""
    return f"{purpose}-{stamp}-{resource[:40].rstrip('-.')}-{operation}{tail}"
