"""Statements taken apart by PostgreSQL's own grammar. The one module that knows the parser library.

The library takes longer to import than most rollbacks take to run, so plain DROPs, which most downs consist
of, are read from their tokens; a test holds both ways side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.runner import statement_kinds as kinds
from switchback.runner.effects import (
    AddColumn,
    Calls,
    ChangeType,
    Create,
    Drop,
    DropColumn,
    DropConstraint,
    Effect,
    Name,
    Opaque,
    Rename,
    RenameColumn,
    RenameSchema,
    SearchPath,
    Truncate,
    TypeName,
    Write,
)
from switchback.runner.plain_drop import plain_drop

if TYPE_CHECKING:
    from collections.abc import Callable

Tree = dict[str, Any]


def effects(statement: str) -> tuple[Effect, ...]:
    """What one statement does, as far as losses are concerned. Empty: nothing of the kind.

    Never fails: what cannot be parsed is `Opaque`.
    """
    plain = plain_drop(statement)
    return (plain,) if plain is not None else by_grammar(statement)


def is_constant(expression: str) -> bool:
    """Whether an expression has the same value for every row and at all times: no call, no column."""
    tree = _tree(f"SELECT {expression}")
    if tree is None:
        return False
    moving = {"func_call", "sqlvalue_function", "column_ref", "sub_link", "param_ref"}
    return not moving & {key for key, _ in _walk(tree)}


def _tree(text: str) -> Tree | None:
    from google.protobuf.json_format import (  # type: ignore[import-untyped] # noqa: PLC0415 - slow import
        MessageToDict,
    )
    from postgast import PgQueryError, parse  # noqa: PLC0415 - same

    try:
        parsed = parse(text)
    except PgQueryError:
        return None
    if len(parsed.stmts) != 1:
        return None
    found: Tree = MessageToDict(parsed.stmts[0].stmt, preserving_proto_field_name=True)
    return found


def by_grammar(statement: str) -> tuple[Effect, ...]:
    """As `effects`, by PostgreSQL's grammar alone."""
    tree = _tree(statement)
    if tree is None:
        return (Opaque("a statement that cannot be parsed"),)
    ((kind, node),) = tree.items()
    if kind in kinds.OPAQUE:
        return (Opaque(kinds.OPAQUE[kind]),)
    if kind in kinds.ON_ROWS:
        return _on_rows(kind, node)
    reader = READERS.get(kind)
    if reader is not None:
        return reader(node)
    return () if kind in kinds.HARMLESS else (Opaque("a statement of a kind that is not known here"),)


def _words(items: list[Tree]) -> list[str]:
    return [item["string"]["sval"] for item in items]


def _named(parts: list[str]) -> Name:
    return Name(parts[-2] if len(parts) > 1 else None, parts[-1])


def _range(node: Tree) -> Name:
    return Name(node.get("schemaname") or None, node["relname"])


def _is_cascade(node: Tree) -> bool:
    return bool(node.get("behavior") == "DROP_CASCADE")


def _drop(node: Tree) -> tuple[Effect, ...]:
    kind = node["remove_type"]
    if kind in kinds.RELATIONS:
        names = tuple(_named(_words(item["list"]["items"])) for item in node["objects"])
        return (Drop(kinds.RELATIONS[kind], names, _is_cascade(node)),)
    if kind in kinds.OTHERS:
        return (Drop(kinds.OTHERS[kind], tuple(map(_object, node["objects"])), _is_cascade(node)),)
    if _is_cascade(node) and kind not in kinds.LEAVES:
        what = kind.removeprefix("OBJECT_").replace("_", " ").lower()
        return (Opaque(f"DROP of {what} with CASCADE"),)
    return ()


def _object(item: Tree) -> Name:
    if "string" in item:
        return Name(None, item["string"]["sval"])
    if "type_name" in item:
        return _named(_words(item["type_name"]["names"]))
    if "object_with_args" in item:
        return _named(_words(item["object_with_args"]["objname"]))
    return _named(_words(item["list"]["items"]))


def _alter_table(node: Tree) -> tuple[Effect, ...]:
    table = _range(node["relation"])
    if node.get("objtype") == "OBJECT_TYPE":
        kinds = {item["alter_table_cmd"].get("subtype") for item in node["cmds"]}
        return () if kinds <= {"AT_AddColumn"} else (Opaque("a change of a composite type"),)
    if node.get("objtype") == "OBJECT_FOREIGN_TABLE":
        return ()
    return tuple(
        effect
        for item in node["cmds"]
        if (effect := _alter_command(table, item["alter_table_cmd"])) is not None
    )


def _alter_command(table: Name, command: Tree) -> Effect | None:
    kind, name = command.get("subtype", ""), command.get("name", "")
    if kind == "AT_DropColumn":
        return DropColumn(table, name, _is_cascade(command))
    if kind == "AT_DropConstraint":
        return DropConstraint(table, name, _is_cascade(command))
    if kind == "AT_AddColumn":
        unless = bool(command.get("missing_ok"))
        return AddColumn(table, command["def"]["column_def"]["colname"], unless)
    if kind == "AT_AlterColumnType":
        definition = command["def"]["column_def"]
        return ChangeType(table, name, _type(definition["type_name"]), "raw_default" in definition)
    return Opaque("a change of a table of a kind that is not known here") if not kind else None


