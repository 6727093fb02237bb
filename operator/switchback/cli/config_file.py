"""The configuration file: finding it, reading it, and saying with its line what is wrong with it.

Nothing here repeats a value: one may be an address with its password.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchback.cli.config_keys import BY_NAME, CONSENT, ENV, FILE_VARIABLE, NO_FILE, URL, URL_ENV, Kind
from switchback.cli.toml_lines import lines_of, nearest_line
from switchback.contract.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchback.cli.config_keys import Key

OWN = "switchback.toml"
SHARED = "pyproject.toml"
TABLE = ("tool", "switchback")
"""Where the settings are in a pyproject.toml."""
_LARGEST = 4 * 2**20
_KINDS = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list",
          dict: "a table"}  # fmt: skip

_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")

Value = str | bool | tuple[str, ...]


class ConfigError(click.ClickException):
    """The configuration cannot be used; the message says where, why, and what to do."""

    exit_code = int(ExitCode.USAGE)


@dataclass(frozen=True)
class File:
    """A configuration file that was read.

    Attributes:
        path: of the file.
        text: of it, to find lines.
        root: tables above the settings: none, or `tool.switchback`.
        settings: what counts without an environment, by key.
        environments: what each environment says over it, by name and key.
    """

    path: Path
    text: str = field(repr=False)
    root: tuple[str, ...]
    settings: dict[str, Value] = field(repr=False)
    environments: dict[str, dict[str, Value]] = field(repr=False)

    @cached_property
    def lines(self) -> dict[tuple[str, ...], int]:
        """The line of each key, by the way to it from the top of the file."""
        return lines_of(self.text)

    def line(self, key: str, environment: str | None) -> int | None:
        """The line on which a setting stands."""
        table = () if environment is None else (ENV, environment)
        return nearest_line(self.lines, (*self.root, *table, key))

    def place(self, key: str, environment: str | None) -> str:
        """File and line of a setting, for people."""
        return _place(self.path, self.line(key, environment))


def find(environ: Mapping[str, str], start: Path) -> File | None:
    """The first file from `start` upwards that holds settings of ours; None when there is none.

    Args:
        environ: SWITCHBACK_CONFIG names a file instead, or says `none`.
        start: the working directory.

    Raises:
        ConfigError: it cannot be read, or holds what it must not.
    """
    named = environ.get(FILE_VARIABLE, "")
    if named == NO_FILE:
        return None
    if named:
        found = _read(start / named)
        if found is None:
            raise ConfigError(f"{FILE_VARIABLE} names {named}, which holds no table [{'.'.join(TABLE)}].")
        return found
    for folder in (start, *start.parents):
        for name in (OWN, SHARED):
            path = folder / name
            if _is_file(path) and (found := _read(path, start)) is not None:
                return found
    return None


def _is_file(path: Path) -> bool:
    """Whether there is such a file. A folder above may be closed to us: then it has none for us."""
    try:
        return path.is_file()
    except OSError:
        return False


def _read(path: Path, start: Path | None = None) -> File | None:
    """The file's settings; None for a pyproject.toml that has none of ours."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{_shown(path)} cannot be read: {error.strerror}.") from None
    shared = path.name == SHARED
    if shared and b"switchback" not in raw:
        return None
    if len(raw) > _LARGEST:
        raise ConfigError(f"{_shown(path)} is larger than {_LARGEST} bytes.")
    try:
        text = raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{_place(path, line)}: it is not UTF-8.") from None
    data = _parsed(path, text)
    root = TABLE if shared else ()
    check = _Check(path, text, root)
    for depth, name in enumerate(root, start=1):
        if name not in data:
            return None
        data = data[name]
        if not isinstance(data, dict):
            why = f"{'.'.join(root[:depth])} is {_kind(data)}; it is a table: [{'.'.join(root)}]."
            raise check.wrong((), why)
    if start is not None:
        _refuse_strangers(path, start)
    environments = check.environments(data.pop(ENV, {}))
    return File(path, text, root, check.settings(data, ()), environments)


