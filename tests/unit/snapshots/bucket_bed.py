"""A bucket in a fake AWS, for tests of restore points. A test module imports `aws` and `environment`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.aws import s3
from switchback.runner.errors import RunnerError
from switchback.snapshots.bucket import BucketStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aws.server import FakeAws

PART = 5 * 1024 * 1024


@pytest.fixture(autouse=True)
def environment(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and address as a pod has them; and what is tried again is tried at once."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.01)
    aws.make_bucket("points")


def store(part: int = PART, kms_key: str = "", prefix: str = "db") -> BucketStore:
    return BucketStore(s3.Bucket("points", kms_key=kms_key, part=part), prefix)


def objects(aws: FakeAws, prefix: str = "") -> dict[str, bytes]:
    client = aws.s3()
    listed = client.list_objects_v2(Bucket="points", Prefix=prefix).get("Contents", [])
    return {one["Key"]: client.get_object(Bucket="points", Key=one["Key"])["Body"].read() for one in listed}


def uploads(aws: FakeAws) -> list[str]:
    return [one["Key"] for one in aws.s3().list_multipart_uploads(Bucket="points").get("Uploads", [])]


def failing(act: Callable[[], object]) -> RunnerError:
    with pytest.raises(RunnerError) as refusal:
        act()
    return refusal.value
