"""Texts of others on a terminal. No driver."""

from __future__ import annotations


def plain(text: str) -> str:
    """Without characters that would tell a terminal what to do: a manifest may be anybody's."""
    return "".join(one if one.isprintable() else "?" for one in text)
