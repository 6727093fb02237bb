"""Requests to the operator: an annotation or an edit, over the very version that was looked at."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from switchback.contract.exits import ExitCode
from switchback.controller.kube.errors import ConflictError
from switchback.controller.kube.kinds import MIGRATIONS
from switchback.kubectl.problems import Problem
from switchback.kubectl.resource import Resource
from switchback.kubectl.stopped import GOES_ON, answered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from switchback.kubectl.session import Session

ATTEMPTS = 10
"""An operation at work writes its status every second or so; each write is another version."""


def nonce() -> str:
    """What tells one request from the next, though both ask for the same."""
    return f"{int(time.time()):x}-{secrets.token_hex(2)}"


async def send(
    session: Session,
    resource: Resource,
    *,
    annotations: Mapping[str, str | None] | None = None,
    spec: Mapping[str, Any] | None = None,
    same: Callable[[Resource], bool],
) -> Resource:
    """Leave a request, over the very version that was looked at. None removes an annotation.

    Args:
        session: the way to the API server.
        resource: as it was looked at.
        annotations: to set.
        spec: fields to set.
        same: whether a newer version is, for this request, still what was looked at.

    Raises:
        Problem: it is not the same any more.
        KubeError: the server refuses.
    """
    for _ in range(ATTEMPTS):
        metadata: dict[str, Any] = {"resourceVersion": resource.version}
        if annotations:
            metadata["annotations"] = dict(annotations)
        body = {"metadata": metadata, **({"spec": dict(spec)} if spec else {})}
        try:
            return Resource(await _patched(session, resource, body))
        except ConflictError:
            newer = Resource(await session.client.get(MIGRATIONS, resource.namespace, resource.name))
        if newer.uid != resource.uid or not same(newer):
            raise Problem(
                ExitCode.MOVED,
                "Moved",
                f"{resource.name} in namespace {resource.namespace} has changed since it was shown; nothing "
                "was sent.",
                f"Look again: kubectl switchback status {resource.name} -n {resource.namespace}",
            )
        resource = newer
    raise Problem(
        ExitCode.MOVED,
        "Conflict",
        f"{resource.name} in namespace {resource.namespace} changes faster than a request can be left on it.",
        "Try again.",
    )


async def _patched(session: Session, resource: Resource, body: dict[str, Any]) -> Any:
    request = session.client.patch(MIGRATIONS, resource.namespace, resource.name, body)
    unclear = (
        f"Stopped before an answer: nobody can say whether {resource.name} has taken the request.\n"
        f"Look: kubectl switchback status {resource.name} -n {resource.namespace}"
    )
    return await answered(session.screen, request, stands=GOES_ON, unclear=unclear)
