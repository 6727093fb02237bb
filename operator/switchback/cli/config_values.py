"""What counts: flag, then SWITCHBACK_* variable, then file, then default; and where each value comes from."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchback.cli import config_file
from switchback.cli.config_file import ConfigError, Value
from switchback.cli.config_keys import DIR, ENV, ENV_VARIABLE, KEYS, URL, URL_ENV, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click

    from switchback.cli.config_keys import Key

DATABASE_URL = "DATABASE_URL"
META = "switchback.config"
"""Under this name the settings hang at the command's context."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and where it was said.

    Attributes:
        value: as commands take it.
        kind: `variable` or `file`.
        name: of the variable, or of the file's key.
        environment: whose table of the file it stands in.
    """

    value: Value = field(repr=False)
    kind: str
    name: str
    environment: str | None = None


@dataclass(frozen=True)
class Settings:
    """Everything that variables and the file say.

    Attributes:
        file: that was found.
        environment: that was chosen.
        by_flag: whether a flag has chosen it.
        said: what is said, by key; the URL is not among it.
    """

    environ: Mapping[str, str] = field(repr=False)
    file: config_file.File | None
    environment: str | None
    by_flag: bool
    said: dict[str, Setting]

    def url(self) -> Setting | None:
        """Which database: SWITCHBACK_URL, the environment that was chosen, DATABASE_URL, the file.

        None: what libpq's own variables say. An environment that was chosen comes before DATABASE_URL,
        which nearly every shell has for everyday use.

        Raises:
            ConfigError: two say it and neither is meant more; or a variable that the file names is not set.
        """
        chosen = self._in_file(self.environment) if self.environment is not None else None
        mine = self.environ.get(URL.variable, "")
        if mine.strip():
            if chosen is not None and self.by_flag:
                raise ConfigError(
                    f"--{ENV} {self.environment} names a database ({self._place(chosen)}), and "
                    f"{URL.variable} names one, too. Unset {URL.variable}, or pass --url."
                )
            return Setting(mine, "variable", URL.variable)
        if chosen is not None:
            return self._meant(chosen)
        everyday = self.environ.get(DATABASE_URL, "")
        if everyday.strip():
            return Setting(everyday, "variable", DATABASE_URL)
        general = self._in_file(None)
        return None if general is None else self._meant(general)

    def _in_file(self, environment: str | None) -> Setting | None:
        if self.file is None:
            return None
        table = self.file.settings if environment is None else self.file.environments[environment]
        for key in (URL, URL_ENV):
            if key.name in table:
                return Setting(table[key.name], "file", key.name, environment)
        return None

    def _meant(self, said: Setting) -> Setting:
        if said.name == URL.name:
            return said
        name = str(said.value)
        value = self.environ.get(name, "")
        if not value.strip():
            raise ConfigError(
                f"{self._place(said)}: the URL is to come from the variable {name}, which is not set. "
                f"Set {name}, or pass --url."
            )
        return Setting(value, "variable", name, said.environment)

    def _place(self, said: Setting) -> str:
        assert self.file is not None  # noqa: S101 - what it says has come from it
        return self.file.place(said.name, said.environment)

    def origin(self, said: Setting) -> str:
        """Where a value was said, for people."""
        if said.kind == "variable":
            return said.name
        table = f" [{ENV}.{said.environment}]" if said.environment is not None else ""
        return f"{self._place(said)}{table}"


def look(environment: str | None, *, by_flag: bool, environ: Mapping[str, str], start: Path) -> Settings:
    """Read variables and the file.

    Args:
        environment: that is chosen.
        by_flag: whether a flag has chosen it, not a variable.
        environ: the process's environment.
        start: the working directory.

    Raises:
        ConfigError: file or variable hold what they must not, or there is no such environment.
    """
    found = config_file.find(environ, start)
    if environment is not None:
        _refuse_unknown(environment, found, start, by_flag=by_flag)
    said = {}
    for key in KEYS:
        setting = _said(key, found, environment, environ)
        if setting is not None and key not in {URL, URL_ENV}:
            said[key.name] = setting
    return Settings(environ, found, environment, by_flag, said)


def _refuse_unknown(name: str, found: config_file.File | None, start: Path, *, by_flag: bool) -> None:
    asked = f"--{ENV} {name}" if by_flag else f"{ENV_VARIABLE}={name}"
    if found is None:
        raise ConfigError(
            f"{asked}: there is no {config_file.OWN}, and no {config_file.SHARED} with [tool.switchback], in "
            f"{start} or above it."
        )
    if name not in found.environments:
        hint = config_file.nearest(name, found.environments)
        raise ConfigError(f"{asked}: {config_file.shown(found.path)} has no table [{ENV}.{name}]. {hint}")


def _said(
    key: Key, found: config_file.File | None, environment: str | None, environ: Mapping[str, str]
) -> Setting | None:
    text = environ.get(key.variable, "") if key.parameter and key is not URL else ""
    if text:
        try:
            return Setting(_from_variable(key, text), "variable", key.variable)
        except ValueError as error:
            raise ConfigError(f"{key.variable} {error}") from None
    if found is None:
        return None
    for table, name in ((found.environments.get(environment or "", {}), environment), (found.settings, None)):
        if key.name in table:
            value = table[key.name]
            return Setting(_beside(found.path, str(value)) if key is DIR else value, "file", key.name, name)
    return None


def _from_variable(key: Key, text: str) -> Value:
    if key.kind is Kind.LIST:
        return config_file.checked(key, [part.strip() for part in text.split(",")])
    if key.kind is Kind.FLAG:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.strip().lower() not in words:
            raise ValueError("is neither true nor false.")
        return words[text.strip().lower()]
    return config_file.checked(key, text)


def _beside(file: Path, folder: str) -> str:
    """A folder as a file names it: seen from that file, short where it can be."""
    return folder if file.parent == Path.cwd() else str(file.parent / folder)


def install(ctx: click.Context, environment: str | None, *, by_flag: bool) -> None:
    """Let what variables and the file say be the defaults of a command's options.

    Raises:
        ConfigError: see `look`; for the URL only when the command asks for it.
    """
    try:
        found = look(environment or None, by_flag=by_flag, environ=os.environ, start=_here())
    except ConfigError:
        if ctx.resilient_parsing:  # the shell wants words to complete, not sentences
            return
        raise
    ctx.meta[META] = found
    defaults: dict[str, Any] = {
        key.parameter: found.said[key.name].value for key in KEYS if key.name in found.said
    }
    if not ctx.resilient_parsing and ctx.command.name != "config":
        defaults[URL.parameter] = lambda: _url(found)
    ctx.default_map = {**(ctx.default_map or {}), **defaults}


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(f"The working directory cannot be used: {error.strerror}.") from None


def _url(found: Settings) -> str | None:
    setting = found.url()
    if setting is None or setting.name == DATABASE_URL:
        return None  # the reader of URLs looks there itself
    if setting.kind == "file":
        from switchback.cli import config_secrets  # noqa: PLC0415 - only where a file names a database

        config_secrets.warn(found, setting)
    return str(setting.value)
