"""From the words of a command line to a store: a folder, or `s3://bucket/prefix`."""

from __future__ import annotations

import contextlib
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots.folder import FolderStore
from switchback.snapshots.store import telling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.snapshots.bucket import BucketStore
    from switchback.snapshots.store import Progress, Store

SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][-a-z0-9.]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is.

    Attributes:
        text: a path, or `s3://bucket/prefix`.
        region: of the bucket; empty: the environment's.
        endpoint: URL of a service other than AWS; empty: AWS.
        kms_key: key that the bucket is to encrypt with; empty: whatever it does by itself.
    """

    text: str
    region: str = ""
    endpoint: str = ""
    kms_key: str = ""

    @property
    def is_bucket(self) -> bool:
        """Whether it is in a bucket."""
        return self.text.startswith(SCHEME)


def store_at(place: Place) -> Store:
    """The store at a place. Nothing is asked yet.

    Raises:
        RunnerError: Usage; that is no place.
    """
    _refuse_empty(place)
    return _bucket(place) if place.is_bucket else FolderStore(Path(place.text))


def point_at(place: Place) -> tuple[Store, str]:
    """The store that holds one restore point, and the name of that.

    Raises:
        RunnerError: Usage; that is no place.
    """
    _refuse_empty(place)
    if not place.is_bucket:
        path = Path(place.text)
        # What `.` and `..` stand for has a name, too.
        path = path if path.name not in {"", ".."} else path.resolve()
        return FolderStore(path.parent), path.name
    return _bucket_point(place)


def _refuse_empty(place: Place) -> None:
    """A variable of a script that is not set, and not the folder that one happens to be in."""
    if not place.text:
        raise RunnerError(
            Reason.USAGE, "The place of restore points is empty.", "Name a folder or s3://BUCKET."
        )


@contextlib.contextmanager
def fetched(place: Place, scratch: Path | None = None, progress: Progress = None) -> Iterator[Path]:
    """A folder with the restore point at `place`, for the length of the block.

    One in a folder is used where it is, and is not read. One in a bucket is downloaded, and compared with its
    manifest on the way.

    Args:
        place: of the restore point.
        scratch: where it is downloaded to; None: the system's folder for temporary files.
        progress: called with the number of bytes downloaded since the last call.

    Raises:
        RunnerError: it cannot be had.
    """
    if not place.is_bucket:
        yield Path(place.text)
        return
    with telling(scratch or Path(tempfile.gettempdir()), f"{place.text} could not be downloaded"):
        folder = tempfile.TemporaryDirectory(prefix="switchback-", dir=scratch)
    with folder as root:
        yield fetch(place, Path(root), progress)


def fetch(place: Place, root: Path, progress: Progress = None) -> Path:
    """The restore point at `place`, in a bucket, downloaded into a new folder of its name in `root`.

    Raises:
        RunnerError: it cannot be had, or is not what its manifest says.
    """
    store, name = _bucket_point(place)
    into = root / name
    with telling(root, f"{place.text} could not be downloaded"):
        into.mkdir(mode=0o700)
        store.fetch(name, into, progress)
    return into


def _bucket_point(place: Place) -> tuple[BucketStore, str]:
    above, _, name = place.text.rstrip("/").rpartition("/")
    if not name or not above.startswith(SCHEME):
        raise RunnerError(
            Reason.USAGE,
            f"{place.text} names no restore point.",
            "Write s3://BUCKET/PREFIX/NAME; `switchback snapshot list s3://BUCKET/PREFIX` shows the names.",
        )
    return _bucket(replace(place, text=above)), name


def _bucket(place: Place) -> BucketStore:
    name, _, prefix = place.text.removeprefix(SCHEME).partition("/")
    if not _BUCKET.fullmatch(name):
        raise RunnerError(
            Reason.USAGE, f"{place.text} names no bucket.", "Write s3://BUCKET or s3://BUCKET/PREFIX."
        )
    if "@" in place.endpoint:
        raise RunnerError(
            Reason.USAGE,
            "The URL of the bucket's service holds a user or a password.",
            "Keys come from the environment, from a profile, or from a Secret: leave them out of the URL.",
        )
    try:
        from switchback.aws.s3 import Bucket  # noqa: PLC0415 - boto3 takes a second to load
        from switchback.snapshots.bucket import BucketStore, telling_store  # noqa: PLC0415 - same
    except ImportError as error:
        raise RunnerError(
            Reason.USAGE,
            f"Buckets need the Python package {error.name}, which is not there.",
            "Install switchback with its extra `operator`, or run it from the image.",
        ) from None
    with telling_store():
        bucket = Bucket(name, place.region, place.endpoint, place.kms_key)
    return BucketStore(bucket, prefix.strip("/"))
