"""What lies in a source folder: names, raw contents, and what must not be there in any format."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import unicodedata
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.contract.digest import hashes_digest
from switchback.contract.reasons import Reason
from switchback.migrations.errors import Problem, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PIECE_BYTES = 64 * 1024
_FOR_READING = os.O_RDONLY | os.O_CLOEXEC
_SAMPLE = 64
IGNORE_ADVICE = "If it is no migration, pass --ignore with its name or a pattern."


@dataclass(frozen=True)
class Listing:
    """A folder as it was read once.

    Attributes:
        folder: the folder as it was named.
        raw: contents of all flat files by name, except hidden ones (a name that begins with a dot; ConfigMap
            mounts keep their machinery there). Ignored files are in it, as the digest covers them.
        ignored: names in `raw` that a pattern of `--ignore` took out.
        directories: names of sub-folders, except hidden and ignored ones.
        problems: what was found wrong with files as such.
        notices: sentences for people about what is no problem.
        nested: contents of the files in sub-folders that a format has asked for, by relative path.
        walked: paths of all files below a sub-folder, by its name, once it was asked for.
        links: links to folders that were found inside sub-folders on the way; nothing follows them.
        hashes: what `sha256` has computed.
        bent: whether the way to a folder leads over a link, by the folder's path.
        claimed: names that a format has met while it read, for the one that asks it afterwards.
    """

    folder: str
    raw: dict[str, bytes]
    ignored: frozenset[str]
    directories: tuple[str, ...]
    ignore: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    nested: dict[str, bytes] = field(default_factory=dict)
    walked: dict[str, list[str]] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    bent: dict[str, bool] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the files that count, sorted. Asked for only after everything was read."""
        return tuple(sorted(self.raw.keys() - self.ignored if self.ignored else self.raw))

    @cached_property
    def digest(self) -> str:
        """`f1:<hex>` over the flat files, as `contract.digest.source_digest` defines it.

        Files in sub-folders count with their relative path when a format has asked for them.
        """
        for name in (*self.raw, *self.nested):
            if name not in self.hashes:
                self.sha256(name)
        return hashes_digest(self.hashes)

    def sha256(self, name: str) -> str:
        """Hex digest of a file's raw content, for whoever needs it first; the file has been read."""
        known = self.hashes.get(name)
        if known is None:
            raw = self.raw[name] if name in self.raw else self.nested[name]
            known = self.hashes[name] = hashlib.sha256(raw).hexdigest()
        return known

    @cached_property
    def below(self) -> tuple[str, ...]:
        """Relative paths of the files in sub-folders, sorted; hidden and ignored ones left out."""
        return tuple(sorted(path for folder in self.directories for path in self.files_below(folder)))

    def fetch(self, path: str) -> bytes | None:
        """Content of a file in a sub-folder; None, and a problem noted, when it cannot be read."""
        if path not in self.nested:
            raw = _content(_Entry(path, self._root, self._bends(path)), self._root, self, skip=False)
            if raw is None:
                return None
            self.nested[path] = raw
        return self.nested[path]

    @cached_property
    def _root(self) -> str:
        return os.path.realpath(self.folder)

    def _bends(self, path: str) -> bool:
        """Whether a sub-folder on the way to a file is a link."""
        place = os.path.dirname(f"{self._root}/{path}")  # noqa: PTH120 - fast
        if place not in self.bent:
            self.bent[place] = os.path.realpath(place) != place
        return self.bent[place]

    def text(self, name: str) -> str | None:
        """A file as text with its line ends as they are; None, and a problem noted, when it is not text.

        Args:
            name: its name, or its relative path when it is in a sub-folder.
        """
        raw = self.raw.get(name)
        if raw is None:
            raw = self.fetch(name)
        if raw is None:
            return None
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            self.problems.append(_undecodable(name, raw, error.start))
            return None
        place = text.find("\0")
        if place >= 0 and _is_utf16(raw):
            self.problems.append(_utf16(name))
            return None
        if place >= 0:
            self.problems.append(
                Problem(
                    "the file holds a NUL byte; the server would silently drop everything after it.",
                    name,
                    text.count("\n", 0, place) + 1,
                    "Remove the byte.",
                )
            )
            return None
        return text

    def files_below(self, directory: str) -> list[str]:
        """Relative paths of the files below a sub-folder, hidden and ignored ones left out."""
        if directory not in self.walked:
            self.walked[directory] = list(self._walk(directory))
        return self.walked[directory]

    def _walk(self, directory: str) -> Iterator[str]:
        for place, folders, files in os.walk(Path(self.folder) / directory):
            inside = os.path.relpath(place, self.folder)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in folders:
                path = f"{inside}/{name}"
                if os.path.islink(f"{place}/{name}") and not matches(path, self.ignore):  # noqa: PTH114 - fast
                    self.links.append(path)
            for name in sorted(files):
                path = f"{inside}/{name}"
                if not name.startswith(".") and not matches(path, self.ignore):
                    yield path


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern names the file by its path relative to the folder or by its last part."""
    last = path.rsplit("/", 1)[-1]
    return any(fnmatchcase(path, pattern) or fnmatchcase(last, pattern) for pattern in patterns)


def read(folder: str, ignore: Sequence[str] = ()) -> Listing:
    """Read the folder's flat files once.

    Raises:
        SourceProblem: `SourceMissing` when there is no such folder, `SourceInvalid` when it cannot be read.
    """
    root, entries = _entries(folder)
    listing = Listing(folder, {}, frozenset(), (), tuple(ignore))
    ignored: set[str] = set()
    directories: list[str] = []
    raws, hashes, sha256 = listing.raw, listing.hashes, hashlib.sha256
    for entry in entries:
        name = entry.name
        if name[0] == ".":
            continue
        if not ignore and entry.is_file(follow_symlinks=False):  # the usual one, of thousands
            raw = _read(entry, listing, skip=False)
            if raw is not None:
                raws[name] = raw
                hashes[name] = sha256(raw).hexdigest()
            continue
        skip = bool(ignore) and matches(name, ignore)
        if not entry.is_file(follow_symlinks=False) and _is_directory(entry, root, listing, skip=skip):
            if not skip and (not entry.is_symlink() or _inside(entry.path, root)):
                directories.append(name)  # what lies outside is refused, and not gone through: it may be `/`
            continue
        raw = _content(entry, root, listing, skip=skip)
        if raw is not None:
            listing.raw[name] = raw
            if skip:
                ignored.add(name)
    done = Listing(
        folder,
        listing.raw,
        frozenset(ignored),
        tuple(directories),
        tuple(ignore),
        listing.problems,
        hashes=hashes,
    )
    done.problems.extend(case_twins(done.names))
    return done


def _entries(folder: str) -> tuple[str, list[os.DirEntry[str]]]:
    """The folder's real path, and what is in it, by name."""
    try:
        root = os.path.realpath(folder, strict=True)
        with os.scandir(root) as scan:
            return root, sorted(scan, key=attrgetter("name"))
    except FileNotFoundError:
        raise SourceProblem(
            [Problem(f"the folder {folder} does not exist.", reason=Reason.SOURCE_MISSING)]
        ) from None
    except NotADirectoryError:
        raise SourceProblem(
            [Problem(f"{folder} is not a folder.", advice="Name the folder that holds the files.")]
        ) from None
    except OSError as error:
        raise SourceProblem(
            [Problem(f"the folder {folder} cannot be read: {error.strerror}.", advice="Check its rights.")]
        ) from None


