"""Wrong words are told without the password that somebody has put among them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
URL = "postgresql://u:hunter2@db.example/shop"


@pytest.mark.parametrize("output", [(), ("--json",)])
@pytest.mark.parametrize(
    "words",
    [
        ("migrate", URL),
        (URL,),
        ("status", "--url", "postgresql://u:a", "hunter2", "b@db.example/shop"),
        ("status", "--url", "x", "postgresql://u:hun(ter)hunter2@db.example/shop"),
        ("migrate", "--steps", URL),
        ("migrate", "password=hunter2"),
        ("migrate", "--url", "host=h", "user=u", "password", "=", "'hunter2'"),
        ("migrate", "postgresql://u:it's-hunter2@db.example/shop"),
        ("migrate", "--steps", "postgresql://u:it's-hunter2\\@db.example/shop"),
        ("migrate", f"--{URL}"),
        ("run", "--operation", URL),
    ],
)
def test_no_password_in_what_is_said_of_wrong_words(words: tuple[str, ...], output: tuple[str, ...]) -> None:
    done = subprocess.run(
        [BIN / "switchback", *words[:1], *output, *words[1:]], capture_output=True, text=True, timeout=60,
        check=False, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.returncode == 2
    assert "hunter2" not in done.stdout + done.stderr
    assert done.stderr.strip()


def test_the_plugin_keeps_it_too() -> None:
    done = subprocess.run(
        [BIN / "kubectl-switchback", "status", "-o", "json", "a", URL], capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert "hunter2" not in done.stdout + done.stderr


def test_other_words_are_named() -> None:
    done = subprocess.run(
        [BIN / "switchback", "migrate", "0007", URL], capture_output=True, text=True, timeout=60, check=False
    )
    assert "0007 ***" in done.stderr
