"""S3 as moto answers it, and what moto lacks: checksums that have to fit, and encryption as it is today."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from moto.s3.models import s3_backends

from tests.aws.answers import Answer, Refused
from tests.aws.world import ACCOUNT, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.aws.call import Call
    from tests.aws.world import World

SSE = "x-amz-server-side-encryption"
KMS_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
STREAMED = "STREAMING-"
MAKES_OBJECTS = ("PutObject", "CreateMultipartUpload", "CopyObject")
DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "sha256": lambda content: hashlib.sha256(content).digest(),
    "sha1": lambda content: hashlib.sha1(content, usedforsecurity=False).digest(),
    "crc32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
}
"""Those that are checked. CRC32C and CRC64NVME need a library, and are believed."""


def done(
    world: World,
    asked: Call,
    environ: dict[str, Any],
    body: bytes,
    by_moto: Callable[[dict[str, Any], bytes], Answer],
) -> Answer:
    """Check a call, let moto do it, and put right what it answers."""
    headers = {name: value for name, value in asked["params"].items() if name.islower()}
    trailer: dict[str, str] = {}
    content = body
    if _streamed(headers):
        content, trailer = _unchunked(body)
        environ = _at_once(environ, trailer)
    _fits(_of_content(asked, headers | trailer), content)
    action, bucket = asked["action"], asked["params"]["Bucket"]
    if action in MAKES_OBJECTS:
        _encrypted(world, bucket, headers)
        environ = environ | _encryption(bucket, headers, asked["region"])
    if action in ("PutObject", "UploadPart"):
        environ = environ | _checksum(headers | trailer)
    if action in ("UploadPart", "ListParts"):
        _begun(bucket, asked["params"]["uploadId"])
    if action == "CompleteMultipartUpload":
        _parts_fit(world, asked["params"]["uploadId"], body, headers)
    answer = by_moto(environ, content)
    if answer.status < 300:
        _put_right(world, asked, answer, headers | trailer)
    return answer


def _put_right(world: World, asked: Call, answer: Answer, headers: Mapping[str, str]) -> None:
    """Note what moto forgets, and say what it does not."""
    params = asked["params"]
    if asked["action"] == "CreateMultipartUpload":
        found = re.search(rb"<UploadId>([^<]+)</UploadId>", answer.body)
        world.uploads[found.group(1).decode() if found else ""] = world.now()
    elif asked["action"] == "UploadPart":
        given = {name.removeprefix("x-amz-checksum-"): value for name, value in headers.items()}
        part = params["uploadId"], int(params["partNumber"])
        world.parts[part] = {name: value for name, value in given.items() if name in DIGESTS}
    elif asked["action"] == "ListMultipartUploads":
        answer.body = re.sub(
            rb"<Upload>.*?</Upload>", lambda found: _dated(world, found.group()), answer.body
        )
    elif asked["action"] == "HeadObject":
        answer.headers = _of_parts(answer.headers)


def _dated(world: World, upload: bytes) -> bytes:
    """One upload of a listing, with the time when it was begun."""
    found = re.search(rb"<UploadId>([^<]+)</UploadId>", upload)
    begun = world.uploads.get(found.group(1).decode() if found else "", world.now())
    return re.sub(rb"(?<=<Initiated>)[^<]+", f"{moment(begun):%Y-%m-%dT%H:%M:%S.000Z}".encode(), upload)


def _of_parts(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A checksum that is made of those of the parts says of how many, as the ETag does."""
    etag = next((value for name, value in headers if name.lower() == "etag"), "")
    parts = re.search(r'-(\d+)"$', etag)
    if parts is None:
        return headers
    suffix = f"-{parts.group(1)}"
    whole = ("x-amz-checksum-sha256", "x-amz-checksum-sha1", "x-amz-checksum-crc32")
    return [
        (name, value + suffix if name.lower() in whole and "-" not in value else value)
        for name, value in headers
    ]