def _is_directory(entry: os.DirEntry[str], root: str, listing: Listing, *, skip: bool) -> bool:
    try:
        if not entry.is_dir():
            return False
    except OSError:  # a link that leads in a circle; reading it will say so
        return False
    if not skip and entry.is_symlink() and not _inside(entry.path, root):
        listing.problems.append(_outside(entry.name))
    return True


class _Entry:
    """A file in a sub-folder, as `os.scandir` would give it with its relative path for a name."""

    def __init__(self, path: str, root: str, bent: bool) -> None:  # noqa: FBT001 - private
        self.name = path
        self.path = f"{root}/{path}"
        self.bent = bent

    def is_symlink(self) -> bool:
        """Whether it, or a folder on the way to it, may lead elsewhere."""
        return self.bent or os.path.islink(self.path)  # noqa: PTH114 - fast

    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return os.path.isfile(self.path)  # noqa: PTH113 - fast

    def stat(self) -> os.stat_result:
        """Of what a link leads to."""
        return os.stat(self.path)  # noqa: PTH116 - fast


def _content(entry: os.DirEntry[str] | _Entry, root: str, listing: Listing, *, skip: bool) -> bytes | None:
    """Raw content of a regular file inside the folder, else None; a problem is noted unless ignored."""
    try:
        is_link = entry.is_symlink()
        if is_link and not _inside(entry.path, root):
            problem = _outside(entry.name)
        elif not stat.S_ISREG(entry.stat().st_mode) if is_link else not entry.is_file():
            problem = Problem("this is not a regular file.", entry.name, None, IGNORE_ADVICE)
        else:
            return _read(entry, listing, skip=skip)
    except OSError as error:
        problem = _unreadable(entry.name, error)
    if not skip:
        listing.problems.append(problem)
    return None


