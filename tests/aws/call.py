"""One call of an API: what is asked, read from the request before anybody answers it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = re.compile(
    r"(?i)password|secret|identitytoken|security-?token|saml|signature|encryption-customer-key|credential"
)
FORM = "application/x-www-form-urlencoded"
_KEPT_HEADERS = ("if-none-match", "if-match", "content-md5", "range")


class Call(TypedDict):
    """A call, as the control surface tells of it. Plain values only: they go through JSON."""

    number: int
    at: float
    """When it came, by the clock of the fake AWS."""
    service: str
    action: str
    region: str
    key: str
    """The id of the access key that it was signed with."""
    params: dict[str, str]
    """What was asked for. Secrets are left out."""
    agent: str
    status: int
    """0 while it is not answered, and when it never is."""
    code: str
    """The error's code, if it is one."""
    outcome: str
    """`answered`, `dropped before` or `dropped after` it was done; empty while it is being done."""


def read(environ: Mapping[str, Any], body: bytes, at: float) -> Call:
    """What is asked for by a request."""
    key, region, service = _signed(environ)
    if service != "s3" and environ.get("CONTENT_TYPE", "").startswith(FORM):
        params = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        action = params.pop("Action", "")
        params.pop("Version", None)
        service = service or "sts"
    else:
        service = service or "s3"
        action, params = _rest(environ, body)
    return Call(
        number=0,
        at=at,
        service=service,
        action=action,
        region=region,
        key=key,
        params={name: value for name, value in params.items() if not SECRET.search(name)},
        agent=environ.get("HTTP_USER_AGENT", ""),
        status=0,
        code="",
        outcome="",
    )


def _signed(environ: Mapping[str, Any]) -> tuple[str, str, str]:
    """Who has signed, for which region and which service."""
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    found = re.search(r"Credential=([^,\s]+)", environ.get("HTTP_AUTHORIZATION", ""))
    scope = found.group(1) if found else query.get("X-Amz-Credential", "")
    try:
        key, _, region, service, _ = scope.split("/")
    except ValueError:
        return "", "", ""
    return key, region, service


def _rest(environ: Mapping[str, Any], body: bytes) -> tuple[str, dict[str, str]]:
    """A call of S3, which has no name in the request."""
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    bucket, _, key = unquote(environ.get("PATH_INFO", "/")).lstrip("/").partition("/")
    headers = {
        name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"
    }
    params = {"Bucket": bucket, "Key": key, **query, "bytes": str(len(body))}
    params |= {n: v for n, v in headers.items() if n.startswith("x-amz-") or n in _KEPT_HEADERS}
    return s3_action(environ["REQUEST_METHOD"], bucket, key, query, headers), params


def s3_action(
    method: str, bucket: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> str:
    """The name of what S3 is asked for."""
    if not bucket:
        return "ListBuckets"
    if not key:
        return _of_bucket(method, query)
    verbs = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
    if "uploadId" in query:
        verbs = {
            "GET": "ListParts",
            "PUT": "UploadPart",
            "POST": "CompleteMultipartUpload",
            "DELETE": "AbortMultipartUpload",
        }
    elif "uploads" in query:
        verbs = {"POST": "CreateMultipartUpload"}
    elif method == "PUT" and "x-amz-copy-source" in headers:
        return "CopyObject"
    part = _part(query, ("tagging", "retention", "legal-hold", "acl", "attributes"))
    return verbs.get(method, method) + part


def _of_bucket(method: str, query: Mapping[str, str]) -> str:
    if "uploads" in query:
        return "ListMultipartUploads"
    if "delete" in query:
        return "DeleteObjects"
    if "versions" in query:
        return "ListObjectVersions"
    part = _part(
        query, ("location", "encryption", "versioning", "policy", "tagging", "lifecycle", "object-lock")
    )
    if part:
        return {"PUT": "PutBucket", "DELETE": "DeleteBucket"}.get(method, "GetBucket") + part
    if method == "GET":
        return "ListObjectsV2" if query.get("list-type") == "2" else "ListObjects"
    return {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}.get(method, method)


def _part(query: Mapping[str, str], parts: tuple[str, ...]) -> str:
    """The part of an object or a bucket that is asked for, as it stands in the action's name."""
    return next((part.title().replace("-", "") for part in parts if part in query), "")
