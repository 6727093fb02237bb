"""Quantities of Kubernetes, such as 10Gi, as numbers of bytes."""

from __future__ import annotations

import re
from decimal import Decimal

_FORM = re.compile(
    r"^(?P<number>[0-9]+(\.[0-9]*)?|\.[0-9]+)(?P<unit>[KMGTPE]i|[kMGTPEm]?|[eE][-+]?[0-9]{1,3})$"
)
_BINARY = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {letter: 1000**power for power, letter in enumerate("kMGTPE", start=1)}
_LARGEST = 2**63 - 1


def to_bytes(text: str) -> int | None:
    """The bytes that `text` says; None when it is no quantity, or none that fits."""
    found = _FORM.match(text)
    if found is None:
        return None
    number, unit = Decimal(found["number"]), found["unit"]
    if unit[:1] in {"e", "E"} and len(unit) > 1 and unit not in _BINARY:
        scaled = number.scaleb(int(unit[1:]))
    elif unit == "m":
        scaled = number / 1000
    else:
        scaled = number * {**_BINARY, **_DECIMAL}.get(unit, 1)
    return int(scaled) if scaled <= _LARGEST else None
