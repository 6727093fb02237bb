"""Completion, asked for by the shells that are installed here, as a person would: with the tab key."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent
NOISE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|[\x07\r]")
SECONDS = 20
CONFIG = '[env.staging]\nurl-env = "X"\n[env.production]\nurl-env = "Y"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "switchback.toml").write_text(CONFIG)
    for where, names in (("migrations", ("0001_books", "0002_authors")), ("elsewhere", ("0007_orders",))):
        (tmp_path / where).mkdir()
        for name in names:
            (tmp_path / where / f"{name}.up.sql").write_text("SELECT 1;\n")
    return tmp_path


def surroundings(folder: Path) -> dict[str, str]:
    path = f"{PROGRAM}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder), "TERM": "xterm", "LC_ALL": "C.UTF-8", "PS1": "$ "}


class Terminal:
    """An interactive shell, and somebody who types."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(words[0], words, surroundings(folder))  # noqa: S606 - the shell is the program
        self.said = ""

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def types(self, text: str) -> None:
        self.said = ""
        os.write(self.fd, text.encode())

    def sees(self, text: str) -> None:
        """Wait until `text` stands there."""
        deadline = time.monotonic() + SECONDS
        while text not in NOISE.sub("", self.said):
            assert time.monotonic() < deadline, f"{text!r} is not in {self.said!r}"
            if select.select([self.fd], [], [], 0.2)[0]:
                self.said += os.read(self.fd, 65536).decode(errors="replace")


SHELLS = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), "bind 'set enable-bracketed-paste off'"),
    "zsh": (("zsh", "-f", "-i"), "autoload -U compinit; compinit -u -D"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_with_the_tab_key(folder: Path, shell: str) -> None:
    words, prepare = SHELLS[shell]
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    terminal = Terminal(folder, *words)
    try:
        terminal.types(f'{prepare}; eval "$(switchback completion {shell})"; echo re""ady\n')
        terminal.sees("ready")
        for begun, completed in (
            ("switchback mig\t", "switchback migrate "),
            ("switchback migrate --allow-non\t", "switchback migrate --allow-non-empty "),
            ("switchback migrate --target 0002\t", "--target 0002_authors "),
            ("switchback rollback --dir elsewhere --target 0\t", "--target 0007_orders "),
            ("switchback migrate --env pro\t", "--env production "),
            ("switchback migrate --dir els\t", "--dir elsewhere"),
            ("switchback help exit\t", "help exit-codes "),
            ("switchback explain switch\t", "explain switchback.toml"),
        ):
            terminal.types(begun)
            terminal.sees(completed)
            terminal.types("\x15")
    finally:
        terminal.close()


def test_in_fish(folder: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    for begun, completed in (
        ("switchback mig", {"migrate"}),
        ("switchback migrate --target ", {"0001_books", "0002_authors", "latest", "base"}),
        ("switchback migrate --env ", {"staging", "production"}),
        ("switchback migrate --dir els", {"elsewhere/"}),
        ("switchback help exit", {"exit-codes"}),
        ("switchback explain swi", {"switchback.toml"}),
    ):
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"switchback completion fish | source; complete -C '{begun}'"],
            capture_output=True, text=True, timeout=SECONDS, check=True, cwd=folder, env=surroundings(folder),
        )  # fmt: skip
        assert {line.partition("\t")[0] for line in done.stdout.splitlines()} == completed


def ask(folder: Path, *words: str) -> set[str]:
    """What is offered for the last word, in the words of the script for bash."""
    done = subprocess.run(
        [PROGRAM / "switchback"], capture_output=True, text=True, timeout=SECONDS, check=False, cwd=folder,
        env=surroundings(folder) | {
            "_SWITCHBACK_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("switchback", *words)),
            "COMP_CWORD": str(len(words)),
        },
    )  # fmt: skip
    assert done.stderr == ""
    return {line.partition(",")[2] for line in done.stdout.splitlines() if line}


def test_ids_come_from_the_folder_that_is_named(folder: Path) -> None:
    assert ask(folder, "plan", "--target", "0") == {"0001_books", "0002_authors"}
    assert ask(folder, "rollback", "--target", "0") == {"0001_books", "0002_authors"}
    assert ask(folder, "plan", "--dir", "elsewhere", "--target", "") == {"0007_orders", "latest", "base"}
    (folder / "switchback.toml").write_text('dir = "elsewhere"\n')
    assert ask(folder, "up", "--target", "0") == {"0007_orders"}


def test_what_cannot_be_read_completes_nothing_and_says_nothing(folder: Path) -> None:
    (folder / "switchback.toml").write_text("nonsense = \n")
    (folder / "migrations" / "0003_x.down.sql").write_text("")
    assert ask(folder, "plan", "--target", "l") == {"latest"}
    assert ask(folder, "plan", "--env", "") == set()
    assert ask(folder, "plan", "--dir", "gone", "--target", "b") == {"base"}


def test_choices_and_formats(folder: Path) -> None:
    assert {"Auto", "Pairs"} <= ask(folder, "new", "--format", "")
    assert {word.lower() for word in ask(folder, "migrate", "--ahead-policy", "")} == {
        "refuse", "keep", "rollback",
    }  # fmt: skip
    assert ask(folder, "help", "dir") == {"directives"}
