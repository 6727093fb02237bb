"""What S3 refuses and moto does not, and what of moto's S3 is relied on."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.aws.refused import refused

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

KEY = "arn:aws:kms:eu-central-1:123456789012:key/k"
MIB = 1024 * 1024


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


@pytest.fixture
def s3(aws: FakeAws) -> Any:
    aws.make_bucket("backups")
    return aws.s3()


@pytest.mark.parametrize(
    "more",
    [{"ChecksumSHA256": sha256(b"other")}, {"ContentMD5": md5(b"other")}, {"ChecksumCRC32": "AAAAAA=="}],
)
def test_what_has_changed_on_the_way_is_refused(s3: Any, more: dict[str, str]) -> None:
    with refused("BadDigest", "did not match"):
        s3.put_object(Bucket="backups", Key="k", Body=b"content", **more)
    upload = s3.create_multipart_upload(Bucket="backups", Key="k")["UploadId"]
    with refused("BadDigest", "did not match"):
        s3.upload_part(Bucket="backups", Key="k", UploadId=upload, PartNumber=1, Body=b"content", **more)
    assert "Contents" not in s3.list_objects_v2(Bucket="backups")


def test_a_checksum_that_fits_is_kept_and_one_that_is_none_is_refused(s3: Any) -> None:
    put = s3.put_object(
        Bucket="backups",
        Key="k",
        Body=b"content",
        ChecksumSHA256=sha256(b"content"),
        ContentMD5=md5(b"content"),
    )
    assert put["ChecksumSHA256"] == sha256(b"content")
    head = s3.head_object(Bucket="backups", Key="k", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ContentLength"]) == (sha256(b"content"), 7)
    with refused("InvalidDigest"):
        s3.put_object(Bucket="backups", Key="k", Body=b"content", ContentMD5="bm8=")
    with refused("InvalidRequest", "sha256"):
        s3.put_object(Bucket="backups", Key="k", Body=b"content", ChecksumSHA256="bm8=")


def put(aws: FakeAws, body: bytes, **headers: str) -> int:
    """A request as somebody writes it who has no SDK."""
    scope = "Credential=AKIA/20260101/eu-central-1/s3/aws4_request"
    asked = urllib.request.Request(  # noqa: S310  # of the fake AWS
        f"{aws.url}/backups/k",
        body,
        {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"}
        | {"Content-Type": "application/octet-stream"}
        | {name.replace("_", "-"): value for name, value in headers.items()},
        method="PUT",
    )
    try:
        return int(urllib.request.urlopen(asked, timeout=10).status)  # noqa: S310  # as above
    except urllib.error.HTTPError as error:
        return error.code


def test_the_hash_in_the_signature_has_to_fit_as_well(aws: FakeAws, s3: Any) -> None:
    assert put(aws, b"content", x_amz_content_sha256=hashlib.sha256(b"other").hexdigest()) == 400
    assert put(aws, b"content", x_amz_content_sha256=hashlib.sha256(b"content").hexdigest()) == 200


def test_a_checksum_may_follow_the_content(aws: FakeAws, s3: Any) -> None:
    more = {
        "x_amz_content_sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "content_encoding": "aws-chunked",
        "x_amz_decoded_content_length": "7",
        "x_amz_trailer": "x-amz-checksum-sha256",
    }
    chunks = b"4\r\ncont\r\n3\r\nent\r\n0\r\nx-amz-checksum-sha256:%s\r\n\r\n"
    assert put(aws, chunks % sha256(b"other").encode(), **more) == 400
    assert put(aws, chunks % sha256(b"content").encode(), **more) == 200
    assert s3.get_object(Bucket="backups", Key="k")["Body"].read() == b"content"


def test_an_object_that_must_be_new_is_refused_where_there_is_one(s3: Any) -> None:
    s3.put_object(Bucket="backups", Key="k", Body=b"first", IfNoneMatch="*")
    with refused("PreconditionFailed", status=412):
        s3.put_object(Bucket="backups", Key="k", Body=b"second", IfNoneMatch="*")
    upload = s3.create_multipart_upload(Bucket="backups", Key="k")["UploadId"]
    part = s3.upload_part(Bucket="backups", Key="k", UploadId=upload, PartNumber=1, Body=b"third")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    whole = {"Bucket": "backups", "Key": "k", "UploadId": upload, "MultipartUpload": parts}
    with refused("PreconditionFailed", status=412):
        s3.complete_multipart_upload(**whole, IfNoneMatch="*")
    assert s3.get_object(Bucket="backups", Key="k")["Body"].read() == b"first"
    s3.complete_multipart_upload(**whole)
    assert s3.get_object(Bucket="backups", Key="k")["Body"].read() == b"third"


def test_of_many_at_once_one_is_first(aws: FakeAws, s3: Any) -> None:
    done: list[int] = []
    ready = threading.Barrier(8)
    aws.fault("PutObject", times=None, before=lambda _: ready.wait(20))

    def write(number: int) -> None:
        try:
            s3.put_object(Bucket="backups", Key="k", Body=b"%d" % number, IfNoneMatch="*")
        except s3.exceptions.ClientError:
            return
        done.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert s3.get_object(Bucket="backups", Key="k")["Body"].read() == b"%d" % done[0]


def test_encryption_is_kept_and_told_again(s3: Any) -> None:
    asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY}
    put = s3.put_object(Bucket="backups", Key="k", Body=b"x", **asked)
    head = s3.head_object(Bucket="backups", Key="k")
    got = s3.get_object(Bucket="backups", Key="k")
    upload = s3.create_multipart_upload(Bucket="backups", Key="p", **asked)
    of_upload = {"Bucket": "backups", "Key": "p", "UploadId": upload["UploadId"]}
    part = s3.upload_part(**of_upload, PartNumber=1, Body=b"x")
    whole = s3.complete_multipart_upload(
        **of_upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    for answer in (put, head, got, upload, part, whole, s3.head_object(Bucket="backups", Key="p")):
        assert {name: answer.get(name) for name in asked} == asked


def test_an_upload_that_says_nothing_is_encrypted_all_the_same(s3: Any) -> None:
    assert s3.put_object(Bucket="backups", Key="k", Body=b"x")["ServerSideEncryption"] == "AES256"
    named = s3.put_object(
        Bucket="backups", Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="k"
    )
    assert named["SSEKMSKeyId"] == KEY


@pytest.mark.parametrize("rule", ["any", "aws:kms"])
def test_a_bucket_may_refuse_uploads_that_do_not_ask_for_encryption(aws: FakeAws, rule: str) -> None:
    aws.make_bucket("strict", needs_encryption=rule)
    s3 = aws.s3()
    with refused("AccessDenied", "s3:PutObject", "explicit deny", status=403):
        s3.put_object(Bucket="strict", Key="k", Body=b"x")
    with refused("AccessDenied", "s3:PutObject", status=403):
        s3.create_multipart_upload(Bucket="strict", Key="k")
    if rule == "aws:kms":
        with refused("AccessDenied", status=403):
            s3.put_object(Bucket="strict", Key="k", Body=b"x", ServerSideEncryption="AES256")
    s3.put_object(Bucket="strict", Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    upload = s3.create_multipart_upload(Bucket="strict", Key="p", ServerSideEncryption="aws:kms")
    s3.upload_part(Bucket="strict", Key="p", UploadId=upload["UploadId"], PartNumber=1, Body=b"x")


def test_uploads_in_parts_are_listed_with_their_age_and_can_be_given_up(aws: FakeAws, s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="backups", Key="k")["UploadId"]
    of_upload = {"Bucket": "backups", "Key": "k", "UploadId": upload}
    for number in (1, 2):
        s3.upload_part(**of_upload, PartNumber=number, Body=b"x" * 5 * MIB)
    (listed,) = s3.list_multipart_uploads(Bucket="backups")["Uploads"]
    assert (listed["UploadId"], listed["Key"]) == (upload, "k")
    assert listed["Initiated"].timestamp() == pytest.approx(time.time(), abs=30)
    parts = s3.list_parts(**of_upload)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in parts] == [(1, 5 * MIB), (2, 5 * MIB)]
    s3.abort_multipart_upload(**of_upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="backups")
    with refused("NoSuchUpload", status=404):
        s3.upload_part(**of_upload, PartNumber=3, Body=b"x")
    counts = aws.counts()
    assert (counts["UploadPart"], counts["AbortMultipartUpload"], counts["ListParts"]) == (3, 1, 1)


def test_parts_are_put_together_by_the_checksums_they_came_with(s3: Any) -> None:
    contents = [b"a" * 5 * MIB, b"b"]
    upload = s3.create_multipart_upload(Bucket="backups", Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    of_upload = {"Bucket": "backups", "Key": "k", "UploadId": upload}
    parts = []
    for number, content in enumerate(contents, 1):
        part = s3.upload_part(**of_upload, PartNumber=number, Body=content, ChecksumSHA256=sha256(content))
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": sha256(content)})
    wrong = [parts[0], parts[1] | {"ChecksumSHA256": sha256(b"other")}]
    with refused("InvalidPart"):
        s3.complete_multipart_upload(**of_upload, MultipartUpload={"Parts": wrong})
    composite = sha256(b"".join(hashlib.sha256(content).digest() for content in contents))
    with refused("BadDigest"):
        s3.complete_multipart_upload(
            **of_upload, MultipartUpload={"Parts": parts}, ChecksumSHA256=sha256(b"other")
        )
    s3.complete_multipart_upload(**of_upload, MultipartUpload={"Parts": parts}, ChecksumSHA256=composite)
    for answer in (
        s3.head_object(Bucket="backups", Key="k", ChecksumMode="ENABLED"),
        s3.get_object(Bucket="backups", Key="k"),
    ):
        assert answer["ChecksumSHA256"] == f"{composite}-2"
