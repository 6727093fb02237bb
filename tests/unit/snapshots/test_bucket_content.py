"""What is in a bucket: told when it cannot be had, downloaded, listed, removed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import contents
from switchback.snapshots.manifest import encode
from switchback.snapshots.places import Place, fetched, store_at
from switchback.snapshots.store import State
from tests.aws.plugin import aws
from tests.unit.snapshots.bucket_bed import environment, failing, objects, store, uploads
from tests.unit.snapshots.dumps import FILES, LARGE, NAME, dump

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.aws.server import FakeAws

__all__ = ["aws", "environment"]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"error": "AccessDenied", "status": 403}, Reason.SNAPSHOT_STORE_REFUSED),
        ({"error": "NoSuchBucket", "status": 404}, Reason.SNAPSHOT_STORE_REFUSED),
        ({"error": "InvalidAccessKeyId", "status": 403}, Reason.SNAPSHOT_STORE_REFUSED),
        ({"error": "KMS.DisabledException", "status": 400}, Reason.SNAPSHOT_STORE_REFUSED),
        ({"error": "NotImplemented", "status": 501}, Reason.SNAPSHOT_STORE_UNREACHABLE),
        ({"error": "SlowDown", "status": 503}, Reason.SNAPSHOT_STORE_UNREACHABLE),
        ({"error": "InternalError", "status": 500}, Reason.SNAPSHOT_STORE_UNREACHABLE),
        ({"drop": "before"}, Reason.SNAPSHOT_STORE_UNREACHABLE),
        ({"body": "<html>Bad gateway</html>", "status": 502}, Reason.SNAPSHOT_STORE_UNREACHABLE),
    ],
)
def test_each_trouble_is_told_with_bucket_key_and_code(
    aws: FakeAws, tmp_path: Path, told: dict[str, str], reason: Reason
) -> None:
    aws.fault("PutObject", times=None, **told)  # type: ignore[arg-type]
    error = failing(lambda: store().publish(*dump(tmp_path)))
    assert error.reason is reason
    assert f"PutObject in s3://points/db/{NAME}/" in error.message or "drop" in told
    assert f"s3://points/db/{NAME}/" in error.message
    assert told.get("error", "") in error.message
    assert "not-a-secret" not in error.message + error.advice + (error.detail or "")
    aws.heal()
    assert store().content().points == ()


def test_trouble_that_passes_is_not_noticed(aws: FakeAws, tmp_path: Path) -> None:
    aws.fault("PutObject", times=2, error="SlowDown", status=503)
    aws.fault("ListObjectsV2", times=2, drop="before")
    aws.fault("GetObject", times=2, error="InternalError", status=500)
    made = store().publish(*dump(tmp_path))
    assert store().verify(NAME)[1] == made.digest


def test_no_credentials_and_no_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    error = failing(lambda: store().adopt(NAME))
    assert error.reason is Reason.SNAPSHOT_STORE_REFUSED
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACANARY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    nowhere = store_at(Place("s3://points/db", endpoint="http://127.0.0.1:1"))
    error = failing(lambda: nowhere.adopt(NAME))
    assert error.reason is Reason.SNAPSHOT_STORE_UNREACHABLE
    assert "127.0.0.1:1" in error.message
    assert "anary" not in error.message.lower()


def test_a_connection_that_breaks_while_an_object_is_read_goes_on_where_it_was(
    aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = store().publish(*dump(tmp_path, LARGE))
    kept = store()
    client = kept._bucket._client  # noqa: SLF001 - the connection is cut
    asked, ask = [], client.get_object

    class Cut:
        def __init__(self, body: Iterator[bytes]) -> None:
            self.body = body

        def iter_chunks(self, size: int) -> Iterator[bytes]:
            for number, chunk in enumerate(self.body.iter_chunks(size)):  # type: ignore[attr-defined]
                if number == 3:
                    raise ConnectionResetError
                yield chunk

    def getting(**told: str) -> dict[str, object]:
        asked.append(told.get("Range", ""))
        answer = ask(**told)
        return {**answer, "Body": Cut(answer["Body"])}

    monkeypatch.setattr(client, "get_object", getting)
    monkeypatch.setattr("switchback.aws.s3.time.sleep", lambda _: None)
    assert kept.verify(NAME)[1] == made.digest
    assert [told for told in asked if told] == [f"bytes={3 * n}-" for n in (1048576, 2097152, 3145728)]


def test_it_is_downloaded_as_pg_restore_reads_it(tmp_path: Path) -> None:
    made = store().publish(*dump(tmp_path))
    with fetched(Place(f"s3://points/db/{NAME}"), tmp_path) as folder:
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
            **FILES, "manifest.json": encode(made.manifest),
        }  # fmt: skip
        assert contents.verify(folder) == (made.manifest, made.digest)
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_a_damaged_one_is_not_downloaded(aws: FakeAws, tmp_path: Path) -> None:
    made = store().publish(*dump(tmp_path))
    key = f"db/{NAME}/{made.manifest.data}/toc.dat"
    aws.s3().put_object(Bucket="points", Key=key, Body=b"PGDMX" * 10)
    with (
        pytest.raises(RunnerError, match="other content"),
        fetched(Place(f"s3://points/db/{NAME}"), tmp_path),
    ):
        raise AssertionError
    with pytest.raises(RunnerError, match="does not exist"), fetched(Place("s3://points/db/other"), tmp_path):
        raise AssertionError


def test_a_folder_that_somebody_has_copied_into_the_bucket_is_a_restore_point(
    aws: FakeAws, tmp_path: Path
) -> None:
    partial, manifest = dump(tmp_path)
    digest = contents.publish(partial, tmp_path / NAME, manifest)
    for path in (tmp_path / NAME).iterdir():
        aws.s3().put_object(Bucket="points", Key=f"db/{NAME}/{path.name}", Body=path.read_bytes())
    assert store().verify(NAME) == (manifest, digest)
    (point,) = store().content().points
    assert (point.state, point.digest) == (State.SEALED, digest)
    store().remove(NAME, digest)
    assert objects(aws) == {}


def test_the_listing_says_what_is_what(aws: FakeAws, tmp_path: Path) -> None:
    client = aws.s3()
    store().publish(*dump(tmp_path, name="whole"))
    cut = store().publish(*dump(tmp_path, name="cut"))
    client.delete_object(Bucket="points", Key=f"db/cut/{cut.manifest.data}/toc.dat")
    client.put_object(Bucket="points", Key="db/odd/manifest.json", Body=b"[]")
    client.put_object(Bucket="points", Key="db/killed/0a0a0a0a/toc.dat", Body=b"x")
    client.put_object(Bucket="points", Key="db/somebody/elses", Body=b"x")
    client.put_object(Bucket="points", Key="db/readme", Body=b"x")
    client.put_object(Bucket="points", Key="dbx/other/manifest.json", Body=b"[]")
    client.put_object(Bucket="points", Key="db/whole/keep", Body=b"for the audit")
    content = store().content()
    assert content.complete
    assert {(point.name, point.state, point.keep) for point in content.points} == {
        ("whole", State.SEALED, True),
        ("cut", State.DAMAGED, False),
        ("odd", State.UNREADABLE, False),
        ("killed/0a0a0a0a", State.INCOMPLETE, False),
    }
    assert "toc.dat is missing" in {point.name: point.why for point in content.points}["cut"]


def test_a_listing_of_many_pages_is_read_to_its_end(
    aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store().publish(*dump(tmp_path))
    kept = store()
    client = kept._bucket._client  # noqa: SLF001 - pages of 1000 would take long to fill
    by_pages = client.get_paginator

    class Few:
        def __init__(self, what: str) -> None:
            self.what = what

        def paginate(self, **told: object) -> object:
            return by_pages(self.what).paginate(**told, PaginationConfig={"PageSize": 2})

    monkeypatch.setattr(client, "get_paginator", Few)
    aws.forget_calls()
    assert kept.content().points[0].state is State.SEALED
    assert len(aws.calls("ListObjectsV2")) == 2
    assert kept.verify(NAME)[0].size == sum(map(len, FILES.values()))


def test_a_listing_that_fails_half_way_is_no_listing(aws: FakeAws, tmp_path: Path) -> None:
    store().publish(*dump(tmp_path))
    aws.fault("GetObject", times=None, error="AccessDenied", status=403)
    assert failing(lambda: store().content()).reason is Reason.SNAPSHOT_STORE_REFUSED


def test_what_is_removed_stops_being_a_restore_point_first(aws: FakeAws, tmp_path: Path) -> None:
    made = store().publish(*dump(tmp_path))
    other = store().publish(*dump(tmp_path, name="other"))
    assert failing(lambda: store().remove(NAME, other.digest)).message.endswith("it was not deleted.")
    aws.fault("DeleteObject", skip=1, times=None, error="AccessDenied", status=403)
    assert failing(lambda: store().remove(NAME, made.digest)).reason is Reason.SNAPSHOT_STORE_REFUSED
    states = {point.name: point.state for point in store().content().points}
    assert states == {"other": State.SEALED, f"{NAME}/{made.manifest.data}": State.INCOMPLETE}
    aws.heal()
    assert store().remove_tries("3f2a91c0", time.time() + 60) == [f"{NAME}/{made.manifest.data}"]
    assert {point.name for point in store().content().points} == {"other"}


def test_a_keep_mark_that_appears_after_the_listing_counts(aws: FakeAws, tmp_path: Path) -> None:
    made = store().publish(*dump(tmp_path))
    aws.s3().put_object(Bucket="points", Key=f"db/{NAME}/keep", Body=b"")
    assert "keep mark" in failing(lambda: store().remove(NAME, made.digest)).message
    assert store().verify(NAME)[1] == made.digest


def test_only_old_tries_of_the_resource_are_removed(aws: FakeAws, tmp_path: Path) -> None:
    client = aws.s3()
    names = (NAME, f"{NAME}-2", NAME.replace("3f2a91c0", "99999999"), "laptop")
    for name in names:
        client.put_object(Bucket="points", Key=f"db/{name}/0a0a0a0a/toc.dat", Body=b"x")
        client.create_multipart_upload(Bucket="points", Key=f"db/{name}/0b0b0b0b/1.dat.gz")
    store().publish(*dump(tmp_path, name=NAME.replace("5b1e77", "aaaaaa")))
    before = len(objects(aws))
    assert store().remove_tries("3f2a91c0", time.time() - 60) == []
    assert len(objects(aws)) == before
    assert len(uploads(aws)) == 4
    removed = store().remove_tries("3f2a91c0", time.time() + 60)
    assert removed == [f"{NAME}-2/0a0a0a0a", f"{NAME}/0a0a0a0a"]
    assert len(objects(aws)) == before - 2
    assert sorted(uploads(aws)) == sorted(f"db/{name}/0b0b0b0b/1.dat.gz" for name in names[2:])


KILLED = """
import os, sys
from pathlib import Path
from switchback.snapshots.places import Place, store_at
from tests.unit.snapshots.dumps import LARGE, dump
kept = store_at(Place("s3://points/db"))
kept._bucket._part = 5 * 1024 * 1024
kept.publish(*dump(Path(sys.argv[1]), LARGE), lambda _: os.kill(os.getpid(), 9))
"""


def test_killed_while_it_uploads_the_next_try_of_the_name_works(aws: FakeAws, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path], env={**os.environ, "PYTHONPATH": "."},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr
    assert len(uploads(aws)) == 1
    assert store().adopt(NAME) is None
    made = store().publish(*dump(tmp_path, LARGE))
    assert store().verify(NAME)[1] == made.digest
    assert uploads(aws) == []


@pytest.mark.parametrize("text", ["s3://", "s3://x", "s3:///db", "s3://Points/db", "s3://po ints"])
def test_what_names_no_bucket_is_told(text: str) -> None:
    assert failing(lambda: store_at(Place(text))).reason is Reason.USAGE


@pytest.mark.parametrize("text", ["s3://points", "s3://points/"])
def test_what_names_no_restore_point_is_told(text: str) -> None:
    def act() -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(fetched(Place(text)))

    assert failing(act).reason is Reason.USAGE
