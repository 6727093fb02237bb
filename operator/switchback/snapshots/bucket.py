"""Restore points in a bucket: `<prefix>/<name>/manifest.json`, and the files in a folder beside it.

A bucket cannot rename, and a pod that was given up for lost may still be writing into it. So every try
uploads into a folder of its own, `<prefix>/<name>/<eight digits>/`, and the manifest, which comes last and
only if there is none yet, says which folder counts. Nobody writes where another writes, and what other tries
have left is removed only when there is a manifest: from then on none of them can become a restore point.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from switchback.aws import s3
from switchback.aws.client import Trouble
from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import contents, judge
from switchback.snapshots.layout import DAMAGED, KEEP, MANIFEST, NAME, TRY, is_for, try_of
from switchback.snapshots.manifest import FileEntry, decode, digest, encode, unreadable
from switchback.snapshots.store import Content, Point, Published, State, refuse_changed, refuse_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from switchback.aws.s3 import Bucket, Found
    from switchback.snapshots.manifest import Manifest
    from switchback.snapshots.store import Progress

_DIFFERS = {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}
"""What the service says of content that is not what was sent."""
_CHANGED = "Check the disk that the dump lies on, and the way to the bucket."


class BucketStore:
    """See `store.Store`.

    Args:
        bucket: the bucket.
        prefix: where in it, without slashes at its ends; empty: at its root.
    """

    uploads = True

    def __init__(self, bucket: Bucket, prefix: str = "") -> None:
        self._bucket = bucket
        self._root = f"{prefix}/" if prefix else ""
        self.where = f"s3://{bucket.name}/{prefix}".rstrip("/")

    def locate(self, name: str) -> str:
        """See `store.Store`."""
        return f"{self.where}/{name}"

    def clear(self, name: str, uid_hash: str = "") -> list[str]:
        """See `store.Store`. Nothing is in the way here: other tries are removed when there is a manifest."""
        del name, uid_hash
        return []

    def adopt(self, name: str, progress: Progress = None) -> tuple[Manifest, str] | str | None:
        """See `store.Store`. Of what does not verify the manifest is renamed; its files stay."""
        text = self._get(f"{name}/{MANIFEST}")
        if text is None:
            return None
        try:
            found = self.verify(name, progress)
        except RunnerError as error:
            if error.reason is not Reason.SNAPSHOT_UNREADABLE:
                raise
            return self._set_aside(name, text)
        self._tidy(name, found[0].data)
        return found

    def _set_aside(self, name: str, text: bytes) -> str:
        aside = f"{name}/{MANIFEST}.{secrets.token_hex(4)}{DAMAGED}"
        with telling_store():
            self._bucket.put(self._key(aside), text)
        # Verifying may have taken long: another try may have put a good one in its place.
        if self._get(f"{name}/{MANIFEST}") == text:
            with telling_store():
                self._bucket.delete(self._key(f"{name}/{MANIFEST}"))
        return aside

    def publish(self, partial: Path, manifest: Manifest, progress: Progress = None) -> Published:
        """See `store.Store`. Files first, then the manifest; what was uploaded in vain is removed again."""
        manifest, told = replace(manifest, data=try_of(partial.name)), _one_at_a_time(progress)

        def upload(entry: FileEntry) -> None:
            key = self._key(f"{manifest.name}/{manifest.data}/{entry.path}")
            self._bucket.put_file(key, partial / entry.path, entry.sha256, told)

        try:
            with telling_store():
                for _ in s3.together(upload, manifest.files):
                    pass
        except BaseException:
            # There is no manifest, and this folder is of this try alone.
            self._remove_all(f"{manifest.name}/{manifest.data}/")
            raise
        return self._finish(manifest)

    def _finish(self, manifest: Manifest) -> Published:
        """Write the manifest, unless somebody else has.

        When it is not known whether that has worked, the files stay: there may be a manifest that names them.
        """
        name, text = manifest.name, encode(manifest)
        key = self._key(f"{name}/{MANIFEST}")
        notices: list[str] = []
        for _ in range(s3.ATTEMPTS):
            # Asked for before and after: not every service that takes If-None-Match heeds it.
            if self._get(f"{name}/{MANIFEST}") is None:
                with telling_store():
                    self._bucket.put_new(key, text)
            # If it is ours although it was not written, the answer was lost.
            if self._get(f"{name}/{MANIFEST}") == text and self._is_whole(manifest):
                return Published(manifest, digest(text), notices=(*notices, *self._tidy(name, manifest.data)))
            known = self.adopt(name)
            if isinstance(known, str):
                notices.append(f"{name} was there but did not verify; it is now {known}.")
            elif known is not None:
                _refuse_other(self.locate(name), known[0], manifest)
                self._remove_all(f"{name}/{manifest.data}/")
                notices.append(f"Another try of {name} was faster, and verified.")
                return Published(*known, adopted=True, notices=tuple(notices))
        raise RunnerError(
            Reason.SNAPSHOT_STORE_REFUSED,
            f"{self.where}: the manifest of {name} is neither there nor can it be written.",
            "The service has to support conditional writes (If-None-Match).",
        )

    def _is_whole(self, manifest: Manifest) -> bool:
        """Whether the files are still there: another try that had a manifest meanwhile has removed them."""
        with telling_store():
            sizes = {path: one.size for path, one in self._files(manifest.name, manifest).items()}
        return not contents.difference_of_sizes(manifest, sizes)

    def _tidy(self, name: str, counts: str) -> list[str]:
        """Remove what other tries of `name` have left. That it cannot be is no reason for having failed."""
        root = self._key(f"{name}/")
        try:
            objects = {found.key[len(root) :]: found for found in self._bucket.objects(root)}
            left = _tries(objects) - {counts} - self._aside(name, objects)
            doomed = [one.key for path, one in objects.items() if path.partition("/")[0] in left]
            self._bucket.delete_all(doomed)
            for upload in self._bucket.uploads(root):
                self._bucket.abort(upload)
        except Trouble as trouble:
            return [f"What earlier tries have left could not be removed: {trouble.failure.message}"]
        return []

    def _aside(self, name: str, objects: Iterable[str]) -> set[str]:
        """Folders of manifests that were set aside: something in them may be of use to a person."""
        found = set()
        for path in filter(_is_aside, objects):
            key = self._key(f"{name}/{path}")
            with contextlib.suppress(RunnerError):
                found.add(decode(self._bucket.get(key) or b"", key).data)
        return found

    def _remove_all(self, prefix: str) -> None:
        try:
            self._bucket.delete_all([found.key for found in self._bucket.objects(self._key(prefix))])
        except Trouble:
            return  # the next try of this name, or pruning, removes it

    def read(self, name: str) -> tuple[Manifest, str]:
        """See `store.Store`."""
        where = f"{self.locate(name)}/{MANIFEST}"
        text = self._get(f"{name}/{MANIFEST}")
        if text is None:
            raise RunnerError(
                Reason.SNAPSHOT_UNREADABLE,
                f"{where} does not exist: there is no finished restore point of that name.",
                f"Check the path; `switchback snapshot list {self.where}` shows what there is.",
            )
        manifest = decode(text, where)
        if manifest.name != name:
            raise unreadable(f"{where} is the manifest of {manifest.name}.")
        return manifest, digest(text)

    def verify(self, name: str, progress: Progress = None) -> tuple[Manifest, str]:
        """See `store.Store`. Names and sizes are compared first: they cost nothing."""
        return self._read_all(name, lambda _: contextlib.nullcontext(_Nowhere()), progress)

    def fetch(self, name: str, folder: Path, progress: Progress = None) -> tuple[Manifest, str]:
        """Download `name` into an empty folder, as `pg_restore` reads it, and compare it with its manifest.

        Raises:
            RunnerError: it is not what its manifest says.
            OSError: the folder is full or cannot be written.
        """
        known, checksum = self._read_all(name, lambda path: (folder / path).open("xb"), progress)
        text = self._get(f"{name}/{MANIFEST}") or b""
        refuse_changed(self.locate(name), digest(text), checksum)
        (folder / MANIFEST).write_bytes(text)
        return known, checksum

    def _read_all(
        self, name: str, taking: Callable[[str], AbstractContextManager[_Sink]], progress: Progress
    ) -> tuple[Manifest, str]:
        manifest, checksum = self.read(name)
        where, told = self.locate(name), _one_at_a_time(progress)
        seen: dict[str, FileEntry] = {}

        def read(item: tuple[str, Found]) -> FileEntry:
            with taking(item[0]) as sink:
                return self._read_one(*item, sink, told)

        with telling_store():
            objects = self._files(name, manifest)
            why = contents.difference_of_sizes(manifest, {path: one.size for path, one in objects.items()})
            added = sorted(objects.keys() - {entry.path for entry in manifest.files})
            if why or added:
                raise unreadable(f"{where} is not what its manifest says: {why or f'{added[0]} was added'}.")
            for entry in s3.together(read, objects.items()):
                seen[entry.path] = entry
        contents.refuse_different(where, manifest, seen)
        return manifest, checksum

    def _read_one(self, path: str, found: Found, sink: _Sink, progress: Callable[[int], None]) -> FileEntry:
        sha, size = hashlib.sha256(), 0
        try:
            for chunk in self._bucket.chunks(found.key):
                sha.update(chunk)
                size += len(chunk)
                sink.write(chunk)
                progress(len(chunk))
        except KeyError:
            raise unreadable(f"s3://{self._bucket.name}/{found.key} is gone.") from None
        return FileEntry(path, size, sha.hexdigest())

    def _files(self, name: str, manifest: Manifest) -> dict[str, Found]:
        """The objects that are the files of a restore point, by their names."""
        folder = self._key(f"{name}/{manifest.data}/" if manifest.data else f"{name}/")
        found = {one.key[len(folder) :]: one for one in self._bucket.objects(folder)}
        return {path: one for path, one in found.items() if manifest.data or _is_file(path)}

    def content(self) -> Content:
        """See `store.Store`."""
        groups: dict[str, dict[str, Found]] = defaultdict(dict)
        with telling_store():
            for found in self._bucket.objects(self._root):
                name, _, path = found.key[len(self._root) :].partition("/")
                if path and NAME.fullmatch(name):
                    groups[name][path] = found
        points = [point for name in sorted(groups) for point in self._points(name, groups[name])]
        return Content(tuple(points))

    def _points(self, name: str, objects: Mapping[str, Found]) -> Iterator[Point]:
        keep, counts = KEEP in objects, ""
        if MANIFEST in objects:
            sealed = self._sealed(name, objects, keep=keep)
            counts = sealed.manifest.data if sealed.manifest else ""
            yield sealed
        yield from (Point(f"{name}/{path}", State.DAMAGED, keep=keep) for path in filter(_is_aside, objects))
        with telling_store():
            others = _tries(objects) - {counts} - self._aside(name, objects)
        yield from (Point(f"{name}/{one}", State.INCOMPLETE, keep=keep) for one in sorted(others))

    def _sealed(self, name: str, objects: Mapping[str, Found], *, keep: bool) -> Point:
        try:
            known, checksum = self.read(name)
        except RunnerError as error:
            if error.reason is not Reason.SNAPSHOT_UNREADABLE:
                raise
            return Point(name, State.UNREADABLE, keep=keep, why=error.message)
        folder = f"{known.data}/" if known.data else ""
        sizes = {path[len(folder) :]: one.size for path, one in objects.items() if path.startswith(folder)}
        why = contents.difference_of_sizes(known, sizes)
        return Point(name, State.DAMAGED if why else State.SEALED, known, checksum, keep, why)

    def remove(self, name: str, digest: str) -> None:
        """See `store.Store`. The manifest goes first: what a crash leaves is what a killed try leaves."""
        known, found = self.read(name)
        refuse_changed(self.locate(name), found, digest)
        if self._get(f"{name}/{KEEP}") is not None:
            raise refuse_kept(self.locate(name))
        with telling_store():
            files = [one.key for one in self._files(name, known).values()]
            self._bucket.delete(self._key(f"{name}/{MANIFEST}"))
            self._bucket.delete_all(files)

    def remove_tries(self, uid_hash: str, before: float) -> list[str]:
        """See `store.Store`. Parts of uploads that were never completed go as well."""
        content = self.content().points
        left = {point.name for point in content if point.state is State.INCOMPLETE and not point.keep}
        tries: dict[str, list[Found]] = defaultdict(list)
        with telling_store():
            for found in self._bucket.objects(self._root):
                name, _, path = found.key[len(self._root) :].partition("/")
                folder = f"{name}/{path.partition('/')[0]}"
                if folder in left and is_for(uid_hash, name):
                    tries[folder].append(found)
            old = {one: parts for one, parts in tries.items() if max(p.modified for p in parts) < before}
            self._bucket.delete_all([part.key for parts in old.values() for part in parts])
            for upload in self._bucket.uploads(self._root):
                name = upload.key[len(self._root) :].partition("/")[0]
                if upload.started < before and is_for(uid_hash, name):
                    self._bucket.abort(upload)
        return sorted(old)

    def _key(self, path: str) -> str:
        return f"{self._root}{path}"

    def _get(self, path: str) -> bytes | None:
        with telling_store():
            return self._bucket.get(self._key(path))


class _Sink(Protocol):
    def write(self, content: bytes, /) -> object: ...


class _Nowhere:
    def write(self, content: bytes, /) -> None:
        pass


def _one_at_a_time(progress: Progress) -> Callable[[int], None]:
    """`progress` for threads: it need not know of them."""
    lock = threading.Lock()

    def told(size: int) -> None:
        if progress is not None:
            with lock:
                progress(size)

    return told


def _is_aside(path: str) -> bool:
    """Whether this is a manifest that was set aside."""
    return path.startswith(f"{MANIFEST}.") and path.endswith(DAMAGED)


def _is_file(path: str) -> bool:
    """Whether an object beside a manifest is a file of a dump that somebody has copied there."""
    return path not in {MANIFEST, KEEP} and "/" not in path and not _is_aside(path)


def _tries(objects: Iterable[str]) -> set[str]:
    """Folders of tries."""
    folders = {path.partition("/")[0] for path in objects if "/" in path}
    return {folder for folder in folders if TRY.fullmatch(folder)}


def _refuse_other(where: str, known: Manifest, own: Manifest) -> None:
    """Another try of the same name must have been of the same database."""
    there, here = known.origin, own.origin
    if (there.database, there.system_identifier) != (here.database, here.system_identifier):
        raise RunnerError(
            Reason.DATABASE_CHANGED,
            f"{where} is of database {there.database} of system {there.system_identifier}, not of "
            f"{here.database} of system {here.system_identifier}.",
        )


@contextlib.contextmanager
def telling_store() -> Iterator[None]:
    """Inside the block the bucket's trouble becomes an error for people.

    Raises:
        RunnerError: SnapshotStoreUnreachable, SnapshotStoreRefused, SnapshotUnreadable.
    """
    try:
        yield
    except Trouble as trouble:
        message = judge.sentence(trouble.failure.message)
        if trouble.failure.code in _DIFFERS:
            raise RunnerError(Reason.SNAPSHOT_UNREADABLE, message, _CHANGED) from None
        refused = s3.refused(trouble)
        reason = Reason.SNAPSHOT_STORE_REFUSED if refused else Reason.SNAPSHOT_STORE_UNREACHABLE
        raise RunnerError(reason, message) from None
    except s3.ChangedError as error:
        raise RunnerError(Reason.SNAPSHOT_UNREADABLE, f"{error}.", _CHANGED) from None
