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
    # traffic
    WAITING_FOR_SLOT = "WaitingForSlot"
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
    CHECKS_PENDING = "ChecksPending"
    SELECTOR_OWNED = "SelectorOwned"
    SELECTOR_CHANGED = "SelectorChanged"
    SELECTOR_CONTESTED = "SelectorContested"
    SERVICE_REPLACED = "ServiceReplaced"
    SWITCH_NOT_VERIFIED = "SwitchNotVerified"
    SLOT_DIED = "SlotDied"
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
    _O.TAKING_SNAPSHOT: Explanation("The restore point is taken and verified, by a Job or by a provider."),
    _O.TARGET_REACHED: Explanation("The schema is at the wished version."),
    _O.TARGET_NOT_REACHED: Explanation("The schema is not at the wished version."),
    _O.APPROVED: Explanation("A person accepted this plan and its risks."),
    _O.APPROVAL_NOT_REQUIRED: Explanation("The plan has no risk that the policies want a person to see."),
    _O.TOKEN_MISMATCH: Explanation(
        "The approval that was given is for another plan.",
        "Read the plan as it is now, then approve with status.approval.token.",
    ),
    _O.SNAPSHOT_VERIFIED: Explanation(
        "The restore point is there and was verified as far as its provider can; the message says how."
    ),
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
        "Choose a provider in spec.snapshot, or acknowledge spec.snapshot.none.",
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
    _O.FENCING: Explanation("A Job of spec.snapshot.fence keeps writers out."),
    _O.UNFENCING: Explanation("A Job of spec.snapshot.fence lets writers in again."),
    _O.PRUNING: Explanation("Older restore points are looked at by spec.snapshot.retention."),
    _O.FENCE_FAILED: Explanation(
        "The command of spec.snapshot.fence failed.",
        "See the log of its Job. While lowering fails, writers may be kept out: let them in by hand.",
    ),
    _O.SNAPSHOT_NOT_ALLOWED: Explanation(
        "The installation does not let this namespace take snapshots of that instance, or by that role.",
        "Ask whoever runs the operator to add it to the chart's value rds.allow.",
    ),
    _O.SNAPSHOT_SOURCE_MISMATCH: Explanation(
        "What would be kept is not the database that would be rolled back.",
        "Correct spec.snapshot, or the Secret that names the database.",
    ),
    _O.SNAPSHOT_SOURCE_NOT_FOUND: Explanation(
        "There is nothing of that name to take a snapshot of.",
        "Check name, region and account in spec.snapshot.",
    ),
    _O.SNAPSHOT_SOURCE_BUSY: Explanation(
        "The server is in a state in which no snapshot can be taken; this passes."
    ),
    _O.SNAPSHOT_SOURCE_STOPPED: Explanation("The server is stopped.", "Start it, then try again."),
    _O.SNAPSHOT_SOURCE_FULL: Explanation(
        "The server's storage is full: a rollback would fail as well.", "Enlarge it, then try again."
    ),
    _O.SNAPSHOT_SOURCE_UNFIT: Explanation(
        "The server is in a state from which it does not come back by itself.",
        "Repair it, then try again; the message has the state as the provider names it.",
    ),
    _O.SNAPSHOT_NAME_CONFLICT: Explanation(
        "A restore point of that name exists and is not this operation's.",
        "Look whose it is. It is neither used nor deleted; a retry takes another name.",
    ),
    _O.SNAPSHOT_QUOTA_EXCEEDED: Explanation(
        "The account may not hold more snapshots.",
        "Delete some that nobody needs, or have the quota raised. Those of others are never deleted.",
    ),
    _O.SNAPSHOT_QUOTA_NEAR: Explanation("The account holds almost as many snapshots as it may."),
    _O.SNAPSHOT_ACCESS_DENIED: Explanation(
        "The operator's role may not do what the message names.",
        "Allow it; it is tried again every five minutes.",
    ),
    _O.SNAPSHOT_KEY_UNUSABLE: Explanation(
        "The encryption key cannot be used.", "Enable the key that the message names, then try again."
    ),
    _O.SNAPSHOT_PROVIDER_UNAVAILABLE: Explanation(
        "The provider did not answer, or was too busy; this passes."
    ),
    _O.SNAPSHOT_PROVIDER_MISSING: Explanation(
        "The cluster does not know the kind of object that spec.snapshot needs.",
        "Install what provides it, or use another provider.",
    ),
    _O.SNAPSHOT_REFUSED: Explanation("The provider refused the request.", "See the message."),
    _O.SNAPSHOT_CLASS_PROBLEM: Explanation(
        "Nothing takes up the VolumeSnapshot.",
        "Check that the snapshot controller runs and that the class exists; without a name there has to be "
        "exactly one default class for the driver.",
    ),
    _O.UNSAFE_DELETION_POLICY: Explanation(
        "The class would delete the snapshot together with its namespace.",
        "Use a class with deletionPolicy Retain, or set allowDeletePolicy.",
    ),
    _O.SNAPSHOT_SPLIT_VOLUMES: Explanation(
        "The server keeps files on further volumes, which would not be in the snapshot.",
        "Use another provider, or set otherVolumes to Ignore if they hold none of the database's files.",
    ),
    _O.SNAPSHOT_INCOMPLETE: Explanation(
        "The restore point does not hold everything that it should.", "See the message; it is not used."
    ),
    _O.SNAPSHOT_ATTEMPT_FAILED: Explanation(
        "The provider reports that the snapshot has failed; the object is kept for you to look at.",
        "See what the provider says about it, then try again.",
    ),
    _O.SNAPSHOT_LOST: Explanation(
        "A restore point that was there is not there any more. Nothing goes on without it.",
        "Find out who deleted it, then try again.",
    ),
    _O.SNAPSHOT_LATE: Explanation(
        "The restore point was not there in time.",
        "Raise spec.snapshot.deadlineSeconds, or find out why it takes so long.",
    ),
    _O.SNAPSHOT_DELETED: Explanation("A restore point was deleted by the rules of spec.snapshot.retention."),
    _O.WAITING_FOR_SLOT: Explanation("The slot that is to be live is not ready yet."),
    _O.PREPARING_CUTOVER: Explanation("The pod that will check the new slot starts."),
    _O.SWITCHING: Explanation("The Service is being pointed at the other slot."),
    _O.VERIFYING: Explanation("The Service was changed; its endpoints are being verified."),
    _O.SOAKING: Explanation("The new slot is live and watched by the checks of AfterCutover."),
    _O.DRAINING: Explanation("The old slot finishes what it has begun."),
    _O.CHECKING: Explanation("A Job runs checks of spec.checks."),
    _O.SWITCHING_BACK: Explanation("The Service is being pointed back at the slot that was live before."),
    _O.SLOT_LIVE: Explanation("The Service points at the wished slot."),
    _O.SLOT_NOT_LIVE: Explanation("The Service does not point at the wished slot."),
    _O.OLD_SLOT_DRAINED: Explanation("The old slot had its time, and none of its sessions was left."),
    _O.OLD_SLOT_IN_USE: Explanation(
        "The old slot may still be in use.",
        "See pg_stat_activity for its sessions; scale the slot down when nobody needs the way back.",
    ),
    _O.CONTRACT_APPLIED: Explanation("No file of phase=contract waits."),
    _O.WAITING_FOR_OLD_SLOT: Explanation(
        "Files of phase=contract wait until no pod of the old slot exists.",
        "Scale the old slot down when nobody needs the way back.",
    ),
    _O.CHECKS_PASSED: Explanation("The checks have passed."),
    _O.CHECKS_PENDING: Explanation("The checks have not come to an end."),
    _O.SELECTOR_OWNED: Explanation("Nobody else writes the Service's selector."),
    _O.SELECTOR_CHANGED: Explanation(
        "Somebody has pointed the Service at the other slot.",
        "If that is to stay, set spec.cutover.activeSlot to it; else ask once more with the annotation "
        "switchback.dev/retry.",
    ),
    _O.SELECTOR_CONTESTED: Explanation(
        "Somebody changes the Service's selector again and again.",
        "Find the writer that the message names, and have it leave the selector alone.",
    ),
    _O.SERVICE_REPLACED: Explanation(
        "The Service was deleted or made anew while its traffic was being moved.",
        "See where it points now, then ask once more with the annotation switchback.dev/retry.",
    ),
    _O.SWITCH_NOT_VERIFIED: Explanation(
        "The switch was not verified in time, and counts as one that did not happen.",
        "See the pods of the new slot and the endpoints of the Service.",
    ),
    _O.SLOT_DIED: Explanation(
        "The new slot had no ready pod left after the switch.", "See the log of its pods."
    ),
    _O.NO_HEALTHY_SLOT: Explanation(
        "No slot has a ready pod to which the traffic could go.",
        "Bring one of the slots up; the operator goes on by itself.",
    ),
    _O.SUPERSEDED: Explanation("The spec asks for something else by now."),
    _O.TRAFFIC_NOT_ALLOWED: Explanation(
        "The operator may not see Services, EndpointSlices, Deployments, StatefulSets or pods.",
        "Set the chart's value traffic.enabled to true, or give it the right that the message names.",
    ),
    _O.SERVICE_MISSING: Explanation(
        "There is no Service of that name.", "Create it, or correct spec.cutover.serviceName."
    ),
    _O.SERVICE_UNFIT: Explanation(
        "The Service directs its traffic in a way that a change of its selector does not move.",
        "Use a Service with a selector, which sends connections to ready pods only.",
    ),
    _O.SERVICE_CLAIMED: Explanation(
        "Another DatabaseMigration moves the traffic of this Service.",
        "Remove spec.cutover from one of the two, or give each a Service of its own.",
    ),
    _O.SELECTOR_OWNED_BY_GIT_OPS: Explanation(
        "A tool that writes the Service's selector would take the slot's key away with its next sync.",
        "Tell that tool to leave the selector alone; the message says how.",
    ),
    _O.SELECTOR_AMBIGUOUS: Explanation(
        "The Service names no slot, and its ready endpoints are not all pods of one slot.",
        "Add spec.cutover.selectorKey with the live slot's name to the Service's selector by hand, once.",
    ),
    _O.SELECTOR_MISMATCH: Explanation(
        "The rest of the Service's selector does not choose the pods of a slot.",
        "Give both pod templates every label of the Service's selector.",
    ),
    _O.SLOT_LABEL_MISSING: Explanation(
        "The pod template of a slot does not carry the label that tells the slots apart.",
        "Add the label spec.cutover.selectorKey with the slot's name to its pod template.",
    ),
    _O.PORT_UNKNOWN: Explanation(
        "The Service names a port that no container of a slot has.",
        "Give the container's port that name, or correct targetPort in the Service.",
    ),
    _O.SLOT_MISSING: Explanation(
        "The workload of a slot does not exist.", "Create it, or correct its workloadRef."
    ),
    _O.SLOT_NOT_READY: Explanation(
        "The slot that is to be live has not enough ready pods of its newest template.",
        "See its rollout and its pods; the operator never scales a workload.",
    ),
    _O.NO_WAY_BACK: Explanation(
        "The live slot has no ready pod to which the traffic could go back.",
        "Bring it up, or set spec.cutover.allowNoReturn.",
    ),
    _O.SELECTOR_IN_MANIFEST: Explanation(
        "The manifest of the Service holds the slot's key: whoever applies it again moves the traffic.",
        "Leave the key of the slot out of the manifest.",
    ),
    _O.SELECTOR_SHARED: Explanation(
        "Another tool holds the Service's selector as well; its next upgrade may end in a conflict.",
        "See the message for the setting of that tool that avoids it.",
    ),
    _O.SESSION_AFFINITY: Explanation(
        "The Service keeps each client at one pod; with the switch every client gets another one.",
        "Make sure that sessions do not live in the memory of one pod.",
    ),
    _O.LOAD_BALANCER_LAG: Explanation(
        "Traffic comes through a load balancer, which may learn of a switch later than the cluster.",
        "Give spec.cutover.drainPeriodSeconds more than its delay, and check through it.",
    ),
    _O.TRAFFIC_STAYS_ON_NODE: Explanation(
        "The Service sends connections to pods of the same node only.",
        "Make sure that every node that takes connections runs a pod of each slot.",
    ),
    _O.HEADLESS_SERVICE: Explanation(
        "The Service has no address of its own: clients learn of a switch when they look its name up again.",
        "Make sure that clients do so, and give spec.cutover.drainPeriodSeconds more than they need.",
    ),
    _O.AUTOSCALER_TOO_LOW: Explanation(
        "The autoscaler of the slot may shrink it below what the live slot has ready now.",
        "Raise minReplicas of its HorizontalPodAutoscaler.",
    ),
    _O.ROLLOUT_PAUSED: Explanation(
        "The rollout of the Deployment is paused.", "Resume it: kubectl rollout resume."
    ),
    _O.SNAPSHOT_CONTINUED_WITHOUT: Explanation(
        "There is no restore point of before the migration: spec.snapshot.migrateFailurePolicy is Continue."
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
