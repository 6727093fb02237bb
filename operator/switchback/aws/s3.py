"""A bucket: objects listed, read, written whole or in parts, and deleted. Slow to load; see `switchback.aws`.

Every object is sent with its SHA-256, which the service compares. One that does not say that it has done so
has the object read back. What goes wrong is `Trouble`, which names the call, the object and AWS's own word.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from switchback.aws import errors, sdk
from switchback.aws.caller import Caller
from switchback.aws.client import Trouble
from switchback.contract.points import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS: Final = 5
PART: Final = 16 * 1024 * 1024
"""Larger files go in parts of this size; of larger ones where there would be too many."""
MOST_PARTS: Final = 10_000
THREADS: Final = 4
CHUNK: Final = 1024 * 1024
SOME_REGION: Final = "us-east-1"
"""For services that know no regions, but whose requests are signed for one."""

_RACING: Final = "ConditionalRequestConflict"
_TAKEN: Final = "PreconditionFailed"
_GONE: Final = {"NoSuchKey", "404", "NotFound"}
_DENIED: Final = {"AccessDenied", "403"}


@dataclass(frozen=True, slots=True)
class Found:
    """One object of a listing. `modified`: seconds since 1970."""

    key: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload in parts that was begun and neither completed nor aborted."""

    key: str
    id: str
    started: float


class ChangedError(Exception):
    """A file, or an object, is not what it was when it was hashed."""


