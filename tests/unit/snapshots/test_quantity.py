from __future__ import annotations

import pytest

from switchback.snapshots import quantity


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1073741824", 1024**3),
        ("1Gi", 1024**3),
        ("1.5Gi", 1536 * 1024**2),
        ("10G", 10**10),
        ("500k", 500_000),
        ("2Ki", 2048),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("1Ei", 1024**6),
        ("1500m", 1),
        (".5Mi", 512 * 1024),
        ("", None),
        ("many", None),
        ("-1Gi", None),
        ("9Ei", None),
        ("1e999", None),
    ],
)
def test_bytes(text: str, size: int | None) -> None:
    assert quantity.to_bytes(text) == size
