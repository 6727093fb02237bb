"""Parts that many statements have in the trees of PostgreSQL's grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.runner.effects import Name

if TYPE_CHECKING:
    from collections.abc import Container

Tree = dict[str, Any]

TEMPORARY = "pg_temp"
"""The name by which every session knows its schema of temporary relations."""


def words(items: list[Tree]) -> list[str]:
    """The parts of a name."""
    return [item["string"]["sval"] for item in items]


def named(parts: list[str]) -> Name:
    """A name of which at most two parts count."""
    return Name(parts[-2] if len(parts) > 1 else None, parts[-1])


def relation(node: Tree) -> Name:
    """The name of a relation. Only where one is created does the tree say that it is temporary."""
    temporary = TEMPORARY if node.get("relpersistence") == "t" else None
    return Name(node.get("schemaname") or temporary, node["relname"])


def is_cascade(node: Tree) -> bool:
    """Whether it says CASCADE."""
    return bool(node.get("behavior") == "DROP_CASCADE")


def below(value: Any, apart: Container[str] = ()) -> list[tuple[str, Tree]]:
    """Every (kind, node) below a tree, in no particular order but parents first; none of kinds in `apart`."""
    found: list[tuple[str, Tree]] = []
    todo = [value]
    while todo:
        current = todo.pop()
        if isinstance(current, list):
            todo.extend(reversed(current))
        elif isinstance(current, dict):
            for key, inner in current.items():
                if key in apart:
                    continue
                if isinstance(inner, dict):
                    found.append((key, inner))
                todo.append(inner)
    return found
