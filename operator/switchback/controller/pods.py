"""What the pods and Jobs of the API server mean: from JSON to the frozen values of `observed`. Pure.

Only the container `switchback` is asked for a result; a sidecar may live on or fail as it pleases. Trouble is
told while it happens, in the words of `api.reasons`, and never with the value of a Secret: Kubernetes' own
messages name objects and keys only.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.reasons import OperatorReason
from switchback.contract.hide import last_line
from switchback.contract.reasons import Reason
from switchback.contract.result import ResultError, bounded, decode
from switchback.contract.words import Operation
from switchback.controller.observed import Job, Pod, Trouble
from switchback.controller.podspec import SOURCE_CONTAINER
from switchback.controller.times import parse
from switchback.snapshots.command import FENCE, SNAPSHOT
from switchback.snapshots.login import LOGIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchback.contract.result import Result

Object = dict[str, Any]

TROUBLE_BYTES = 300
LAST_WORDS_BYTES = 200

SLOW = timedelta(seconds=30)
"""What has not happened after this time is told as trouble, because no event will tell it."""

_PULL = {"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"}
_PULL_FATAL = {"InvalidImageName", "ErrImageNeverPull"}
_COMMANDS = {
    SNAPSHOT: (Reason.SNAPSHOT_COMMAND_FAILED, "the command of spec.snapshot.job"),
    FENCE: (Reason.FENCE_COMMAND_FAILED, "the command of spec.snapshot.fence"),
    LOGIN: (Reason.AUTHENTICATION_FAILED, "making a token for spec.database.connection.iam"),
}
"""Containers whose last words are told: why they failed, nobody but they can know."""
_COMMANDING = {Operation.SNAPSHOT, Operation.FENCE, Operation.UNFENCE}
_NOT_STARTED = {"CreateContainerError", "RunContainerError", "CrashLoopBackOff", "PostStartHookError"}
_STARTING = {"", "ContainerCreating", "PodInitializing"}
_RUN_FAILED = {"StartError", "ContainerCannotRun"}

_KEY_MISSING = re.compile(
    r"couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) \S*?(?P<name>[^/\s]+)$"
)
_OBJECT_MISSING = re.compile(r'(?P<kind>secret|configmap) "(?P<name>[^"]+)" not found')
_CLAIM_MISSING = re.compile(r'persistentvolumeclaim "(?P<name>[^"]+)" (not found|is being deleted)')
_NODE_GONE = {"NodeLost", "NodeShutdown", "Shutdown", "Terminated", "DeletionByPodGC"}


def jobs_of(
    uid: str, jobs: Iterable[Object], pods: Sequence[Object], now: datetime
) -> tuple[tuple[Job, ...], tuple[Pod, ...]]:
    """(the resource's Jobs with their pods, pods whose Job is gone), both in order of name.

    Args:
        uid: of the resource. What belongs to another one of the same name is left out.
        jobs: Jobs that carry the label of this UID.
        pods: pods that carry it.
        now: the time of the observation; what takes too long is trouble.
    """
    mine = [job for job in jobs if _belongs(job, uid) and _step(job) is not None]
    known = {job["metadata"]["uid"] for job in mine}
    by_job: dict[str, list[Pod]] = {}
    strays = []
    for pod in pods:
        owner = _owner(pod)
        if owner in known:
            by_job.setdefault(owner, []).append(pod_from(pod, now))
        else:
            strays.append(pod_from(pod, now))
    found = [_job(job, by_job.get(job["metadata"]["uid"], []), now) for job in mine]
    return (
        tuple(sorted(found, key=lambda job: job.name)),
        tuple(sorted(strays, key=lambda pod: pod.name)),
    )


def _belongs(job: Object, uid: str) -> bool:
    owners = job["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == uid for owner in owners)


def _step(job: Object) -> Operation | None:
    """What a Job, or its pod, does. None: a word of another release; such a Job is none of ours to judge."""
    label = (job["metadata"].get("labels") or {}).get(names.LABEL_STEP, "")
    return Operation(label) if label in set(Operation) else None


def _owner(pod: Object) -> str:
    owners = pod["metadata"].get("ownerReferences") or []
    mine = (
        owner.get("uid", "") for owner in owners if owner.get("kind") == "Job" and owner.get("controller")
    )
    return next(mine, "")


def _job(job: Object, pods: list[Pod], now: datetime) -> Job:
    metadata = job["metadata"]
    labels = metadata.get("labels") or {}
    over = {
        condition["type"]: condition
        for condition in (job.get("status") or {}).get("conditions") or []
        if condition.get("status") == "True"
    }
    attempt = labels.get(names.LABEL_ATTEMPT, "")
    created = parse(metadata.get("creationTimestamp", "")) or datetime.min.replace(tzinfo=UTC)
    podless = not pods and not over and now - created > SLOW
    return Job(
        name=metadata["name"],
        uid=metadata["uid"],
        operation=labels.get(names.LABEL_OPERATION, ""),
        step=Operation(labels[names.LABEL_STEP]),
        attempt=int(attempt) if attempt.isdecimal() else 0,
        created=created,
        finished="Complete" in over or "Failed" in over,
        failure=str(over.get("Failed", {}).get("reason", "")),
        deleting="deletionTimestamp" in metadata,
        hindrance=_podless(metadata["name"]) if podless else None,
        intent=(metadata.get("annotations") or {}).get(names.ANNOTATION_INTENT, ""),
        pods=tuple(sorted(pods, key=lambda pod: pod.name)),
    )


def _podless(job: str) -> Trouble:
    text = f"no pod was created: `kubectl describe job {job}` says why (service account, quota, admission)"
    return _told(OperatorReason.POD_NOT_CREATED, text)


def pod_from(pod: Object, now: datetime) -> Pod:
    """One pod, from what the API server says about it."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    labels = metadata.get("labels") or {}
    ended = _ended(status.get("containerStatuses") or [])
    over = status.get("phase") in {"Succeeded", "Failed"}
    said = _result(ended)
    code = int(ended.get("exitCode", 0)) if ended is not None else None
    # Killed after its last word, or not our program: then nobody knows, and somebody has to look.
    result = said if said is not None and said.exit_code == code else None
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        job=labels.get("batch.kubernetes.io/job-name") or labels.get("job-name", ""),
        ended=ended is not None or over,
        started=ended is not None or _running(status.get("containerStatuses") or []),
        exit_code=code,
        result=result,
        trouble=None if result is not None else _trouble(metadata, status, ended, now, over=over),
        source_image=_source_image(status.get("initContainerStatuses") or []),
        told=(metadata.get("annotations") or {}).get(names.ANNOTATION_SWITCHED, ""),
    )


