"""Restore points in a bucket, against a fake AWS over HTTP: published, adopted, set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.aws import s3
from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots.manifest import encode
from switchback.snapshots.store import State
from tests.aws.plugin import aws
from tests.unit.snapshots.bucket_bed import environment, failing, objects, store, uploads
from tests.unit.snapshots.dumps import FILES, NAME, dump

if TYPE_CHECKING:
    from pathlib import Path

    from tests.aws.server import FakeAws

__all__ = ["aws", "environment"]


def test_the_manifest_comes_last_and_says_which_folder_counts(aws: FakeAws, tmp_path: Path) -> None:
    partial, manifest = dump(tmp_path)
    seen: list[int] = []
    made = store().publish(partial, manifest, seen.append)
    puts = aws.calls("PutObject")
    folder = f"db/{NAME}/{made.manifest.data}"
    assert {call["params"]["Key"] for call in puts[:-1]} == {f"{folder}/{name}" for name in FILES}
    assert puts[-1]["params"]["Key"] == f"db/{NAME}/manifest.json"
    assert puts[-1]["params"]["if-none-match"] == "*"
    assert all("x-amz-checksum-sha256" in call["params"] for call in puts)
    assert sum(seen) == manifest.size
    assert objects(aws)[f"db/{NAME}/manifest.json"] == encode(made.manifest)
    assert store().verify(NAME) == (made.manifest, made.digest)
    assert not made.adopted


def test_asked_again_it_is_adopted_after_every_byte_was_read(aws: FakeAws, tmp_path: Path) -> None:
    made = store().publish(*dump(tmp_path))
    seen: list[int] = []
    assert store().adopt(NAME, seen.append) == (made.manifest, made.digest)
    assert sum(seen) == made.manifest.size
    assert store().adopt("another") is None


@pytest.mark.parametrize("damage", ["flip", "cut", "missing", "extra", "manifest"])
def test_what_does_not_verify_is_set_aside_and_made_anew(aws: FakeAws, tmp_path: Path, damage: str) -> None:
    made = store().publish(*dump(tmp_path))
    folder, client = f"db/{NAME}/{made.manifest.data}", aws.s3()
    key, raw = f"{folder}/3001.dat.gz", bytearray(FILES["3001.dat.gz"])
    raw[100] ^= 1
    if damage == "missing":
        client.delete_object(Bucket="points", Key=key)
    elif damage == "manifest":
        client.put_object(Bucket="points", Key=f"db/{NAME}/manifest.json", Body=b"{}")
    else:
        key = f"{folder}/9999.dat.gz" if damage == "extra" else key
        client.put_object(Bucket="points", Key=key, Body=bytes(raw[:-1] if damage == "cut" else raw))
    error = failing(lambda: store().verify(NAME))
    assert error.reason is Reason.SNAPSHOT_UNREADABLE
    aside = store().adopt(NAME)
    assert isinstance(aside, str)
    again = store().publish(*dump(tmp_path))
    assert store().verify(NAME) == (again.manifest, again.digest)
    states = {point.name: point.state for point in store().content().points}
    assert states.pop(NAME) is State.SEALED
    assert states.pop(aside) is State.DAMAGED
    # Files of a manifest that was set aside are kept as long as that can be read.
    assert bool([key for key in objects(aws) if key.startswith(folder)]) is (damage != "manifest")
    assert states == {}


def test_two_tries_at_the_same_time_make_one_restore_point(aws: FakeAws, tmp_path: Path) -> None:
    """A pod that was given up for lost still writes: it can neither replace nor damage the other's."""
    slow, mine = dump(tmp_path), dump(tmp_path, {"toc.dat": b"other", "1.dat.gz": b"content"})
    others = []

    def meanwhile(_: object) -> None:
        others.append(store().publish(*mine))

    aws.fault("PutObject", where={"Key": "*/manifest.json"}, before=meanwhile)
    made = store().publish(*slow)
    assert (made.manifest, made.digest, made.adopted) == (others[0].manifest, others[0].digest, True)
    assert store().verify(NAME)[1] == made.digest
    assert {key.split("/")[2] for key in objects(aws)} == {"manifest.json", made.manifest.data}


