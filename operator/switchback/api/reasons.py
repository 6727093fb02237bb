"""Why, in stable words: the reasons that only the operator can see, with meaning and advice.

The same word is a condition's reason, an event's reason and the label of a metric. How a run ended is said in
the words of `switchback.contract.reasons`; `explain` knows both.
"""

from __future__ import annotations

from switchback.api.reason_words import NOTHING_TO_DO, Explanation, OperatorReason
from switchback.api.traffic_reasons import TRAFFIC
from switchback.contract.reasons import MEANINGS

__all__ = ["NOTHING_TO_DO", "REASONS", "Explanation", "OperatorReason", "advised", "explain"]

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
        "Ask for something else (target, database, source or activeSlot), or go on with the annotation "
        "switchback.dev/retry.",
    ),
    _O.ROLLED_BACK: Explanation(
        "Schema or traffic went back, on request or because checks failed; the spec asks for the newer.",
        "Mend what was wrong, then go forward again with: kubectl switchback retry (annotation "
        "switchback.dev/retry). Or ask for something else (target, database, source or activeSlot).",
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
    _O.SNAPSHOT_CONTINUED_WITHOUT: Explanation(
        "There is no restore point of before the migration: spec.snapshot.migrateFailurePolicy is Continue."
    ),
    **TRAFFIC,
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
