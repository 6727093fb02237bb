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
from tests.aws.world import ACCOUNT

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
    content, trailer = _unchunked(body) if _streamed(headers) else (body, {})
    _fits(headers | trailer, content)
    action, bucket = asked["action"], asked["params"]["Bucket"]
    if action in MAKES_OBJECTS:
        _encrypted(world, bucket, headers)
        environ = environ | _encryption(bucket, headers, asked["region"])
    if action == "CompleteMultipartUpload":
        _parts_fit(world, asked["params"]["uploadId"], body)
    answer = by_moto(environ, body)
    if action == "UploadPart" and answer.status == 200:
        given = {name.removeprefix("x-amz-checksum-"): value for name, value in (headers | trailer).items()}
        part = asked["params"]["uploadId"], int(asked["params"]["partNumber"])
        world.parts[part] = {name: value for name, value in given.items() if name in DIGESTS}
    return answer


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


def _parts_fit(world: World, upload: str, body: bytes) -> None:
    """The checksums by which an upload is put together are those that its parts came with."""
    try:
        tree = ET.fromstring(body)  # noqa: S314  # written by a test's own client
    except ET.ParseError:
        raise Refused(
            "MalformedXML", "The XML you provided was not well-formed or did not validate."
        ) from None
    for part in tree:
        said = {child.tag.rpartition("}")[2]: child.text or "" for child in part}
        known = world.parts.get((upload, int(said.get("PartNumber", "0"))), {})
        for name in DIGESTS:
            given = said.get(f"Checksum{name.upper()}")
            if given is not None and given != known.get(name, given):
                raise Refused(
                    "InvalidPart",
                    "One or more of the specified parts could not be found. The part may not have been "
                    "uploaded, or the specified entity tag may not match the part's entity tag.",
                )
