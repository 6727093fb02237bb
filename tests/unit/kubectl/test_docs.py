"""The plugin's reference says what the commands say of themselves.

After a wished change run this file with SWITCHBACK_GOLDEN=write.
"""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from switchback.cli.plugin import COMMANDS, cli
from switchback.contract.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "kubectl-plugin.md"
SECTION = re.compile(r"(<!-- commands -->\n).*(<!-- end of commands -->)", re.DOTALL)
SHARED = {"namespace", "context", "kubeconfig", "user", "groups", "request_timeout"}


def commands() -> Iterator[str]:
    parent = click.Context(cli, info_name="kubectl switchback")
    for name in COMMANDS:
        command = cli.get_command(parent, name)  # type: ignore[attr-defined]
        context = click.Context(command, info_name=name, parent=parent)
        yield f"### {name}\n"
        yield f"`{' '.join([context.command_path, *command.collect_usage_pieces(context)])}`\n"
        for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
            if paragraph.startswith("\b"):
                yield f"```console\n{_lines(paragraph)}\n```\n"
            else:
                yield " ".join(paragraph.split()) + "\n"
        rows = list(options(command, context))
        if rows:
            yield from ("| option | meaning |", "| --- | --- |", *rows, "")


def _lines(paragraph: str) -> str:
    return "\n".join(f"$ {line.strip()}" for line in paragraph.replace("\b", "").strip().splitlines())


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or parameter.name in SHARED or not record[0].startswith("-"):
            continue
        if "--help" not in record[0]:
            option, meaning = (text.replace("|", "\\|") for text in record)
            yield f"| `{option}` | {meaning} |"


def test_every_command_and_option_is_in_the_reference() -> None:
    before = PAGE.read_text(encoding="utf-8")
    told = "\n".join(commands())
    after = SECTION.sub(lambda found: f"{found[1]}{told}{found[2]}", before)
    if os.environ.get("SWITCHBACK_GOLDEN") == "write":
        PAGE.write_text(after, encoding="utf-8")
    assert SECTION.search(before), "the marks are there"
    assert after == PAGE.read_text(encoding="utf-8"), "run this file with SWITCHBACK_GOLDEN=write"


def test_every_exit_code_that_the_commands_name_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("## Exit codes")[2]
    named = {
        int(code) for line in commands() if "Exit codes:" in line for code in re.findall(r"\b\d+\b", line)
    }
    assert named <= {int(code) for code in ExitCode}
    for code in named:
        assert f"\n| {code} | " in table
