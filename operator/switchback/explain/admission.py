"""Whether the Jobs of the stories would be let in: sent with dryRun=All, each with the pod that it describes.

Job and pod are judged by different people: quotas count Jobs, pod security looks at pods only. The operator
would send the Jobs and Kubernetes' own controller the pods; here it is the user who asks, which may make a
difference to policies that look at who asks.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from switchback.api.reasons import OperatorReason
from switchback.contract.result import bounded
from switchback.contract.words import Operation
from switchback.controller.kube.errors import AlreadyExistsError, ConflictError, NotFoundError, RefusedError
from switchback.controller.kube.kinds import JOBS, PODS
from switchback.explain.cluster import There
from switchback.explain.findings import Finding, Level
from switchback.explain.looking import may_not

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from switchback.controller.kube.errors import KubeError
    from switchback.controller.kube.kinds import Kind
    from switchback.explain.looking import Looking
    from switchback.explain.references import Reference
    from switchback.explain.scenes import Scene

Object = dict[str, Any]

WORDS = 1000
_STRICT = "strict decoding error"
_HEAD = re.compile(r'^(pods|jobs\.batch|Pod|Job\.batch)( "[^"]*")? is (forbidden|invalid): ')
MANAGER = "switchback-explain"
BACKWARD_STEPS = {Operation.RESERVE, Operation.SNAPSHOT, Operation.ROLLBACK, Operation.RELEASE}


class Let(Enum):
    """What came of it."""

    IN = "would be admitted"
    REFUSED = "would be refused"
    UNKNOWN = "not known: you may not create it"


@dataclass(frozen=True)
class Verdict:
    """About the Job of one step and its pod. `ignored`: fields that would be left out silently."""

    step: Operation
    let: Let
    reason: str = ""
    message: str = ""
    ignored: str = ""


async def verdicts(client: Looking, namespace: str, scenes: Mapping[Operation, Scene]) -> list[Verdict]:
    """One verdict for each step.

    Raises:
        KubeError: the API server does not answer.
    """
    asked = (_verdict(client, namespace, step, scene) for step, scene in scenes.items())
    return list(await asyncio.gather(*asked))


async def _verdict(client: Looking, namespace: str, step: Operation, scene: Scene) -> Verdict:
    job, pod = await asyncio.gather(
        _try(client, JOBS, namespace, scene.manifest), _try(client, PODS, namespace, pod_of(scene.manifest))
    )
    ignored = job.ignored
    for tried, reason in ((job, OperatorReason.JOB_REFUSED), (pod, OperatorReason.POD_NOT_CREATED)):
        if tried.error is not None and not may_not(tried.error):
            return Verdict(step, Let.REFUSED, reason, _words(tried.error.message), ignored)
    known = job.error is None and pod.error is None
    return Verdict(step, Let.IN if known else Let.UNKNOWN, ignored=ignored)


@dataclass(frozen=True)
class _Tried:
    """What a try came to."""

    error: KubeError | None = None
    ignored: str = ""


async def _try(client: Looking, kind: Kind, namespace: str, body: Object) -> _Tried:
    """As the operator would send it. A strict try before that tells what the server would leave out."""
    try:
        await client.pretend(kind, namespace, body, MANAGER)
    except AlreadyExistsError:
        return _Tried()
    except (RefusedError, ConflictError, NotFoundError) as error:
        if _STRICT not in error.message:
            return _Tried(error)
        ignored = error.message.partition(_STRICT)[2].strip(" :")
    else:
        return _Tried()
    try:
        await client.pretend(kind, namespace, body, MANAGER, strict=False)
    except AlreadyExistsError:
        return _Tried(ignored=ignored)
    except (RefusedError, ConflictError, NotFoundError) as error:
        return _Tried(error, ignored)
    return _Tried(ignored=ignored)


def pod_of(job: Object) -> Object:
    """The pod that a Job describes, as its controller would send it."""
    template = job["spec"]["template"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **template["metadata"],
            "generateName": f"{job['metadata']['name']}-",
            "namespace": job["metadata"]["namespace"],
        },
        "spec": template["spec"],
    }


def _words(message: str) -> str:
    """The server's words without the name that only this try has."""
    return bounded(" ".join(_HEAD.sub("", message).split()), WORDS)


def findings(
    found: Sequence[Verdict], certain: Collection[Operation | None], needed: Mapping[Reference, There]
) -> Iterator[Finding]:
    """What is told of it, steps with the same fate together.

    Args:
        found: the verdicts.
        certain: steps that will come. A step of a way back that may never be gone is a warning.
        needed: a missing object is told where it is named, not here.
    """
    path = ("spec", "jobTemplate")
    missing = [f"{one.name}" for one, there in needed.items() if there is There.NO]
    groups: dict[tuple[str, str], list[Operation]] = {}
    for one in found:
        if one.let is Let.REFUSED:
            groups.setdefault((one.reason, one.message), []).append(one.step)
    for (reason, message), steps in groups.items():
        if any(name in message for name in missing):
            continue
        only_back = all(step in BACKWARD_STEPS and step not in certain for step in steps)
        what = "Job" if reason == OperatorReason.JOB_REFUSED else "pod"
        text = f"the {what} of step {', '.join(steps)} would not be admitted: {message}"
        yield Finding(Level.WARNING if only_back else Level.REFUSED, reason, text, path)
    for ignored in dict.fromkeys(one.ignored for one in found if one.ignored):
        text = f"Kubernetes does not know a field of the pods, and leaves it out: {ignored}."
        yield Finding(Level.WARNING, "FieldIgnored", text, path)
