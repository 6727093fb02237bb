"""Commands start fast: what a command imports is a budget, kept by the list of modules, not by a clock."""

from __future__ import annotations

import json
import subprocess
import sys
import timeit
from typing import TYPE_CHECKING

import pytest

from switchback.cli import config_file
from switchback.cli.main import ALIASES, COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

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


def test_the_overview_is_made_of_little() -> None:
    text = PROGRAM.replace('name.partition(".")[0] for name', "name for name")
    done = subprocess.run(
        [sys.executable, "-c", text, "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    code, names = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    ours = {name for name in names if name.startswith("switchback.")}
    assert ours <= {
        f"switchback.{name}"
        for name in (
            "cli",
            "cli.dress",
            "cli.entry",
            "cli.examples",
            "cli.main",
            "contract",
            "contract.exits",
        )
    }


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


def in_folder(folder: Path, *words: str) -> set[str]:
    """The modules that a command imports in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


FULL = """
import contextlib, io, json, sys
from switchback.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    main.run(main.cli, "switchback")
print(json.dumps(sorted(sys.modules)))
"""


def test_a_configuration_costs_only_where_there_is_one(tmp_path: Path) -> None:
    words = ("new", "x", "--dir", str(tmp_path / "m"))
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    without = in_folder(tmp_path, *words)
    assert "tomllib" not in without
    (tmp_path / "pyproject.toml").write_text("[tool.switchback]\nrole = 'x'\n")
    having = in_folder(tmp_path, *words)
    assert "tomllib" in having
    more = {name.partition(".")[0] for name in having - without}
    assert more <= {"tomllib", "switchback", "string", "_string"}


@pytest.mark.parametrize(
    "words", [("new", "x"), ("help", "exit-codes"), ("help", "formats"), ("config",)], ids=" ".join
)
def test_what_needs_no_database_imports_no_driver(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert not {name.partition(".")[0] for name in in_folder(tmp_path, *words)} & SLOW


def test_reading_a_configuration_takes_little(tmp_path: Path) -> None:
    """Milliseconds, with room for a busy machine: a budget of modules cannot see a slow loop."""
    (tmp_path / "pyproject.toml").write_text(
        "[tool.x]\n" + "".join(f"k{n} = [1, 2, 3]\n" for n in range(500))
    )
    (tmp_path / "a" / "b").mkdir(parents=True)
    best = min(timeit.repeat(lambda: config_file.find({}, tmp_path / "a" / "b"), number=1, repeat=20))
    assert best < 0.005
    (tmp_path / "switchback.toml").write_text('role = "x"\n[env.a]\nurl-env = "X"\n')
    assert min(timeit.repeat(lambda: config_file.find({}, tmp_path), number=1, repeat=20)) < 0.005
