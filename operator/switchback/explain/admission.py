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
from switchback.explain.looking import may_not

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.controller.kube.errors import KubeError
    from switchback.controller.kube.kinds import Kind
    from switchback.explain.looking import Looking
    from switchback.explain.scenes import Scene

Object = dict[str, Any]

WORDS = 1000
MANAGER = "switchback-explain"
BACKWARD_STEPS = {Operation.RESERVE, Operation.SNAPSHOT, Operation.ROLLBACK, Operation.RELEASE}


class Let(Enum):
    """What came of it."""

    IN = "would be admitted"
    REFUSED = "would be refused"
    UNKNOWN = "not known: you may not create it"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class Verdict:
    """About the Job of one step and its pod."""

    step: Operation
    let: Let
    reason: str = ""
    message: str = ""


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
    for refusal, reason in ((job, OperatorReason.JOB_REFUSED), (pod, OperatorReason.POD_NOT_CREATED)):
        if refusal is not None and not may_not(refusal):
            return Verdict(step, Let.REFUSED, reason, _words(refusal, scene.name))
    return Verdict(step, Let.IN if job is None and pod is None else Let.UNKNOWN)


async def _try(client: Looking, kind: Kind, namespace: str, body: Object) -> KubeError | None:
    try:
        await client.pretend(kind, namespace, body, MANAGER)
    except AlreadyExistsError:
        return None
    except (RefusedError, ConflictError, NotFoundError) as error:
        return error
    return None


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


def _words(error: KubeError, job: str) -> str:
    """The server's words without the name that only this try has."""
    text = re.sub(rf'"?{re.escape(job)}(-[a-z0-9]{{5}})?"?', "of this step", error.message)
    return bounded(" ".join(text.split()), WORDS)
