"""Digests that both programs compute, so that they can be compared across the border between them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HEX_DIGITS = 32
"""128 bits of a SHA-256 are enough to tell contents apart and short enough to read aloud in parts."""


def _digest(prefix: str, payload: bytes) -> str:
    return f"{prefix}:{hashlib.sha256(payload).hexdigest()[:HEX_DIGITS]}"


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no blanks: the same value always gives the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def source_digest(files: Mapping[str, bytes]) -> str:
    """Hash over the names and raw contents of a flat set of files, as `f1:<hex>`.

    The operator computes it from ConfigMaps, the runner from the folder they are mounted in: a run whose
    folder differs from what was planned ends with `SourceMoved`.
    """
    return hashes_digest({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})


def hashes_digest(hashes: Mapping[str, str]) -> str:
    """The same from the SHA-256 of each file's content, in hex."""
    names = sorted(hashes)
    every = "".join(names)
    if every.isascii() and every.isprintable() and '"' not in every and "\\" not in every:
        # What JSON writes as it is: a third of the time, where there are thousands of files.
        pairs = ",".join([f'["{name}","{hashes[name]}"]' for name in names])
        return _digest("f1", f"[{pairs}]".encode())
    return _digest("f1", canonical([[name, hashes[name]] for name in names]))


def plan_digest(
    database: Sequence[str], applied: Iterable[tuple[str, str]], steps: Iterable[tuple[str, str, str, str]]
) -> str:
    """Hash over the state a plan starts from and what it would do, as `p1:<hex>`.

    Args:
        database: what tells it from every other one. The same steps elsewhere are another plan: a consent
            that was given for one database is none for its twin.
        applied: (id, up checksum) of every row in the ledger, in order of application.
        steps: (direction, id, up checksum, checksum of the down that would run, or "") in order.
    """
    return _digest("p1", canonical([list(database), list(map(list, applied)), list(map(list, steps))]))


def intent_digest(intent: object) -> str:
    """Hash over what a spec asks of the world, as `i1:<hex>`. `intent` is plain JSON data."""
    return _digest("i1", canonical(intent))


def short(text: str, length: int = 8) -> str:
    """First `length` hex digits of the SHA-256 of `text`: for names, where length is scarce."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]
