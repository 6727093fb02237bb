"""Kubernetes' quantities of bytes."""

from __future__ import annotations

import re

from tests.cluster.errors import BedError

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def to_bytes(quantity: str) -> int:
    """Return the number of bytes in, for example, `64Mi`."""
    match = re.fullmatch(r"(\d+)(|k|M|G|Ki|Mi|Gi)", quantity)
    if match is None:
        raise BedError(f"{quantity!r} is not a size; write it as 64Mi or 1G")
    return int(match[1]) * _UNITS[match[2]]
