"""Which of two migrations comes later, and where a database is when they were applied in another order."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from switchback.contract.words import BASE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchback.migrations.model import Source

_NUMBER = re.compile(r"([0-9]+)")

Key = tuple[tuple[int, str], ...]


def natural(migration_id: str) -> Key:
    """For sorting: runs of digits count as numbers, so that 9 comes before 10."""
    parts = _NUMBER.split(migration_id)
    return tuple((int(part), "") if at % 2 else (-1, part) for at, part in enumerate(parts))


def is_natural(ids: Sequence[str]) -> bool:
    """Whether ids stand in the order that their names suggest."""
    return all(natural(first) < natural(second) for first, second in pairwise(ids))


def comes_after(migration_id: str, others: Iterable[str], source: Source) -> bool:
    """Whether a file of the source surely comes after migrations that have no file there.

    Only their names tell, and only where the source itself is in the order of its names.
    """
    mine = natural(migration_id)
    return all(natural(other) < mine for other in others) and is_natural([m.id for m in source.migrations])


def standing(applied: Sequence[str], source: Source | None) -> str:
    """The version that a database is at: of what is applied, the last in the order of the files.

    A file that was applied late does not take the database back. What was applied after every migration with
    a file is ahead of them all.

    Args:
        applied: ids in the order of application.
        source: the files; None when nobody has read them.

    Returns:
        An id, `base`, or nothing when that cannot be known without the files.
    """
    if not applied:
        return BASE
    last = applied[-1]
    if source is None:
        return last if natural(last) == max(map(natural, applied)) else ""
    files = source.by_id
    if last not in files:
        return last
    return max((files[known] for known in applied if known in files), key=lambda one: one.position).id
