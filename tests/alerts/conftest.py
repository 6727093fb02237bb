"""The judge, fetched once."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.alerts import promtool

if TYPE_CHECKING:
    from collections.abc import Callable

    Judge = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def judge() -> Judge:
    """Runs promtool with these arguments."""
    tool = promtool.ensure()

    def call(*argv: object, text: str | None = None) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in (tool, *argv)]
        return subprocess.run(words, input=text, capture_output=True, text=True, timeout=120, check=False)

    return call
