"""What a signal ends with depends on the signal: the reference says both."""

from __future__ import annotations

from pathlib import Path

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"


def test_interrupted_stands_beside_both_of_its_exit_codes() -> None:
    lines = (REFERENCE / "exit-codes.md").read_text().splitlines()
    with_it = [line.split("|")[1].strip() for line in lines if "`Interrupted`" in line]
    assert with_it == ["130", "143"]
    assert "| `Interrupted` | 130 / 143 |" in (REFERENCE / "conditions.md").read_text()
