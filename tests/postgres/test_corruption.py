"""Two hundred ways for a dump to go bad: none of them is ever taken for a restore point.

Real dumps of a real server, in a folder and in a bucket. Each round damages one at random and asks everybody
who could accept it: verifying, adopting, listing by sizes where that can tell, and restoring. Set
SWITCHBACK_SEED to repeat a campaign.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.aws.s3 import Bucket
from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import restore
from switchback.snapshots.bucket import BucketStore
from switchback.snapshots.folder import FolderStore
from switchback.snapshots.layout import MANIFEST
from switchback.snapshots.places import Place, fetched
from tests.aws.server import FakeAws
from tests.postgres.snapshot_pod import FILL, NAME, Pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from switchback.snapshots.store import Store
    from tests.postgres.servers import Server

DAMAGED = 180
KILLED_DUMPS = 14
KILLED_UPLOADS = 6
SEED = int(os.environ.get("SWITCHBACK_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)


@pytest.fixture(scope="module")
def url(pg18: Server) -> Iterator[str]:
    name = pg18.create_database()
    with psycopg.connect(pg18.url(name), autocommit=True) as connection:
        connection.execute(FILL.encode())
        connection.execute(b"CREATE TABLE wide AS SELECT n, md5(n::text) a FROM generate_series(1, 60000) n")
    yield pg18.url(name)
    pg18.drop_database(name)


@pytest.fixture(scope="module")
def whole(pg18: Server, url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A restore point as it should be."""
    root = tmp_path_factory.mktemp("whole")
    pod = Pod(root / "points", root / "work", pg18.programs)
    pod.take(url)
    return pod.root / NAME


@pytest.fixture(scope="module")
def bucket() -> Iterator[FakeAws]:
    with FakeAws() as fake, pytest.MonkeyPatch.context() as patch:
        for name, value in fake.environment().items():
            patch.setenv(name, value)
        fake.make_bucket("points")
        yield fake


