"""ALTER TABLE, command by command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.runner.effects import (
    AddColumn,
    Attach,
    ChangeType,
    Detach,
    DropColumn,
    DropConstraint,
    Effect,
    Name,
    Opaque,
    Refer,
    TypeName,
)
from switchback.runner.trees import Tree, is_cascade, relation, words

if TYPE_CHECKING:
    from collections.abc import Callable


def alter_table(node: Tree) -> tuple[Effect, ...]:
    """The effects of all commands of one statement."""
    table = relation(node["relation"])
    commands = [item["alter_table_cmd"] for item in node["cmds"]]
    if node.get("objtype") == "OBJECT_TYPE":
        kinds = {command.get("subtype") for command in commands}
        return () if kinds <= {"AT_AddColumn"} else (Opaque("a change of a composite type"),)
    if node.get("objtype") == "OBJECT_FOREIGN_TABLE":
        return ()
    return tuple(effect for command in commands for effect in _command(table, command))


def _command(table: Name, command: Tree) -> tuple[Effect, ...]:
    kind = command.get("subtype")
    if not kind:
        return (Opaque("a change of a table of a kind that is not known here"),)
    return READERS[kind](table, command) if kind in READERS else ()


def _add_column(table: Name, command: Tree) -> tuple[Effect, ...]:
    column = command["def"]["column_def"]
    return (AddColumn(table, column["colname"]), *_references(table, column.get("constraints", [])))


def _change_type(table: Name, command: Tree) -> tuple[Effect, ...]:
    column = command["def"]["column_def"]
    return (ChangeType(table, command["name"], _type(column["type_name"]), "raw_default" in column),)


def _type(node: Tree) -> TypeName:
    modifiers = tuple(
        int(item.get("a_const", {}).get("ival", {}).get("ival", 0)) for item in node.get("typmods", [])
    )
    return TypeName(words(node["names"])[-1], modifiers, bool(node.get("array_bounds")))


def _references(table: Name, constraints: list[Tree]) -> tuple[Effect, ...]:
    found = [item["constraint"].get("pktable") for item in constraints if "constraint" in item]
    return tuple(Refer(table, relation(node)) for node in found if node)


READERS: dict[str, Callable[[Name, Tree], tuple[Effect, ...]]] = {
    "AT_DropColumn": lambda table, node: (DropColumn(table, node["name"], is_cascade(node)),),
    "AT_DropConstraint": lambda table, node: (DropConstraint(table, node["name"], is_cascade(node)),),
    "AT_AddColumn": _add_column,
    "AT_AddConstraint": lambda table, node: _references(table, [node["def"]]),
    "AT_AlterColumnType": _change_type,
    "AT_AttachPartition": lambda table, node: (
        Attach(table, relation(node["def"]["partition_cmd"]["name"])),
    ),
    "AT_DetachPartition": lambda table, node: (
        Detach(table, relation(node["def"]["partition_cmd"]["name"])),
    ),
    "AT_AddInherit": lambda table, node: (Attach(relation(node["def"]["range_var"]), table),),
    "AT_DropInherit": lambda table, node: (Detach(relation(node["def"]["range_var"]), table),),
    "AT_AddOf": lambda _table, _node: (Opaque("a table that comes to depend on a type"),),
}
"""Commands that do something to rows, or to what goes along with what. The others keep every row."""