@pytest.mark.parametrize("moment", ["*/toc.dat", "*/manifest.json"])
def test_a_service_that_does_not_heed_the_condition_makes_nobody_report_what_is_not_there(
    aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    slow, mine = dump(tmp_path), dump(tmp_path, {"toc.dat": b"other", "1.dat.gz": b"content"})
    put = s3.Bucket._put  # noqa: SLF001 - what travels is changed on its way
    monkeypatch.setattr(s3.Bucket, "_put", lambda bucket, key, content, **_: put(bucket, key, content))
    aws.fault("PutObject", where={"Key": moment}, before=lambda _: store().publish(*mine))
    try:
        made = store().publish(*slow)
    except RunnerError:
        return  # nothing was promised
    assert store().verify(NAME)[1] == made.digest


def test_what_is_set_aside_is_what_did_not_verify(aws: FakeAws, tmp_path: Path) -> None:
    """While this one read gigabytes, another try has set it aside and made a good one."""
    made = store().publish(*dump(tmp_path))
    key = f"db/{NAME}/{made.manifest.data}/toc.dat"
    aws.s3().put_object(Bucket="points", Key=key, Body=b"damaged")
    good = []

    def meanwhile(_: object) -> None:
        store().adopt(NAME)
        good.append(store().publish(*dump(tmp_path)))

    aws.fault("PutObject", where={"Key": "*.damaged"}, before=meanwhile)
    assert isinstance(store().adopt(NAME), str)
    assert store().verify(NAME)[1] == good[0].digest


def test_who_may_list_a_prefix_only_is_told_no_where_there_is_nothing(aws: FakeAws, tmp_path: Path) -> None:
    """S3 answers so when the right to list has a condition on the prefix."""
    aws.fault("GetObject", times=2, error="AccessDenied", status=403)
    assert store().adopt(NAME) is None
    store().publish(*dump(tmp_path))
    aws.fault("GetObject", times=None, error="AccessDenied", status=403)
    assert failing(lambda: store().adopt(NAME)).reason is Reason.SNAPSHOT_STORE_REFUSED


def test_another_try_of_another_database_is_no_restore_point_of_this_one(
    aws: FakeAws, tmp_path: Path
) -> None:
    store().publish(*dump(tmp_path, database="other"))
    error = failing(lambda: store().publish(*dump(tmp_path)))
    assert error.reason is Reason.DATABASE_CHANGED
    assert store().read(NAME)[0].origin.database == "other"


def test_what_an_earlier_try_has_left_goes_when_there_is_a_manifest(aws: FakeAws, tmp_path: Path) -> None:
    client = aws.s3()
    client.put_object(Bucket="points", Key=f"db/{NAME}/0a0a0a0a/toc.dat", Body=b"x")
    client.create_multipart_upload(Bucket="points", Key=f"db/{NAME}/0b0b0b0b/1.dat.gz")
    client.create_multipart_upload(Bucket="points", Key=f"db/{NAME}x/0b0b0b0b/1.dat.gz")
    client.put_object(Bucket="points", Key=f"db/{NAME}/keep", Body=b"")
    client.put_object(Bucket="points", Key=f"db/{NAME}x/0a0a0a0a/toc.dat", Body=b"x")
    assert store().clear(NAME, "3f2a91c0") == []
    made = store().publish(*dump(tmp_path))
    left = {key for key in objects(aws) if f"/{made.manifest.data}/" not in key}
    assert left == {f"db/{NAME}/keep", f"db/{NAME}/manifest.json", f"db/{NAME}x/0a0a0a0a/toc.dat"}
    assert uploads(aws) == [f"db/{NAME}x/0b0b0b0b/1.dat.gz"]
    assert store().content().points[0].keep


def test_that_nothing_may_be_removed_is_no_reason_for_having_failed(aws: FakeAws, tmp_path: Path) -> None:
    aws.s3().put_object(Bucket="points", Key=f"db/{NAME}/0a0a0a0a/toc.dat", Body=b"x")
    aws.fault("DeleteObject", times=None, error="AccessDenied", status=403)
    made = store().publish(*dump(tmp_path))
    assert not made.adopted
    assert "AccessDenied" in made.notices[0]
