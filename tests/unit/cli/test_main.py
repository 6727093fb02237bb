"""The frame of the command line: names, exit codes, wrong words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import click
import pytest

from switchback.cli import main
from switchback.contract.exits import ExitCode

BIN = Path(sys.executable).parent


def call(*words: str, program: str = "switchback", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / program, *words], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin", **environment}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_overview_lists_every_command() -> None:
    done = call("--help")
    assert done.returncode == 0
    for name in main.COMMANDS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize(("alias", "name"), main.ALIASES.items())
def test_aliases(alias: str, name: str) -> None:
    assert (
        call(alias, "--help").stdout.partition("\n\n")[2] == call(name, "--help").stdout.partition("\n\n")[2]
    )


def test_an_answer_that_nobody_reads_is_no_bug() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [BIN / "switchback", "completion", "bash"], stdout=writing, stderr=subprocess.PIPE, timeout=60,
        check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_unknown_command_names_the_nearest() -> None:
    done = call("rolback")
    assert done.returncode == ExitCode.USAGE
    assert "Did you mean rollback?" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("migrate", "--nonsense"),
        ("migrate", "--steps", "0"),
        ("migrate", "--target", "1", "--steps", "1"),
        ("rollback", "--target", "1", "--steps", "1"),
        ("rollback", "--down-from", "moon"),
        ("run", "--operation", "migrate"),
        ("run", "--operation", "snapshot", "--operation-id", "x"),
        ("repair",),
    ],
    ids=" ".join,
)
def test_wrong_words_are_usage(words: tuple[str, ...]) -> None:
    done = call(*words)
    assert done.returncode == ExitCode.USAGE
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_no_command_shows_the_overview() -> None:
    done = call()
    assert "Commands:" in done.stdout + done.stderr


def test_version() -> None:
    assert call("version").stdout == f"switchback {version('switchback')}\n"
    assert call("--version").stdout == f"switchback {version('switchback')}\n"
    assert json.loads(call("version", "--json").stdout) == {"version": version("switchback")}


def test_plugin() -> None:
    assert call("version", program="kubectl-switchback").stdout == f"switchback {version('switchback')}\n"
    assert call("--help", program="kubectl-switchback").returncode == 0
    names = {entry.name: entry.value for entry in entry_points(group="console_scripts")}
    assert names["kubectl-switchback"] == "switchback.cli.entry:plugin"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    done = call("completion", shell)
    assert done.returncode == 0
    assert "_SWITCHBACK_COMPLETE" in done.stdout
    assert "switchback" in done.stdout


def test_completion_knows_commands_and_options() -> None:
    done = call(_SWITCHBACK_COMPLETE="bash_complete", COMP_WORDS="switchback mig", COMP_CWORD="1")
    assert "migrate" in done.stdout
    done = call(_SWITCHBACK_COMPLETE="bash_complete", COMP_WORDS="switchback migrate --al", COMP_CWORD="2")
    assert "--allow-non-empty" in done.stdout


def test_every_ending_becomes_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def ends(error: BaseException) -> int:
        @click.command()
        def command() -> None:
            raise error

        sys.argv = ["x"]
        return main.run(command, "x")

    assert ends(KeyboardInterrupt()) == ExitCode.INTERRUPTED
    assert ends(click.Abort()) == ExitCode.INTERRUPTED
    assert ends(click.UsageError("no")) == ExitCode.USAGE
    assert ends(ImportError("no", name="kopf")) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "kopf" in said
    assert "pip install '/path/to/checkout[operator]'" in said, "no package is published under our name"
    assert ends(click.exceptions.Exit(7)) == 7


def test_a_command_that_dies_is_a_bug_without_a_traceback() -> None:
    program = (
        "import sys\nfrom switchback.cli import main\nimport click\n"
        "@click.command()\ndef command():\n    raise ZeroDivisionError('secret in it')\n"
        "sys.exit(main.run(command, 'x'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == ExitCode.BUG
    assert "Traceback" not in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "report" in done.stderr


def test_every_problem_of_a_folder_is_told_in_words(tmp_path: Path) -> None:
    for name in ("0001_a", "0002_b", "0003_c"):
        (tmp_path / f"{name}.down.sql").write_text("SELECT 1;")
    done = call("migrate", "--dir", str(tmp_path), "--url", "postgresql://u@127.0.0.1:1/d")
    assert done.returncode == ExitCode.SOURCE
    assert "Problem(" not in done.stderr
    for name in ("0001_a", "0002_b", "0003_c"):
        assert f"error: {name}.down.sql: this down half has no up half" in done.stderr


def test_which_commands_have_no_json() -> None:
    """As `docs/how-to/use-from-a-laptop.md` says."""

    def without(command: click.Command, name: str) -> list[str]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            return [
                found
                for each in command.list_commands(context)
                if (inner := command.get_command(context, each)) is not None
                for found in without(inner, f"{name} {each}".strip())
            ]
        return [] if any("--json" in option.opts for option in command.params) else [name]

    assert without(main.cli, "") == [
        "snapshot login", "snapshot prepare", "help", "completion", "crd", "operator",
    ]  # fmt: skip


def test_without_its_libraries_the_operator_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['kubernetes'] = sys.modules['kopf'] = sys.modules['structlog'] = None;"
        "from switchback.cli.operator import command; command(['--runner-image', 'x'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == ExitCode.USAGE
    assert "pip install '/path/to/checkout[operator]'" in done.stderr
