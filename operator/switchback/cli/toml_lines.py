"""The lines of a TOML text, which the reader of the standard library does not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def lines_of(text: str) -> dict[tuple[str, ...], int]:
    """The line on which each key and each table of a TOML text begins, by the way to it from the top."""
    import tomllib  # noqa: PLC0415 - only where there is a file

    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    pending, begun = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not pending:
            begun = number
        pending += f"{line}\n"
        try:
            data = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue  # a value over several lines
        ways = list(_ways(data))
        if pending.lstrip().startswith("["):
            table = max(ways, key=len, default=())
            ways = [table[:depth] for depth in range(1, len(table) + 1)]
            for way in ways:
                found.setdefault(way, begun)
        else:
            for way in ways:
                found.setdefault((*table, *way), begun)
        pending = ""
    return found


def _ways(data: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(data, list):  # an array of tables
        data = data[-1] if data else None
    if isinstance(data, dict):
        for name, value in data.items():
            yield (*above, name)
            yield from _ways(value, (*above, name))


def nearest_line(lines: Mapping[tuple[str, ...], int], way: tuple[str, ...]) -> int | None:
    """The line of a key, or of the innermost table around it that has one."""
    return next((lines[way[:end]] for end in range(len(way), 0, -1) if way[:end] in lines), None)
