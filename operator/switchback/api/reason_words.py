"""The words for what only the operator can see. `reasons` has what each of them means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    # traffic
    PREPARING_CUTOVER = "PreparingCutover"
    SWITCHING = "Switching"
    VERIFYING = "Verifying"
    SOAKING = "Soaking"
    DRAINING = "Draining"
    CHECKING = "Checking"
    SWITCHING_BACK = "SwitchingBack"
    SLOT_LIVE = "SlotLive"
    SLOT_NOT_LIVE = "SlotNotLive"
    OLD_SLOT_DRAINED = "OldSlotDrained"
    OLD_SLOT_IN_USE = "OldSlotInUse"
    CONTRACT_APPLIED = "ContractApplied"
    WAITING_FOR_OLD_SLOT = "WaitingForOldSlot"
    CHECKS_PASSED = "ChecksPassed"
    SELECTOR_OWNED = "SelectorOwned"
    SELECTOR_CHANGED = "SelectorChanged"
    SELECTOR_CONTESTED = "SelectorContested"
    SERVICE_REPLACED = "ServiceReplaced"
    SWITCH_NOT_VERIFIED = "SwitchNotVerified"
    SLOT_DIED = "SlotDied"
    POINT_OF_NO_RETURN = "PointOfNoReturn"
    NO_HEALTHY_SLOT = "NoHealthySlot"
    SUPERSEDED = "Superseded"
    # what stands in the way of a switch
    TRAFFIC_NOT_ALLOWED = "TrafficNotAllowed"
    SERVICE_MISSING = "ServiceMissing"
    SERVICE_UNFIT = "ServiceUnfit"
    SERVICE_CLAIMED = "ServiceClaimed"
    SELECTOR_OWNED_BY_GIT_OPS = "SelectorOwnedByGitOps"
    SELECTOR_AMBIGUOUS = "SelectorAmbiguous"
    SELECTOR_MISMATCH = "SelectorMismatch"
    SLOT_LABEL_MISSING = "SlotLabelMissing"
    PORT_UNKNOWN = "PortUnknown"
    SLOT_MISSING = "SlotMissing"
    SLOT_NOT_READY = "SlotNotReady"
    NO_WAY_BACK = "NoWayBack"
    # what a person should know before a switch
    SELECTOR_IN_MANIFEST = "SelectorInManifest"
    SELECTOR_SHARED = "SelectorShared"
    SESSION_AFFINITY = "SessionAffinity"
    LOAD_BALANCER_LAG = "LoadBalancerLag"
    TRAFFIC_STAYS_ON_NODE = "TrafficStaysOnNode"
    HEADLESS_SERVICE = "HeadlessService"
    AUTOSCALER_TOO_LOW = "AutoscalerTooLow"
    ROLLOUT_PAUSED = "RolloutPaused"
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
    # restore points that the operator asks for itself
    FENCING = "Fencing"
    UNFENCING = "Unfencing"
    PRUNING = "Pruning"
    FENCE_FAILED = "FenceFailed"
    SNAPSHOT_NOT_ALLOWED = "SnapshotNotAllowed"
    SNAPSHOT_SOURCE_MISMATCH = "SnapshotSourceMismatch"
    SNAPSHOT_SOURCE_NOT_FOUND = "SnapshotSourceNotFound"
    SNAPSHOT_SOURCE_BUSY = "SnapshotSourceBusy"
    SNAPSHOT_SOURCE_STOPPED = "SnapshotSourceStopped"
    SNAPSHOT_SOURCE_FULL = "SnapshotSourceFull"
    SNAPSHOT_SOURCE_UNFIT = "SnapshotSourceUnfit"
    SNAPSHOT_NAME_CONFLICT = "SnapshotNameConflict"
    SNAPSHOT_QUOTA_EXCEEDED = "SnapshotQuotaExceeded"
    SNAPSHOT_QUOTA_NEAR = "SnapshotQuotaNear"
    SNAPSHOT_ACCESS_DENIED = "SnapshotAccessDenied"
    SNAPSHOT_KEY_UNUSABLE = "SnapshotKeyUnusable"
    SNAPSHOT_PROVIDER_UNAVAILABLE = "SnapshotProviderUnavailable"
    SNAPSHOT_PROVIDER_MISSING = "SnapshotProviderMissing"
    SNAPSHOT_REFUSED = "SnapshotRefused"
    SNAPSHOT_CLASS_PROBLEM = "SnapshotClassProblem"
    UNSAFE_DELETION_POLICY = "UnsafeDeletionPolicy"
    SNAPSHOT_SPLIT_VOLUMES = "SnapshotSplitVolumes"
    SNAPSHOT_INCOMPLETE = "SnapshotIncomplete"
    SNAPSHOT_ATTEMPT_FAILED = "SnapshotAttemptFailed"
    SNAPSHOT_LOST = "SnapshotLost"
    SNAPSHOT_LATE = "SnapshotLate"
    SNAPSHOT_DELETED = "SnapshotDeleted"
    SNAPSHOT_CONTINUED_WITHOUT = "SnapshotContinuedWithout"


NOTHING_TO_DO = "Nothing to do."


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reason means, and what a person does about it."""

    meaning: str
    advice: str = NOTHING_TO_DO