def _of_content(asked: Call, headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers that are about this body. Those of a completion are about the whole object."""
    if asked["action"] != "CompleteMultipartUpload":
        return headers
    return {name: value for name, value in headers.items() if not name.startswith("x-amz-checksum-")}


def _streamed(headers: Mapping[str, str]) -> bool:
    return headers.get("x-amz-content-sha256", "").startswith(STREAMED)


def _fits(headers: Mapping[str, str], content: bytes) -> None:
    """Refuse what has changed on the way."""
    md5 = headers.get("content-md5")
    if md5 is not None:
        if len(_decoded(md5)) != 16:
            raise Refused("InvalidDigest", "The Content-MD5 you specified was invalid.")
        if _decoded(md5) != hashlib.md5(content, usedforsecurity=False).digest():
            raise Refused("BadDigest", "The Content-MD5 you specified did not match what we received.")
    for name, digest in DIGESTS.items():
        given = headers.get(f"x-amz-checksum-{name}")
        if given is None:
            continue
        expected = digest(content)
        if len(_decoded(given)) != len(expected):
            raise Refused("InvalidRequest", f"Value for x-amz-checksum-{name} header is invalid.")
        if _decoded(given) != expected:
            raise Refused(
                "BadDigest", f"The {name.upper()} you specified did not match the calculated checksum."
            )
    signed = headers.get("x-amz-content-sha256", "")
    if re.fullmatch("[0-9a-f]{64}", signed) and signed != hashlib.sha256(content).hexdigest():
        raise Refused(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )


def _checksum(headers: Mapping[str, str]) -> dict[str, str]:
    """The kind of the checksum, which clients need not name. Moto keeps none without it."""
    kind = next((name for name in DIGESTS if f"x-amz-checksum-{name}" in headers), None)
    return {} if kind is None else {_header("x-amz-sdk-checksum-algorithm"): kind.upper()}


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unchunked(body: bytes) -> tuple[bytes, dict[str, str]]:
    """The content of a body in signed chunks, and the checksums that follow it."""
    content, at = b"", 0
    while True:
        head, _, _ = body[at:].partition(b"\r\n")
        size = int(head.split(b";")[0] or b"0", 16)
        at += len(head) + 2
        if not size:
            break
        content += body[at : at + size]
        at += size + 2
    lines = body[at:].decode("ascii", "replace").splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return content, {name.strip().lower(): value.strip() for name, _, value in pairs}


def _begun(bucket: str, upload: str) -> None:
    """An upload that has ended takes no more parts. Moto falls over it."""
    found = s3_backends[ACCOUNT]["aws"].buckets.get(bucket)
    if found is not None and upload not in found.multiparts:
        raise Refused(
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            "aborted or completed.",
            404,
        )


def _at_once(environ: dict[str, Any], trailer: Mapping[str, str]) -> dict[str, Any]:
    """The same upload as if it had not come in chunks."""
    encodings = [part.strip() for part in environ.get("HTTP_CONTENT_ENCODING", "").split(",")]
    left = {
        "HTTP_CONTENT_ENCODING": ",".join(part for part in encodings if part != "aws-chunked"),
        _header("x-amz-content-sha256"): "UNSIGNED-PAYLOAD",
    }
    gone = ("HTTP_X_AMZ_TRAILER", "HTTP_X_AMZ_DECODED_CONTENT_LENGTH")
    whole = environ | left | {_header(name): value for name, value in trailer.items()}
    return {name: value for name, value in whole.items() if name not in gone and value != ""}


def _encrypted(world: World, bucket: str, headers: Mapping[str, str]) -> None:
    """The bucket's rule about objects without encryption."""
    wanted, given = world.encryption.get(bucket), headers.get(SSE)
    if wanted is None or (given and wanted in ("any", given)):
        return
    who, what = f"arn:aws:sts::{ACCOUNT}:assumed-role/switchback/i-0", f"arn:aws:s3:::{bucket}/*"
    raise Refused(
        "AccessDenied",
        f'User: {who} is not authorized to perform: s3:PutObject on resource: "{what}" '
        "with an explicit deny in a resource-based policy",
        403,
    )


def _encryption(bucket: str, headers: Mapping[str, str], region: str) -> dict[str, str]:
    """What S3 takes an upload to have said: there are no objects without encryption any more."""
    kind, key = headers.get(SSE), headers.get(KMS_KEY, "")
    if kind is None:
        found = s3_backends[ACCOUNT]["aws"].buckets.get(bucket)
        return {} if found is not None and found.encryption else {_header(SSE): "AES256"}
    if not kind.startswith("aws:kms") or key.startswith("arn:"):
        return {}
    return {_header(KMS_KEY): f"arn:aws:kms:{region}:{ACCOUNT}:{_key(key)}"}


def _key(name: str) -> str:
    return name if name.startswith("alias/") else f"key/{name or 'aws-s3'}"


def _header(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


def _parts_fit(world: World, upload: str, body: bytes, headers: Mapping[str, str]) -> None:
    """The checksums by which an upload is put together are those that its parts came with."""
    try:
        tree = ET.fromstring(body)  # noqa: S314  # written by a test's own client
    except ET.ParseError:
        raise Refused(
            "MalformedXML", "The XML you provided was not well-formed or did not validate."
        ) from None
    named = [{child.tag.rpartition("}")[2]: child.text or "" for child in part} for part in tree]
    known = [world.parts.get((upload, int(part.get("PartNumber", "0"))), {}) for part in named]
    for name, digest in DIGESTS.items():
        for said, there in zip(named, known, strict=True):
            given = said.get(f"Checksum{name.upper()}")
            if given is not None and given != there.get(name, given):
                raise Refused(
                    "InvalidPart",
                    "One or more of the specified parts could not be found. The part may not have been "
                    "uploaded, or the specified entity tag may not match the part's entity tag.",
                )
        whole = headers.get(f"x-amz-checksum-{name}")
        # That of a CRC is of the whole object, which is not put together yet.
        if whole is None or name == "crc32" or not all(name in there for there in known):
            continue
        if _decoded(whole.partition("-")[0]) != digest(b"".join(_decoded(there[name]) for there in known)):
            raise Refused("BadDigest", f"The {name} you specified did not match the calculated checksum.")
