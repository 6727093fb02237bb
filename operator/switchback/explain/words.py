"""The parts of a story in words: what a step does, why a person is asked and who, how it ends."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from switchback.api.names import LABEL_REQUIRE_APPROVAL
from switchback.api.policies import ApprovalPolicy, DataLossPolicy
from switchback.api.status import Want
from switchback.contract.reasons import Reason
from switchback.contract.words import BASE, Direction, Operation
from switchback.controller.observed import PolicyState
from switchback.controller.podspec import SOURCE_MOUNT
from switchback.controller.stages.consent import wants_a_person
from switchback.explain import traffic_words
from switchback.explain.cases import NEWEST, NOW, Case
from switchback.explain.inquire import UNKNOWN_CLIENT, UNKNOWN_IMAGE
from switchback.explain.scenes import EndingKind, SceneKind, container_of
from switchback.explain.stories import MAJORS
from switchback.explain.traffic_words import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.api.snapshots import Snapshot
    from switchback.api.spec import Spec
    from switchback.explain.cases import Known
    from switchback.explain.inquire import Report
    from switchback.explain.scenes import Scene
    from switchback.explain.stories import Told

IDS = 6

_PLUMBING = {
    "--operation-id", "--intent-digest", "--result-file", "--result-budget", "--expect-source",
    "--expect-plan", "--expect-ledger", "--expect-database", "--expect-system-identifier", "--work",
    "--uid-hash", "--namespace", "--resource", "--name",
    "--connect", "--signal", "--wait-seconds", "--seconds",
}  # fmt: skip
"""Options that say nothing to a person: ids, digests, where the answer goes, how long to be patient."""

_USUAL = {
    ("--ahead-policy", "Refuse"), ("--out-of-order-policy", "Refuse"), ("--adoption-policy", "Never"),
    ("--down-source", "Auto"), ("--ledger-schema", "switchback"), ("--dir", SOURCE_MOUNT),
    ("--lock-timeout-seconds", "2"), ("--advisory-lock-timeout-seconds", "60"),
}  # fmt: skip
"""What is so unless somebody says otherwise."""


def headline(known: Known) -> str:
    """The case as a condition, or as a fact when it is certain."""
    if known.case is Case.NO_SCHEMA:
        return "Only traffic is moved"
    if known.certain:
        return {
            Case.AT: f"The database is at {known.target} already",
            Case.BEHIND: f"The database is at {known.current}, behind {known.target}",
            Case.BEYOND: f"The database is at {known.current}, beyond {known.target}",
            Case.AHEAD_OF_FILES: f"The database is at {known.current}, which the source does not hold",
        }[known.case]
    if known.case is Case.AHEAD_OF_FILES:
        return "If the database is beyond everything in the source"
    target = "the newest file" if known.target == NEWEST else known.target
    if known.target == BASE:
        return "If anything is applied"
    return f"If the database is {'behind' if known.case is Case.BEHIND else 'beyond'} {target}"


def does(scene: Scene, told: Told, spec: Spec) -> str:  # noqa: PLR0911 - one answer per kind of scene
    """What happens in a scene, in half a sentence."""
    match scene.kind:
        case SceneKind.END_JOB:
            return f"the Job that is there is ended: {scene.message}"
        case SceneKind.WAIT | SceneKind.APPROVAL:
            return scene.message
        case SceneKind.LOOK:
            return "looks, because somebody asked; changes nothing"
        case SceneKind.CALL:
            return f"the operator {_kept(spec.snapshot)}, and waits until it is there"
        case SceneKind.JOB:
            return _step(scene, told, spec)
        case SceneKind.RUNNING:
            return f"runs already: {_step(scene, told, spec)}"
        case _:
            return traffic_words.moves(scene, spec)


def _step(scene: Scene, told: Told, spec: Spec) -> str:  # noqa: C901, PLR0911 - one answer per step
    reason = scene.result.reason if scene.result is not None else Reason.SUCCEEDED
    match scene.step:
        case Operation.MIGRATE:
            return _migrates(told, scene, reason)
        case Operation.INSPECT:
            kept = scene.result is not None and scene.result.reserved_seconds
            return "reads the ledger and makes the plan" + (", and reserves the database" if kept else "")
        case Operation.RESERVE:
            return "reserves the database: until the plan has run, nobody else changes its schema"
        case Operation.SNAPSHOT:
            return _kept(spec.snapshot)
        case Operation.ROLLBACK:
            return f"undoes {_ids(told.known)}"
        case Operation.RELEASE:
            return "gives the reservation of the database back"
        case Operation.FENCE:
            return "keeps writers out, by the command of spec.snapshot.fence"
        case Operation.UNFENCE:
            return "lets writers in again, by the command of spec.snapshot.fence"
        case Operation.PRUNE:
            return "looks whether older restore points may go, by spec.snapshot.retention"
        case Operation.CHECK | Operation.DRAIN:
            return traffic_words.checks(scene, spec)
        case None:
            return ""


def _migrates(told: Told, scene: Scene, reason: Reason) -> str:
    held = scene.result.held_back if scene.result is not None else 0
    steps = tuple(one.id for one in scene.result.steps) if scene.result is not None else ()
    match reason:
        case Reason.BACKWARD:
            return "finds that it would have to go back; changes nothing, tells the plan"
        case Reason.SOURCE_BEHIND_LEDGER:
            return "finds migrations in the database that the source does not hold; changes nothing"
        case Reason.UP_TO_DATE:
            return "finds nothing to apply"
        case _:
            now = replace(told.known, todo=steps) if steps else told.known
            return f"applies {_ids(now)}" + (", and holds the files of phase=contract back" if held else "")


def _ids(known: Known) -> str:
    if not known.todo and known.direction is Direction.FORWARD:
        return "what is pending"
    if not known.todo:
        return "everything" if known.target == BASE else f"everything above {known.target}"
    shown = ", ".join(known.todo[:IDS])
    more = len(known.todo) - IDS
    unknown = "" if known.current != NOW else ", as far as applied" if known.case is not Case.BEHIND else ""
    pending = ", as far as pending" if known.current == NOW and known.case is Case.BEHIND else ""
    return shown + (f" and {more} more" if more > 0 else "") + unknown + pending


def asked_by(want: Want, report: Report) -> list[str]:
    """Why a person is asked: the policies and labels that want it."""
    spec, world = report.spec, report.world
    if spec is None or world is None:
        return []
    found = []
    field, policy = {
        Want.MIGRATE: ("migratePolicy", spec.approval.migrate_policy),
        Want.ROLLBACK: ("rollbackPolicy", spec.approval.rollback_policy),
        Want.CUTOVER: ("cutoverPolicy", spec.approval.cutover_policy),
    }[want]
    if policy is ApprovalPolicy.MANUAL:
        found.append(f"spec.approval.{field} is Manual")
    automatic = spec.model_copy(
        update={"approval": spec.approval.model_copy(
            update=dict.fromkeys(
                ("migrate_policy", "rollback_policy", "cutover_policy"), ApprovalPolicy.AUTOMATIC
            )
        )}
    )  # fmt: skip
    if wants_a_person(automatic, world.around.labels, want):
        label = world.around.labels[LABEL_REQUIRE_APPROVAL]
        found.append(f"namespace {report.namespace} is labelled {LABEL_REQUIRE_APPROVAL}={label}")
    if (
        want is Want.ROLLBACK
        and spec.rollback.data_loss_policy is DataLossPolicy.REQUIRE_APPROVAL
        and not found
    ):
        found.append("spec.rollback.dataLossPolicy is RequireApproval")
    return found


def approver(report: Report) -> str:
    """Who can say yes."""
    name = report.name or "it"
    match report.guard.state:
        case PolicyState.MISSING:
            return f"nobody: the admission policy {report.guard.name} is not in force, so no approval counts"
        case PolicyState.NOT_REQUIRED:
            return "whoever may edit the resource: the operator asks for no admission policy"
        case PolicyState.PRESENT:
            who = f"whoever has the verb approve on databasemigrations/{name} (policy {report.guard.name})"
        case PolicyState.UNKNOWN | PolicyState.UNSEEN:
            who = f"whoever has the verb approve on databasemigrations/{name}, where the policy is in force"
    may = report.place.may_approve if report.place is not None else None
    return who if may is None else f"{who}; you {'do' if may else 'do not'}"


def ending(told: Told, spec: Spec) -> str:
    """How a story ends that ends well."""
    live = traffic_words.ending(told, spec.cutover)
    if told.known.case is Case.NO_SCHEMA:
        return f"done: {live}"
    return ", and ".join(filter(None, [_reached(told), live]))


def _reached(told: Told) -> str:
    target = "the newest file" if told.known.target == NEWEST else told.known.target
    if told.story.ending.kind is EndingKind.ROLLED_BACK:
        return f"rolled back to {target} on request; Ready is False/RolledBack until the spec changes"
    undone = any(scene.step is Operation.ROLLBACK for scene in told.story.scenes)
    if told.known.case is Case.AHEAD_OF_FILES and not undone:
        return "done: the schema stays where it is"
    return f"done: the schema is at {target}"


def command(scene: Scene, *, full: bool = False) -> str:
    """What the container runs. Without `full`, what is usual or says nothing to a person is left out."""
    words = [str(word).replace("$$", "$") for word in scene.container.get("args", ())]
    told = words if full else _told_words(words)
    return shlex.join(["switchback", *told]) + ("" if len(told) == len(words) else " …")


def _told_words(words: Sequence[str]) -> list[str]:
    kept: list[str] = []
    skip = False
    for word, value in zip(words, [*words[1:], ""], strict=True):
        if skip:
            skip = False
        elif word in _PLUMBING or (word, value) in _USUAL:
            skip = True
        else:
            kept.append(word)
    return kept


def images(scene: Scene) -> list[str]:
    """The images of a Job's pod: ours, then those of the others."""
    pod = scene.manifest["spec"]["template"]["spec"]
    parts = [container_of(scene.manifest), *pod.get("initContainers", ()), *pod["containers"]]
    return list(dict.fromkeys(image_words(str(part.get("image", ""))) for part in parts))


