"""Why, in stable words: the reasons that only the operator can see, with meaning and advice.

The same word is a condition's reason, an event's reason and the label of a metric. How a run ended is said in
the words of `switchback.contract.reasons`; `explain` knows both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from switchback.contract.reasons import MEANINGS


class OperatorReason(StrEnum):
    """Words for what the operator sees. No word is also a run's (a test proves it)."""

    # situations
    PROGRESSING = "Progressing"
    RETRYING = "Retrying"
    WAITING_FOR_DATABASE = "WaitingForDatabase"
    AWAITING_APPROVAL = "AwaitingApproval"
    SUSPENDED = "Suspended"
    ROLLING_BACK = "RollingBack"
    DELETING = "Deleting"
    # steps
    INSPECTING = "Inspecting"
    MIGRATING = "Migrating"
    RESERVING = "Reserving"
    RELEASING = "Releasing"
    TAKING_SNAPSHOT = "TakingSnapshot"
    ABORTING = "Aborting"
    # details
    TARGET_REACHED = "TargetReached"
    TARGET_NOT_REACHED = "TargetNotReached"
    APPROVED = "Approved"
    APPROVAL_NOT_REQUIRED = "ApprovalNotRequired"
    TOKEN_MISMATCH = "TokenMismatch"  # noqa: S105 - a word for people, no secret
    SNAPSHOT_VERIFIED = "SnapshotVerified"
    SNAPSHOT_WAIVED = "SnapshotWaived"
    # refused
    SPEC_INVALID = "SpecInvalid"
    ROLLBACK_DENIED = "RollbackDenied"
    DATA_LOSS_DENIED = "DataLossDenied"
    SNAPSHOT_REQUIRED = "SnapshotRequired"
    CLIENT_IMAGE_MISSING = "ClientImageMissing"
    APPROVAL_EXPIRED = "ApprovalExpired"
    APPROVAL_REJECTED = "ApprovalRejected"
    APPROVAL_POLICY_MISSING = "ApprovalPolicyMissing"
    REASON_REQUIRED = "ReasonRequired"
    # ended by a person
    ABORTED = "Aborted"
    ROLLED_BACK = "RolledBack"
    # found by looking
    SCHEMA_DRIFTED = "SchemaDrifted"
    # limits
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    # source
    CONFIG_MAP_MISSING = "ConfigMapMissing"
    SOURCE_CONFLICT = "SourceConflict"
    # Jobs and pods
    JOB_REFUSED = "JobRefused"
    JOB_DELETED = "JobDeleted"
    RESULT_LOST = "ResultLost"
    RESULT_CONTRADICTORY = "ResultContradictory"
    SECRET_MISSING = "SecretMissing"  # noqa: S105 - a word for people, no secret
    SECRET_KEY_MISSING = "SecretKeyMissing"  # noqa: S105 - a word for people, no secret
    IMAGE_PULL_FAILED = "ImagePullFailed"
    VOLUME_CLAIM_MISSING = "VolumeClaimMissing"
    UNSCHEDULABLE = "Unschedulable"
    VOLUME_NOT_MOUNTED = "VolumeNotMounted"
    POD_NOT_CREATED = "PodNotCreated"
    CONTAINER_NOT_STARTED = "ContainerNotStarted"
    OUT_OF_MEMORY = "OutOfMemory"
    EVICTED = "Evicted"
    NODE_LOST = "NodeLost"
    INIT_CONTAINER_FAILED = "InitContainerFailed"
    SOURCE_IMAGE_UNUSABLE = "SourceImageUnusable"