def _read(entry: os.DirEntry[str] | _Entry, listing: Listing, *, skip: bool) -> bytes | None:
    """All of a file; None, and a problem noted unless ignored, when it cannot be read.

    File objects would take half as long again for each of thousands of small ones.
    """
    try:
        descriptor = os.open(entry.path, _FOR_READING)
        try:
            raw = os.read(descriptor, PIECE_BYTES)
            if more := os.read(descriptor, PIECE_BYTES):
                raw = b"".join([raw, more, *iter(lambda: os.read(descriptor, PIECE_BYTES), b"")])
        finally:
            os.close(descriptor)
    except OSError as error:
        if not skip:
            listing.problems.append(_unreadable(entry.name, error))
        return None
    return raw


def _unreadable(name: str, error: OSError) -> Problem:
    if error.errno in {errno.ENOENT, errno.ELOOP}:
        return Problem(
            "this symbolic link leads nowhere.", name, None, "Put the file itself into the folder."
        )
    return Problem(f"the file cannot be read: {error.strerror}.", name, None, "Check its rights.")


def _inside(path: str, root: str) -> bool:
    target = os.path.realpath(path)
    return target == root or target.startswith(root.rstrip("/") + "/")


def _outside(name: str) -> Problem:
    return Problem(
        "this symbolic link leads out of the folder, so that what runs is not what was reviewed.",
        name,
        None,
        "Put the file itself into the folder.",
    )


def case_twins(names: Iterable[str]) -> list[Problem]:
    """A problem for every path that some file systems could not hold beside an earlier one."""
    every = tuple(names)
    joined = "".join(every)
    if joined.isascii() and (joined == joined.lower() or len(set(map(str.casefold, every))) == len(every)):
        return []
    seen: dict[str, str] = {}
    found: list[Problem] = []
    for name in every:
        twin = seen.setdefault(_folded(name), name)
        if twin != name:
            how = "case" if twin.casefold() == name.casefold() else "how its letters are encoded"
            found.append(
                Problem(
                    f"its name differs from {twin} by {how} alone; on macOS and Windows one hides the other.",
                    name,
                    None,
                    "Rename one of them.",
                )
            )
    return found


def _folded(name: str) -> str:
    """The same for names that one folder cannot hold everywhere: of another case, composed or decomposed."""
    return name.casefold() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def _is_utf16(raw: bytes) -> bool:
    """Whether every other byte is NUL, as in UTF-16 of plain text."""
    return len(raw) > 1 and not (any(raw[1:_SAMPLE:2]) and any(raw[:_SAMPLE:2]))


def _utf16(name: str) -> Problem:
    return Problem("the file is UTF-16, not UTF-8.", name, 1, "Save it as UTF-8.")


def _undecodable(name: str, raw: bytes, place: int) -> Problem:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _utf16(name)
    line = raw.count(b"\n", 0, place) + 1
    return Problem(f"byte 0x{raw[place]:02x} is not UTF-8.", name, line, "Save the file as UTF-8.")