def _type(node: Tree) -> TypeName:
    modifiers = tuple(
        int(item.get("a_const", {}).get("ival", {}).get("ival", 0)) for item in node.get("typmods", [])
    )
    return TypeName(_words(node["names"])[-1], modifiers, bool(node.get("array_bounds")))


def _rename(node: Tree) -> tuple[Effect, ...]:
    kind = node.get("rename_type", "")
    if kind in kinds.RELATIONS:
        return (Rename(_range(node["relation"]), new_name=node["newname"]),)
    if kind == "OBJECT_COLUMN":
        return (RenameColumn(_range(node["relation"]), node["subname"], node["newname"]),)
    if kind == "OBJECT_SCHEMA":
        return (RenameSchema(node["subname"], node["newname"]),)
    return ()


def _move(node: Tree) -> tuple[Effect, ...]:
    if node.get("object_type") in kinds.RELATIONS:
        return (Rename(_range(node["relation"]), new_schema=node["newschema"]),)
    return ()


def _set(node: Tree) -> tuple[Effect, ...]:
    if node.get("name") != "search_path":
        return (SearchPath(None),) if node.get("kind") == "VAR_RESET_ALL" else ()
    if node.get("kind") != "VAR_SET_VALUE":
        return (SearchPath(None),)
    return (SearchPath(tuple(item["a_const"]["sval"].get("sval", "") for item in node["args"])),)


def _created(kind: str, node: Tree) -> tuple[Effect, ...]:
    return (Create(kind, _range(node), bool(node.get("if_not_exists"))),)


READERS: dict[str, Callable[[Tree], tuple[Effect, ...]]] = {
    "drop_stmt": _drop,
    "alter_table_stmt": _alter_table,
    "rename_stmt": _rename,
    "alter_object_schema_stmt": _move,
    "variable_set_stmt": _set,
    "truncate_stmt": lambda node: (
        Truncate(tuple(_range(item["range_var"]) for item in node["relations"]), _is_cascade(node)),
    ),
    "create_stmt": lambda node: (Create("table", _range(node["relation"]), bool(node.get("if_not_exists"))),),
    "create_foreign_table_stmt": lambda node: _created("foreign table", node["base_stmt"]["relation"]),
    "create_seq_stmt": lambda node: (
        Create("sequence", _range(node["sequence"]), bool(node.get("if_not_exists"))),
    ),
    "view_stmt": lambda node: _created("view", node["view"]),
}
"""Kinds of statements that do something to objects, each with its reader."""


def _on_rows(kind: str, node: Tree) -> tuple[Effect, ...]:
    """Statements that read or write rows, whatever they hold inside."""
    found: list[Effect] = []
    if kind == "copy_stmt" and node.get("is_program"):
        return (Opaque("COPY with a program"),)
    functions: list[Name] = []
    for key, inner in [(kind, node), *_walk(node)]:
        if key in {"delete_stmt", "update_stmt", "merge_stmt"}:
            columns = _targets(inner) if key == "update_stmt" else ()
            found.append(Write(key.removesuffix("_stmt").upper(), _range(inner["relation"]), columns))
        elif key == "insert_stmt" and "target_list" in inner.get("on_conflict_clause", {}):
            columns = _targets(inner["on_conflict_clause"])
            found.append(Write("INSERT … ON CONFLICT DO UPDATE", _range(inner["relation"]), columns))
        elif key == "func_call":
            found += _set_config(inner)
            functions.append(_named(_words(inner["funcname"])))
        elif key in {"into_clause", "into"} and "rel" in inner:
            kind_of = {"OBJECT_MATVIEW": "materialized view"}.get(node.get("objtype", ""), "table")
            found.append(Create(kind_of, _range(inner["rel"]), bool(node.get("if_not_exists"))))
        elif key == "execute_stmt":
            found.append(Opaque("an EXECUTE"))
    if functions:
        found.append(Calls(tuple(dict.fromkeys(functions))))
    return tuple(found)


def _targets(node: Tree) -> tuple[str, ...]:
    return tuple(item["res_target"].get("name", "") for item in node.get("target_list", []))


def _set_config(call: Tree) -> list[Effect]:
    """`set_config('search_path', …)`, with which every pg_dump begins."""
    values = [item.get("a_const", {}).get("sval", {}).get("sval", "") for item in call.get("args", [])]
    if _words(call["funcname"])[-1] != "set_config" or values[:1] != ["search_path"]:
        return []
    path = [part.strip().strip('"') for part in values[1].split(",")]
    return [SearchPath(tuple(part for part in path if part))]


def _walk(value: Any) -> list[tuple[str, Tree]]:
    """Every (kind, node) below a tree, in no particular order but parents first."""
    found: list[tuple[str, Tree]] = []
    todo = [value]
    while todo:
        current = todo.pop()
        if isinstance(current, list):
            todo.extend(reversed(current))
        elif isinstance(current, dict):
            for key, inner in current.items():
                if isinstance(inner, dict):
                    found.append((key, inner))
                todo.append(inner)
    return found
