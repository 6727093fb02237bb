"""Commands start fast: what a command imports is a budget, kept by the list of modules, not by a clock."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from switchback.cli.main import ALIASES, COMMANDS

SLOW = {"psycopg", "pydantic", "kubernetes", "kopf", "postgast", "google", "yaml", "asyncio", "ssl", "boto3"}
"""What takes noticeable time to import; none of it is needed to print a help text."""
RUN_ONLY = SLOW - {"psycopg", "asyncio", "ssl"}
"""What no run against a database needs either: psycopg brings asyncio and ssl along."""

PROGRAM = """
import contextlib, io, json, sys
from switchback.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    code = main.run(main.cli, "switchback")
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def modules(*words: str) -> tuple[int, set[str]]:
    """Exit code of a command, and the top-level modules that it has imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False
    )
    code, names = json.loads(done.stdout.splitlines()[-1])
    return code, set(names)


@pytest.mark.parametrize("words", [["--help"], ["version"], ["completion", "bash"]], ids=" ".join)
def test_nothing_slow_for_simple_words(words: list[str]) -> None:
    code, found = modules(*words)
    assert code == 0
    assert not found & SLOW


@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
def test_help_of_every_command_imports_nothing_slow(name: str) -> None:
    code, found = modules(name, "--help")
    assert code == 0
    assert not found & SLOW


def test_a_run_imports_the_driver_and_little_else() -> None:
    code, found = modules("status", "--url", "postgresql://nobody@127.0.0.1:1/x", "--dir", "/nonexistent")
    assert code == 4
    assert "psycopg" in found
    assert not found & RUN_ONLY
