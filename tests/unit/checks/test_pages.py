"""The pages about checks say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from switchback.api.checks import Check, Comparison, EmptyResult
from switchback.checks import command, layout, loop, prometheus, verify
from switchback.checks.kinds import make
from switchback.checks.model import KINDS, Context, read
from switchback.checks.told import told
from switchback.contract.words import CheckStage

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs/reference/checks.md").read_text()
HOW_TO = (ROOT / "docs/how-to/write-checks.md").read_text()


@pytest.mark.parametrize("word", [*KINDS, *CheckStage, *Comparison, *EmptyResult])
def test_every_word_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in REFERENCE or f"### {word}\n" in REFERENCE


@pytest.mark.parametrize(
    "text",
    [
        f"**{verify.CONNECTIONS} new connections** to every TCP port",
        f"{verify.AT_ONCE} at a time",
        f"within {verify.VERIFY_SECONDS:g} seconds",
        f"for up to {loop.CLOSING_SECONDS:g} seconds more",
        f"more than {prometheus.MOST_BYTES // 1024 // 1024} MiB",
        f"longer than {prometheus.LONGEST_URL} characters",
        f"The first {command.MOST_LINES} lines",
        f"`{layout.header_variable('checkout', 1)}`",
        f"`{layout.container_name('<name>')}`",
    ],
)
def test_numbers_and_names_are_those_of_the_code(text: str) -> None:
    assert text in REFERENCE


def test_every_check_on_the_page_can_be_made() -> None:
    manifest = yaml.safe_load(re.findall(r"```yaml\n(apiVersion.*?)```", HOW_TO, re.DOTALL)[0])
    checks = [Check.model_validate(one) for one in manifest["spec"]["checks"]]
    read_back = [read(told(one), one.name) for one in checks]
    assert all(make(one, Context()) for one in read_back)
    assert {one.kind for one in read_back} == set(KINDS)
