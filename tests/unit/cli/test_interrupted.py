"""Ctrl-C at any moment of the start: one word and 130, never a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from switchback.cli.entry import {0}\nprint('up', flush=True)\n{0}()"
)
"""As the installed program does it. A background job of a shell would ignore the signal."""


@pytest.mark.parametrize("function", ["main", "plugin", "complete"])
@pytest.mark.parametrize("moment", [0.0, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5])
def test_while_it_starts(function: str, moment: float) -> None:
    words = ["wait", "--timeout", "60", "--url", "postgresql://127.0.0.1:9/x"] if function == "main" else []
    with subprocess.Popen(
        [sys.executable, "-c", START.format(function), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    assert "File " not in said
    if function == "main":
        assert process.returncode == 130, said
        assert "Stopped" in said
    else:
        assert process.returncode in {0, 2, 130, -signal.SIGINT}, "it may have come to its end before"


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); import switchback.cli.entry; "
    code += "assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
