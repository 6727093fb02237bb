"""The last part of a snapshot Job: it answers whatever happens around it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent

HELD = """
import os, signal, sys
from switchback.cli import main
os.kill(os.getpid(), signal.SIGTERM)
sys.argv = ["switchback", *sys.argv[1:]]
main.main()
"""


def words(folder: Path, *more: str) -> list[str]:
    (folder / "root").mkdir()
    (folder / "work").mkdir()
    return [
        "snapshot", "seal", "--to", str(folder / "root"), "--work", str(folder / "work"), "--name", "shop-1",
        "--operation-id", "aa-1", *more,
    ]  # fmt: skip


def test_a_result_file_that_cannot_be_written_is_told_and_the_result_all_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / "switchback", *words(tmp_path, "--result-file", "/proc/none", "--json")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    told = json.loads(done.stdout.splitlines()[0])
    assert told["reason"] != "Bug", done.stderr
    assert done.returncode == told["exit_code"]
    assert "/proc/none" in done.stderr


def test_a_signal_while_the_program_starts_is_answered(tmp_path: Path) -> None:
    """As the first process of a container, which has no handler yet: the signal waits."""
    answer = tmp_path / "answer"
    done = subprocess.run(
        [sys.executable, "-c", HELD, *words(tmp_path, "--result-file", str(answer))],
        capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}),
        env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 143, done.stderr
    assert json.loads(answer.read_text().splitlines()[0])["reason"] == "Interrupted"
