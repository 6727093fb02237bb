"""Durations on the command line, as directives write them: `500ms`, `5s`, `2min`, `1h`; 0 is no limit."""

from __future__ import annotations

import click


def milliseconds(text: str) -> int:
    """The duration in milliseconds.

    Raises:
        ValueError: what is wrong, as the end of a sentence.
    """
    from switchback.migrations import directives  # noqa: PLC0415 - not for a help text

    try:
        found = directives.parse(f"lock-timeout={text.strip()}", directives.Directives()).lock_timeout_ms
    except directives.DirectiveError as error:
        raise ValueError(f"is no duration. {error.advice}") from None
    return found or 0


def option(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    """As an option's callback: its value becomes milliseconds."""
    if text is None:
        return None
    try:
        return milliseconds(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}") from None
