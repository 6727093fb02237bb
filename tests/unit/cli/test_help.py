"""Help: examples that are commands, topics that say what the code says, one order of options."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from switchback.cli import dress
from switchback.cli.examples import EXAMPLES
from switchback.cli.help_topics import DIRECTIVES
from switchback.cli.main import ALIASES, COMMANDS, cli
from switchback.contract.exits import MEANING, ExitCode
from switchback.contract.reasons import MEANINGS, Reason
from switchback.migrations import directives
from switchback.migrations.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(sys.executable).parent / "switchback"


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin", "SWITCHBACK_CONFIG": "none"},
    )  # fmt: skip


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and every command of a group, by its words."""

    def below(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
        if name:
            yield name, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for each in command.list_commands(context):
                inner = command.get_command(context, each)
                assert inner is not None
                yield from below(inner, f"{name} {each}".strip())

    yield from below(cli, "")


ALL = dict(commands())


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_examples(name: str) -> None:
    assert EXAMPLES.get(name), f"add some to cli/examples.py: {name}"
    shown = call(*name.split(), "--help").stdout
    assert "\nExamples:\n" in shown
    assert all(f"\n  switchback {line}\n" in shown for line in EXAMPLES[name])


@pytest.mark.parametrize(("name", "line"), [(name, line) for name in EXAMPLES for line in EXAMPLES[name]])
def test_an_example_is_a_command(
    name: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "switchback.toml").write_text('[env.staging]\nurl-env = "X"\n')
    monkeypatch.setenv("X", "postgresql://u@h/d")
    words = shlex.split(line, comments=True)
    end = next((at for at, word in enumerate(words) if word in {"|", ">", "&&"}), len(words))
    words = words[:end]
    assert words[: len(name.split())] == name.split()
    command: click.Command = cli
    while isinstance(command, click.Group):
        inner = command.get_command(click.Context(command), words.pop(0))
        assert inner is not None
        command = inner
    command.make_context(name, words)


@pytest.mark.parametrize(
    "name", [name for name, command in ALL.items() if not isinstance(command, click.Group)]
)
def test_options_stand_in_one_order(name: str) -> None:
    found = [param.name for param in ALL[name].params]
    for shared in (dress.FILES, dress.DATABASE, dress.OUTPUT):
        here = [each for each in found if each in shared]
        assert here == [each for each in shared if each in here]
    own = [each for each in found if each not in {*dress.FILES, *dress.DATABASE, *dress.OUTPUT}]
    assert found[: len(own)] == own, "a command's own options come first"


def test_exit_codes_are_those_of_the_contract() -> None:
    text = call("help", "exit-codes").stdout
    blocks = {
        int(found[1]): found[2] for found in re.finditer(r"^ *(\d+)   (.*(?:\n {6}.*)*)", text, re.MULTILINE)
    }
    assert set(blocks) == {int(code) for code in ExitCode}
    for code in ExitCode:
        first, *rest = blocks[int(code)].split("\n")
        assert first == MEANING[code].replace("`", "")
        told = {word for line in rest for word in line.replace(",", " ").split()}
        assert told >= {str(reason) for reason, meaning in MEANINGS.items() if meaning.exit_code is code} - {
            "Interrupted"
        }
        assert ("Interrupted" in told) is (code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED})
    assert {word for block in blocks.values() for word in re.split(r"[\s,]+", block)} >= {
        str(r) for r in Reason
    }


def test_formats_are_those_that_are_read() -> None:
    text = call("help", "formats").stdout
    for known in FORMATS:
        assert f"\n{known.NAME}: {known.EXPECTED}\n" in text


def test_directives_are_those_that_are_known() -> None:
    assert tuple(DIRECTIVES) == directives.KNOWN
    text = call("help", "directives").stdout
    for known in directives.KNOWN:
        assert f"-- switchback: {known}\n" in text


@pytest.mark.parametrize("words", [["migrate"], ["up"], ["snapshot"], ["snapshot", "create"]], ids=" ".join)
def test_help_on_a_command_is_its_help(words: list[str]) -> None:
    assert call("help", *words).stdout == call(*words, "--help").stdout


def test_arguments_stand_in_the_usage_alone() -> None:
    assert call("new", "--help").stdout.count("TITLE...") == 1


def test_help_alone_is_the_overview_and_the_topics() -> None:
    text = call("help").stdout
    assert text.startswith(call("--help").stdout)
    assert all(topic in text for topic in ("exit-codes", "formats", "directives"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["exitcodes"], "There is no topic and no command exitcodes. Did you mean exit-codes?"),
        (["migrat"], "Did you mean migrate?"),
        (["snapshot", "creat"], "There is no command creat. Did you mean create?"),
        (["migrate", "x"], "There is no command x."),
    ],
    ids=str,
)
def test_help_on_what_there_is_not(words: list[str], told: str) -> None:
    done = call("help", *words)
    assert done.returncode == ExitCode.USAGE
    assert told in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["migrate", "--tagret", "1"], "--target"),
        (["status", "--lock"], "No such option"),
        (["migrate", "--ahead-policy", "go"], "Refuse"),
        (["statsu"], "Did you mean status?"),
        (["snapshot", "creaet"], "create"),
    ],
    ids=str,
)
def test_the_nearest_word_is_named(words: list[str], told: str) -> None:
    done = call(*words)
    assert done.returncode == ExitCode.USAGE
    assert told in done.stderr


def test_the_overview_has_every_command_once() -> None:
    lines = call("--help").stdout.splitlines()
    named = [line.split()[0] for line in lines if re.match(r"  [a-z]", line)]
    assert sorted(named) == sorted(COMMANDS)
    assert not set(ALIASES) & set(named)
