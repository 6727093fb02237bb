"""Every error of AWS means something: the table."""

from __future__ import annotations

import inspect
from typing import Any

import botocore.session
import pytest
from botocore import exceptions as raised
from botocore.parsers import ResponseParserError

from switchback.api.reasons import REASONS, OperatorReason
from switchback.aws import errors
from switchback.contract.points import ErrorClass
from tests.unit.snapshots.rds_rig import REGION

RETRY, HUMAN, TERMINAL, CONFLICT = (
    ErrorClass.RETRY,
    ErrorClass.NEEDS_HUMAN,
    ErrorClass.TERMINAL,
    ErrorClass.CONFLICT,
)
USED = (
    "CreateDBSnapshot", "CreateDBClusterSnapshot", "DescribeDBSnapshots", "DescribeDBClusterSnapshots",
    "DescribeDBInstances", "DescribeDBClusters", "DeleteDBSnapshot", "DeleteDBClusterSnapshot",
)  # fmt: skip


def answered(
    code: str, status: int = 400, message: str = "Words of AWS.", action: str = "CreateDBSnapshot"
) -> Any:
    words: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return raised.ClientError(words, action)


@pytest.mark.parametrize(
    ("code", "status", "kind", "reason"),
    [
        ("DBSnapshotAlreadyExists", 400, CONFLICT, "SnapshotNameConflict"),
        ("DBClusterSnapshotAlreadyExistsFault", 400, CONFLICT, "SnapshotNameConflict"),
        ("InvalidDBInstanceState", 400, RETRY, "SnapshotSourceBusy"),
        ("InvalidDBClusterStateFault", 400, RETRY, "SnapshotSourceBusy"),
        ("InvalidDBClusterSnapshotStateFault", 400, RETRY, "SnapshotRefused"),
        ("InvalidDBSnapshotState", 400, RETRY, "SnapshotRefused"),
        ("DBInstanceNotFound", 404, TERMINAL, "SnapshotSourceNotFound"),
        ("DBClusterNotFoundFault", 404, TERMINAL, "SnapshotSourceNotFound"),
        ("DBSnapshotNotFound", 404, TERMINAL, "SnapshotLost"),
        ("DBClusterSnapshotNotFoundFault", 404, TERMINAL, "SnapshotLost"),
        ("SnapshotQuotaExceeded", 400, HUMAN, "SnapshotQuotaExceeded"),
        ("InvalidParameterValue", 400, TERMINAL, "SnapshotRefused"),
        ("KMSKeyNotAccessibleFault", 400, TERMINAL, "SnapshotKeyUnusable"),
        ("Throttling", 400, RETRY, "SnapshotProviderUnavailable"),
        ("RequestLimitExceeded", 503, RETRY, "SnapshotProviderUnavailable"),
        ("SomethingThrottledException", 400, RETRY, "SnapshotProviderUnavailable"),
        ("Whatever", 429, RETRY, "SnapshotProviderUnavailable"),
        ("InternalFailure", 500, RETRY, "SnapshotProviderUnavailable"),
        ("502", 502, RETRY, "SnapshotProviderUnavailable"),
        ("ServiceUnavailable", 503, RETRY, "SnapshotProviderUnavailable"),
        ("AccessDenied", 403, HUMAN, "SnapshotAccessDenied"),
        ("UnauthorizedOperation", 403, HUMAN, "SnapshotAccessDenied"),
        ("Whatever", 403, HUMAN, "SnapshotAccessDenied"),
        ("ExpiredToken", 403, HUMAN, "SnapshotAccessDenied"),
        ("ExpiredTokenException", 400, HUMAN, "SnapshotAccessDenied"),
        ("InvalidClientTokenId", 403, HUMAN, "SnapshotAccessDenied"),
        ("InvalidIdentityToken", 400, HUMAN, "SnapshotAccessDenied"),
        ("SignatureDoesNotMatch", 403, HUMAN, "SnapshotAccessDenied"),
        ("NobodyKnows", 400, TERMINAL, "SnapshotRefused"),
    ],
)
def test_each_code_has_its_class_and_reason(code: str, status: int, kind: ErrorClass, reason: str) -> None:
    found = errors.failure(answered(code, status), "CreateDBSnapshot", REGION)
    assert (found.kind, found.reason, found.code) == (kind, reason, code)
    assert found.message == f"CreateDBSnapshot in eu-central-1: {code}: Words of AWS."
    if kind is HUMAN:
        assert found.retry_after == 300, "policies and quotas get changed"


def test_every_code_that_the_service_names_for_what_we_ask_is_in_the_table() -> None:
    model = botocore.session.get_session().get_service_model("rds")
    shapes = [shape for name in USED for shape in model.operation_model(name).error_shapes]
    codes = {shape.metadata["error"]["code"] for shape in shapes}
    assert len(codes) > 8
    for code in codes:
        found = errors.failure(answered(code), "CreateDBSnapshot", REGION)
        assert found.reason != OperatorReason.SNAPSHOT_REFUSED or "SnapshotState" in code, code


def made(kind: type[Exception]) -> Exception:
    """An exception of botocore, with something in every gap of its message."""

    class Anything(dict[str, Any]):
        def __missing__(self, _key: str) -> str:
            return "x"

    if not issubclass(kind, raised.BotoCoreError):
        return kind("x")
    error = kind.__new__(kind)
    Exception.__init__(error, kind.fmt.format_map(Anything()))
    return error


