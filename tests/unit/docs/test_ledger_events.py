"""Every word that `history` may show is explained."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RUNNER = ROOT / "operator" / "switchback" / "runner"
PAGE = ROOT / "docs" / "how-to" / "repair-the-ledger.md"
CONSTANT = re.compile(r'^[A-Z_]+ = "([A-Z][A-Za-z]+)"$', re.MULTILINE)
LITERAL = re.compile(r"""'(Created|Abandoned|AppliedPartly)'""")


def test_every_event_is_in_the_table() -> None:
    modules = [*(RUNNER / "ledger").glob("*.py"), RUNNER / "adoption" / "keep.py"]
    text = "".join(module.read_text(encoding="utf-8") for module in modules)
    words = {*CONSTANT.findall(text), *LITERAL.findall(text)}
    table = {word for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
             for word in re.findall(r"`([A-Z][A-Za-z]+)`", line.split("|")[1])}  # fmt: skip
    assert words == table
