"""Words that a shell completes. The database is never asked: ids come from the folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.cli import config_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click


def environments(begun: str) -> list[str]:
    """Environments of the configuration file."""
    try:
        found = config_file.find(os.environ, Path.cwd())
    except (config_file.ConfigError, OSError):
        return []
    return [] if found is None else _beginning(found.environments, begun)


def formats(begun: str) -> list[str]:
    """Formats that there are."""
    from switchback.migrations.formats import AUTO, BY_NAME  # noqa: PLC0415 - only when a shell asks

    return _beginning([AUTO, *BY_NAME], begun)


def targets(ctx: click.Context, begun: str) -> list[str]:
    """`latest`, `base` and the ids in the folder that the words name so far, newest first."""
    from switchback.contract.words import BASE, LATEST  # noqa: PLC0415 - only when a shell asks
    from switchback.migrations.errors import SourceProblem  # noqa: PLC0415 - same
    from switchback.migrations.load import load  # noqa: PLC0415 - same

    words = [LATEST, BASE]
    folder = ctx.params.get("folder")
    if folder is None:
        return _beginning(words, begun)
    try:
        source = load(folder, ctx.params.get("format_name"), ctx.params.get("ignore") or ())
    except (SourceProblem, OSError):
        return _beginning(words, begun)
    return _beginning([*(migration.id for migration in reversed(source.migrations)), *words], begun)


def _beginning(words: Iterable[str], begun: str) -> list[str]:
    return [word for word in words if word.lower().startswith(begun.lower())]