def _source_image(containers: Iterable[Object]) -> str:
    """The image of the files with its digest, as `registry/name@sha256:…`, once the kubelet has it."""
    ours = next((one for one in containers if one.get("name") == SOURCE_CONTAINER), {})
    return str(ours.get("imageID", "")).removeprefix("docker-pullable://")[:1024]


def _ended(containers: Iterable[Object]) -> Object | None:
    """How the container `switchback` ended; None while it has not."""
    mine = next((one for one in containers if one.get("name") == names.CONTAINER), {})
    terminated: Object | None = (mine.get("state") or {}).get("terminated")
    return terminated


def _running(containers: Iterable[Object]) -> bool:
    return any(
        one.get("name") == names.CONTAINER and "running" in (one.get("state") or {}) for one in containers
    )


def _result(ended: Object | None) -> Result | None:
    try:
        return decode(ended.get("message", "")) if ended is not None else None
    except ResultError:
        return None


def _trouble(
    metadata: Object, status: Object, ended: Object | None, now: datetime, *, over: bool
) -> Trouble | None:
    """Why the run does not run, or ended without a result, the most telling reason first.

    While it runs there is one trouble only: nobody knows whether it still does.
    """
    step = _step({"metadata": metadata})
    if ended is not None:
        return _end_trouble(names.CONTAINER, ended, step)
    if _running(status.get("containerStatuses") or []) and not over:
        return _node_trouble(metadata, status) or _node_silence(status)
    parts = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for part in parts:
        found = _container_trouble(part, step)
        if found is not None:
            return found
    return (
        _pod_trouble(status, over=over)
        or _scheduling_trouble(status.get("conditions") or [])
        or _node_trouble(metadata, status)
        or _mount_trouble(metadata["name"], status.get("conditions") or [], now)
    )


