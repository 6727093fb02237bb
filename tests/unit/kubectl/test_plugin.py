"""The frame of the plugin: words, help that comes at once, and ends that a script can read."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from switchback.cli import plugin
from switchback.contract.exits import ExitCode

BIN = Path(sys.executable).parent
SLOW = {
    "psycopg",
    "pydantic",
    "kubernetes",
    "kopf",
    "postgast",
    "google",
    "yaml",
    "asyncio",
    "ssl",
    "aiohttp",
}

PROGRAM = """
import contextlib, io, json, sys
from switchback.cli import main, plugin
with contextlib.redirect_stdout(io.StringIO()):
    code = main.run(plugin.cli, "kubectl switchback")
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def call(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "kubectl-switchback", *words], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def command(name: str) -> click.Command:
    found = plugin.cli.get_command(click.Context(plugin.cli), name)  # type: ignore[attr-defined]
    assert isinstance(found, click.Command)
    return found


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in plugin.COMMANDS), ["version"]])
def test_help_imports_nothing_slow(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False
    )
    code, names = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert not set(names) & SLOW


def test_overview_lists_every_command() -> None:
    done = call("--help")
    for name in plugin.COMMANDS:
        assert f"\n  {name} " in done.stdout
    assert "__complete" not in done.stdout


@pytest.mark.parametrize("name", plugin.COMMANDS)
def test_every_command_answers_programs(name: str) -> None:
    if name == "completion":
        return
    output = next(one for one in command(name).params if one.name == "output")
    assert "json" in output.type.choices  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "words",
    [
        ("statsu",),
        ("status", "-A", "shop"),
        ("status", "-o", "xml"),
        ("rollback", "--target", "a", "--steps", "1"),
        ("rollback", "--steps", "0"),
        ("rollback", "--via", "magic"),
        ("plan", "--target", "a", "--steps", "1"),
        ("logs", "-f", "-o", "json"),
        ("logs", "--attempt", "0"),
        ("wait", "--for", "godot"),
        ("wait", "--timeout", "soon"),
        ("status", "--request-timeout", "x"),
    ],
    ids=" ".join,
)
def test_wrong_words_are_usage(words: tuple[str, ...]) -> None:
    done = call(*words)
    assert done.returncode == ExitCode.USAGE
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_without_words_it_helps() -> None:
    done = call()
    assert (done.returncode, "Traceback" in done.stderr) == (ExitCode.USAGE, False)
    assert "rollback" in done.stdout + done.stderr


def test_the_nearest_command_is_named() -> None:
    assert "Did you mean status?" in call("statsu").stderr


@pytest.mark.parametrize(
    "words",
    [
        ("-o", "json"),
        ("-ojson",),
        ("--output=json",),
        ("--output", "json"),
        ("-wo", "json"),
        ("-Awojson",),
        ("-o", "yaml"),
    ],
)
def test_wrong_words_in_json(words: tuple[str, ...]) -> None:
    done = call("status", "-A", "shop", *words)
    told = json.loads(done.stdout)
    assert (told["reason"], told["exitCode"]) == ("Usage", 2)
    assert "NAME" in told["message"]


@pytest.mark.parametrize("words", [("-n", "json"), ("-nfoo", "json"), ("--", "-o", "json"), ()])
def test_who_has_not_asked_for_json_gets_none(words: tuple[str, ...]) -> None:
    assert call("status", "-A", "shop", "more", *words).stdout == ""


BROKEN = """
import sys
from switchback.cli import plugin
from switchback.kubectl.commands import status
def fail(*_, **__):
    raise {error}
status.perform = fail
sys.argv = ["kubectl-switchback", "status", "-o", "json"]
plugin.main()
"""


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        ("ValueError('hunter2')", "Bug", ExitCode.BUG),
        ("ModuleNotFoundError('no', name='kubernetes')", "Usage", ExitCode.USAGE),
        ("KeyboardInterrupt", "Interrupted", ExitCode.INTERRUPTED),
    ],
)
def test_what_nobody_expected_in_json(error: str, reason: str, code: ExitCode) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN.format(error=error)], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == code
    told = json.loads(done.stdout)
    assert (told["reason"], told["exitCode"]) == (reason, code)
    assert "hunter2" not in done.stdout + done.stderr


def test_kubectl_finds_what_completes_beside_the_plugin() -> None:
    done = subprocess.run(
        [BIN / "kubectl_complete-switchback", "app"], capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == ["approve", ":4"]
    assert call("__complete", "app").stdout == done.stdout


def test_version() -> None:
    assert call("version").stdout == f"switchback {version('switchback')}\n"
    assert json.loads(call("version", "-o", "json").stdout) == {"version": version("switchback")}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_of_the_program_by_its_own_name(shell: str) -> None:
    done = call("completion", shell)
    assert done.returncode == 0
    assert "_KUBECTL_SWITCHBACK_COMPLETE" in done.stdout
    assert "kubectl-switchback" in done.stdout


def test_a_shell_asks_for_words() -> None:
    done = call(
        _KUBECTL_SWITCHBACK_COMPLETE="bash_complete", COMP_WORDS="kubectl-switchback app", COMP_CWORD="1"
    )
    assert done.stdout == "plain,approve\n"


def test_kubectl_asks_for_words() -> None:
    """The form that Cobra reads: one word a line, with its help after a tab, and a directive at the end."""
    done = call("__complete", "re")
    assert done.stdout.splitlines()[-1] == ":4"
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()[:-1]] == [
        "reject",
        "retry",
        "resume",
        "restore",
    ]
    assert "--steps\t" in call("__complete", "rollback", "shop", "--st").stdout
    assert call("__complete", "wait", "--for", "").stdout.splitlines() == [
        "finished",
        "ready",
        "approval",
        "traffic",
        ":4",
    ]
    assert call("__complete", "status", "--kubeconfig", "").stdout == ":0\n", "files are the shell's business"


def test_completion_is_silent_where_nothing_can_be_found_out() -> None:
    done = call("__complete", "status", "")
    assert (done.returncode, done.stdout, done.stderr) == (0, ":4\n", "")


def test_the_script_for_kubectl_is_a_program() -> None:
    done = call("completion", "kubectl")
    assert done.stdout.startswith("#!/bin/sh\n")
    assert 'exec kubectl-switchback __complete "$@"' in done.stdout


def test_without_a_kubeconfig_it_says_what_it_looked_for() -> None:
    done = call("status")
    assert done.returncode == ExitCode.CONNECTION
    assert "~/.kube/config" in done.stderr
    told = json.loads(call("status", "-o", "json").stdout)
    assert (told["reason"], told["exitCode"]) == ("NoLogin", 7)
