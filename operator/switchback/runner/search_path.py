"""The search path as statements set it: a list of names, or one text that holds such a list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchback.runner.effects import Effect, Name, Opaque, Role, SearchPath

if TYPE_CHECKING:
    from switchback.runner.trees import Tree

_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^\s,"]+))\s*(?:,|$)')
_ROLES = {"role", "session_authorization"}
COMPUTED = Opaque("a search path that is computed")


def split(text: str) -> tuple[str, ...]:
    """Names in a value of search_path, as the server reads it: unquoted ones in small letters."""
    return tuple(
        found[1].replace('""', '"') if found[1] is not None else found[2].lower()
        for found in _NAME.finditer(text)
    )


def of_set(node: Tree) -> tuple[Effect, ...]:
    """SET and RESET, as far as they decide what a name without schema means."""
    name, kind = node.get("name"), node.get("kind")
    if kind == "VAR_RESET_ALL":
        return (SearchPath(None),)
    if name == "search_path":
        return _path(node) if kind == "VAR_SET_VALUE" else (SearchPath(None),)
    if name in _ROLES:
        values = [_constant(item) for item in node.get("args", [])]
        return (Role(values[0] if values else None),)
    return ()


def _path(node: Tree) -> tuple[Effect, ...]:
    names = [_constant(item) for item in node["args"]]
    if None in names:
        return (COMPUTED,)
    return (SearchPath(tuple(name or "" for name in names), local=bool(node.get("is_local"))),)


def of_call(function: Name, arguments: list[Tree]) -> tuple[Effect, ...]:
    """`set_config('search_path', …)`, with which every pg_dump begins. Other functions set nothing."""
    if function.name != "set_config":
        return ()
    setting, value, local = [*map(_constant, arguments), None, None, None][:3]
    if setting is None:
        return (Opaque("a setting whose name is computed"),)
    if setting.lower() in _ROLES:
        return (Role(value),) if value is not None else (COMPUTED,)  # a schema may have the role's name
    if setting.lower() != "search_path":
        return ()
    return (COMPUTED,) if value is None else (SearchPath(split(value), local=local != "false"),)


def _constant(node: Tree) -> str | None:
    """Text of a constant, None for whatever has to be computed."""
    constant = node.get("a_const", {})
    if "sval" in constant:
        return str(constant["sval"].get("sval", ""))
    if "ival" in constant:
        return str(constant["ival"].get("ival", 0))
    if "boolval" in constant:
        return str(bool(constant["boolval"].get("boolval"))).lower()
    return None
