"""What to do next, for a person at a command line: an error's advice, and what only the settings tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from switchback.cli import config_values
from switchback.cli.config_file import OWN, SHARED, shown
from switchback.cli.config_keys import DIR, ENV, URL, URL_ENV
from switchback.contract.reasons import Reason, meaning
from switchback.migrations.load import SOURCE_MOUNT
from switchback.runner.ledger.model import LAPTOP

if TYPE_CHECKING:
    from switchback.cli.options import Common
    from switchback.runner.operations.perform import Ending


def advice(ending: Ending, common: Common) -> str:
    """What to do next."""
    match ending.result.reason:
        case Reason.SOURCE_MISSING | Reason.SOURCE_EMPTY:
            return f"{_namer(common)}{_about_folder(ending, common)}"
        case Reason.URL_MISSING if ending.result.operation_id.startswith(f"{LAPTOP}-"):
            return f"{ending.advice}{_about_url()}"
        case _:
            return ending.advice


def _about_folder(ending: Ending, common: Common) -> str:
    """For a person who has no folder yet: how to begin one."""
    missing = ending.result.reason is Reason.SOURCE_MISSING
    general = ending.advice == meaning(Reason.SOURCE_MISSING).advice
    if missing and general and str(common.folder) != SOURCE_MOUNT:
        return "Name the folder with --dir, or begin one: switchback new TITLE"
    return ending.advice


def _settings() -> config_values.Settings | None:
    context = click.get_current_context(silent=True)
    found = None if context is None else context.meta.get(config_values.META)
    return found if isinstance(found, config_values.Settings) else None


def _namer(common: Common) -> str:
    """Who has named the folder, with a blank behind it, where it was neither a flag nor nobody."""
    found = _settings()
    said = None if found is None else found.said.get(DIR.name)
    if found is None or said is None or str(said.value) != str(common.folder):
        return ""
    return f"{found.origin(said)} names that folder. "


def _about_url() -> str:
    """Where else a database may be named, with a blank in front."""
    found = _settings()
    if found is None:
        return ""
    file = found.file
    named = [] if file is None else [
        name for name, table in file.environments.items() if {URL.name, URL_ENV.name} & set(table)
    ]  # fmt: skip
    if file is not None and named:
        return f" {shown(file.path)} names one for {' and for '.join(named)}: choose with --{ENV} {named[0]}."
    return (
        f" Or write {URL.name} or {URL_ENV.name} into {OWN}, or [tool.switchback] of {SHARED}: for all, or "
        f"under [{ENV}.NAME], which --{ENV} NAME chooses."
    )
