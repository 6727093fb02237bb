"""An answer, and the errors in the two dialects: that of RDS and STS, and that of S3."""

from __future__ import annotations

import functools
import uuid
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import botocore.session

from tests.aws.world import ACCOUNT

_NAMESPACES = {
    "rds": "http://rds.amazonaws.com/doc/2014-10-31/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
_STATUSES = {
    "InternalFailure": 500,
    "InternalError": 500,
    "ServiceUnavailable": 503,
    "RequestLimitExceeded": 503,
    "SlowDown": 503,
    "AccessDenied": 403,
    "ExpiredToken": 403,
    "InvalidClientTokenId": 403,
    "InvalidAccessKeyId": 403,
    "SignatureDoesNotMatch": 403,
    "UnrecognizedClientException": 403,
    "PreconditionFailed": 412,
    "ConditionalRequestConflict": 409,
}
_TEXTS = {
    "Throttling": "Rate exceeded",
    "RequestLimitExceeded": "Request limit exceeded.",
    "SlowDown": "Please reduce your request rate.",
    "ExpiredToken": "The security token included in the request is expired",
    "InvalidClientTokenId": "The security token included in the request is invalid.",
    "InvalidAccessKeyId": "The AWS Access Key Id you provided does not exist in our records.",
    "SnapshotQuotaExceeded": (
        "The request cannot be processed because it would exceed the maximum number of snapshots."
    ),
    "InternalFailure": "The request processing has failed because of an unknown error, exception or failure.",
    "ServiceUnavailable": "The request has failed due to a temporary failure of the server.",
}


@dataclass
class Answer:
    """What goes back to whoever has called."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


class Refused(Exception):  # noqa: N818  # it is an answer, not a failure of ours
    """A call that AWS would refuse."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


def error(service: str, code: str, text: str = "", status: int = 0) -> Answer:
    """An error of a service. Text and status are the usual ones of this code where none are given."""
    status = status or _status(service, code)
    text = escape(text or _TEXTS.get(code) or f"{code}.")
    request = uuid.uuid4()
    if service == "s3":
        inside = f"<Code>{code}</Code><Message>{text}</Message><RequestId>{request}</RequestId>"
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inside}</Error>'
    else:
        kind = "Sender" if status < 500 else "Receiver"
        space = _NAMESPACES.get(service, _NAMESPACES["rds"])
        body = (
            f'<ErrorResponse xmlns="{space}"><Error><Type>{kind}</Type>'
            f"<Code>{code}</Code><Message>{text}</Message></Error><RequestId>{request}</RequestId></ErrorResponse>"
        )
    headers = [
        ("Content-Type", "text/xml"),
        ("x-amzn-RequestId", str(request)),
        ("x-amz-request-id", str(request)),
    ]
    return Answer(status, headers, body.encode())


def denied(service: str, action: str, region: str, resource: str = "") -> str:
    """The text of an AccessDenied."""
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/switchback/i-0"
    what = action if ":" in action else f"{service}:{action}"
    return (
        f"User: {who} is not authorized to perform: {what} on resource: "
        f"{resource or f'arn:aws:{service}:{region}:{ACCOUNT}:*'} "
        f"because no identity-based policy allows the {what} action"
    )


def _status(service: str, code: str) -> int:
    if code == "ExpiredToken" and service == "s3":
        return 400
    return _STATUSES.get(code) or _modelled(service).get(code, 400)


@functools.cache
def _modelled(service: str) -> dict[str, int]:
    """The status of each error that the description of the service knows."""
    model = botocore.session.get_session().get_service_model(service)
    kinds = [shape.metadata.get("error", {}) for shape in model.error_shapes]
    return {
        kind["code"]: kind["httpStatusCode"] for kind in kinds if "code" in kind and "httpStatusCode" in kind
    }
