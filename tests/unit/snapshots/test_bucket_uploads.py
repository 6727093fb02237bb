"""Uploads to a bucket: in parts, with lost answers, with content that changes on the way, encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.aws import s3
from switchback.contract.reasons import Reason
from switchback.snapshots.bucket import BucketStore
from tests.aws.plugin import aws
from tests.unit.snapshots.bucket_bed import PART, environment, failing, objects, store, uploads
from tests.unit.snapshots.dumps import FILES, LARGE, NAME, dump

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.aws.server import FakeAws

__all__ = ["aws", "environment"]


def test_a_large_file_goes_in_parts_each_with_its_checksum(aws: FakeAws, tmp_path: Path) -> None:
    made = store().publish(*dump(tmp_path, LARGE))
    parts = aws.calls("UploadPart")
    assert sorted(int(call["params"]["partNumber"]) for call in parts) == [1, 2, 3]
    assert all("x-amz-checksum-sha256" in call["params"] for call in parts)
    assert aws.calls("CreateMultipartUpload")[0]["params"]["x-amz-checksum-algorithm"] == "SHA256"
    assert store().verify(NAME)[1] == made.digest
    assert uploads(aws) == []


@pytest.mark.parametrize("action", ["UploadPart", "CompleteMultipartUpload"])
def test_an_upload_in_parts_that_fails_is_aborted_and_leaves_nothing(
    aws: FakeAws, tmp_path: Path, action: str
) -> None:
    aws.fault(action, error="AccessDenied", status=403)
    error = failing(lambda: store().publish(*dump(tmp_path, LARGE)))
    assert error.reason is Reason.SNAPSHOT_STORE_REFUSED
    assert uploads(aws) == []
    assert objects(aws) == {}
    assert store().content().points == ()


@pytest.mark.parametrize(
    "action", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "PutObject"]
)
def test_a_lost_answer_changes_nothing(aws: FakeAws, tmp_path: Path, action: str) -> None:
    aws.fault(action, drop="after")
    made = store().publish(*dump(tmp_path, LARGE))
    assert not made.adopted
    assert store().verify(NAME)[1] == made.digest
    assert uploads(aws) == []


def test_a_lost_answer_to_the_manifest_is_no_other_try(aws: FakeAws, tmp_path: Path) -> None:
    aws.fault("PutObject", where={"Key": "*/manifest.json"}, drop="after")
    made = store().publish(*dump(tmp_path))
    assert not made.adopted
    assert made.notices == ()
    assert [call["code"] for call in aws.calls("PutObject")][-1] == "PreconditionFailed"


def test_when_it_is_not_known_whether_there_is_a_manifest_the_files_stay(
    aws: FakeAws, tmp_path: Path
) -> None:
    where = {"Key": "*/manifest.json"}
    aws.fault("PutObject", where=where, drop="after")
    aws.fault("PutObject", where=where, times=None, error="InternalError", status=500)
    error = failing(lambda: store().publish(*dump(tmp_path)))
    assert error.reason is Reason.SNAPSHOT_STORE_UNREACHABLE
    aws.heal()
    assert not isinstance(store().adopt(NAME), str)
    assert store().verify(NAME)[0].name == NAME


@pytest.mark.parametrize("files", [FILES, LARGE], ids=["small", "large"])
def test_a_service_that_does_not_compare_is_read_back(
    aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]
) -> None:
    """Whatever is between us and the disk of such a service may change bytes, and it would not tell."""
    kept = store()
    client = kept._bucket._client  # noqa: SLF001 - what travels is changed on its way

    def careless(what: str) -> Callable[..., object]:
        sent = getattr(client, what)

        def send(**told: object) -> object:
            body = told["Body"]
            assert isinstance(body, bytes)
            if b"manifest" not in str(told["Key"]).encode() and body[:1]:
                told = {**told, "Body": bytes([body[0] ^ 1]) + body[1:]}
            del told["ChecksumSHA256"]
            return {name: value for name, value in sent(**told).items() if name != "ChecksumSHA256"}

        return send

    for what in ("put_object", "upload_part"):
        monkeypatch.setattr(client, what, careless(what))
    complete = client.complete_multipart_upload

    def completing(**told: dict[str, list[dict[str, object]]]) -> object:
        for part in told["MultipartUpload"]["Parts"]:
            part.pop("ChecksumSHA256")
        return complete(**told)

    monkeypatch.setattr(client, "complete_multipart_upload", completing)
    error = failing(lambda: kept.publish(*dump(tmp_path, files)))
    assert error.reason is Reason.SNAPSHOT_UNREADABLE
    assert "other content than was sent" in error.message
    assert objects(aws) == {}


def test_content_that_changes_on_the_way_is_refused_by_the_service(
    aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = store()
    client = kept._bucket._client  # noqa: SLF001 - what travels is changed on its way
    sent = client.put_object
    monkeypatch.setattr(client, "put_object", lambda **told: sent(**{**told, "Body": told["Body"] + b"!"}))
    error = failing(lambda: kept.publish(*dump(tmp_path)))
    assert error.reason is Reason.SNAPSHOT_UNREADABLE
    assert "BadDigest" in error.message
    assert objects(aws) == {}


def test_a_file_that_changes_after_it_was_hashed_is_no_restore_point(aws: FakeAws, tmp_path: Path) -> None:
    for files in (FILES, LARGE):
        partial, manifest = dump(tmp_path, files)
        (partial / "toc.dat").write_bytes(b"X")
        largest = max(partial.glob("*.gz"), key=lambda path: path.stat().st_size)
        with largest.open("r+b") as file:
            file.write(b"!!!")
        error = failing(lambda: store().publish(partial, manifest))  # noqa: B023 - called at once
        assert error.reason is Reason.SNAPSHOT_UNREADABLE
    assert objects(aws) == {}
    assert uploads(aws) == []


def test_a_bucket_that_demands_a_key_gets_it_with_every_object(aws: FakeAws, tmp_path: Path) -> None:
    aws.make_bucket("sealed", needs_encryption="aws:kms")
    plain = BucketStore(s3.Bucket("sealed", part=PART))
    error = failing(lambda: plain.publish(*dump(tmp_path, LARGE)))
    assert error.reason is Reason.SNAPSHOT_STORE_REFUSED
    assert "AccessDenied" in error.message
    assert "s3://sealed/" in error.message
    kept = BucketStore(s3.Bucket("sealed", kms_key="alias/points", part=PART))
    made = kept.publish(*dump(tmp_path, LARGE))
    assert kept.verify(NAME)[1] == made.digest
    for found in aws.s3().list_objects_v2(Bucket="sealed")["Contents"]:
        head = aws.s3().head_object(Bucket="sealed", Key=found["Key"])
        assert head["ServerSideEncryption"] == "aws:kms"
        assert head["SSEKMSKeyId"].endswith("alias/points")