def flip(chance: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    changed[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def overwrite(chance: random.Random, raw: bytes) -> bytes:
    """A block of zeros, as a lost page leaves it; a byte at least is another one than it was."""
    at, changed = chance.randrange(len(raw)), bytearray(raw)
    length = min(chance.choice([1, 512, 4096]), len(raw) - at)
    changed[at : at + length] = bytes(length)
    return bytes(changed) if changed != raw else flip(chance, raw)


CHANGES: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "flip": flip,
    "truncate": lambda chance, raw: raw[: chance.randrange(len(raw))],
    "overwrite": overwrite,
    "append": lambda chance, raw: raw + chance.randbytes(chance.randrange(1, 64)),
}


@dataclass
class Damage:
    """Files of a restore point after something went wrong; None: the file is gone."""

    kind: str
    name: str
    files: dict[str, bytes | None]


def damage(chance: random.Random, files: dict[str, bytes]) -> Damage:
    kind = chance.choice([*CHANGES, "flip", "remove", "swap", "add", "no manifest", "only manifest"])
    filled = sorted(name for name, raw in files.items() if raw)
    name = chance.choice(filled)
    if kind in CHANGES:
        return Damage(kind, name, {name: CHANGES[kind](chance, files[name])})
    if kind == "remove":
        return Damage(kind, name, {name: None})
    if kind == "swap":
        other = chance.choice([one for one in filled if files[one] != files[name] and one != MANIFEST])
        name = chance.choice([one for one in filled if files[one] != files[other] and one != MANIFEST])
        return Damage(kind, f"{name}, {other}", {name: files[other], other: files[name]})
    if kind == "add":
        return Damage(kind, name, {f"{chance.randrange(9000, 9999)}.dat.gz": files[name]})
    if kind == "no manifest":
        return Damage(kind, MANIFEST, {MANIFEST: None})
    return Damage(kind, "everything", {one: None for one in files if one != MANIFEST})


def refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except RunnerError as error:
        return error.reason is Reason.SNAPSHOT_UNREADABLE
    return False


def nobody_accepts(kept: Store, point: str, scratch: Path) -> list[str]:
    """Who has accepted it."""

    def restored() -> None:
        with fetched(Place(point), scratch) as folder:
            restore.check(folder, lambda _: None)

    asked = {"verify": refused(lambda: kept.verify(NAME)), "restore": refused(restored)}
    asked["adopt"] = not isinstance(kept.adopt(NAME), tuple)
    return [who for who, has_refused in asked.items() if not has_refused]


def put(folder: Path, files: dict[str, bytes], done: Damage) -> None:
    folder.mkdir(parents=True)
    for name, raw in {**files, **done.files}.items():
        if raw is not None:
            (folder / name).write_bytes(raw)


def upload(fake: FakeAws, prefix: str, files: dict[str, bytes], done: Damage) -> None:
    for name, raw in {**files, **done.files}.items():
        if raw is not None:
            fake.s3().put_object(Bucket="points", Key=f"{prefix}/{NAME}/{name}", Body=raw)


def test_no_damage_is_taken_for_a_restore_point(whole: Path, bucket: FakeAws, tmp_path: Path) -> None:
    print(f"SWITCHBACK_SEED={SEED}")
    files = {path.name: path.read_bytes() for path in whole.iterdir()}
    kinds: Counter[str] = Counter()
    accepted = []
    client = bucket.s3()
    for number in range(DAMAGED):
        chance = random.Random(f"{SEED}/{number}")  # noqa: S311 - repeatable
        done = damage(chance, files)
        in_bucket = number % 3 == 0
        if in_bucket:
            prefix = f"r{number}"
            for name, raw in {**files, **done.files}.items():
                if raw is not None:
                    client.put_object(Bucket="points", Key=f"{prefix}/{NAME}/{name}", Body=raw)
            kept: Store = BucketStore(Bucket("points"), prefix)
            point = f"s3://points/{prefix}/{NAME}"
        else:
            root = tmp_path / f"r{number}"
            put(root / NAME, files, done)
            kept, point = FolderStore(root), str(root / NAME)
        where = "bucket" if in_bucket else "folder"
        accepted += [
            f"{number}: {done.kind} of {done.name} in a {where} by {who}"
            for who in nobody_accepts(kept, point, tmp_path)
        ]
        kinds[f"{done.kind} in a {where}"] += 1
        if not in_bucket:
            shutil.rmtree(tmp_path / f"r{number}")
    print(dict(kinds))
    assert not accepted, f"SWITCHBACK_SEED={SEED}: {accepted}"


def test_what_is_whole_is_accepted(whole: Path, bucket: FakeAws, tmp_path: Path) -> None:
    """Else everything above would prove nothing."""
    files = {path.name: path.read_bytes() for path in whole.iterdir()}
    upload(bucket, "whole", files, Damage("none", "", {}))
    put(tmp_path / "points" / NAME, files, Damage("none", "", {}))
    in_bucket = nobody_accepts(BucketStore(Bucket("points"), "whole"), f"s3://points/whole/{NAME}", tmp_path)
    folder = tmp_path / "points"
    in_folder = nobody_accepts(FolderStore(folder), str(folder / NAME), tmp_path)
    assert in_bucket == in_folder == ["verify", "restore", "adopt"]


def test_a_dump_that_is_killed_is_no_restore_point(pg18: Server, url: str, tmp_path: Path) -> None:
    print(f"SWITCHBACK_SEED={SEED}")
    killed = 0
    for number in range(KILLED_DUMPS):
        chance = random.Random(f"{SEED}/dump/{number}")  # noqa: S311 - repeatable
        root = tmp_path / str(number)
        root.mkdir()
        pod = Pod(root / "points", root / "work", pg18.programs, user=("setsid",))
        record = pod.prepare(url)
        process = pod.client("dump")
        until = time.monotonic() + 20
        while not [path for path in (pod.root / record.partial).iterdir() if path.stat().st_size]:
            assert time.monotonic() < until
        time.sleep(chance.uniform(0, 0.03))
        everything = chance.random() < 0.5
        if everything:  # the node
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:  # pg_dump alone, as when memory is short
            subprocess.run(["pkill", "-KILL", "-P", str(process.pid), "pg_dump"], check=False, timeout=30)
        process.communicate(timeout=30)
        exit_file = pod.work / "dump.exit"
        if exit_file.exists() and exit_file.read_text().strip() == "0":
            continue  # it was done before
        killed += 1
        assert FolderStore(pod.root).adopt(NAME) is None
        if not everything:
            pod.run("reread")
        with pytest.raises(RunnerError):
            pod.seal()
        assert list(pod.root.iterdir()) == []
    print(f"{killed} of {KILLED_DUMPS} before they were done")
    assert killed >= KILLED_DUMPS // 2


UPLOADING = """
import os, sys
from pathlib import Path
from dataclasses import replace
from switchback.snapshots import contents
from switchback.snapshots.places import Place, store_at
partial, last = Path(sys.argv[1]), int(sys.argv[3])
kept = store_at(Place(sys.argv[2]))
manifest = contents.read(partial)[0]
(partial / "manifest.json").unlink()
client, asked = kept._bucket._client, []
put = client.put_object
def putting(**told):
    asked.append(told["Key"])
    if len(asked) == last:
        os.kill(os.getpid(), 9)
    return put(**told)
client.put_object = putting
kept.publish(partial, manifest)
"""


def test_an_upload_that_is_killed_is_no_restore_point(whole: Path, bucket: FakeAws, tmp_path: Path) -> None:
    print(f"SWITCHBACK_SEED={SEED}")
    files = len(list(whole.iterdir()))
    for number in range(KILLED_UPLOADS):
        chance = random.Random(f"{SEED}/upload/{number}")  # noqa: S311 - repeatable
        partial = tmp_path / f"{NAME}.0000000{number}.partial"
        shutil.copytree(whole, partial)
        # The last one is the manifest: also right before it there is none.
        last = files if number == 0 else chance.randrange(1, files)
        place = f"s3://points/k{number}"
        done = subprocess.run(
            [sys.executable, "-c", UPLOADING, partial, place, str(last)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == -9, done.stderr
        kept = BucketStore(Bucket("points"), f"k{number}")
        assert kept.adopt(NAME) is None
        assert nobody_accepts(kept, f"{place}/{NAME}", tmp_path) == []
        assert {point.state for point in kept.content().points} <= {"Incomplete"}