def _container_trouble(part: Object, step: Operation | None) -> Trouble | None:
    state = part.get("state") or {}
    name = part.get("name", "")
    terminated = state.get("terminated")
    if terminated is not None:
        return _end_trouble(name, terminated, step) if terminated.get("exitCode", 0) != 0 else None
    waiting = state.get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in _STARTING:
        return None
    if reason in _PULL | _PULL_FATAL:
        text = f"container {name}: image {part.get('image', '')}: {message or reason}"
        return _told(OperatorReason.IMAGE_PULL_FAILED, text, fatal=reason in _PULL_FATAL)
    if reason == "CreateContainerConfigError":
        return _config_trouble(name, message)
    if reason in _NOT_STARTED:
        return _told(OperatorReason.CONTAINER_NOT_STARTED, f"container {name}: {reason}: {message}")
    return None


def _config_trouble(container: str, message: str) -> Trouble:
    """The kubelet could not put the environment together: something that it names is missing."""
    key = _KEY_MISSING.search(message)
    if key is not None:
        kind = (
            OperatorReason.SECRET_KEY_MISSING
            if key["kind"] == "Secret"
            else OperatorReason.CONFIG_MAP_MISSING
        )
        return _told(kind, f"{key['kind']} {key['name']} has no key {key['key']}")
    missing = _OBJECT_MISSING.search(message)
    if missing is None:
        return _told(OperatorReason.CONTAINER_NOT_STARTED, f"container {container}: {message}")
    if missing["kind"] == "secret":
        return _told(OperatorReason.SECRET_MISSING, f"Secret {missing['name']} does not exist")
    return _told(OperatorReason.CONFIG_MAP_MISSING, f"ConfigMap {missing['name']} does not exist")


def _end_trouble(container: str, terminated: Object, step: Operation | None) -> Trouble:
    """A container ended and left no result: how it ended is all there is to know."""
    reason, message = terminated.get("reason", ""), terminated.get("message", "")
    code = terminated.get("exitCode", 0)
    if reason == "OOMKilled":
        return _told(OperatorReason.OUT_OF_MEMORY, f"container {container} used more memory than it may")
    if container == SOURCE_CONTAINER:
        return _told(OperatorReason.SOURCE_IMAGE_UNUSABLE, _copy_failed(reason, code, message), fatal=True)
    if reason in _RUN_FAILED:
        return _told(OperatorReason.CONTAINER_NOT_STARTED, f"container {container}: {message or reason}")
    if container != names.CONTAINER:
        return _before_the_run(container, code, message, step)
    text = f"container {container} ended with code {code}"
    said = _result(terminated)
    if said is not None:
        return _told(OperatorReason.RESULT_CONTRADICTORY, f"{text} and its result says {said.exit_code}")
    return _told(OperatorReason.RESULT_LOST, f"{text} and left no result")


def _before_the_run(container: str, code: int, output: str, step: Operation | None) -> Trouble:
    """Of a command that is somebody's own, the last line of its output; without what looks like a secret."""
    if container not in _COMMANDS or step not in _COMMANDING:
        return _told(OperatorReason.INIT_CONTAINER_FAILED, f"container {container} ended with code {code}")
    reason, what = _COMMANDS[container]
    said = last_line(output, LAST_WORDS_BYTES)
    return _told(reason, f"{what} ended with code {code}" + (f": {said}" if said else " and said nothing"))


