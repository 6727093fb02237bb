"""`kubectl switchback logs`: what the pod of a Job has written."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.controller.kube.errors import NotFoundError, RefusedError
from switchback.controller.kube.kinds import JOBS, PODS
from switchback.kubectl.follow import changes
from switchback.kubectl.jobs import job_lines, job_of, selector
from switchback.kubectl.problems import Problem
from switchback.kubectl.screen import JSON

if TYPE_CHECKING:
    from switchback.kubectl.jobs import JobLine, Object, PodLine
    from switchback.kubectl.resource import Resource
    from switchback.kubectl.session import Session


async def logs(
    session: Session,
    *,
    name: str,
    step: str,
    attempt: int,
    job: str,
    container: str,
    follow: bool,
    tail: int | None,
) -> int:
    """Write the log of a Job's pod."""
    resource = await session.pick(name)
    wanted = selector(resource.uid)
    jobs, _ = await session.client.all(JOBS, resource.namespace, wanted)
    pods, _ = await session.client.all(PODS, resource.namespace, wanted)
    chosen = _choose(resource, job_lines(jobs, pods, session.now()), step, attempt, job)
    if follow:
        pods = await _started(session, resource, chosen, container)
    mine = [pod for pod in pods if job_of(pod) == chosen.name]
    if not mine:
        raise _gone(resource, chosen)
    pod = max(mine, key=lambda one: str(one["metadata"].get("creationTimestamp", "")))
    if not follow:
        shown = next((one for one in chosen.pods if one.name == pod["metadata"]["name"]), None)
        _has_begun(pod, container, shown)
    session.screen.progress(f"Job {chosen.name}, pod {pod['metadata']['name']}, container {container}")
    await _write(session, chosen, pod, container, follow=follow, tail=tail)
    return int(ExitCode.OK)


def _choose(resource: Resource, jobs: list[JobLine], step: str, attempt: int, job: str) -> JobLine:
    """The newest Job that fits.

    Raises:
        Problem: none does.
    """
    fitting = [
        one
        for one in jobs
        if (not step or one.step == step)
        and (not attempt or one.attempt == str(attempt))
        and (not job or one.name == job)
    ]
    if fitting:
        return fitting[-1]
    there = ", ".join(f"{one.name} ({one.step})" for one in jobs) or "none"
    asked = [f"step {step}" if step else "", f"attempt {attempt}" if attempt else "", job]
    what = " ".join(["Job", *(["for"] if any(asked) else []), *filter(None, asked)])
    raise Problem(
        ExitCode.USAGE,
        "NotFound",
        f"{resource.name} in namespace {resource.namespace} has no {what}; there is: {there}."
        + _said(resource, ""),
        "Ended Jobs go once there are more than spec.jobHistoryLimit.",
    )


def _gone(resource: Resource, job: JobLine) -> Problem:
    if job.word in {"Pending", "Running"}:
        text = f"Job {job.name} has no pod yet."
        look = f"kubectl describe job {job.name} -n {resource.namespace}"
        return Problem(
            ExitCode.PENDING, "NoPod", text, f"Wait for it with -f; {look} says what is in the way."
        )
    return Problem(
        ExitCode.USAGE,
        "PodGone",
        f"the pod of Job {job.name} is gone, and its log with it." + _said(resource, job.operation),
        "A log that is to stay has to be collected by the cluster.",
    )


def _said(resource: Resource, operation: str) -> str:
    """What the last run said, as far as the status has it."""
    preview = resource.part("preview")
    if operation and operation == preview.get("id"):
        return f" Its result: {preview.get('reason', '')}: {preview.get('message', '')}"
    entry = resource.outcome_of(operation or resource.operation_id)
    if entry.get("message"):
        return f" The operation's end: {entry.get('reason', '')}: {entry['message']}"
    last = resource.operation.get("lastMessage")
    return f" The last run said: {last}" if last and operation in {"", resource.operation_id} else ""


def _containers(pod: Object) -> dict[str, Object]:
    status = pod.get("status") or {}
    parts = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return {str(one.get("name")): one.get("state") or {} for one in parts}


def _runs(pod: Object, container: str) -> bool:
    state = _containers(pod).get(container) or {}
    return "running" in state or "terminated" in state


def _over(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def _has_begun(pod: Object, container: str, shown: PodLine | None) -> None:
    """There may be a log.

    Raises:
        Problem: the container is none of the pod's, or has not started.
    """
    spec = pod.get("spec") or {}
    known = [
        str(one["name"]) for one in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    ]
    name = pod["metadata"]["name"]
    if container not in known:
        raise Problem(
            ExitCode.USAGE,
            "NotFound",
            f"pod {name} has no container {container}.",
            f"It has: {', '.join(known)}.",
        )
    if not _runs(pod, container) and not _over(pod):
        why = f": {shown.trouble}" if shown is not None and shown.trouble else "."
        raise Problem(
            ExitCode.PENDING,
            "NotStarted",
            f"container {container} of pod {name} has not started{why}",
            "Wait for it with -f.",
        )


async def _started(session: Session, resource: Resource, job: JobLine, container: str) -> list[Object]:
    """The pods once the container runs, or never will."""
    told = False
    async with aclosing(changes(session.client, PODS, resource.namespace, selector(resource.uid))) as coming:
        async for seen in coming:
            mine = [pod for pod in seen.objects if job_of(pod) == job.name]
            for pod in mine:
                if _runs(pod, container) or _over(pod):
                    return mine
            if mine and container not in [one["name"] for one in mine[0]["spec"].get("containers", [])]:
                _has_begun(mine[0], container, None)
            if not mine and job.word not in {"Pending", "Running"}:
                return []
            if not told:
                session.screen.progress(f"waiting for the pod of Job {job.name} to start")
                told = True
    return []


async def _write(
    session: Session, job: JobLine, pod: Object, container: str, *, follow: bool, tail: int | None
) -> None:
    query = {"container": container}
    if follow:
        query["follow"] = "true"
    if tail is not None:
        query["tailLines"] = str(tail)
    metadata = pod["metadata"]
    path = PODS.path(metadata["namespace"], metadata["name"], "log")
    lines: list[str] = []
    try:
        async with aclosing(session.client.log(path, query)) as coming:
            async for line in coming:
                if session.screen.output == JSON:
                    lines.append(line.decode(errors="replace"))
                    continue
                sys.stdout.buffer.write(line + b"\n")
                if follow:
                    sys.stdout.flush()
    except (RefusedError, NotFoundError) as error:
        if "log" not in error.message and "container" not in error.message and error.code != 404:  # noqa: PLR2004
            raise
        raise Problem(ExitCode.USAGE, "NoLog", f"there is no log: {error.message}.") from None
    finally:
        sys.stdout.flush()
    if session.screen.output == JSON:
        told = {"job": job.name, "pod": metadata["name"], "container": container, "lines": lines}
        session.screen.document(told)
