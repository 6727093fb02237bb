"""What the API server, or the way to it, answers instead of what was asked for: in words for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.controller.kube.errors import (
    ConflictError,
    KubeError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)
from switchback.kubectl.problems import Problem
from switchback.kubectl.session import is_missing_object

if TYPE_CHECKING:
    from switchback.controller.kube.login import LoginError

UNAUTHORIZED = 401

_RIGHT = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)" in API group "[^"]*"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_POLICY = re.compile(
    r"""(?P<who>ValidatingAdmissionPolicy '[^']*'|admission webhook "[^"]*")?[^'"]*(?:'[^']*' )?"""
    r"denied (?:the )?request:? ?(?P<words>.*)",
    re.DOTALL,
)
_ROLES = {
    "databasemigrations": {
        "get": "view", "list": "view", "watch": "view", "patch": "edit", "update": "edit",
    },
}  # fmt: skip


def from_login(error: LoginError) -> Problem:
    """No way to log in."""
    return Problem(
        ExitCode.CONNECTION, "NoLogin", str(error), "kubectl config view shows what kubectl would use."
    )


def from_kube(error: KubeError, host: str) -> Problem:
    """An answer of the API server."""
    if isinstance(error, RefusedError):
        return refused(error)
    if isinstance(error, NotFoundError):
        return _not_found(error, host)
    if isinstance(error, ConflictError):
        return Problem(
            ExitCode.MOVED, "Conflict", f"somebody changed it at the same time: {error.message}", "Try again."
        )
    reason, message = error.reason, f"the API server {host} answered {error.code}: {error.message}"
    advice = "Try again; if it stays so, ask whoever runs the cluster."
    if isinstance(error, UnreachableError):
        message = f"the API server {host} does not answer: {error.message}."
        advice = "Is this the right context (kubectl config current-context), and does the cluster run?"
    elif error.code == UNAUTHORIZED:
        reason = "Unauthorized"
        message = (
            f"the API server {host} does not know who you are: the kubeconfig's credentials are missing, "
        )
        message += "wrong or have expired."
        advice = "Log in again, as your cluster's tool does it."
    return Problem(ExitCode.CONNECTION, reason, message, advice)


def _not_found(error: NotFoundError, host: str) -> Problem:
    if is_missing_object(error):
        return Problem(ExitCode.USAGE, "NotFound", f"{error.message}.")
    return Problem(
        ExitCode.CONNECTION,
        "NotInstalled",
        f"the API server {host} does not know DatabaseMigrations (switchback.dev/v1alpha1).",
        "Switchback is not installed in this cluster, or this is another cluster: kubectl config "
        "current-context. Its chart, or `switchback crd`, brings the definition.",
    )


def refused(error: RefusedError) -> Problem:
    """A no: of RBAC, which names the missing verb, of an admission policy, or of the schema."""
    policy = _POLICY.search(error.message)
    if policy is not None:
        return Problem(
            ExitCode.REFUSED,
            "RefusedByPolicy",
            f"an admission policy refuses this: {policy['words'].strip() or error.message}",
            f"It was {policy['who']}." if policy["who"] else "",
        )
    right = _RIGHT.search(error.message)
    if right is not None:
        where = f" in namespace {right['namespace']}" if right["namespace"] else " in the whole cluster"
        role = _ROLES.get(right["resource"], {}).get(right["verb"])
        advice = f"kubectl auth can-i {right['verb']} {right['resource']} tells whether you may."
        if role:
            advice = (
                f"The role that the chart calls …-{role} allows it; it is part of Kubernetes' own {role}."
            )
        return Problem(
            ExitCode.REFUSED,
            "Forbidden",
            f"you ({right['user']}) may not {right['verb']} {right['resource']}{where}.",
            advice,
        )
    code = ExitCode.USAGE if error.reason in {"Invalid", "BadRequest"} else ExitCode.REFUSED
    return Problem(code, error.reason, f"the API server refuses this: {error.message}")