def _copy_failed(reason: str, code: int, message: str) -> str:
    if reason in _RUN_FAILED and "cp" in message and "not found" in message:
        return "the source image has no cp, which is needed to copy the files out of it"
    return f"the files could not be copied out of the source image (code {code}): {message or reason}"


def _pod_trouble(status: Object, *, over: bool) -> Trouble | None:
    """What ended the pod from outside."""
    if not over:
        return None
    reason, message = status.get("reason", ""), status.get("message", "")
    disrupted = _condition(status.get("conditions") or [], "DisruptionTarget")
    word = reason or disrupted.get("reason", "")
    if word == "DeadlineExceeded":
        return _told(OperatorReason.DEADLINE_EXCEEDED, "the pod reached its deadline")
    if word in _NODE_GONE:
        return _told(OperatorReason.NODE_LOST, f"the pod's node went away: {message or word}")
    if word in {
        "Evicted",
        "EvictionByEvictionAPI",
        "PreemptionByScheduler",
        "TerminationByKubelet",
        "Preempting",
    }:
        return _told(
            OperatorReason.EVICTED, f"the pod was evicted: {message or disrupted.get('message', word)}"
        )
    if word:
        return _told(OperatorReason.RESULT_LOST, f"the pod ended early: {word}: {message}")
    return None


def _scheduling_trouble(conditions: Iterable[Object]) -> Trouble | None:
    scheduled = _condition(conditions, "PodScheduled", status="False")
    message = scheduled.get("message", "")
    claim = _CLAIM_MISSING.search(message)
    if claim is not None:
        return _told(
            OperatorReason.VOLUME_CLAIM_MISSING, f"PersistentVolumeClaim {claim['name']} does not exist"
        )
    if scheduled.get("reason") in {"Unschedulable", "SchedulerError"}:
        return _told(OperatorReason.UNSCHEDULABLE, f"no node takes the pod: {message}")
    return None


def _mount_trouble(pod: str, conditions: Sequence[Object], now: datetime) -> Trouble | None:
    """The kubelet has the pod and cannot give it its volumes or its network: only an event says which."""
    placed = parse(_condition(conditions, "PodScheduled").get("lastTransitionTime", ""))
    waits = _condition(conditions, "PodReadyToStartContainers", status="False")
    if not waits or placed is None or now - placed <= SLOW:
        return None
    text = f"pod {pod} waits for a volume or for its network: `kubectl describe pod {pod}` says for which"
    return _told(OperatorReason.VOLUME_NOT_MOUNTED, text)


def _node_trouble(metadata: Object, status: Object) -> Trouble | None:
    """A pod on a node that no longer answers: it may run on, so it has not ended."""
    if "deletionTimestamp" not in metadata and status.get("phase") != "Unknown":
        return None
    disrupted = _condition(status.get("conditions") or [], "DisruptionTarget")
    if status.get("reason") in _NODE_GONE or disrupted.get("reason") == "DeletionByTaintManager":
        node = disrupted.get("message") or status.get("message", "")
        return _told(OperatorReason.NODE_LOST, f"the pod's node does not answer: {node}")
    return None


def _node_silence(status: Object) -> Trouble | None:
    """The kubelet said ready, and the node controller says it is not: it has heard nothing since."""
    ready = _condition(status.get("conditions") or [], "Ready", status="False")
    # A sidecar that is restarted makes its pod unready as well, and says so itself.
    parts = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    if not ready or not all(one.get("ready") for one in parts):
        return None
    since = ready.get("lastTransitionTime", "")
    text = f"the pod's node has not answered since {since}; the run may go on there"
    return _told(OperatorReason.NODE_LOST, text)


def _condition(conditions: Iterable[Object], kind: str, status: str = "True") -> Object:
    found = (one for one in conditions if one.get("type") == kind and one.get("status") == status)
    return next(found, {})


def _told(reason: OperatorReason | Reason, message: str, *, fatal: bool = False) -> Trouble:
    return Trouble(reason, bounded(" ".join(message.split()), TROUBLE_BYTES), fatal)