BOTOCORE = [
    kind for _, kind in inspect.getmembers(raised, inspect.isclass) if issubclass(kind, raised.BotoCoreError)
]


@pytest.mark.parametrize("kind", BOTOCORE, ids=lambda kind: kind.__name__)
def test_whatever_botocore_raises_means_something(kind: type[Exception]) -> None:
    found = errors.failure(made(kind), "DescribeDBSnapshots", REGION)
    assert OperatorReason(found.reason) in REASONS
    assert found.message.startswith("DescribeDBSnapshots in eu-central-1: ")
    assert found.code == kind.__name__


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (raised.NoCredentialsError(), HUMAN, "SnapshotAccessDenied"),
        (raised.PartialCredentialsError(provider="env", cred_var="x"), HUMAN, "SnapshotAccessDenied"),
        (raised.CredentialRetrievalError(provider="x", error_msg="y"), HUMAN, "SnapshotAccessDenied"),
        (FileNotFoundError(2, "No such file", "/var/run/secrets/token"), HUMAN, "SnapshotAccessDenied"),
        (RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
         HUMAN, "SnapshotAccessDenied"),
        (raised.EndpointConnectionError(endpoint_url="https://x"), RETRY, "SnapshotProviderUnavailable"),
        (raised.ConnectTimeoutError(endpoint_url="https://x"), RETRY, "SnapshotProviderUnavailable"),
        (raised.ReadTimeoutError(endpoint_url="https://x"), RETRY, "SnapshotProviderUnavailable"),
        (raised.ConnectionClosedError(endpoint_url="https://x"), RETRY, "SnapshotProviderUnavailable"),
        (raised.SSLError(endpoint_url="https://x", error=OSError("y")), RETRY, "SnapshotProviderUnavailable"),
        (raised.ProxyConnectionError(proxy_url="x"), RETRY, "SnapshotProviderUnavailable"),
        (ConnectionResetError(104, "reset"), RETRY, "SnapshotProviderUnavailable"),
        (ResponseParserError("invalid XML received:\nb'<html>'"), RETRY, "SnapshotProviderUnavailable"),
        (raised.InvalidRegionError(region_name="-"), TERMINAL, "SnapshotSourceNotFound"),
        (raised.NoRegionError(), TERMINAL, "SnapshotSourceNotFound"),
        (raised.ParamValidationError(report="x"), TERMINAL, "SnapshotRefused"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)  # fmt: skip
def test_what_botocore_raises_by_itself(error: Exception, kind: ErrorClass, reason: str) -> None:
    found = errors.failure(error, "CreateDBSnapshot", REGION)
    assert (found.kind, found.reason) == (kind, reason)
    assert "\n" not in found.message


def test_who_may_not_what_is_told() -> None:
    text = "User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: rds:AddTagsToResource on ..."
    role = "arn:aws:iam::123456789012:role/switchback-shop"
    found = errors.failure(answered("AccessDenied", 403, text), "CreateDBSnapshot", REGION, role)
    assert found.message == f"CreateDBSnapshot in eu-central-1 as {role}: AccessDenied: {text}"
    assumed = errors.failure(
        answered("AccessDenied", 403, "No.", "AssumeRole"), "CreateDBSnapshot", REGION, role
    )
    assert assumed.message.startswith(f"AssumeRole for CreateDBSnapshot in eu-central-1 as {role}: ")


def test_what_was_signed_is_never_told() -> None:
    text = (
        "The request signature we calculated does not match.\n\nThe Canonical String should have been\n"
        "'POST\nx-amz-security-token:SECRET"
    )
    found = errors.failure(answered("SignatureDoesNotMatch", 403, text), "CreateDBSnapshot", REGION)
    assert "SECRET" not in found.message
    long = errors.failure(answered("Odd", 400, "x" * 5000), "CreateDBSnapshot", REGION)
    assert len(long.message) < 500


@pytest.mark.parametrize(
    "error",
    [
        raised.EndpointConnectionError(endpoint_url="http://user:pa55word@rds.internal/", error="refused"),
        raised.ProxyConnectionError(proxy_url="http://socks9://user:pa55word@proxy:1", error="x"),
        ValueError("Invalid endpoint: user:pa55word@rds internal"),
        ValueError("Invalid endpoint: https://user:pa55@word@rds internal"),
        raised.CredentialRetrievalError(provider="custom-process", error_msg="token=pa55word"),
    ],
)
def test_passwords_in_the_operators_own_settings_are_told_to_nobody(error: Exception) -> None:
    """A tenant reads the message in the status of their resource."""
    message = errors.failure(error, "DescribeDBInstances", "eu-central-1").message
    assert "pa55" not in message
    assert message.startswith("DescribeDBInstances in eu-central-1: ")
    assert len(message) > len("DescribeDBInstances in eu-central-1: ") + 10


def test_an_at_sign_in_other_words_is_no_password() -> None:
    text = "User: arn:aws:sts::123456789012:assumed-role/ops/me@example.com is not authorized"
    denied = raised.ClientError({"Error": {"Code": "AccessDenied", "Message": text}}, "CreateDBSnapshot")
    assert text in errors.failure(denied, "CreateDBSnapshot", "eu-central-1").message
