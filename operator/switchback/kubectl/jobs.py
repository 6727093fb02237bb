"""Jobs and pods of a resource as people want to see them: state, age, restarts, exit code, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.contract.reasons import Reason
from switchback.controller.pods import pod_from
from switchback.kubectl.states import BAD, BUSY, GOOD, LATER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from switchback.kubectl.text import Span

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PodLine:
    """One pod. `word` is what kubectl shows as its status; `trouble` what is wrong, in a sentence."""

    name: str
    symbol: Span
    word: str
    created: str
    restarts: int
    exit_code: int | None
    node: str
    trouble: str

    def as_data(self) -> dict[str, object]:
        """The same for programs."""
        data: dict[str, object] = {
            "name": self.name,
            "state": self.word,
            "created": self.created,
            "restarts": self.restarts,
            "exitCode": self.exit_code,
            "node": self.node,
            "message": self.trouble,
        }
        return {key: value for key, value in data.items() if value not in (None, "")}


@dataclass(frozen=True, slots=True)
class JobLine:
    """One Job with its pods."""

    name: str
    symbol: Span
    word: str
    operation: str
    step: str
    attempt: str
    created: str
    pods: list[PodLine] = field(default_factory=list)

    def as_data(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "name": self.name,
            "state": self.word,
            "operation": self.operation,
            "step": self.step,
            "attempt": int(self.attempt) if self.attempt.isdecimal() else 0,
            "created": self.created,
            "pods": [pod.as_data() for pod in self.pods],
        }


def selector(uid: str) -> dict[str, str]:
    """What finds the Jobs and pods of a resource."""
    return {"labelSelector": f"{names.LABEL_UID}={names.uid_hash(uid)}"}


def job_lines(jobs: Iterable[Object], pods: Iterable[Object], now: datetime) -> list[JobLine]:
    """The Jobs, oldest first, each with its pods."""
    by_job: dict[str, list[Object]] = {}
    for pod in pods:
        by_job.setdefault(job_of(pod), []).append(pod)
    ordered = sorted(jobs, key=lambda job: (_created(job), job["metadata"]["name"]))
    return [_job(job, by_job.get(job["metadata"]["name"], []), now) for job in ordered]


def job_of(pod: Object) -> str:
    """Name of the Job that a pod belongs to."""
    labels = pod["metadata"].get("labels") or {}
    return str(labels.get("batch.kubernetes.io/job-name") or labels.get("job-name") or "")


def _created(item: Object) -> str:
    return str(item["metadata"].get("creationTimestamp", ""))


def _job(job: Object, pods: list[Object], now: datetime) -> JobLine:
    metadata = job["metadata"]
    labels = metadata.get("labels") or {}
    shown = [_pod(pod, now) for pod in sorted(pods, key=_created)]
    symbol, word = _job_state(job)
    only_one = (job.get("spec") or {}).get("backoffLimit") == 0
    if symbol == BUSY and only_one and any(pod.exit_code for pod in shown):
        # The Job's own controller notes the end a little later than the operator, which reads the pod.
        symbol, word = BAD, "Failed"
    if any(pod.word == Reason.BACKWARD for pod in shown) and symbol == BAD:
        symbol, word = GOOD, str(Reason.BACKWARD)  # it has answered what it was asked
    return JobLine(
        name=metadata["name"],
        symbol=symbol,
        word=word,
        operation=labels.get(names.LABEL_OPERATION, ""),
        step=labels.get(names.LABEL_STEP, ""),
        attempt=labels.get(names.LABEL_ATTEMPT, ""),
        created=_created(job),
        pods=shown,
    )


def _job_state(job: Object) -> tuple[Span, str]:
    status = job.get("status") or {}
    over = {one["type"]: one for one in status.get("conditions") or [] if one.get("status") == "True"}
    if "Complete" in over:
        return GOOD, "Succeeded"
    if "Failed" in over:
        why = over["Failed"].get("reason", "")
        return BAD, "Failed" if why in {"", "BackoffLimitExceeded"} else f"Failed ({why})"
    if "deletionTimestamp" in job["metadata"]:
        return LATER, "Terminating"
    return (BUSY, "Running") if status.get("active") else (LATER, "Pending")


def _pod(pod: Object, now: datetime) -> PodLine:
    metadata, status = pod["metadata"], pod.get("status") or {}
    judged = pod_from(pod, now)
    trouble = judged.trouble.message if judged.trouble is not None else ""
    if judged.result is not None and judged.exit_code:
        trouble = f"{judged.result.reason}: {judged.result.message}"
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    symbol, word = _pod_state(metadata, status, containers)
    if judged.result is not None and judged.result.reason is Reason.BACKWARD:
        symbol, word, trouble = GOOD, str(Reason.BACKWARD), ""
    return PodLine(
        name=metadata["name"],
        symbol=BAD if judged.trouble is not None and not judged.ended else symbol,
        word=word,
        created=_created(pod),
        restarts=sum(int(one.get("restartCount") or 0) for one in containers),
        exit_code=judged.exit_code,
        node=str((pod.get("spec") or {}).get("nodeName", "")),
        trouble=trouble,
    )


def _pod_state(metadata: Object, status: Object, containers: list[Object]) -> tuple[Span, str]:
    """As kubectl names it: the first thing that is out of the ordinary, else the phase."""
    phase = str(status.get("phase", "Unknown"))
    if phase == "Succeeded":
        return GOOD, "Completed"
    if "deletionTimestamp" in metadata:
        return LATER, "Terminating"
    if phase == "Failed":
        return BAD, str(status.get("reason") or _ending(containers) or "Failed")
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in {None, "", "PodInitializing", "ContainerCreating"}:
            return BAD, str(waiting["reason"])
    if phase == "Pending":
        starting = any((one.get("state") or {}).get("waiting") for one in containers)
        return (BUSY, "Starting") if starting else (LATER, "Pending")
    return (BUSY, "Running") if phase == "Running" else (LATER, phase)


def _ending(containers: list[Object]) -> str:
    """How the container `switchback` ended, or another one that failed."""
    ended = {one.get("name"): (one.get("state") or {}).get("terminated") or {} for one in containers}
    failed = [end for end in ended.values() if end.get("exitCode")]
    mine = ended.get(names.CONTAINER) or (failed[0] if failed else {})
    return str(mine.get("reason", ""))
