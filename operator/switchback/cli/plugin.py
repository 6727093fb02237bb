"""`kubectl-switchback`: what kubectl runs for `kubectl switchback`."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from switchback.cli.main import run
from switchback.cli.version import command as version


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
def cli() -> None:
    """Work with DatabaseMigration resources."""


cli.add_command(version, "version")


def main() -> NoReturn:
    """Run the plugin."""
    sys.exit(run(cli, "kubectl switchback"))