def image_words(image: str) -> str:
    """An image, or that only the operator knows it."""
    if image == UNKNOWN_IMAGE:
        return "(the operator's image)"
    if image in {UNKNOWN_CLIENT.format(major=major) for major in MAJORS}:
        return "(the operator's client image)"
    return image


def limits(spec: Spec) -> list[str]:
    """How long and how often anything is tried."""
    return [*_limits(spec), *traffic_words.limits(spec)]


def _limits(spec: Spec) -> list[str]:
    own = spec.execution
    found = [
        f"the whole {duration(spec.operation_deadline_seconds)}",
        f"an approval {duration(spec.approval.timeout_seconds)} more",
        f"{own.backoff_limit} more tries after trouble with connection or node",
    ]
    if spec.source is None:
        return found
    found += [
        f"{own.lock_timeout_seconds} s for a table lock",
        f"{own.advisory_lock_timeout_seconds} s for another run, then again until the end",
    ]
    if own.statement_timeout_seconds is not None:
        found.append(f"{duration(own.statement_timeout_seconds)} for a statement")
    if spec.snapshot is not None and spec.snapshot.none is None:
        found.append(f"{duration(spec.snapshot.deadline_seconds)} for the restore point")
    return found


def _kept(snapshot: Snapshot | None) -> str:
    """How the restore point is taken, by whatever `snapshot` chooses: its plain options say of what."""
    if snapshot is None:
        return "takes a restore point"
    if snapshot.pg_dump is not None:
        claim, bucket = snapshot.pg_dump.persistent_volume_claim, snapshot.pg_dump.s3
        where = f" to claim {claim.claim_name}" if claim is not None else ""
        where = f" to bucket {bucket.bucket}" if bucket is not None else where
        return f"dumps the database{where}, and reads the dump back in full"
    chosen = snapshot.to_json().get(snapshot.chosen) or {}
    plain = [f"{key} {value}" for key, value in chosen.items() if isinstance(value, str)]
    return f"takes a restore point with {snapshot.chosen}: {', '.join(plain)}"
