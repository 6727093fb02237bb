"""What `switchback config` prints."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchback.cli import config_secrets
from switchback.cli.config_file import OWN, SHARED, ConfigError, shown
from switchback.cli.config_keys import ENV, ENV_VARIABLE, KEYS, URL, URL_ENV, Kind
from switchback.cli.config_values import DATABASE_URL, META, Setting, Settings
from switchback.contract.exits import ExitCode
from switchback.runner import iam, url
from switchback.runner.errors import RunnerError

if TYPE_CHECKING:
    from switchback.cli.config_keys import Key
    from switchback.cli.console import Console

_LIBPQ = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD")


@dataclass(frozen=True)
class Shown:
    """One line of the table.

    Attributes:
        key: its name.
        value: for people; a password is masked.
        data: for programs.
        origin: `flag`, `variable`, `file`, `default`, or `unset`.
        where: the flag, the variables, or file and line.
        problem: why it cannot be used.
    """

    key: str
    value: str
    data: Any
    origin: str
    where: str
    problem: str = ""


def run(ctx: click.Context, console: Console, values: dict[str, Any]) -> int:
    """Print the table, or the same as JSON."""
    found: Settings = ctx.meta[META]
    lines = [_database(ctx, found), *(_setting(ctx, found, key, values) for key in KEYS if _is_plain(key))]
    if values["as_json"]:
        click.echo(json.dumps(_as_data(found, lines), ensure_ascii=False, indent=2))
    else:
        _table(found, lines, console)
    if lines[0].origin == "file" and (setting := found.url()) is not None:
        config_secrets.warn(found, setting)
    return int(ExitCode.OK)


def _is_plain(key: Key) -> bool:
    return key not in {URL, URL_ENV}


def _database(ctx: click.Context, found: Settings) -> Shown:
    if ctx.get_parameter_source(URL.parameter) is click.core.ParameterSource.COMMANDLINE:
        return _address(str(ctx.params[URL.parameter]), "flag", f"--{URL.name}")
    try:
        setting = found.url()
    except ConfigError as error:
        return Shown(URL.name, "-", None, "unset", "-", error.message)
    if setting is None:
        used = [name for name in _LIBPQ if found.environ.get(name)]
        return _address(None, "variable" if used else "unset", ", ".join(used))
    return _address(str(setting.value), setting.kind, _where(found, setting))


def _address(text: str | None, origin: str, where: str) -> Shown:
    try:
        address = url.from_environment(text, os.environ)
    except RunnerError as error:
        problem = "" if origin == "unset" else f"{error.message} {error.advice}"
        return Shown(URL.name, "-", None, origin, where or f"{DATABASE_URL} is not set", problem)
    safe = address.safe
    if address.password is not None:
        safe = safe.replace("@", ":***@", 1)
    return Shown(URL.name, safe, safe, origin, where)


def _setting(ctx: click.Context, found: Settings, key: Key, values: dict[str, Any]) -> Shown:
    if ctx.get_parameter_source(key.parameter) is click.core.ParameterSource.COMMANDLINE:
        value = os.environ.get(iam.VARIABLE, "") if key.parameter not in values else values[key.parameter]
        return _line(key, value, "flag", f"--{key.name}")
    setting = found.said.get(key.name)
    if setting is None:
        return Shown(key.name, key.default or "-", None, "default", "default")
    return _line(key, setting.value, setting.kind, _where(found, setting))


def _where(found: Settings, setting: Setting) -> str:
    if setting.kind == "variable" and setting.environment is not None and found.file is not None:
        return f"{setting.name} ({found.file.place(URL_ENV.name, setting.environment)})"
    return found.origin(setting)


def _line(key: Key, value: Any, origin: str, where: str) -> Shown:
    if key.kind is Kind.DURATION and isinstance(value, int):
        value = f"{value}ms" if value else "0"
    if isinstance(value, Path):
        value = str(value)
    data = list(value) if isinstance(value, tuple) else value
    text = (
        ", ".join(value)
        if isinstance(value, tuple)
        else str(value).lower()
        if value in (True, False)
        else value
    )
    return Shown(key.name, str(text), data, origin, where)


def _table(found: Settings, lines: list[Shown], console: Console) -> None:
    if found.file is None:
        console.print(f"No {OWN}, and no {SHARED} with [tool.switchback], here or above.")
    else:
        console.print(f"Configuration file: {shown(found.file.path)}")
        _environments(found, console)
    console.print()
    console.table(("SETTING", "VALUE", "FROM"), [(line.key, line.value, line.where) for line in lines])
    for line in lines:
        if line.problem:
            console.warn(f"{line.key}: {line.problem}")


def _environments(found: Settings, console: Console) -> None:
    assert found.file is not None  # noqa: S101 - the caller has looked
    names = list(found.file.environments)
    if found.environment is not None:
        by = f"--{ENV}" if found.by_flag else ENV_VARIABLE
        console.print(f"Environment: {found.environment} (by {by}), of {', '.join(names)}")
    elif names:
        console.print(f"Environments: {', '.join(names)}; none is chosen (--{ENV} NAME, {ENV_VARIABLE})")


def _as_data(found: Settings, lines: list[Shown]) -> dict[str, Any]:
    """The same for programs. Keys are stable."""
    return {
        "file": None if found.file is None else str(found.file.path),
        "environment": found.environment,
        "environments": [] if found.file is None else list(found.file.environments),
        "settings": {
            line.key: {"value": line.data, "origin": line.origin, "from": line.where}
            | ({"problem": line.problem} if line.problem else {})
            for line in lines
        },
    }