NOTHING_TO_DO = "Nothing to do."


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reason means, and what a person does about it."""

    meaning: str
    advice: str = NOTHING_TO_DO


_O = OperatorReason

REASONS: dict[OperatorReason, Explanation] = {
    _O.PROGRESSING: Explanation("The operation is under way."),
    _O.RETRYING: Explanation("A run failed in a way that may pass; the next attempt is planned."),
    _O.WAITING_FOR_DATABASE: Explanation("Another run holds or has reserved this database."),
    _O.AWAITING_APPROVAL: Explanation(
        "The plan needs a person's yes.",
        "Read status.operation.steps and status.approval.risks, then: kubectl switchback approve. Or set "
        "the annotations switchback.dev/approve to that token and switchback.dev/approved-by to your name.",
    ),
    _O.SUSPENDED: Explanation("spec.suspend is set.", "Set spec.suspend to false to go on."),
    _O.ROLLING_BACK: Explanation("The schema goes back to an older version."),
    _O.DELETING: Explanation("The resource is being deleted; its Jobs end with it."),
    _O.INSPECTING: Explanation("A Job reads the ledger and makes the plan."),
    _O.MIGRATING: Explanation("A Job applies migrations."),
    _O.RESERVING: Explanation("A Job reserves the database for the rollback."),
    _O.RELEASING: Explanation("A Job gives the reservation back."),
    _O.TAKING_SNAPSHOT: Explanation("A Job takes and verifies the restore point."),
    _O.TARGET_REACHED: Explanation("The schema is at the wished version."),
    _O.TARGET_NOT_REACHED: Explanation("The schema is not at the wished version."),
    _O.APPROVED: Explanation("A person accepted this plan and its risks."),
    _O.APPROVAL_NOT_REQUIRED: Explanation("The plan has no risk that the policies want a person to see."),
    _O.TOKEN_MISMATCH: Explanation(
        "The approval that was given is for another plan.",
        "Read the plan as it is now, then approve with status.approval.token.",
    ),
    _O.SNAPSHOT_VERIFIED: Explanation("The restore point was read back in full and sealed with a manifest."),
    _O.SNAPSHOT_WAIVED: Explanation("spec.snapshot.none was acknowledged: there is no restore point."),
    _O.SPEC_INVALID: Explanation(
        "The spec was stored under an older schema and cannot be read.",
        "Correct the named field and apply again.",
    ),
    _O.ROLLBACK_DENIED: Explanation(
        "The target is below the current version and spec.rollback.policy is Deny.",
        "Set the target to the current version or above, or allow rollbacks.",
    ),
    _O.DATA_LOSS_DENIED: Explanation(
        "The rollback would destroy data and spec.rollback.dataLossPolicy is Deny.",
        "Choose another target, or set the policy to RequireApproval.",
    ),
    _O.SNAPSHOT_REQUIRED: Explanation(
        "A rollback needs a restore point and spec.snapshot is not set.",
        "Set spec.snapshot.pgDump, or acknowledge spec.snapshot.none.",
    ),
    _O.CLIENT_IMAGE_MISSING: Explanation(
        "No image with pg_dump is known for the server's major version.",
        "Set spec.snapshot.pgDump.clientImages, or the chart's value clientImages.",
    ),
    _O.APPROVAL_EXPIRED: Explanation(
        "Nobody approved in time; nothing was changed.",
        "Change the spec, or ask once more with the annotation switchback.dev/retry.",
    ),
    _O.ABORTING: Explanation("Somebody asked for the end of the operation; its Job is being ended."),
    _O.APPROVAL_REJECTED: Explanation(
        "A person said no to the plan; nothing was changed.",
        "Change the spec, or ask again with the annotation switchback.dev/retry.",
    ),
    _O.APPROVAL_POLICY_MISSING: Explanation(
        "The admission policy that makes approvals trustworthy is not in force.",
        "Install it with the chart (approvalPolicy.enabled), or set approvalPolicy.required to false.",
    ),
    _O.REASON_REQUIRED: Explanation(
        "A rollback needs spec.reason, because spec.rollback.reasonPolicy is Required.", "Set spec.reason."
    ),
    _O.ABORTED: Explanation(
        "A person ended the operation. What was committed before stays; status.schema says where it stands.",
        "Ask for something else (target, database or source), or go on with the annotation "
        "switchback.dev/retry.",
    ),
    _O.ROLLED_BACK: Explanation(
        "The schema was rolled back on request; the spec still asks for the newer version.",
        "Ask for something else (target, database or source), or go forward again with the annotation "
        "switchback.dev/retry.",
    ),
    _O.SCHEMA_DRIFTED: Explanation(
        "The schema is not where the last operation has left it: somebody else has changed it.",
        "Find out who did; then change the spec, or reach it again with the annotation switchback.dev/retry.",
    ),
    _O.DEADLINE_EXCEEDED: Explanation(
        "The operation took longer than spec.operationDeadlineSeconds.",
        "See status.history for where it stood, mend the cause, then change the spec to start again.",
    ),
    _O.CONFIG_MAP_MISSING: Explanation(
        "A ConfigMap of spec.source.configMapRefs does not exist.", "Create it, or correct its name."
    ),
    _O.SOURCE_CONFLICT: Explanation(
        "Two ConfigMaps of spec.source.configMapRefs hold the same key.", "Keep each file in one of them."
    ),
    _O.JOB_REFUSED: Explanation(
        "The API server refused the Job, for example by quota or an admission policy.",
        "Read its words in the message, then correct spec.jobTemplate or the policy.",
    ),
    _O.JOB_DELETED: Explanation(
        "The Job of the current step was deleted; the operator looks at the database."
    ),
    _O.RESULT_CONTRADICTORY: Explanation(
        "What a run said contradicts how it ended, or the version that it saw.",
        "See the log of the run's pod; the operator looks at the database.",
    ),
    _O.RESULT_LOST: Explanation("A run ended without saying how; the operator looks at the database."),
    _O.SECRET_MISSING: Explanation(
        "A Secret that the pod needs does not exist.", "Create it, or correct its name in the spec."
    ),
    _O.SECRET_KEY_MISSING: Explanation(
        "A Secret lacks the key that the spec names.", "Add the key, or correct it in the spec."
    ),
    _O.IMAGE_PULL_FAILED: Explanation(
        "An image could not be pulled.", "Check its name, and the credentials in imagePullSecrets."
    ),
    _O.VOLUME_CLAIM_MISSING: Explanation(
        "The PersistentVolumeClaim does not exist.", "Create it, or correct its name in spec.snapshot.pgDump."
    ),
    _O.UNSCHEDULABLE: Explanation(
        "No node takes the pod.",
        "See the scheduler's words in the message; check resources and node selectors.",
    ),
    _O.VOLUME_NOT_MOUNTED: Explanation(
        "The pod waits for a volume or for its network.",
        "See the events of the pod; check that its ConfigMaps, Secrets and claims exist.",
    ),
    _O.POD_NOT_CREATED: Explanation(
        "The Job has no pod: its service account, a quota or an admission policy stands in the way.",
        "See the events of the Job, then correct spec.jobTemplate or the policy.",
    ),
    _O.CONTAINER_NOT_STARTED: Explanation(
        "A container could not be created or started.", "See the runtime's words in the message."
    ),
    _O.OUT_OF_MEMORY: Explanation(
        "The kernel ended a container for want of memory.",
        "Raise spec.jobTemplate.spec.resources.limits.memory.",
    ),
    _O.EVICTED: Explanation("The node evicted the pod.", "Check the node's disk and memory."),
    _O.NODE_LOST: Explanation(
        "The pod's node went away.", "Check the node; the operator looks at the database."
    ),
    _O.INIT_CONTAINER_FAILED: Explanation(
        "A container that runs before the run failed.",
        "See its log; check spec.jobTemplate.spec.initContainers.",
    ),
    _O.SOURCE_IMAGE_UNUSABLE: Explanation(
        "The files could not be copied out of the source image.",
        "Check spec.source.image.path, and that the image holds the command cp.",
    ),
}


_ALL: dict[str, Explanation] = {
    **{
        reason: Explanation(f"A run ended with {reason}.", meaning.advice)
        for reason, meaning in MEANINGS.items()
    },
    **{str(reason): explanation for reason, explanation in REASONS.items()},
}


def advised(reason: str, message: str) -> str:
    """A message about what only the operator sees, with what to do about it. Runs say that themselves."""
    known = REASONS.get(OperatorReason(reason)) if reason in set(OperatorReason) else None
    if known is None or known.advice == NOTHING_TO_DO:
        return message
    end = "" if message.endswith((".", "!", "?")) else "."
    return f"{message}{end} {known.advice}"


def explain(reason: str) -> Explanation | None:
    """Meaning and advice of any reason, whether a run or the operator gave it. None: not a word of ours."""
    return _ALL.get(reason)
