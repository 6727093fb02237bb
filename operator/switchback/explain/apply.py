"""What the API server answers when the manifest is applied, without applying it.

Who applies it decides what becomes of fields that are in the resource and not in the file. So the apply that
is pretended is the one that the resource has seen before: with server-side apply as the manager that owns the
spec, else as `kubectl apply` does on the client.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.contract.result import bounded
from switchback.controller.kube.errors import ConflictError, KubeError, NotFoundError, RefusedError
from switchback.controller.kube.kinds import MIGRATIONS
from switchback.explain.findings import Finding, Level
from switchback.explain.looking import causes, is_missing_namespace, is_unknown_kind, may_not

if TYPE_CHECKING:
    from switchback.explain.looking import Looking

Object = dict[str, Any]

KUBECTL = "kubectl-client-side-apply"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
INVALID = 422
BAD = 400
WORDS = 1500
"""Most bytes of one answer that are shown."""


@dataclass(frozen=True)
class Answer:
    """What came back. `after` is the resource as it would be; None when the server would not take it.

    `how` tells in whose name it was asked. `tried`: the server has judged it.
    """

    after: Object | None = None
    how: str = ""
    tried: bool = True
    findings: tuple[Finding, ...] = ()


async def pretend(client: Looking, namespace: str, manifest: Object, live: Object | None) -> Answer:
    """Applies the manifest with dryRun=All.

    Raises:
        KubeError: the API server could not be asked.
    """
    body = {key: value for key, value in manifest.items() if key != "status"}
    body["metadata"] = {"annotations": {}, **manifest["metadata"], "namespace": namespace}
    manager = _owner(live) if live is not None else ""
    how = f"server-side apply as {manager}" if manager else "kubectl apply"
    try:
        after, conflicts = await _ask(client, body, live, manager)
    except (RefusedError, NotFoundError) as error:
        return _refused(error, how)
    return Answer(after, how, findings=conflicts)


async def _ask(
    client: Looking, body: Object, live: Object | None, manager: str
) -> tuple[Object, tuple[Finding, ...]]:
    namespace = body["metadata"]["namespace"]
    if live is None:
        return await client.pretend(MIGRATIONS, namespace, body, KUBECTL), ()
    name = live["metadata"]["name"]
    if not manager:
        patch = three_way(_last_applied(live), body)
        return await client.pretend_merge(MIGRATIONS, namespace, name, patch, KUBECTL), ()
    try:
        after = await client.pretend_apply(MIGRATIONS, namespace, name, body, manager=manager, force=False)
    except ConflictError as error:
        after = await client.pretend_apply(MIGRATIONS, namespace, name, body, manager=manager, force=True)
        return after, _conflicts(error)
    return after, ()


def _owner(live: Object) -> str:
    """The manager that applies the spec on the server; empty when nobody does."""
    owners = [
        str(one.get("manager", ""))
        for one in live["metadata"].get("managedFields") or ()
        if one.get("operation") == "Apply" and "f:spec" in (one.get("fieldsV1") or {})
    ]
    return "kubectl" if "kubectl" in owners else next(iter(owners), "")


def _last_applied(live: Object) -> Object:
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED, "")
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def three_way(last: Object, wanted: Object) -> Object:
    """The merge patch of `kubectl apply`: what the file says, without what it only said last time."""
    patch: Object = {}
    for key, value in wanted.items():
        before = last.get(key)
        if isinstance(value, dict):
            patch[key] = three_way(before if isinstance(before, dict) else {}, value)
        else:
            patch[key] = value
    return {**{key: None for key in last if key not in wanted and key != "status"}, **patch}


def _conflicts(error: ConflictError) -> tuple[Finding, ...]:
    advice = (
        "kubectl apply --server-side needs --force-conflicts for it; a GitOps tool usually takes them over."
    )
    parts = causes(error) or [((), error.message)]
    return tuple(
        Finding(
            Level.WARNING,
            "FieldOwnedByOthers",
            f"somebody else owns it: {bounded(message, WORDS)}.",
            path,
            advice,
        )
        for path, message in parts
    )


def _refused(error: KubeError, how: str) -> Answer:
    if is_unknown_kind(error):
        message = "the cluster does not know DatabaseMigrations (switchback.dev/v1alpha1)."
        advice = "Install Switchback with its chart, or its definition alone with: switchback crd."
        return Answer(None, how, findings=(Finding(Level.REFUSED, "NotInstalled", message, (), advice),))
    if is_missing_namespace(error):
        return Answer(None, how, tried=False)
    if may_not(error):
        message = f"you may not apply it, so nobody has asked the API server: {error.message}."
        return Answer(None, how, tried=False, findings=(Finding(Level.UNKNOWN, "Forbidden", message),))
    invalid = error.code in {INVALID, BAD} and "denied request" not in error.message
    level = Level.INVALID if invalid else Level.REFUSED
    reason = "ServerSaysInvalid" if invalid else "ServerRefuses"
    parts = [(path, text) for path, text in causes(error) if text and path and path != ("<nil>",)]
    if not invalid or not parts:
        parts = [((), error.message)]
    return Answer(
        None,
        how,
        findings=tuple(
            Finding(level, reason, f"the API server: {bounded(text, WORDS)}", path) for path, text in parts
        ),
    )