def together(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results of `work`, a few at a time and in no order. The first that fails ends it.

    A dump of many tables is many small objects, each of which takes a round trip.
    """
    waiting = iter(items)
    running: set[Future[R]] = set()
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            while True:
                running |= {
                    pool.submit(work, one) for one in itertools.islice(waiting, THREADS - len(running))
                }
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for one in done:
                    yield one.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class Bucket:
    """One bucket.

    Args:
        name: of the bucket.
        region: of the bucket; empty: the environment's.
        endpoint: URL of a service other than AWS; empty: AWS.
        kms_key: key that the bucket is to encrypt with; empty: whatever it does by itself.
        part: size of a part.
    """

    def __init__(
        self, name: str, region: str = "", endpoint: str = "", kms_key: str = "", part: int = PART
    ) -> None:
        self.name = name
        self._part = part
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
        with self._told("CreateClient", ""):
            self._client: Any = sdk.session(Caller(region), ATTEMPTS).create_client(
                "s3",
                region_name=region or (SOME_REGION if endpoint else None),
                endpoint_url=endpoint or None,
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    connect_timeout=5,
                    read_timeout=60,
                    max_pool_connections=THREADS * THREADS,
                    user_agent_extra="switchback",
                    # Ours are sent with every object. More than that is not known to every service.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    s3={"addressing_style": "path"} if endpoint else {},
                ),
            )

    def objects(self, prefix: str) -> Iterator[Found]:
        """Every object whose key begins with `prefix`, by its key."""
        for page in self._pages("list_objects_v2", prefix):
            for one in page.get("Contents", []):
                yield Found(one["Key"], one["Size"], one["LastModified"].timestamp())

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Every unfinished upload in parts whose key begins with `prefix`."""
        for page in self._pages("list_multipart_uploads", prefix):
            for one in page.get("Uploads", []):
                yield Upload(one["Key"], one["UploadId"], one["Initiated"].timestamp())

    def _pages(self, what: str, prefix: str) -> Iterator[dict[str, Any]]:
        with self._told(what, prefix):
            yield from self._client.get_paginator(what).paginate(Bucket=self.name, Prefix=prefix)

    def get(self, key: str) -> bytes | None:
        """A small object; None when there is none of that key.

        To those who may list a prefix only, S3 says of a missing object that reading it is denied.
        """
        try:
            return b"".join(self.chunks(key))
        except KeyError:
            return None
        except Trouble as trouble:
            if trouble.failure.code not in _DENIED or any(one.key == key for one in self.objects(key)):
                raise
            return None

    def chunks(self, key: str) -> Iterator[bytes]:
        """The content of an object. A connection that breaks is followed by another, from that byte on.

        Raises:
            KeyError: there is no such object.
        """
        offset, tag, broken = 0, "", 0
        while True:
            more = {"Range": f"bytes={offset}-", "IfMatch": tag} if offset else {}
            try:
                with self._told("GetObject", key):
                    answer = self._client.get_object(Bucket=self.name, Key=key, **more)
            except Trouble as trouble:
                if trouble.failure.code in _GONE:
                    raise KeyError(key) from None
                raise
            tag = answer["ETag"]
            try:
                for chunk in answer["Body"].iter_chunks(CHUNK):
                    offset, broken = offset + len(chunk), 0
                    yield chunk
            except (BotoCoreError, HTTPError, OSError) as error:
                broken += 1
                if broken >= ATTEMPTS:
                    raise self._trouble(error, "GetObject", key) from None
                time.sleep(0.2 * 2**broken)
            else:
                return

    def put(self, key: str, content: bytes) -> None:
        """Write a small object, in place of what may be there."""
        with self._told("PutObject", key):
            self._put(key, content)

    def put_new(self, key: str, content: bytes) -> bool:
        """Write a small object unless there is one of that key: then False. A lost answer looks like that."""
        for again in range(ATTEMPTS):
            try:
                with self._told("PutObject", key):
                    self._put(key, content, IfNoneMatch="*")
            except Trouble as trouble:
                if trouble.failure.code == _TAKEN:
                    return False
                if trouble.failure.code != _RACING or again == ATTEMPTS - 1:
                    raise
                time.sleep(0.1 * 2**again)
            else:
                return True
        raise AssertionError("the last try either writes or raises")

    def _put(self, key: str, content: bytes, **more: str) -> None:
        sha = hashlib.sha256(content)
        answer = self._client.put_object(
            Bucket=self.name, Key=key, Body=content, ChecksumSHA256=_text(sha.digest()),
            **self._encryption, **more,
        )  # fmt: skip
        if answer.get("ChecksumSHA256") != _text(sha.digest()):
            self._read_back(key, sha.hexdigest())

    def put_file(self, key: str, path: Path, sha256: str, progress: Callable[[int], None]) -> None:
        """Write a file that was hashed before, in parts when it is large.

        Args:
            key: of the object.
            path: of the file.
            sha256: what its content has to be, in hex.
            progress: called with the number of bytes sent since the last call.

        Raises:
            ChangedError: the file, or the object, is something else.
            OSError: the file cannot be read.
        """
        size = path.stat().st_size
        if size > self._part:
            self._put_parts(key, path, sha256, max(self._part, -(-size // MOST_PARTS)), progress)
            return
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ChangedError(f"{path} is not what it was when it was hashed")
        self.put(key, content)
        progress(len(content))

    def _put_parts(
        self, key: str, path: Path, sha256: str, part: int, progress: Callable[[int], None]
    ) -> None:
        with self._told("CreateMultipartUpload", key):
            begun = self._client.create_multipart_upload(
                Bucket=self.name, Key=key, ChecksumAlgorithm="SHA256", **self._encryption
            )
        upload = Upload(key, begun["UploadId"], time.time())
        try:
            parts, confirmed = self._send(upload, path, sha256, part, progress)
            completed = self._complete(upload, parts)
        except BaseException:
            # Whoever waits for this wants the first error, not that of cleaning up.
            with contextlib.suppress(Trouble):
                self.abort(upload)
            raise
        if not (confirmed and completed):
            self._read_back(key, sha256)

    def _send(
        self, upload: Upload, path: Path, sha256: str, part: int, progress: Callable[[int], None]
    ) -> tuple[list[dict[str, Any]], bool]:
        """Send the parts, a few at a time. Gives what completes the upload, and whether all are confirmed."""
        whole = hashlib.sha256()
        running: deque[Future[tuple[dict[str, Any], bool, int]]] = deque()
        done: list[tuple[dict[str, Any], bool, int]] = []

        def finish() -> None:
            done.append(running.popleft().result())
            progress(done[-1][2])

        with ThreadPoolExecutor(THREADS) as pool, path.open("rb", buffering=0) as file:
            try:
                for number in range(1, MOST_PARTS + 1):
                    if not (content := _read(file, part)):
                        break
                    whole.update(content)
                    running.append(pool.submit(self._send_one, upload, number, content))
                    if len(running) >= THREADS:
                        finish()
                while running:
                    finish()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        if whole.hexdigest() != sha256:
            raise ChangedError(f"{path} is not what it was when it was hashed")
        return [one for one, _, _ in done], all(confirmed for _, confirmed, _ in done)

    def _send_one(self, upload: Upload, number: int, content: bytes) -> tuple[dict[str, Any], bool, int]:
        checksum = _text(hashlib.sha256(content).digest())
        with self._told("UploadPart", upload.key):
            answer = self._client.upload_part(
                Bucket=self.name, Key=upload.key, UploadId=upload.id, PartNumber=number, Body=content,
                ChecksumSHA256=checksum,
            )  # fmt: skip
        part = {"ETag": answer["ETag"], "PartNumber": number, "ChecksumSHA256": checksum}
        return part, answer.get("ChecksumSHA256") == checksum, len(content)

    def _complete(self, upload: Upload, parts: list[dict[str, Any]]) -> bool:
        """Whether it is certain. A repeated request whose first answer was lost finds no upload any more."""
        try:
            with self._told("CompleteMultipartUpload", upload.key):
                self._client.complete_multipart_upload(
                    Bucket=self.name, Key=upload.key, UploadId=upload.id, MultipartUpload={"Parts": parts}
                )
        except Trouble as trouble:
            if trouble.failure.code != "NoSuchUpload":
                raise
            return False
        return True

    def _read_back(self, key: str, sha256: str) -> None:
        sha = hashlib.sha256()
        try:
            for chunk in self.chunks(key):
                sha.update(chunk)
        except KeyError:
            raise ChangedError(f"s3://{self.name}/{key} is not there after it was written") from None
        if sha.hexdigest() != sha256:
            raise ChangedError(f"s3://{self.name}/{key} has other content than was sent")

    def delete_all(self, keys: Iterable[str]) -> None:
        """Delete objects, a few at a time."""
        for _ in together(self.delete, keys):
            pass

    def delete(self, key: str) -> None:
        """Delete an object. It is no error when there is none."""
        with self._told("DeleteObject", key):
            self._client.delete_object(Bucket=self.name, Key=key)

    def abort(self, upload: Upload) -> None:
        """Give up an upload in parts, so that its parts are not kept. It is no error when there is none."""
        try:
            with self._told("AbortMultipartUpload", upload.key):
                self._client.abort_multipart_upload(Bucket=self.name, Key=upload.key, UploadId=upload.id)
        except Trouble as trouble:
            if trouble.failure.code != "NoSuchUpload":
                raise

    @contextlib.contextmanager
    def _told(self, action: str, key: str) -> Iterator[None]:
        """Inside the block whatever botocore raises becomes `Trouble`.

        Raises:
            Trouble: with the call, the object and AWS's word.
        """
        try:
            yield
        except (BotoCoreError, ClientError, HTTPError, OSError, RuntimeError, ValueError) as error:
            raise self._trouble(error, action, key) from None

    def _trouble(self, error: Exception, action: str, key: str) -> Trouble:
        done = error.operation_name if isinstance(error, ClientError) else action
        return Trouble(errors.failure(error, done, f"s3://{self.name}/{key}"))


def refused(trouble: Trouble) -> bool:
    """Whether the service has refused, or would; else asking again may help."""
    return trouble.failure.kind is not ErrorClass.RETRY


def _read(file: Any, size: int) -> bytes:
    """`size` bytes, fewer at the end of the file only."""
    content = bytearray()
    while len(content) < size and (more := file.read(size - len(content))):
        content += more
    return bytes(content)


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
