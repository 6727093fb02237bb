from __future__ import annotations

import json

import pytest

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass
from switchback.controller.kube.errors import error_from, unreachable
from switchback.snapshots.kube_failures import cause

R = OperatorReason
RETRY, HUMAN, TERMINAL = ErrorClass.RETRY, ErrorClass.NEEDS_HUMAN, ErrorClass.TERMINAL
REQUEST = "POST /apis/snapshot.storage.k8s.io/v1/namespaces/shop/volumesnapshots"
RBAC = (
    'volumesnapshots.snapshot.storage.k8s.io is forbidden: User "system:serviceaccount:a:b" cannot create '
    'resource "volumesnapshots" in API group "snapshot.storage.k8s.io" in the namespace "shop"'
)


def status(reason: str, message: str) -> bytes:
    return json.dumps({"kind": "Status", "reason": reason, "message": message}).encode()


@pytest.mark.parametrize(
    ("code", "body", "kind", "reason", "word"),
    [
        (403, status("Forbidden", RBAC), HUMAN, R.SNAPSHOT_ACCESS_DENIED, "may not create"),
        (
            403,
            status("Forbidden", "exceeded quota: q"),
            ErrorClass.NEEDS_HUMAN,
            R.SNAPSHOT_QUOTA_EXCEEDED,
            "q",
        ),
        (403, status("Forbidden", "a policy says no"), HUMAN, R.SNAPSHOT_REFUSED, "policy"),
        (
            404,
            b"404 page not found\n",
            ErrorClass.NEEDS_HUMAN,
            R.SNAPSHOT_PROVIDER_MISSING,
            "volumesnapshots",
        ),
        (
            404,
            status("NotFound", "namespaces shop"),
            ErrorClass.TERMINAL,
            R.SNAPSHOT_SOURCE_NOT_FOUND,
            "shop",
        ),
        (400, status("BadRequest", "denied by hook"), TERMINAL, R.SNAPSHOT_REFUSED, "hook"),
        (422, status("Invalid", "spec.source"), TERMINAL, R.SNAPSHOT_REFUSED, "spec.source"),
        (409, status("AlreadyExists", "there"), RETRY, R.SNAPSHOT_PROVIDER_UNAVAILABLE, "there"),
        (410, status("Expired", "too old"), RETRY, R.SNAPSHOT_PROVIDER_UNAVAILABLE, "too old"),
        (429, b"slow down", RETRY, R.SNAPSHOT_PROVIDER_UNAVAILABLE, "slow down"),
        (500, b"<html>", RETRY, R.SNAPSHOT_PROVIDER_UNAVAILABLE, "html"),
        (401, status("Unauthorized", "who"), RETRY, R.SNAPSHOT_PROVIDER_UNAVAILABLE, "who"),
    ],
)
def test_each_answer_has_its_class(code: int, body: bytes, kind: ErrorClass, reason: str, word: str) -> None:
    failure = cause(error_from(REQUEST, code, body))
    assert (failure.kind, failure.reason) == (kind, reason)
    assert word in failure.message


def test_no_answer_is_asked_for_again() -> None:
    failure = cause(unreachable(REQUEST, "no answer in time"))
    assert (failure.kind, failure.reason) == (RETRY, R.SNAPSHOT_PROVIDER_UNAVAILABLE)
    assert "volumesnapshots.snapshot.storage.k8s.io: no answer in time" in failure.message
