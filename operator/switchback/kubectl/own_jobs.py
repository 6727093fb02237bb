"""Jobs that the plugin itself makes, with the rights of whoever calls it: made, followed, read.

The operator leaves them alone: it finds its own by two labels, and these have neither. Nobody owns them, so
that a resource that is deleted does not take a restore with it; they go by themselves a day after their end.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.contract.exits import ExitCode
from switchback.controller.kube.errors import KubeError, NotFoundError, RefusedError
from switchback.controller.kube.kinds import JOBS, PODS
from switchback.controller.pods import pod_from
from switchback.controller.podspec import literal
from switchback.kubectl.follow import changes
from switchback.kubectl.jobs import selector
from switchback.kubectl.problems import Problem
from switchback.kubectl.stopped import answered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchback.controller.observed import Pod
    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.session import Session

MANAGER = "kubectl-switchback"
LABEL_FOR = f"{names.GROUP}/made-for"
"""Value: what the Job does, such as `restore`."""

DAY = 24 * 60 * 60
PODLESS_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Images:
    """Our image, and how it is pulled; the client image of the newest dump, empty when there was none."""

    ours: str
    pull_policy: str = "IfNotPresent"
    client: str = ""


async def images(session: Session, resource: Resource, given: str) -> Images:
    """Our image: the one given, else that of the resource's newest Job, which the operator has chosen.

    Raises:
        Problem: there is none.
    """
    jobs, _ = await session.client.all(JOBS, resource.namespace, selector(resource.uid))
    jobs.sort(key=lambda job: str(job["metadata"].get("creationTimestamp", "")), reverse=True)
    ours = next((one for job in jobs for one in _containers(job) if one["name"] == names.CONTAINER), {})
    client = next((one["image"] for job in jobs for one in _containers(job) if one["name"] == "dump"), "")
    if given:
        return Images(given, client=client)
    if ours:
        return Images(ours["image"], ours.get("imagePullPolicy", "IfNotPresent"), client)
    raise Problem(
        ExitCode.USAGE,
        "ImageUnknown",
        f"which image of Switchback to use is not known: {resource.name} in namespace {resource.namespace} "
        "has no Job any more.",
        "Name it with --image; it is the one of the operator's Deployment.",
    )


def _containers(job: Object) -> list[Object]:
    spec = job["spec"]["template"]["spec"]
    return [*spec.get("initContainers", []), *spec.get("containers", [])]


def manifest(name: str, namespace: str, what: str, pod: Object, **more: Any) -> Object:
    """The Job around a pod. `more`: further labels and annotations of both."""
    labels = {names.MANAGED_BY: MANAGER, LABEL_FOR: what}
    metadata = {
        "labels": {**more.get("labels", {}), **labels},
        "annotations": {
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
            **more.get("annotations", {}),
        },
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "ttlSecondsAfterFinished": DAY,
            "template": {"metadata": metadata, "spec": pod},
        },
    }


def taken_literally(container: Object) -> Object:
    """A container with its command line protected: scripts are full of dollar signs."""
    lines: Object = {
        key: [literal(word) for word in container[key]] for key in ("command", "args") if key in container
    }
    return {**container, **lines}


async def make(session: Session, job: Object) -> None:
    """Create it. Raises `RefusedError`."""
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    unclear = (
        f"Stopped before an answer: nobody can say whether Job {name} was made.\n"
        f"Look: kubectl get job {name} -n {namespace}"
    )
    request = session.client.create(JOBS, namespace, job)
    await answered(session.screen, request, stands=_goes_on(name), unclear=unclear)


def _goes_on(name: str) -> str:
    return f"Stopped waiting. Job {name} goes on."


@dataclass(frozen=True, slots=True)
class Ended:
    """The pod at its end, judged, and as the API server has it."""

    pod: Object
    judged: Pod


async def end_of(session: Session, job: Object, *, seconds: float, follow: bool = False) -> Ended:
    """The end of a Job's pod. What happens meanwhile is told on a terminal, or all of it with `follow`.

    Raises:
        Problem: it takes longer than `seconds` (0: no limit), or the Job was deleted.
    """
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    told, seen = "", False
    logs = _Logs(session, namespace, [one["name"] for one in _containers(job)]) if follow else None
    wanted = {"labelSelector": f"batch.kubernetes.io/job-name={name}"}
    try:
        async with asyncio.timeout(seconds or None), aclosing(_pods(session, namespace, wanted)) as coming:
            async for pods in coming:
                if not pods:
                    await _is_there(session, namespace, name, seen=seen)
                    continue
                seen, pod = True, max(pods, key=lambda one: str(one["metadata"]["creationTimestamp"]))
                judged = pod_from(pod, session.now())
                if logs is not None:
                    await logs.go_on(pod)
                if judged.ended:
                    return Ended(pod, judged)
                text = judged.trouble.message if judged.trouble is not None else _running(pod)
                if text != told:
                    session.screen.progress(text)
                    told = text
    except TimeoutError:
        raise Problem(
            ExitCode.PENDING,
            "Timeout",
            f"Job {name} in namespace {namespace} has not ended within {seconds:.0f}s, and goes on"
            + (f": {told}." if told else "."),
            f"See how it goes: kubectl logs -f job/{name} --all-containers -n {namespace}",
        ) from None
    except asyncio.CancelledError:
        session.screen.note(_goes_on(name))
        raise
    raise AssertionError  # the watch never ends by itself


async def _pods(session: Session, namespace: str, wanted: dict[str, str]) -> Any:
    """The pods after each change, and every few seconds: that there is none is no change."""
    async with aclosing(changes(session.client, PODS, namespace, wanted)) as coming:
        waiting = asyncio.ensure_future(anext(coming))
        pods: list[Object] = []
        try:
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=PODLESS_SECONDS)
                if done:
                    pods = waiting.result().objects
                    waiting = asyncio.ensure_future(anext(coming))
                yield pods
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


async def _is_there(session: Session, namespace: str, name: str, *, seen: bool) -> None:
    try:
        job = await session.client.get(JOBS, namespace, name)
    except NotFoundError:
        job = {}
    over = [one for one in (job.get("status") or {}).get("conditions") or [] if one.get("status") == "True"]
    if job and not seen and not over:
        session.screen.progress(f"no pod yet: kubectl describe job {name} -n {namespace} tells why")
        return
    what = (
        "was deleted meanwhile" if not job or seen else f"has ended without a pod: {over[0].get('message')}"
    )
    raise Problem(
        ExitCode.UNKNOWN,
        "JobGone",
        f"Job {name} in namespace {namespace} {what}.",
        "Look at the server whether there is a half-restored database before you try again.",
    )


def _running(pod: Object) -> str:
    """What the pod does now, by the container that is at work."""
    status = pod.get("status") or {}
    for one in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])):
        if "running" in (one.get("state") or {}):
            return f"pod {pod['metadata']['name']}: {one['name']}"
    return f"pod {pod['metadata']['name']}: starting"


class _Logs:
    """The logs of a pod's containers, one after the other, on stderr as they are written."""

    def __init__(self, session: Session, namespace: str, containers: Sequence[str]) -> None:
        self._session, self._namespace = session, namespace
        self._left = list(containers)

    async def go_on(self, pod: Object) -> None:
        """Write the logs of every container that has begun, to their ends."""
        begun = _begun(pod)
        while self._left and self._left[0] in begun:
            container = self._left.pop(0)
            lines = log(self._session, self._namespace, pod["metadata"]["name"], container, follow=True)
            async with aclosing(lines) as coming:
                async for line in coming:
                    sys.stderr.write(self._session.screen.spell(f"{container}: {line}\n"))
                    sys.stderr.flush()


def _begun(pod: Object) -> set[str]:
    status = pod.get("status") or {}
    parts = (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or []))
    return {one["name"] for one in parts if {"running", "terminated"} & set(one.get("state") or {})}


async def log(session: Session, namespace: str, pod: str, container: str, *, follow: bool = False) -> Any:
    """Lines of a container's log. None where we may not read it, or where it is gone."""
    query = {"container": container, **({"follow": "true"} if follow else {})}
    try:
        async with aclosing(session.client.log(PODS.path(namespace, pod, "log"), query)) as coming:
            async for line in coming:
                yield line.decode(errors="replace")
    except (RefusedError, NotFoundError) as error:
        session.screen.progress(f"the log of container {container} cannot be read: {error.message}")


async def answer(session: Session, ended: Ended, wanted: Callable[[str], Any]) -> Any:
    """What `wanted` makes of the log of the container `switchback`; None where there is nothing to read."""
    metadata = ended.pod["metadata"]
    lines: list[str] = []
    try:
        async with aclosing(log(session, metadata["namespace"], metadata["name"], names.CONTAINER)) as coming:
            lines = [line async for line in coming]
    except KubeError:
        return None
    return wanted("\n".join(lines))