def _parsed(path: Path, text: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - only where there is a file

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{_shown(path)}: its values are nested too deep.") from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        numbers = "".join(c if c.isdigit() else " " for c in where).split()
        line = int(numbers[0]) if numbers else text.count("\n") + 1
        raise ConfigError(f"{_place(path, line)}: it is not TOML: {what[:1].lower()}{what[1:]}.") from None


def _refuse_strangers(path: Path, start: Path) -> None:
    """A file that somebody else has put above the working directory must not choose the database.

    In the working directory itself it is for whoever may write there, unless everybody may, as in /tmp.
    """
    if path.parent == start and not start.stat().st_mode & stat.S_IWOTH:
        return
    owner = path.stat().st_uid
    if owner not in {0, os.geteuid(), start.stat().st_uid}:
        raise ConfigError(
            f"{_shown(path)} belongs to neither you nor the owner of this folder, so it is not used. Take it "
            f"over (chown), or set {FILE_VARIABLE} to its path, or to {NO_FILE}."
        )


class _Check:
    """Whether the tables of a file hold what they may."""

    def __init__(self, path: Path, text: str, root: tuple[str, ...]) -> None:
        self.path = path
        self.text = text
        self.root = root

    def wrong(self, way: tuple[str, ...], why: str) -> ConfigError:
        """The error for what stands at `way`."""
        line = nearest_line(lines_of(self.text), (*self.root, *way))
        return ConfigError(f"{_place(self.path, line)}: {why}")

    def settings(self, table: dict[str, Any], way: tuple[str, ...]) -> dict[str, Value]:
        """The values of a table's keys."""
        found: dict[str, Value] = {}
        for name, value in table.items():
            key = BY_NAME.get(name)
            if key is None:
                raise self.wrong((*way, name), _unknown(name))
            try:
                found[name] = checked(key, value)
            except ValueError as error:
                raise self.wrong((*way, name), f"{name} {error}") from None
        if {"url", "url-env"} <= found.keys():
            raise self.wrong((*way, "url-env"), "url and url-env exclude each other.")
        return found

    def environments(self, tables: object) -> dict[str, dict[str, Value]]:
        """The settings of each environment."""
        if not isinstance(tables, dict):
            raise self.wrong((ENV,), f"{ENV} is {_kind(tables)}; environments are tables: [{ENV}.NAME].")
        found: dict[str, dict[str, Value]] = {}
        for name, table in tables.items():
            if not isinstance(table, dict):
                why = f"{ENV}.{name} is {_kind(table)}; an environment is a table: [{ENV}.NAME]."
                raise self.wrong((ENV, name), why)
            found[name] = self.settings(table, (ENV, name))
        return found


def _unknown(name: str) -> str:
    plain = name.lower().replace("_", "-").lstrip("-")
    if plain in CONSENT:
        return f"{plain} is said on the command line each time, never in a file."
    import difflib  # noqa: PLC0415 - only for a wrong word

    near = difflib.get_close_matches(plain, [*BY_NAME, ENV], n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(BY_NAME)}."
    return f"the key {name} is not known. {hint}"


def checked(key: Key, value: object) -> Value:
    """The value of a key as commands take it.

    Raises:
        ValueError: what is wrong with it, as the end of a sentence that begins with the key.
    """
    if key.kind is Kind.FLAG:
        if not isinstance(value, bool):
            raise ValueError(f"is {_kind(value)}; write true or false.")
        return value
    if key.kind is Kind.LIST:
        return _texts(value)
    if not isinstance(value, str):
        example = ' with its unit, such as "5s"' if key.kind is Kind.DURATION else ""
        raise ValueError(f"is {_kind(value)}; write a text between quotes{example}.")  # noqa: TRY004 - one kind
    if not value.strip():
        raise ValueError("is empty; leave the key out instead.")
    if key.kind is Kind.DURATION:
        from switchback.cli.durations import milliseconds  # noqa: PLC0415 - only where there is one

        milliseconds(value)
    if key is URL and (found := _VARIABLE.fullmatch(value.strip())):
        raise ValueError(f'names a variable; write: {URL_ENV.name} = "{found[1]}".')
    if key.choices:
        return _chosen(value, key.choices)
    return value


def _texts(value: object) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise ValueError(f"is {_kind(value)}; write a list of texts.")
    if not all(one.strip() for one in texts):
        raise ValueError("holds an empty text.")
    return tuple(texts)


def _chosen(value: str, choices: tuple[str, ...]) -> str:
    for choice in choices:
        if choice.lower() == value.lower():
            return choice
    raise ValueError(f"has a value that is not known; write one of {', '.join(choices)}.")


def _kind(value: object) -> str:
    return next((words for kind, words in _KINDS.items() if type(value) is kind), "a date or time")


def _place(path: Path, line: int | None) -> str:
    return _shown(path) if line is None else f"{_shown(path)}:{line}"


def _shown(path: Path) -> str:
    """A path as a person finds it: short where it lies in the working directory."""
    return path.name if path.parent == Path.cwd() else str(path)


def shown(path: Path) -> str:
    """The same for others."""
    return _shown(path)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not known."""
    names = sorted(known)
    import difflib  # noqa: PLC0415 - only for a wrong word

    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {near[0]}?"
    return f"There {'are' if len(names) > 1 else 'is'} {', '.join(names) or 'none'}."
